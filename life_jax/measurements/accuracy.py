"""How far forecasts are from measurements: errors by kind, coverage, and simpler forecasters beside."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.config import names
from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import Engine
from life_jax.forecasting.metrics import QUANTILE
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import Setting

KINDS = ("TTFT", "TPOT", "TOTAL")


TOO_FAST = 1.5  # times the datasheet roofline: the row cannot be what it claims


@dataclass(frozen=True)
class Report:
    """Forecasts of the understood rows, with bounds, and why the other rows have none."""

    settings: tuple[Setting, ...]
    forecast: np.ndarray
    low: np.ndarray
    high: np.ndarray
    baselines: Mapping[str, np.ndarray]
    impossible: np.ndarray  # mask: faster than the datasheet allows, or a batch that does not fit in memory
    skipped: Mapping[str, int]
    generic: Mapping[str, int]  # engines that nothing is known of, and their rows

    @property
    def judged(self) -> np.ndarray:
        return ~self.impossible & np.isfinite(self.forecast)


def report(rows: Sequence[Mapping[str, str]], engine: str | None = None) -> Report:
    """engine: forecast every row with this one instead of the one that its name stands for."""
    placed = [measurements.place(row) for row in rows]
    skipped = Counter(one for one in placed if isinstance(one, str))
    settings, unknown_engines = [], Counter[str]()
    for row, one in zip(rows, placed, strict=True):
        if isinstance(one, str):
            continue
        try:
            forecasts.scenario(one.hw, one.model, one.stack, engine or one.engine, one.tensor_parallel)
        except ConfigError as error:
            skipped[str(error)] += 1
        else:
            settings.append(one)
            if engine is None and not names.knows_engine(row["engine"]):
                unknown_engines[row["engine"]] += 1
    forecast = forecasts.forecasts(settings, engine)
    # the spread of its class is in the logarithm of a time; a rate has the same
    spread = np.array([_spread(s, engine) for s in settings])
    ideal = forecasts.forecasts(settings, "ideal")
    ratio = np.array([s.ratio(f) for s, f in zip(settings, ideal, strict=True)])
    beyond = np.array([s.batch > 1 for s in settings], bool) & ~forecasts.fits(settings)
    return Report(
        settings=tuple(settings),
        forecast=forecast,
        low=forecast * np.exp(-QUANTILE * spread),
        high=forecast * np.exp(QUANTILE * spread),
        baselines=baselines(settings, ideal, ~beyond & (ratio <= TOO_FAST)),
        impossible=(ratio > TOO_FAST) | beyond,
        skipped=skipped,
        generic=unknown_engines,
    )


def device_class(s: Setting) -> str:
    """The class of devices whose efficiencies the row's device has."""
    return names.efficiency_class(s.hw)


def _spread(s: Setting, engine: str | None) -> float:
    """That of the engine where it was calibrated, else of the device's class."""
    name = {"TTFT": "ttft", "TPOT": "tpot", "TOTAL": "e2e"}[s.kind]
    own = names.engine_file(engine or s.engine).spreads
    return float(own[name] if name in own else getattr(names.efficiency(s.hw), f"{name}_spread"))


def baselines(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, np.ndarray]:
    """What simpler forecasters say of the same rows."""

    def constant(compute: float, memory: float, scope: str) -> Callable[[Engine], Engine]:
        def change(engine: Engine) -> Engine:
            e = engine.efficiency
            reached = replace(e, compute=e.compute * compute, attention=e.attention * compute, memory=e.memory * memory)
            return replace(engine, efficiency=reached, counting=replace(engine.counting, scope=scope))

        return change

    factors = [1.0, 1.0]
    for i, kind in enumerate(("TTFT", "TPOT")):
        logs = [
            np.log(s.ratio(f))
            for s, f, ok in zip(settings, ideal, possible, strict=True)
            if ok and s.kind == kind and np.isfinite(f)
        ]
        factors[i] = float(np.exp(np.median(logs))) if logs else 1.0
    fitted = f"two global factors, fitted to these rows ({factors[0]:.2f}, {factors[1]:.2f})"
    return {
        "datasheet roofline": ideal,
        "LIFE's constant 0.5, one max over totals": forecasts.forecasts(settings, "ideal", constant(0.5, 0.5, "total")),
        fitted: forecasts.forecasts(settings, "ideal", constant(factors[0], factors[1], "op")),
    }


def macro(r: Report, forecast: np.ndarray, ids: Container[str] | None = None) -> dict[str, tuple[float, float, int]]:
    """kind -> (mean over cells [%], median over cells [%], cells) of |forecast time / measured time - 1|."""
    cells: dict[tuple[str, Any], list[float]] = defaultdict(list)
    for s, f, judged in zip(r.settings, forecast, r.judged, strict=True):
        if judged and np.isfinite(f) and (ids is None or s.id in ids):
            cells[s.kind, s.cell].append(abs(s.ratio(f) - 1))
    found = {}
    for kind in KINDS:
        errors = [100 * np.mean(e) for (k, _), e in cells.items() if k == kind]
        found[kind] = (float(np.mean(errors)), float(np.median(errors)), len(errors)) if errors else (np.nan, np.nan, 0)
    return found


def coverage(r: Report) -> tuple[float, int]:
    """Part of the judged rows whose value lies within the bounds, cells weighing the same."""
    cells: dict[Any, list[bool]] = defaultdict(list)
    for i in np.flatnonzero(r.judged):
        s = r.settings[i]
        cells[s.kind, s.cell].append(bool(r.low[i] <= s.value <= r.high[i]))
    return (float(np.mean([np.mean(c) for c in cells.values()])), len(cells)) if cells else (np.nan, 0)
