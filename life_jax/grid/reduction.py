"""Grids that are reduced while they are computed: to Pareto fronts, best points, quantiles, histograms and counts.

A Reducer is a sink of blocks that keeps only what the reductions need, and never the grid.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from life_jax.grid import pareto_front
from life_jax.grid.fine_bins import FineBins
from life_jax.grid.labels import Template
from life_jax.grid.plan import ResultBlock

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 64
State = dict[str, np.ndarray]  # all that a Reducer keeps, as arrays by name
Ids = range | np.ndarray  # numbers of points; an array only where they are not consecutive


@dataclass(frozen=True)
class Reduction:
    """To what a grid is reduced.

    pareto: objectives of the Pareto front. best: objectives of which the best point is kept. quantiles: parts of the
    points below the values that are wanted. histogram: number of bins, 0 for none. count: whether feasible points are
    only counted. limits: (metric, value), the greatest that is feasible, or the least where more is better. by:
    dimensions whose labels are reduced apart from one another; all other dimensions are reduced together. apart: those
    of them that nobody asked for, along which a design has no choice. partial: whether some points cannot be, of which
    every number is NaN; they are not counted.
    """

    pareto: tuple[str, ...] = ()
    best: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = ()
    histogram: int = 0
    count: bool = False
    limits: tuple[tuple[str, float], ...] = ()
    by: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    partial: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the objectives and of the limited metrics."""
        return tuple(dict.fromkeys((*self.pareto, *self.best, *(name for name, _ in self.limits))))


@dataclass
class Group:
    """What a Reducer keeps for one combination of the labels of `by`.

    front: Pareto front of the feasible points. best: by objective, (value, smaller being better; number of the point;
    its variables). bins: by variable, number of points in each bin. count: number of feasible points.
    """

    front: pareto_front.Front
    best: dict[str, tuple[float, int, dict[str, float]]] = field(default_factory=dict)
    bins: dict[str, FineBins] = field(default_factory=dict)
    count: int = 0


