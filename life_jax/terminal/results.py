"""How the command lines of sweeps deliver a result: progress, the check for a finished file, tables and pictures."""

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life_jax.config.schema.errors import ConfigError
from life_jax.terminal import tables

if TYPE_CHECKING:
    import xarray as xr

    from life_jax.studies.study import Case, Study

ROWS = 24  # of the table of results
COMPLETE, OTHER_CODE = "complete", "other code"


def deliver(study: "Study", path: Path, identity: str, writer: Callable[["Study", Path], None]) -> None:
    """Write the result unless it is there already, then print its table, its pictures and its path.

    path: of the result. identity: of its question. writer: writes the result of a study to a path.

    A result of other code is left as it is, and neither shown nor drawn, since our numbers may be others.

    Raises ConfigError where the path holds anything else, StoreError where it cannot be written.
    """
    refuse_pictures(study, path)
    complete = finished(study, path, identity)
    if not complete:
        writer(study, path)
    if complete == OTHER_CODE:
        print(f"complete already, computed by other code{_code_of(path)}; overwrite=true computes it anew")
        print(path)
        return
    if study.reduction is None:
        show(study)
    else:
        show_reduced(study, path)
    if study.plots:
        draw(study, path)
    if complete:
        print("complete already, not computed again")
    print(path)


def finished(study: "Study", path: Path, identity: str) -> str:
    """What is known of the result: empty if it is not there, COMPLETE, or OTHER_CODE if other code computed it.

    Raises ConfigError if the path holds anything else, without overwrite.
    """
    from life_jax.grid.storage import compression, journal, reducer_checkpoint, store

    if path.is_dir() and not compression.is_zarr(path):
        raise ConfigError(f"out={path} is a folder; a file name is needed")
    if not path.exists() or study.overwrite:
        return ""
    if not path.is_file() and not path.is_dir():
        raise ConfigError(f"out={path} is a pipe or a device; a file name is needed")
    existing = reducer_checkpoint.identity_of(path) if path.suffix == ".npz" else store.identity_of(path)
    if existing is None or not journal.same_question(existing, identity):
        raise ConfigError(f"{path} exists and answers another question; overwrite=true replaces it")
    return COMPLETE if existing == identity else OTHER_CODE


def _code_of(path: Path) -> str:
    """The version and the revision that a result says, in brackets."""
    from life_jax.grid.storage import store

    with store.read(path) as ds:
        version, revision = (str(ds.attrs.get(key, "")) for key in ("life_jax_version", "git_revision"))
    known = [version, *([f"revision {revision}"] if revision not in ("", "none") else [])]
    return f" ({', '.join(known)})" if version else ""


def refuse_pictures(study: "Study", path: Path) -> None:
    """Raise StoreError where a picture of plot= would replace a file that is no picture of this question."""
    if study.plots:
        from life_jax.plotting import pictures

        for picture in pictures.files(study.plots, path.with_suffix("")):
            pictures.refuse_foreign(picture, study.question, overwrite=study.overwrite)


def draw(study: "Study", path: Path) -> None:
    """Save the pictures of plot= beside the result and print their paths.

    Raises ConfigError where the result has not what a picture shows.
    """
    from life_jax.grid.storage import store
    from life_jax.plotting import pictures

    objectives = study.reduction.pareto if study.reduction is not None else ()
    with store.read(path) as ds:
        try:
            for picture in pictures.save(
                study.plots, ds, study.cases, objectives, path.with_suffix(""), study.question, study.overwrite
            ):
                print(picture)
        except ValueError as error:
            raise ConfigError(str(error)) from None


def show_reduced(study: "Study", path: Path) -> None:
    """Print the front, the best designs, the quantiles and the counts of a reduced result as tables."""
    from life_jax.grid.storage import store

    with store.read(path) as ds:
        for title, frame in _tables(study, ds.load()):
            rows = [
                [f"{v:.4g}" if isinstance(v, float) else str(v) for v in row] for row in frame.head(ROWS).to_numpy()
            ]
            tables.table([(str(c), "left" if frame[c].dtype.kind in "OTUb" else "right") for c in frame], rows, title)
            if len(frame) > ROWS:
                print(f"{ROWS} of {len(frame)} rows shown; all are in the file")


def _tables(study: "Study", ds: "xr.Dataset") -> Iterator[tuple[str, Any]]:
    reduction = study.reduction
    assert reduction is not None
    total = study.template.points
    feasible = int(ds["count"].sum())
    title = (
        f"{_title(study)}  |  {feasible} of {total} points feasible"
        if reduction.limits
        else f"{_title(study)}  |  {total} points"
    )
    if reduction.by or not (reduction.pareto or reduction.best or reduction.quantiles):
        counts = ds["count"] if ds["count"].dims else ds["count"].expand_dims("all")
        yield title, counts.to_dataframe().reset_index().drop(columns="all", errors="ignore")
        title = ""
    if reduction.pareto:
        points = ds[[n for n in ds.data_vars if ds[n].dims == ("point",)]].to_dataframe().reset_index(drop=True)
        labels = [n for n in ds.coords if ds[n].dims == ("point",)]
        kept = [n for n in labels if points[n].nunique() > 1] or labels[:1]
        yield title or "Pareto front", points[[*kept, *study.metrics_stored, "knee"]]
        title = ""
    for prefix, heading in (("best_", "best designs"), ("quantile_", "quantiles")):
        names = [n for n in ds.data_vars if str(n).startswith(prefix)]
        if names:
            frame = ds[names].to_dataframe().reset_index()
            yield title or heading, frame.rename(columns={n: str(n).removeprefix(prefix) for n in names})
            title = ""


