"""Rows of a result: a point each, with its labels, the numbers of its axes, and what was forecast.

Rows are numbered in the order of the file. Values are in the units of the file.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from life_jax.config.schema import axis_table
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.forecasting.metrics import BOUNDS, METRICS, forecast
from life_jax.terminal.layout import Column

if TYPE_CHECKING:
    from life_jax.studies.study import Study

MOST_ROWS = 10**7  # that are written as text, or sorted by anything but one metric
AT_ONCE = 2**16  # rows that are turned into text at once
SLAB = 2**22  # numbers that are read at once where rows are sorted
FEW = 64  # rows that are read one by one; of more, whole variables are read
SHORT_WORDS = {
    "prompt": "prompt_tokens", "output": "output_tokens", "context": "past_tokens", "tp": "tensor_parallel",
}  # fmt: skip
FORMATS = ("text", "json", "csv", "md")


@dataclass(frozen=True)
class Rows:
    """The points of a study.

    numbers: arrays by variable, or what reads them where it is indexed, as a variable of netCDF4 does; None for a
    result without numbers (lazy=true), whose rows are forecast when they are taken.
    """

    study: "Study"
    numbers: Mapping[str, Any] | None

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Length of every dimension of the grid."""
        return {name: len(c) for name, c in self.study.template.coordinates.items()}

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.study.template.points

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns: labels, axes, metrics, and sensitivities as KIND.METRIC.NUMBER."""
        t = self.study.template
        grid = tuple(name for name, c in t.coordinates.items() if not c.numbered)
        labels = sum(name in self.study.case_dimensions for name in grid)
        automatic = ("engine",) if self.study.has_several_automatic else ()
        return (
            *grid[:labels], *automatic, *grid[labels:], *t.listed, *self.study.metrics, *self._sensitivities
        )  # fmt: skip

    @cached_property
    def _sensitivities(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """VARIABLE.LABEL. ... -> the variable and the places along its further dimensions."""
        t = self.study.template
        found: dict[str, tuple[str, tuple[int, ...]]] = {}
        for name in [] if self.numbers is None else [n for n in t.variables if n not in self.study.metrics]:
            before = t.variables[name].before
            for places in np.ndindex(*(len(t.labels[dim]) for dim in before)):
                labels = (str(t.labels[dim].values[i]) for dim, i in zip(before, places, strict=True))
                found[".".join((name, *labels))] = (name, places)
        return found

    def take(self, index: np.ndarray, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Columns by name of the rows with these numbers [n]: texts, or numbers in the units of the file.

        Flags are bool, bounds are their names.
        """
        names = self.names if names is None else tuple(names)
        places = dict(zip(self.sizes, np.unravel_index(index, tuple(self.sizes.values())), strict=True))
        t = self.study.template
        columns: dict[str, np.ndarray] = {}
        metrics = [name for name in names if name in self.study.metrics]
        if self.numbers is None and metrics:
            columns.update(self._forecast(places, metrics))
        for name in names:
            if name in t.coordinates:
                columns[name] = np.asarray(t.coordinates[name].values)[places[name]]
            elif name == "engine":
                cells = [cell.keys.engine if cell is not None else "" for cell in self.study.cells]
                columns[name] = np.array(cells)[self._case_of(places)]
            elif name in t.listed:
                columns[name] = t.listed[name].at(places[t.listed[name].dimension])
            elif self.numbers is not None:
                variable, before = self._sensitivities.get(name, (name, ()))
                columns[name] = _named(variable, self._read(variable, before, places))
        if self.study.nowhere:
            self._blank(columns, places)
        return {name: columns[name] for name in names}

    def extrapolated(self, index: np.ndarray) -> np.ndarray:
        """Whether nothing like the rows with these numbers [n] was measured; of none under load."""
        if self.study.load_words is not None:
            return np.zeros(len(index), bool)
        places = dict(zip(self.sizes, np.unravel_index(index, tuple(self.sizes.values())), strict=True))
        return self._forecast(places, ["extrapolated"])["extrapolated"]

    def _case_of(self, places: Mapping[str, np.ndarray]) -> np.ndarray:
        """Number among `study.cells` of the points at these places [n]."""
        labels = self.study.case_dimensions
        return np.ravel_multi_index([places[name] for name in labels], [self.sizes[name] for name in labels])

    def _blank(self, columns: dict[str, np.ndarray], places: Mapping[str, np.ndarray]) -> None:
        """Flags of combinations that cannot be are neither true nor false."""
        is_there = np.array([cell is not None for cell in self.study.cells])[self._case_of(places)]
        for name, values in columns.items():
            if values.dtype.kind == "b":
                columns[name] = np.array(
                    [v if there else None for v, there in zip(values.tolist(), is_there, strict=True)]
                )

    def _read(self, variable: str, before: tuple[int, ...], places: Mapping[str, np.ndarray]) -> np.ndarray:
        """Numbers [n] of a variable at places along its further dimensions and [n] along those of the grid."""
        assert self.numbers is not None
        array, at = self.numbers[variable], tuple(places.values())
        if isinstance(array, np.ndarray):
            return np.asarray(array[(*before, *at)])
        if len(at[0]) <= FEW:
            rows = zip(*(place.tolist() for place in at), strict=True)
            return np.array([array[(*before, *row)] for row in rows], array.dtype)
        return np.asarray(array[(*before, *(slice(None),) * len(at))])[at]

    def _forecast(self, places: Mapping[str, np.ndarray], metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """Metrics [n] by name of the points at these places of each dimension [n], in float64."""
        from life_jax.core.parameter import set_all

        study, t = self.study, self.study.template
        case_of = self._case_of(places)
        found = {name: np.full(len(case_of), np.nan) for name in metrics}
        for number in np.unique(case_of):
            case, own = study.cells[number], case_of == number
            if case is None:
                continue
            values = {}
            for p in case.parameters:
                dim = axis_table.dimension(p.key)
                where = places["point"][own] if dim in t.listed else places[dim][own]
                values[p.key] = t.listed[dim].at(where) if dim in t.listed else t.coordinates[dim].values[where]
            with np.errstate(all="ignore"):
                of_case = forecast(set_all(case.scenario, case.parameters, values), tuple(metrics))
            for name, column in of_case.items():
                found[name][own] = np.broadcast_to(np.asarray(column, float), own.sum())
        return {name: _named(name, column) for name, column in found.items()}

    def order(self, keys: Sequence[str], top: int | None) -> np.ndarray:
        """Numbers of rows in the order of keys, at most `top` of them; those without a number come last.

        keys: names of columns, from large to small with a `-` before them. Raises ConfigError for a name that is no
        column.
        """
        named = [(key.lstrip("-+"), key.startswith("-")) for key in keys]
        columns = [(self._column(name), is_down) for name, is_down in named]
        if not columns:
            return np.arange(self.count if top is None else min(top, self.count))
        if self.count > MOST_ROWS and not (len(columns) == 1 and columns[0][0] in self.study.metrics and top):
            raise ConfigError(
                f"sort=: of {self.count:.3g} rows, one metric with top=N is needed, such as sort=tpot top=20"
            )
        if self.count > MOST_ROWS:
            return self._largest(columns[0][0], columns[0][1], top or 0)
        rows = np.arange(self.count)
        taken = self.take(rows, [name for name, _ in columns])
        ranks = [_rank(taken[name], is_down) for name, is_down in columns]
        return np.lexsort(ranks[::-1])[:top]

    def _column(self, typed: str) -> str:
        """The column that a word of sort= means: a name, a short word, in any capitals."""
        short = {
            "prompt": "prompt_tokens",
            "output": "output_tokens",
            "context": "past_tokens",
            "tp": "tensor_parallel",
        }
        key = short.get(typed.lower(), typed.lower())
        if key not in self.names and key in METRICS:
            raise ConfigError(f"sort={typed}: the result has no {typed}; add it to metrics=")
        if key not in self.names:
            raise unknown("sort=: column", typed, self.names)
        return key

    def _largest(self, name: str, is_down: bool, top: int) -> np.ndarray:
        """Numbers of the first rows of a result that is too large to be sorted, a slab at a time."""
        assert self.numbers is not None
        best, rows = np.empty(0), np.empty(0, np.int64)
        for start, values in _slabs(self.numbers[name]):
            sign = np.where(np.isnan(values), np.inf, -values if is_down else values)
            most = np.argpartition(sign, min(top, len(sign) - 1))[:top] if len(sign) > top else np.arange(len(sign))
            best, rows = np.concatenate([best, sign[most]]), np.concatenate([rows, start + most])
            kept = np.lexsort((rows, best))[:top]
            best, rows = best[kept], rows[kept]
        return rows


def _rank(values: np.ndarray, is_down: bool) -> np.ndarray:
    """Numbers that sort as the values do, or the other way round; NaN last."""
    if values.dtype.kind in "OU":
        values = np.unique(values, return_inverse=True)[1]
    numbers = values.astype(float)
    return np.where(np.isnan(numbers), np.inf, -numbers if is_down else numbers)


def _slabs(array: Any) -> Iterator[tuple[int, np.ndarray]]:
    """A variable in pieces of at most SLAB numbers, each with the number of its first row."""
    shape = array.shape
    tails = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    parted = next((i for i, tail in enumerate(tails) if tail <= SLAB), len(shape) - 1)
    step = max(1, SLAB // tails[parted])
    for lead in np.ndindex(*shape[:parted]):
        for start in range(0, shape[parted], step):
            values = np.asarray(array[(*lead, slice(start, start + step))])
            yield (
                int(np.ravel_multi_index((*lead, start, *(0,) * (len(shape) - parted - 1)), shape)),
                values.reshape(-1),
            )


def _named(variable: str, values: np.ndarray) -> np.ndarray:
    """Values as they are read: flags as bool, bounds by name."""
    kind = METRICS[variable].kind if variable in METRICS else "number"
    if kind == "flag":
        return values.astype(bool) if values.dtype.kind != "f" else np.where(np.isnan(values), False, values > 0)
    if kind == "bound":
        return np.array([*BOUNDS, ""])[np.where(np.isnan(values), len(BOUNDS), values).astype(int)]
    return values


def pieces(rows: Rows, index: np.ndarray) -> Iterator[dict[str, list[Any]]]:
    """Columns of rows, a number of rows at a time, as plain values; None where a number is NaN."""
    for start in range(0, len(index), AT_ONCE):
        taken = rows.take(index[start : start + AT_ONCE])
        yield {name: plain(values) for name, values in taken.items()}


def plain(values: np.ndarray) -> list[Any]:
    """Numbers and texts as Python has them: None for NaN, whole numbers as int, of float32 seven digits."""
    if values.dtype.kind != "f":
        return [v if v != "" else None for v in values.tolist()]
    short = values.dtype.itemsize == 4
    return [_number(float(f"{v:.7g}") if short else v) for v in values.tolist()]


def _number(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def write_csv(file: TextIO, names: Sequence[str], parts: Iterator[dict[str, list[Any]]]) -> None:
    """Write rows as CSV with a line of names; an empty cell where there is no number, true and false for flags."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for part in parts:
        columns = [[str(v).lower() if isinstance(v, bool) else v for v in part[name]] for name in names]
        writer.writerows(zip(*columns, strict=True))


def write_json(file: TextIO, names: Sequence[str], parts: Iterator[dict[str, list[Any]]]) -> None:
    """Write rows as a JSON list of objects; null where there is no finite number."""
    mark = "["
    for part in parts:
        for values in zip(*(part[name] for name in names), strict=True):
            finite = [None if isinstance(v, float) and math.isinf(v) else v for v in values]
            file.write(f"{mark}\n " + json.dumps(dict(zip(names, finite, strict=True))))
            mark = ","
    file.write("\n]\n" if mark == "," else "[]\n")


def write_markdown(file: TextIO, columns: Sequence[Column]) -> None:
    """Write a table in Markdown."""
    escaped = [[cell.replace("|", "\\|") for cell in column.cells] for column in columns]
    file.write("| " + " | ".join(column.heading for column in columns) + " |\n")
    file.write("|" + "|".join("---:" if column.right else "---" for column in columns) + "|\n")
    for row in zip(*escaped, strict=True):
        file.write("| " + " | ".join(row) + " |\n")


def check_text_size(study: "Study", what: str) -> None:
    """Raises ConfigError where a result has more rows than are written as text."""
    points = study.template.points
    if points > MOST_ROWS and study.reduction is None:
        raise ConfigError(
            f"{what}: {points:.3g} rows are more than {MOST_ROWS:g}; top=N prints some, out=NAME.nc holds them all"
        )


def is_csv(path: Path) -> bool:
    """Whether a result of this name is rows as CSV."""
    return path.suffix.lower() == ".csv"
