"""python -m life_jax.validate FILE.csv [out=FORECASTS.csv] [engine=NAME|FILE.yaml]: forecasts beside measurements."""

import csv
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from life_jax.config import names
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.core.scenario import Engine
from life_jax.forecasting.metrics import QUANTILE
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import Setting
from life_jax.terminal import command

KINDS = ("TTFT", "TPOT", "TOTAL")
TOO_FAST = 1.5  # times the datasheet roofline: the row cannot be what it claims

USAGE = "python -m life_jax.validate FILE.csv [out=FORECASTS.csv] [plot=PARITY.png] [engine=NAME] [overwrite=true]"


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
            measurements.scenario(one.hw, one.model, one.stack, engine or one.engine, one.tensor_parallel)
        except ConfigError as error:
            skipped[str(error)] += 1
        else:
            settings.append(one)
            if engine is None and not names.knows_engine(row["engine"]):
                unknown_engines[row["engine"]] += 1
    forecast = measurements.forecasts(settings, engine)
    # the spread of its class is in the logarithm of a time; a rate has the same
    spread = np.array([_spread(s, engine) for s in settings])
    ideal = measurements.forecasts(settings, "ideal")
    ratio = np.array([s.ratio(f) for s, f in zip(settings, ideal, strict=True)])
    beyond = np.array([s.batch > 1 for s in settings], bool) & ~measurements.fits(settings)
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


def _spread(s: Setting, engine: str | None) -> float:
    """That of the engine where it was calibrated, else of the device's class."""
    name = {"TTFT": "ttft", "TPOT": "tpot", "TOTAL": "e2e"}[s.kind]
    own = names.engine_file(engine or s.engine).spreads
    return float(own[name] if name in own else getattr(names.efficiency(s.hw), f"{name}_spread"))


def baselines(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, np.ndarray]:
    """What simpler forecasters say of the same rows."""

    def constant(compute: float, memory: float, scope: str) -> Callable[[Engine], Engine]:
        return lambda engine: replace(
            engine,
            compute_efficiency=engine.compute_efficiency * compute,
            attention_efficiency=engine.attention_efficiency * compute,
            memory_efficiency=engine.memory_efficiency * memory,
            scope=scope,
        )

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
        "LIFE's constant 0.5, one max over totals": measurements.forecasts(
            settings, "ideal", constant(0.5, 0.5, "total")
        ),
        fitted: measurements.forecasts(settings, "ideal", constant(factors[0], factors[1], "op")),
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


