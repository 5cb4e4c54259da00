"""Prints a result: some of its rows as a table or as text for programs, or what a reduction has kept."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.forecasting.metrics import METRICS
from life_jax.studies import point
from life_jax.terminal import result_columns, result_rows, tables
from life_jax.terminal.layout import Column
from life_jax.terminal.result_columns import LABELS
from life_jax.terminal.result_rows import Rows

if TYPE_CHECKING:
    import xarray as xr

    from life_jax.studies.study import Study

BAR = 12  # characters of an elasticity of 1
LEAST, NAMED = 5e-4, 6  # elasticity that is printed; numbers without effect that are named
EXTRAPOLATED = "nothing like it was measured: an extrapolation, whose interval is wider"
ROWS = 24  # of a table, unless top= or rows= says otherwise


@contextmanager
def opened(study: "Study", path: Path) -> Iterator["Mapping[str, Any] | xr.Dataset | None"]:
    """The numbers of a finished result by variable, of a reduction its dataset; None where there are none (lazy=true).

    netCDF is read without xarray, whose import takes longer than the reading.
    """
    from life_jax.grid.storage import compression, store

    if study.work.lazy:
        yield None
    elif study.reduction is not None or compression.is_zarr(path):
        with store.read(path) as ds:
            yield ds if study.reduction is not None else {str(name): ds[name].values for name in ds.data_vars}
    else:
        import netCDF4

        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            yield dict(file.variables)


def show(study: "Study", result: Any, form: str = "text") -> None:
    """Print a result on stdout.

    result: as `opened` gives it. form: text (a table), json, csv or md (rows). Raises ConfigError
    for a column to sort by that is not there.
    """
    if study.reduction is not None:
        show_reduced(study, result.load(), form)
        return
    rows = Rows(study, result)
    if form != "text":
        write_rows(sys.stdout, rows, form)
        return
    index = _chosen(rows)
    table = columns(rows, index)
    varying = {c.heading for c in table if c.key}
    shown = [name for name in rows.names if result_columns.heading(name) in varying]
    tables.table(table, (), result_columns.constant_words(study, shown), "format=csv has them")
    if any(cell.endswith(result_columns.MARK) for column in table for cell in column.cells if column.right):
        tables.say(f"{result_columns.MARK} {EXTRAPOLATED}")
    if study.load_words is not None and any("inf" in column.cells for column in table):
        tables.say("inf: more requests arrive than the engine serves, and times grow without end")
    if len(index) < rows.count:
        tables.say(_what_is_shown(rows, len(index)))
    if result is not None and "elasticity" in result:
        _show_elasticities(rows)


def write_rows(file: TextIO, rows: Rows, form: str) -> None:
    """Write the rows that sort= and top= ask for, all unless they say otherwise, as csv, json or md."""
    if rows.study.view.top is None:
        result_rows.check_text_size(rows.study, f"format={form}")
    index = rows.order(rows.study.view.sort, rows.study.view.top)
    if form == "md":
        result_rows.write_markdown(file, columns(rows, index))
        return
    write = result_rows.write_csv if form == "csv" else result_rows.write_json
    write(file, rows.names, result_rows.pieces(rows, index))


def columns(rows: Rows, index: np.ndarray) -> list[Column]:
    """The columns of a table of these rows: what varies, the metrics that were asked for, and the usual ones."""
    study = rows.study
    labels = [name for name, size in rows.sizes.items() if name in rows.names and size > 1]
    if study.has_several_automatic:
        labels.insert(sum(name in study.case_dimensions for name in labels), "engine")
    keys = [*labels, *study.template.listed]
    usual = [name for name in result_columns.USUAL if name in study.metrics and name not in study.asked]
    taken = rows.take(index, (*keys, *study.asked, *usual))
    whole = list(result_columns.columns_of(taken, keys, study.asked))
    for name in usual:
        (column,) = result_columns.columns_of(taken, (), (name,))
        rank = result_columns.USUAL[name]
        whole.append(Column(column.heading, column.cells, column.right, rank=rank))
    return result_columns.marked(whole, study.asked, rows.extrapolated(index))


def _what_is_shown(rows: Rows, shown: int) -> str:
    """The line below a table that has not all points: how many cannot be, and how to see the others."""
    study, cells = rows.study, rows.study.cells
    possible = rows.count // len(cells) * sum(cell is not None for cell in cells)
    never = f"; {rows.count - possible} cannot be" if possible < rows.count else ""
    if shown >= possible:
        return f"{shown} points shown{never}; all are in the file"
    is_chosen = study.view.sort or study.view.top is not None
    best = "-" * (METRICS[study.asked[0]].sign < 0) + study.asked[0]
    more = "" if is_chosen else f"; sort={best} top=20 picks, rows=all prints all"
    return f"{shown} of {possible} points shown{never}{more}; all are in the file"


def _show_elasticities(rows: Rows) -> None:
    """Print the elasticities of one point as bars: by how many percent a metric changes with 1 % more of a number."""
    study, t = rows.study, rows.study.template
    labels = {name: range(len(c)) if c.numbered else c.values for name, c in t.coordinates.items()}
    places = point.point(labels, study.view.at)
    index = np.array([np.ravel_multi_index(tuple(places.values()), tuple(rows.sizes.values()))])
    of_all, keys = t.labels["metric"].values, t.labels["parameter"].values
    metrics = ([name for name in of_all if not name.endswith(result_columns.ENDS)] or of_all)[:2]  # ends move alike
    taken = rows.take(index, [f"elasticity.{metric}.{key}" for metric in metrics for key in keys])
    shown = {key: [float(taken[f"elasticity.{metric}.{key}"][0]) for metric in metrics] for key in keys}
    still = [key for key, values in shown.items() if all(abs(v) < LEAST for v in values)]
    shown = {key: values for key, values in shown.items() if key not in still}
    table = [Column("1 % more of", list(shown), key=True)]
    for i, metric in enumerate(metrics):
        values = [of[i] for of in shown.values()]
        table.append(Column(f"{result_columns.heading(metric)} %", [f"{v:+.3f}" for v in values], True))
        table.append(Column("", ["-+"[v > 0] * round(abs(v) * BAR) for v in values], rank=1))
    at = [
        f"{result_columns.heading(name)} {labels[name][i] if name in LABELS else tables.digits(labels[name][i], 6)}"
        for name, i in places.items() if rows.sizes[name] > 1
    ]  # fmt: skip
    tables.table(table, (), ["elasticities", *at])
    if 0 < len(still) <= NAMED:
        tables.say(f"without effect here: {', '.join(still)}")


def _chosen(rows: Rows) -> np.ndarray:
    """Numbers of the rows to print: as sort=, top= and rows= say, else ends and middles of the axes."""
    view = rows.study.view
    if view.sort or view.top is not None or view.all_rows:
        if view.all_rows and view.top is None:
            result_rows.check_text_size(rows.study, "rows=all")
        most = view.top if view.top is not None else None if view.all_rows else ROWS
        return rows.order(view.sort, most)
    return _sample(rows)


def _sample(rows: Rows) -> np.ndarray:
    """At most some ROWS rows: cases that can be, and of each axis all values, ends and middle, ends, or the first."""
    study = rows.study
    labels = study.case_dimensions
    there = [number for number, cell in enumerate(study.cells) if cell is not None]
    cases = min(len(there), ROWS)
    counts = {name: size for name, size in rows.sizes.items() if name not in labels}
    room = max(1, ROWS // cases)
    for most in (3, 2, 1):
        for name in reversed(counts):
            if name != "point" and np.prod(list(counts.values())) > room:
                counts[name] = min(counts[name], most)
    if "point" in counts:  # drawn points: the first
        others = int(np.prod([n for name, n in counts.items() if name != "point"]))
        counts["point"] = min(counts["point"], max(1, room // others))
    places = [
        np.arange(k) if name == "point" else np.unique(np.round(np.linspace(0, rows.sizes[name] - 1, k)).astype(int))
        for name, k in counts.items()
    ]
    per_case = int(np.prod([n for name, n in rows.sizes.items() if name not in labels], dtype=np.int64))
    within = np.zeros(1, np.int64)
    for (name, _), chosen in zip(counts.items(), places, strict=True):
        within = (within[:, None] * rows.sizes[name] + chosen).reshape(-1)
    # every case has its turn where there are more than rows
    chosen_cases = np.unique(np.round(np.linspace(0, len(there) - 1, cases)).astype(int))
    numbers = np.array(there)[chosen_cases]
    return (numbers[:, None] * per_case + within).reshape(-1)


def show_reduced(study: "Study", ds: "xr.Dataset", form: str = "text") -> None:
    """Print the front, the best designs, the quantiles and the counts of a reduced result.

    form: text prints tables; csv and md print one, json a list of its rows or an object of several lists by name.
    Raises ConfigError where csv or md would have to print several.
    """
    parts = [(name, _ordered(study, frame)) for name, frame in frames(study, ds)]
    if form == "json":
        import json

        lists = {name: _objects(frame) for name, frame in parts}
        print(json.dumps(lists if len(lists) > 1 else next(iter(lists.values())), indent=1))
        return
    if form in ("csv", "md") and len(parts) > 1:
        names = ", ".join(name for name, _ in parts)
        raise ConfigError(
            f"format={form}: the result has several tables ({names}); ask for one of them, or format=json"
        )
    reduction, total = study.reduction, study.template.points
    assert reduction is not None
    feasible = int(ds["count"].sum())
    limits = [
        metric.replace("_", " ") if METRICS[metric].kind == "flag"
        else f"{metric} {'>=' if METRICS[metric].sign < 0 else '<='} {value:g}{_of(METRICS[metric].units)}"
        for metric, value in reduction.limits
    ]  # fmt: skip
    counted = f"{feasible} of {total} points feasible: {', '.join(limits)}" if limits else f"{total} points"
    for number, (name, frame) in enumerate(parts):
        if form == "csv":
            write_frame(sys.stdout, frame)
            continue
        of_point = _of_point(study, frame)
        shown = of_point if study.view.all_rows or study.view.top is not None else of_point.head(ROWS)
        table, constant = result_columns.frame_columns(shown, study)
        if form == "md":
            result_rows.write_markdown(sys.stdout, table)
            continue
        said = [*result_columns.constant_words(study), counted] if number == 0 else []
        tables.table(table, (), [*said, TITLES[name], *constant], "format=csv has them")
        if len(shown) < len(frame):
            tables.say(f"{len(shown)} of {len(frame)} rows shown; rows=all prints all, all are in the file")
    if reduction.apart and form == "text":
        words = [result_columns.heading(name) for name in reduction.apart]
        first = reduction.apart[-1]
        tables.say(
            f"what requests bring is no choice: every {' and '.join(words)} by itself; at.{first}=VALUE shows another, "
            f"free=[{first}] makes it a choice"
        )


def _of_point(study: "Study", frame: Any) -> Any:
    """The rows of a table at the point that at.KEY= picks, of the dimensions that are kept apart because no design has
    a choice there; all rows where they are few and nothing was picked, or where none is at that point."""
    assert study.reduction is not None
    apart = [name for name in study.reduction.apart if name in frame]
    picked = [name for name in apart if name in study.view.at]
    if study.view.all_rows or (not picked and (len(frame) <= ROWS or study.view.top is not None)):
        return frame
    chosen = frame
    for name in apart:
        values = study.template.coordinates[name].values
        chosen = chosen[np.isclose(chosen[name], values[point.place(values, name, study.view.at)])]
    return chosen if len(chosen) else frame


TITLES = {"front": "Pareto front", "best": "best designs", "quantiles": "quantiles", "count": ""}


def write_frame(file: TextIO, frame: Any) -> None:
    """Write a table of a reduced result as CSV."""
    parts = {str(name): result_rows.plain(frame[name].to_numpy()) for name in frame}
    result_rows.write_csv(file, list(parts), iter([parts]))


def _objects(frame: Any) -> list[dict[str, Any]]:
    columns = {str(name): result_rows.plain(frame[name].to_numpy()) for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _ordered(study: "Study", frame: Any) -> Any:
    """The rows of a table as sort= and top= say; only columns that it has are looked at."""
    for key in reversed(study.view.sort):
        name = key.lstrip("-+")
        if name not in frame:
            raise unknown("sort=: column", name, list(map(str, frame)))
        frame = frame.sort_values(name, ascending=not key.startswith("-"), kind="stable")
    return frame if study.view.top is None else frame.head(study.view.top)


def frames(study: "Study", ds: "xr.Dataset") -> Iterator[tuple[str, Any]]:
    """(name, pandas table) of all that a reduction has kept: front, best, quantiles, count."""
    reduction = study.reduction
    assert reduction is not None
    by = list(reduction.by)
    counts = None
    if set(by) - set(reduction.apart) or not (reduction.pareto or reduction.best or reduction.quantiles):
        held = ds["count"] if ds["count"].dims else ds["count"].expand_dims("all")
        counts = held.to_dataframe().reset_index()[[*by, "count"]]
    for name, prefix, kept in (("best", "best_", reduction.best), ("quantiles", "quantile_", reduction.quantiles)):
        if kept:
            frame = ds[[n for n in ds.data_vars if str(n).startswith(prefix)]].to_dataframe().reset_index()
            frame = frame.rename(columns={n: str(n).removeprefix(prefix) for n in frame})
            metrics = [m for m in study.metrics_stored if m in frame]
            first = [n for n in ("objective", "quantile", *by) if n in frame]
            choices = [n for n in map(str, frame) if n not in metrics and n not in first]
            if name == "best" and counts is not None:
                frame, counts, metrics = frame.merge(counts, on=by), None, [*metrics, "count"]
            yield name, frame[[*first, *choices, *metrics]]
    if reduction.pareto:
        points = ds[[n for n in ds.data_vars if ds[n].dims == ("point",)]].to_dataframe().reset_index(drop=True)
        labels = [str(n) for n in ds.coords if ds[n].dims == ("point",)]
        metrics = list(dict.fromkeys((*reduction.pareto, *study.metrics_stored)))
        yield "front", points[[*labels, *metrics, "knee"]].rename(columns={n: n.removeprefix("front_") for n in labels})
    if counts is not None:
        yield "count", counts


def _of(units: str) -> str:
    return "" if units == "1" else f" {units}"
