"""python -m life_jax.validate FILE.csv [out=FORECASTS.csv] [engine=NAME|FILE.yaml]: forecasts beside measurements."""

import csv
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from life_jax.config import choices, conf_files
from life_jax.config import words as command_words
from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import rows as measurements
from life_jax.measurements.accuracy import TOO_FAST, Report, coverage, macro, report
from life_jax.measurements.rows import MEASURED_TIMES, Setting
from life_jax.plotting.parity import plot
from life_jax.terminal import command, tables

USAGE = "python -m life_jax.validate FILE.csv [out=FORECASTS.csv] [plot=PARITY.png] [engine=NAME] [overwrite=true]"


def print_report(r: Report) -> None:
    columns = [("macro error %, median (cells)", "left"), *((kind, "right") for kind in MEASURED_TIMES)]

    def row(name: str, found: Mapping[str, tuple[float, float, int]]) -> list[str]:
        return [name, *(f"{a:.1f}, {b:.1f} ({n})" if n else "-" for a, b, n in (found[k] for k in MEASURED_TIMES))]

    table = [row("life_jax", macro(r, r.forecast))]
    table += [row(name, macro(r, forecast)) for name, forecast in r.baselines.items()]
    groups: list[tuple[str, Callable[[Setting], str]]] = [
        ("class", lambda s: conf_files.efficiency_class(s.hw)),
        ("engine", lambda s: s.engine),
    ]
    for kind, of in groups:
        for name in sorted({of(s) for s in r.settings}):
            mine = {s.id for s in r.settings if of(s) == name}
            table.append(row(f"  {kind} {name}", macro(r, r.forecast, mine)))
    tables.table(columns, table, f"{_rows(int(r.judged.sum()))}, macro-averaged over device x model x engine")
    part, cells = coverage(r)
    if cells:
        print(f"80 % intervals hold the measured value in {100 * part:.0f} % (mean over {cells} cells)")
    biases = [
        (k, [s.ratio(f) for s, f, j in zip(r.settings, r.forecast, r.judged, strict=True) if j and s.kind == k])
        for k in MEASURED_TIMES
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
    """The table of measurements, and text by word; engine= in labels of ours."""
    files, settings = command_words.read_words(words, ("out", "plot", "engine", "overwrite"), USAGE)
    if len(files) != 1:
        raise ConfigError(f"one CSV of measurements is needed: {USAGE}")
    if "engine" in settings:
        settings["engine"] = choices.engine(settings["engine"], (), ())
    return Path(files[0]).expanduser(), settings


if __name__ == "__main__":
    main()