def print_report(r: Report) -> None:
    columns = [("macro error %, median (cells)", "left"), *((kind, "right") for kind in KINDS)]

    def row(name: str, found: Mapping[str, tuple[float, float, int]]) -> list[str]:
        return [name, *(f"{a:.1f}, {b:.1f} ({n})" if n else "-" for a, b, n in (found[k] for k in KINDS))]

    table = [row("life_jax", macro(r, r.forecast))]
    table += [row(name, macro(r, forecast)) for name, forecast in r.baselines.items()]
    groups: list[tuple[str, Callable[[Setting], str]]] = [
        ("class", lambda s: names.efficiency_class(s.hw)),
        ("engine", lambda s: s.engine),
    ]
    for kind, of in groups:
        for name in sorted({of(s) for s in r.settings}):
            mine = {s.id for s in r.settings if of(s) == name}
            table.append(row(f"  {kind} {name}", macro(r, r.forecast, mine)))
    command.table(columns, table, f"{_rows(int(r.judged.sum()))}, macro-averaged over device x model x engine")
    part, cells = coverage(r)
    if cells:
        print(f"80 % intervals hold the measured value in {100 * part:.0f} % (mean over {cells} cells)")
    biases = [
        (k, [s.ratio(f) for s, f, j in zip(r.settings, r.forecast, r.judged, strict=True) if j and s.kind == k])
        for k in KINDS
    ]
    print("median forecast / measured time: " + ", ".join(f"{k} {np.median(b):.2f}" for k, b in biases if b))
    if r.impossible.any():
        print(
            f"{_rows(int(r.impossible.sum()))} apart: "
            f"faster than {TOO_FAST:g} x the datasheet roofline, or a batch beyond memory"
        )
    for name, count in r.generic.items():
        print(f"{_rows(count)} with engine=generic: engine '{name}' is not known")
    for reason, count in sorted(r.skipped.items(), key=lambda one: -one[1]):
        print(f"{_rows(count)} skipped: {reason}")


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def write(r: Report, path: Path) -> None:
    """id, forecast, low, high in each row's own unit; appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "forecast", "low", "high"))
        for s, *values in zip(r.settings, r.forecast, r.low, r.high, strict=True):
            if np.isfinite(values[0]):
                writer.writerow((s.id, *(f"{v:.6g}" for v in values)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def plot(r: Report, path: Path) -> None:
    """Forecast over measured time, one panel for each kind."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colormap = colormaps["tab20"]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    classes = sorted({names.efficiency_class(s.hw) for s in r.settings})
    for axis, kind in zip(figure.subplots(1, 3), KINDS, strict=True):
        for number, name in enumerate(classes):
            mine = [
                (s.ratio(f), s)
                for s, f, j in zip(r.settings, r.forecast, r.judged, strict=True)
                if j and s.kind == kind and names.efficiency_class(s.hw) == name
            ]
            if mine:
                measured = np.array([measurements.seconds(s) for _, s in mine])
                axis.scatter(measured, measured * [ratio for ratio, _ in mine], s=5, color=colormap(number), label=name)
        axis.set(xscale="log", yscale="log", title=kind, xlabel="measured [s]", ylabel="forecast [s]")
        line = np.array([1e-4, 1e3])
        axis.autoscale(False)
        for factor, style in ((1.0, "-"), (1.5, ":"), (1 / 1.5, ":")):
            axis.plot(line, line * factor, style, color="0.4", linewidth=0.8)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=6, markerscale=2, loc="upper left")
    figure.savefig(path, dpi=150)


def main() -> None:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(f"usage: {USAGE}\n\nFILE.csv has the columns {', '.join(measurements.COLUMNS)};")
        print(
            "canonical, kv_dtype, tp, ctx_depth, ubatch (llama.cpp), threads (of a CPU) are read where they are there."
        )
        return
    command.guarded(_job, "sweep")


def _job(words: list[str]) -> None:
    file, settings = _words(words)
    out = Path(settings.get("out", f"{file.stem}_forecasts.csv"))
    picture = Path(settings.get("plot", out.with_suffix(".png")))
    for path in (out, picture):
        if path.exists() and settings.get("overwrite") != "true":
            raise ConfigError(f"{path} exists; give overwrite=true or another out=")
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}")
    r = report(measurements.read(file), settings.get("engine"))
    if not r.settings:
        reasons = [f"  {_rows(count)}: {reason}" for reason, count in r.skipped.items()]
        raise ConfigError(f"{file}: no row is understood", reasons)
    write(r, out)
    plot(r, picture)
    print_report(r)  # last: a reader that stops early (| head) must not cost the files
    print(f"parity plot {picture}")
    print(out)


def _words(words: Sequence[str]) -> tuple[Path, dict[str, str]]:
    if not words:
        raise ConfigError(f"a CSV of measurements is needed: {USAGE}")
    file, settings = Path(words[0]), {}
    accepted = ("out", "plot", "engine", "overwrite")
    for word in words[1:]:
        key, equals, value = word.lstrip("+").partition("=")
        if not equals or key not in accepted:
            raise unknown("validate takes no word", word, accepted)
        settings[key] = value
    engine = settings.get("engine")
    if engine is not None and engine not in paths.choices("engine") and not _is_file(engine):
        raise unknown("engine", engine, paths.choices("engine"))
    return file, settings


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) and Path(name).expanduser().is_file()


if __name__ == "__main__":
    main()