def show(study: "Study") -> None:
    """Print some points of the grid, ends and middles of its axes, as a table, computed in float64."""
    axes = {key: [values[i] for i in indices] for key, values, indices in _sample(study)}
    drawn = _drawn(study, ROWS // (len(study.cases[:ROWS]) * _product(map(len, axes.values()))))
    cases = study.cases[:ROWS]
    varying = [name for name in ("model", "hw", "opt") if len({getattr(case, name) for case in study.cases}) > 1]
    columns = [(name, "left") for name in varying] + [(_heading(key), "right") for key in (*axes, *drawn[0])]
    columns += [("TTFT", "right"), ("TPOT", "right"), ("TPS", "right"), ("prefill binds", "left")]
    columns += [("decode binds", "left"), ("memory", "right"), ("fits", "left")]
    points = [
        {**dict(zip(axes, values, strict=True)), **listed}
        for *values, listed in itertools.product(*axes.values(), drawn)
    ]
    shown = [[f"{v:.4g}" if key in drawn[0] else f"{v:g}" for key, v in point.items()] for point in points]
    rows = [
        [*(getattr(case, n) for n in varying), *numbers, *cells]
        for case in cases
        for numbers, cells in zip(shown, _cells(case, points), strict=True)
    ]
    tables.table(columns, rows, _title(study))
    total = study.template.points
    if len(rows) < total:
        print(f"{len(rows)} of {total} points shown; all are in the file")


def _sample(study: "Study") -> Iterator[tuple[str, Any, list[int]]]:
    """For each axis its key, values, and indices to show: all, ends and middle, ends, or the first.

    As many as keep the table within ROWS rows.
    """
    counts = {key: len(values) for key, values in study.axes.items()}
    room = max(1, ROWS // len(study.cases) // (1 if study.points is None else 4))
    for most in (3, 2, 1):
        for key in reversed(list(counts)):
            if _product(counts.values()) > room:
                counts[key] = min(counts[key], most)
    for key, values in study.axes.items():
        n, k = len(values), counts[key]
        yield key, values, sorted({round(i * (n - 1) / (k - 1)) for i in range(k)} if k > 1 else {0})


def _drawn(study: "Study", room: int) -> list[dict[str, float]]:
    """The first drawn points, at most `room` and at least one: numbers by key. One empty point without a sample."""
    import numpy as np

    if study.points is None:
        return [{}]
    values = study.points.at(np.arange(min(len(study.points), max(1, room))))
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _product(numbers: Any) -> int:
    total = 1
    for number in numbers:
        total *= number
    return total


def _cells(case: "Case", points: list[dict[str, float]]) -> Iterator[list[str]]:
    """Cells of the table's last columns for each point; points: numbers by key, forecast in one call."""
    import numpy as np

    from life_jax.core.parameter import set_all
    from life_jax.forecasting.metrics import BOUNDS, forecast

    values = {p.key: np.array([float(point[p.key]) for point in points]) for p in case.parameters}
    scenario = set_all(case.scenario, case.parameters, values)
    with np.errstate(all="ignore"):
        metrics = forecast(scenario, ("ttft", "tpot", "tps", "prefill_bound", "decode_bound", "memory", "fits_memory"))
    columns = (np.broadcast_to(column, len(points)).tolist() for column in metrics.values())
    for ttft, tpot, tps, prefill, decode, memory, fits in zip(*columns, strict=True):
        yield [
            tables.engineering(ttft, "s"),
            tables.engineering(tpot, "s"),
            "-" if math.isnan(tps) else f"{tps:.4g}",
            BOUNDS[int(prefill)],
            BOUNDS[int(decode)],
            f"{memory / 1e9:.4g} GB",
            "yes" if fits else "NO",
        ]


def _heading(key: str) -> str:
    return {"prompt_tokens": "prompt", "output_tokens": "output"}.get(key, key)


def _title(study: "Study") -> str:
    case, engine = study.cases[0], study.composed.engine
    named = [getattr(case, n) for n in ("model", "hw", "opt") if len({getattr(c, n) for c in study.cases}) == 1]
    fixed = [f"{study.composed.workload.output_tokens:g} output tokens"] if "output_tokens" not in study.axes else []
    bound = (
        ["engine ideal: datasheet bound, real software takes longer"]
        if engine.name == "ideal"
        else [f"engine {engine.name}"]
    )
    return "  |  ".join([" ".join(name for name in named if name != "none"), *fixed, *bound])
