"""How far forecasts are from measurements: errors by kind, coverage, and simpler forecasters beside."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.config import conf_files
from life_jax.config.engine_names import knows_engine
from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import Engine
from life_jax.forecasting.metrics import QUANTILE
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import MEASURED_TIMES, Setting

TOO_FAST = 1.5  # times the datasheet roofline: the row cannot be what it claims


@dataclass(frozen=True)
class Report:
    """Forecasts of the understood rows, with 80 % bounds, and why the other rows have none.

    forecast, low, high, and each of the baselines: in the row's own unit [s, token s-1]. impossible: mask of rows
    faster than the datasheet allows, or with a batch that does not fit in memory. skipped: reason -> rows; generic:
    engine that nothing is known of -> rows.
    """

    settings: tuple[Setting, ...]
    forecast: np.ndarray
    low: np.ndarray
    high: np.ndarray
    baselines: Mapping[str, np.ndarray]
    impossible: np.ndarray
    skipped: Mapping[str, int]
    generic: Mapping[str, int]

    @property
    def judged(self) -> np.ndarray:
        """Mask of the rows that errors are computed of."""
        return ~self.impossible & np.isfinite(self.forecast)


def report(rows: Sequence[Mapping[str, str]], engine: str | None = None) -> Report:
    """Forecasts beside the rows of a table of measurements.

    engine: label or file of an engine that every row is forecast with, in place of the row's own.
    """
    placed = [measurements.place(row) for row in rows]
    skipped = Counter(setting for setting in placed if isinstance(setting, str))
    settings, unknown_engines = [], Counter[str]()
    for row, setting in zip(rows, placed, strict=True):
        if isinstance(setting, str):
            continue
        try:
            of_row = setting.hw, setting.model, setting.stack, engine or setting.engine, setting.tensor_parallel
            forecasts.scenario(*of_row)
        except ConfigError as error:
            skipped[str(error)] += 1
        else:
            settings.append(setting)
            if engine is None and not knows_engine(row["engine"]):
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
    return conf_files.efficiency_class(s.hw)


def _spread(s: Setting, engine: str | None) -> float:
    """Deviation of the logarithm of the row's time: of the engine where it was calibrated, else of the class."""
    name = MEASURED_TIMES[s.kind]
    own = conf_files.engine_file(engine or s.engine).spreads
    return float(own[name] if name in own else getattr(conf_files.efficiency(s.hw), f"{name}_spread"))


def baselines(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, np.ndarray]:
    """Forecasts of the same rows by simpler forecasters, by their description, in each row's own unit.

    ideal: forecasts of the datasheet roofline; possible: mask of the rows that factors may be fitted to.
    """

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
    """Kind of time -> (mean over cells [%], median over cells [%], cells) of |forecast time / measured time - 1|.

    forecast: in each row's own unit; ids: of the rows that count, all unless given.
    """
    cells: dict[tuple[str, Any], list[float]] = defaultdict(list)
    for s, f, judged in zip(r.settings, forecast, r.judged, strict=True):
        if judged and np.isfinite(f) and (ids is None or s.id in ids):
            cells[s.kind, s.cell].append(abs(s.ratio(f) - 1))
    by_kind = {}
    for kind in MEASURED_TIMES:
        errors = [100 * np.mean(e) for (k, _), e in cells.items() if k == kind]
        by_kind[kind] = (
            (float(np.mean(errors)), float(np.median(errors)), len(errors)) if errors else (np.nan, np.nan, 0)
        )
    return by_kind


def coverage(r: Report) -> tuple[float, int]:
    """(part of the judged rows whose value lies within the bounds, cells weighing the same [1]; number of cells)."""
    cells: dict[Any, list[bool]] = defaultdict(list)
    for i in np.flatnonzero(r.judged):
        s = r.settings[i]
        cells[s.kind, s.cell].append(bool(r.low[i] <= s.value <= r.high[i]))
    return (float(np.mean([np.mean(c) for c in cells.values()])), len(cells)) if cells else (np.nan, 0)
