"""python -m life_jax.validate FILE [hw=NAME ...] [out=FORECASTS.csv]: forecasts beside measurements."""

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from life_jax.config import choices
from life_jax.config import words as command_words
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.core.whole_file import refuse_taken, whole_file
from life_jax.measurements import rows as measurements
from life_jax.measurements import sharing
from life_jax.measurements.accuracy import TOO_FAST, Report
from life_jax.measurements.accuracy_totals import Totals, totals
from life_jax.measurements.readers import assumptions, index
from life_jax.measurements.rows import KINDS, MEASURED_TIMES
from life_jax.plotting.parity import plot
from life_jax.terminal import command, layout, tables
from life_jax.terminal.progress import waiting

PICTURES = (".png", ".svg", ".pdf")
USAGE = (
    "python -m life_jax.validate FILE [hw=NAME] [model=NAME] [engine=NAME] [opt=FORMAT] [batch=N] [prompt=N] [output=N]"
    " [concurrency=N] [rate=R] [tp=N] [out=FORECASTS.csv] [share=ROWS.csv] [plot=PARITY.png] [overwrite=true]"
)
MEANING = f"""FILE is {index.READ}.
A table has the columns {", ".join(measurements.COLUMNS)}; canonical, kv_dtype, tp, ctx_depth, ubatch (llama.cpp) and
threads (of a CPU) are read where they are there; for requests beside others concurrency or request_rate (and requests,
burst, prompt_cv, output_cv) instead of batch.
hw=, model=, engine=, opt=   hold for every row, whatever the file says; a tool's file without a device is taken as
                             measured on this machine
batch=, prompt=, output=, tp=  hold where the file does not say
concurrency=, rate=          of requests beside others, where the file does not say (GenAI-Perf's CSV, a table)
share=     all rows that are understood, as a table that others can take (docs/accuracy.md says which help most)"""
OWN_WORDS = ("out", "share", "plot", "overwrite")
LOADED = tuple(kind for kind in KINDS if kind not in MEASURED_TIMES)
MOST_REASONS = 30  # that are printed
MOST_OF_ONE_MACHINE = 500  # rows of a table that is looked at for what to measure next


def print_totals(t: Totals) -> None:
    """Print the errors of forecasts as a table, by device class and by engine, and what was left out of it."""
    _print_errors(t)
    part, cells = t.inside.coverage()
    if cells:
        print(f"80 % intervals hold the measured value in {100 * part:.0f} % (mean over {cells} cells)")
    _print_medians(t)
    if t.impossible:
        print(
            f"{_rows(t.impossible)} apart: faster than {TOO_FAST:g} x the datasheet roofline, or a batch beyond memory"
        )
    for metric, count in t.questioned.items():
        unit = "tokens per second" if metric.endswith("tok_s") else "seconds, or are they milliseconds"
        off = f"{metric} about 1000 times off what the roofline makes possible; are these {unit}?"
        print(f"{_rows(count)} apart: {off}{layout.printable(_ids(t.unlike[metric]))}")
    for name, count in t.generic.items():
        print(f"{_rows(count)} with engine=generic: engine '{layout.printable(name)}' is not known")
    print(*map(layout.printable, reasons(t)), sep="\n", end="\n" * bool(t.skipped))


def _print_errors(t: Totals) -> None:
    """Tables of errors: of requests and batches alone, and of requests beside others, where there are some."""
    counts = {kind: cells for kind, (_, _, cells) in t.errors["life_jax"].macro().items()}
    under_load = any(counts[kind] for kind in LOADED)
    what = f"{_rows(t.judged)}, macro-averaged over device x model x engine"
    alone = not under_load or any(counts[kind] for kind in MEASURED_TIMES)
    if alone:
        tables.table(*_errors(t, tuple(MEASURED_TIMES)), what)
    if under_load:
        tables.table(
            *_errors(t, LOADED), "of these, requests beside others" if alone else f"requests beside others: {what}"
        )


def _print_medians(t: Totals) -> None:
    """Lines of the median of forecast over measured time, by kind."""
    medians = t.medians()
    for kinds, where in ((MEASURED_TIMES, ""), (LOADED, " under load")):
        of = {kind.removesuffix(" under load"): medians[kind] for kind in kinds if kind in medians}
        if of:
            print(f"median forecast / measured time{where}: " + ", ".join(f"{k} {x:.2f}" for k, x in of.items()))