class Reducer:
    """A sink of blocks, in the order of the grid, that reduces them; `reduced_dataset.dataset` labels the results.

    groups: what is kept, by number of the combination of labels of `by` in C order.
    """

    def __init__(self, template: Template, what: Reduction, signs: Mapping[str, int]) -> None:
        """template: layout of the grid. what: to which it is reduced. signs: 1 where less is better, -1 where more."""
        self.template, self.what, self.signs = template, what, signs
        self.groups: dict[int, Group] = {}

    def put(self, block: ResultBlock) -> None:
        """Reduce a block."""
        columns = {name: np.asarray(column) for name, column in block.columns.items()}
        for group, rows in self._by(block.start, block.count):
            here = columns if rows is None else {name: column[rows] for name, column in columns.items()}
            ids = range(block.start, block.start + block.count) if rows is None else block.start + rows
            self._add(self._group(group), here, ids)

    def state(self) -> State:
        """All that is kept, as arrays by name, which `merge` of another Reducer takes."""
        state: State = {"groups": np.array(sorted(self.groups), np.int64)}
        for index, group in self.groups.items():
            state[f"{index}/count"] = np.array(group.count)
            state[f"{index}/front"], state[f"{index}/ids"] = group.front.values, group.front.ids
            state.update({f"{index}/row/{name}": rows for name, rows in group.front.rows.items()})
            for name, bins in group.bins.items():
                state[f"{index}/bins/{name}"] = bins.filled()
            for objective, (key, point, values) in group.best.items():
                state[f"{index}/best/{objective}"] = np.array([key, *values.values()])
                state[f"{index}/at/{objective}"] = np.array(point)
        return state

    def merge(self, state: State) -> None:
        """Add the state of another Reducer, for later points of the same grid."""
        for index in state["groups"].tolist():
            group, of = self._group(index), f"{index}/"
            group.count += int(state[of + "count"])
            for objective in self.what.best:
                if of + f"best/{objective}" in state:
                    key, *values = state[of + f"best/{objective}"].tolist()
                    point = int(state[of + f"at/{objective}"])
                    if objective not in group.best or (key, point) < group.best[objective][:2]:
                        group.best[objective] = (key, point, dict(zip(self.template.outputs, values, strict=True)))
            for name in self.floats:
                if of + f"bins/{name}" in state:
                    at, counts = state[of + f"bins/{name}"]
                    if len(at):
                        of_all = np.zeros(at[-1] - at[0] + 1, np.int64)
                        of_all[at - at[0]] = counts
                        group.bins.setdefault(name, FineBins()).add(int(at[0]), of_all)
            if self.what.pareto and len(state[of + "ids"]):
                rows = {name: state[of + f"row/{name}"] for name in self.floats}
                group.front.add(list(state[of + "front"].T), state[of + "ids"], rows)

    def _add(self, group: Group, block: Mapping[str, np.ndarray], ids: Ids) -> None:
        feasible = self._feasible(block)
        group.count += len(ids) if feasible is None else int(np.count_nonzero(feasible))
        for objective in self.what.best:
            self._better(group, objective, block, ids, feasible)
        if not (self.what.quantiles or self.what.histogram or self.what.pareto):
            return
        if feasible is not None:
            block, ids = {name: block[name][feasible] for name in self.floats}, _array(ids)[feasible]
        if not len(ids):
            return
        if self.what.quantiles or self.what.histogram:
            for name in self.floats:
                group.bins.setdefault(name, FineBins()).count(block[name])
        if self.what.pareto:
            columns = [self.signs[name] * block[name] for name in self.what.pareto]
            group.front.add(columns, _array(ids), {name: block[name] for name in self.floats})

    def _feasible(self, block: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Which points there are and meet the limits; None where all of them do."""
        feasible = None
        if self.what.partial:
            feasible = ~np.all([np.isnan(block[name]) for name in self.floats], axis=0)
        for metric, limit in self.what.limits:
            within = block[metric] <= limit if self.signs[metric] > 0 else block[metric] >= limit
            feasible = within if feasible is None else feasible & within
        return None if feasible is None or feasible.all() else feasible

    def _better(
        self, group: Group, objective: str, block: Mapping[str, np.ndarray], ids: Ids, feasible: np.ndarray | None
    ) -> None:
        column = block[objective] if self.signs[objective] > 0 else -block[objective]
        if feasible is not None:
            column = np.where(feasible, column, column.dtype.type(np.nan))
        least = float(np.fmin.reduce(column))  # NaN where all are
        if np.isnan(least) or (objective in group.best and least > group.best[objective][0]):
            return  # a block seldom has a better point, so that its place is seldom looked for
        at = int(np.argmax(column == least))
        key = (least, int(ids[at]))
        if objective not in group.best or key < group.best[objective][:2]:
            group.best[objective] = (*key, {name: float(values[at]) for name, values in block.items()})

    @cached_property
    def floats(self) -> tuple[str, ...]:
        """Names of the variables that are numbers, not flags, and have no further dimensions."""
        return tuple(
            name
            for name, v in self.template.variables.items()
            if v.dtype.kind == "f" and not v.before and not v.is_flag
        )

    def _group(self, index: int) -> Group:
        if index not in self.groups:
            self.groups[index] = Group(pareto_front.Front(len(self.what.pareto)))
        return self.groups[index]

    def _by(self, start: int, n: int) -> Iterator[tuple[int, np.ndarray | None]]:
        """Groups of the n points from `start` on: (number of the group, its rows [m], or None for all of them)."""
        ends = self._groups_of(np.array([start, start + n - 1]))
        finest = min((stride for stride, _, _ in self._strides), default=0)
        if not self._strides or (ends[0] == ends[1] and n <= finest):
            yield int(ends[0]), None
            return
        of = self._groups_of(start + np.arange(n))
        rows = np.argsort(of, kind="stable")  # once, however many groups there are
        first = np.flatnonzero(np.diff(of[rows], prepend=-1))
        for low, high in pairwise([*first.tolist(), n]):
            yield int(of[rows[low]]), rows[low:high]

    @cached_property
    def _strides(self) -> list[tuple[int, int, int]]:
        """For each dimension of `by`: (points of one label, number of labels, groups of one label)."""
        sizes = {name: len(c) for name, c in self.template.coordinates.items()}
        dims = list(sizes)
        strides, weight = [], 1
        for dim in reversed(self.what.by):
            stride = int(np.prod([sizes[d] for d in dims[dims.index(dim) + 1 :]], dtype=np.int64))
            strides.append((stride, sizes[dim], weight))
            weight *= sizes[dim]
        return strides

    def _groups_of(self, points: np.ndarray) -> np.ndarray:
        total = np.zeros(len(points), np.int64)
        for stride, size, weight in self._strides:
            total += points // stride % size * weight
        return total


def _array(ids: Ids) -> np.ndarray:
    return np.arange(ids.start, ids.stop) if isinstance(ids, range) else ids