def _errors(t: Totals, kinds: Sequence[str]) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Columns and rows of a table: errors of these kinds by forecaster, class of device and engine."""
    own = t.errors["life_jax"]
    of = [(name, errors.macro()) for name, errors in t.errors.items()]
    of += [(f"  class {name}", own.macro(of_class=name)) for name in sorted(t.classes)]
    of += [(f"  engine {name}", own.macro(engine=name)) for name in sorted(t.engines)]

    def cell(mean: float, median: float, cells: int) -> str:
        return f"{mean:.1f}, {median:.1f} ({cells})" if cells else "-"

    columns = [
        ("macro error %, median (cells)", "left"),
        *((kind.removesuffix(" under load"), "right") for kind in kinds),
    ]
    return columns, [[name, *(cell(*macro[kind]) for kind in kinds)] for name, macro in of]


def reasons(t: Totals) -> list[str]:
    """Lines that give the reasons why rows have no forecast, the most frequent first."""
    ordered = sorted(t.skipped.items(), key=lambda item: -item[1])
    lines = [f"{_rows(count)} skipped: {reason}{_ids(t.examples.get(reason, []))}" for reason, count in ordered]
    if len(lines) > MOST_REASONS:
        rest = ordered[MOST_REASONS:]
        lines[MOST_REASONS:] = [f"{_rows(sum(count for _, count in rest))} skipped for {len(rest)} further reasons"]
    return lines


def _ids(ids: Sequence[str]) -> str:
    return f" ({', '.join(ids)})" if ids else ""


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


@contextmanager
def written(path: Path, *, overwrite: bool = False) -> Iterator[Callable[[Report], None]]:
    """Context with a function that writes the forecasts of a report to a CSV, which is whole or not there.

    Its columns are id, forecast, low and high, each in the unit of its row; without bounds where nothing was fitted.
    overwrite: whether a file of this name is replaced. Raises OSError where it cannot be written, or the name is taken.
    """
    with whole_file(path, overwrite=overwrite) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "forecast", "low", "high"))

        def add(r: Report) -> None:
            for s, *values in zip(r.settings, r.forecast, r.low, r.high, strict=True):
                if np.isfinite(values[0]):
                    writer.writerow((s.id, *(f"{v:.6g}" if np.isfinite(v) else "" for v in values)))

        yield add


def main() -> None:
    """Run the command line."""
    command.guarded(validate, "sweep", f"usage: {USAGE}\n\n{MEANING}")


def validate(words: list[str]) -> None:
    """Forecast the rows of a file of measurements, write the forecasts and a parity plot, and print the errors.

    Raises ConfigError for words that make no sense, and where no row is understood.
    """
    file, settings = _words(words)
    out = paths.output(settings.get("out", f"{file.stem}_forecasts.csv"))
    picture = paths.output(settings["plot"]) if "plot" in settings else out.with_suffix(".png")
    overwrite = settings.get("overwrite") == "true"
    shared = paths.output(settings["share"]) if "share" in settings else None
    written_to = {"out": out, "plot": picture} | ({"share": shared} if shared else {})
    if len({path.absolute() for path in written_to.values()}) < len(written_to):
        raise ConfigError(f"{', '.join(f'{word}={path}' for word, path in written_to.items())}: give each its own name")
    if picture.suffix and picture.suffix not in PICTURES:
        raise ConfigError(f"plot={picture}: a name that ends in {', '.join(PICTURES)} is needed")
    for word, path in written_to.items():
        paths.refuse_read(path, [file, settings.get("engine", "")], word)
        refuse_taken(path, overwrite=overwrite)
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}")
    fills = index.checked(settings)
    taken, notes = assumptions.assumed(file, fills)
    command.warn(notes)
    with waiting(f"forecasting the rows of {file.name}"), written(out, overwrite=overwrite) as add:
        t = totals(lambda: index.rows(file, fills, taken), settings.get("engine"), add)
        if not t.rows:
            raise ConfigError(f"{file}: no row is understood", [f"  {line}" for line in reasons(t)])
    with waiting("drawing"):
        plot(t, picture, overwrite=overwrite)
    if shared:
        _share(shared, lambda: index.rows(file, fills, taken), overwrite)
    if "hardware" in taken and not t.judged:
        print(f"no row can have been measured on this machine, which {file.name} was taken to be of: give hw=NAME")
    print_totals(t)  # last: a reader that stops early (| head) must not cost the files
    print(f"parity plot {picture}" + (f" of every {t.drawn_every}th row" if t.drawn_every > 1 else ""))
    _print_shared(next(sharing.ready(index.rows(file, fills, taken)), None), shared)
    if t.rows <= MOST_OF_ONE_MACHINE:
        _print_next(index.rows(file, fills, taken), settings.get("engine"))
    print(out)


def _share(path: Path, rows: Callable[[], Iterable[dict[str, str]]], overwrite: bool) -> None:
    """Write the rows that others can take as a table."""
    with whole_file(path, overwrite=overwrite) as new, new.open("w", newline="", encoding="utf-8") as table:
        sharing.write(rows(), table)


def _print_shared(row: Mapping[str, str] | None, shared: Path | None) -> None:
    """Print a row that can be sent as it is, or where all of them are; a terminal that would break it says how."""
    if shared:
        print(f"rows to share: {shared}")
    elif row is not None:
        text = io.StringIO()
        sharing.as_text(row, text)
        if sys.stdout.isatty() and max(map(len, text.getvalue().splitlines())) > tables.width():
            print("share=ROWS.csv writes rows ready to share")
        else:
            lines = map(layout.printable, text.getvalue().rstrip("\n").split("\n"))
            print("a row ready to share (share=ROWS.csv writes all):", *lines, sep="\n")


def _print_next(rows: Iterable[Mapping[str, str]], engine: str | None) -> None:
    """Print which measurement would tell most of the machine, where all rows are of one."""
    from life_jax.measurements import next_row

    settings = [s for s in (measurements.place(row, engine) for row in rows) if not isinstance(s, str)]
    found = next_row.of_one_machine(settings)
    if found is not None:
        tables.say(str(found))


def _words(words: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """The file of measurements, and text by word; engine= in labels of ours."""
    files, settings = command_words.read_words(words, (*OWN_WORDS, *index.KNOWN_WORDS), USAGE)
    if len(files) != 1:
        raise ConfigError(f"a file of measurements (a CSV of measurements is needed, or what a tool wrote): {USAGE}")
    if "engine" in settings:
        settings["engine"] = choices.engine(settings["engine"], (), ())
    return paths.user_path(files[0]), settings


if __name__ == "__main__":
    main()
