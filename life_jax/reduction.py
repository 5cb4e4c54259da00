"""Grids reduced as they are computed: fronts, best designs, quantiles, counts. Knows nothing of language models.

A Reducer is a sink of grid.run that keeps what the questions need and never the grid.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from life_jax import fronts
from life_jax.dataset import Template

FINE = 12  # a float32 without its last 12 bits: bins of 2^-11 (0.05 %) for quantiles and histograms
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 64
LARGEST_VOLUME = 3000  # points of three objectives or more: the exact volume takes quadratic time
SAID = {
    "tie": "of points equal in all objectives the first in the order of the grid is kept",
    "knee": "nearest to the ideal, each objective scaled between the best and the worst on the front",
    "hypervolume": "part of the box between best and worst of the front that it dominates; NaN for over 3000 points",
}


@dataclass(frozen=True)
class Reduction:
    """What is asked. limits: metric -> the most (or, where more is better, the least) that is feasible.

    by: dimensions that are kept apart; everything else is reduced.
    """

    pareto: tuple[str, ...] = ()
    best: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = ()
    histogram: int = 0
    count: bool = False
    limits: tuple[tuple[str, float], ...] = ()
    by: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.pareto, *self.best, *(name for name, _ in self.limits))))


@dataclass
class _Group:
    """What is kept of one combination of the labels of `by`."""

    front: fronts.Front
    best: dict[str, tuple[float, int, dict[str, float]]] = field(default_factory=dict)
    bins: dict[str, np.ndarray] = field(default_factory=dict)
    count: int = 0


class Reducer:
    """A sink. After each chunk `take` must be called; `dataset` is the answer.

    signs: +1 for a variable of which less is better, -1 where more is.
    """

    def __init__(self, template: Template, what: Reduction, signs: Mapping[str, int]) -> None:
        self.template, self.what, self.signs = template, what, signs
        self.groups: dict[int, _Group] = {}
        self._block: dict[str, np.ndarray] = {}
        self._start = 0

    def write(self, name: str, start: int, block: np.ndarray) -> None:
        self._block[name], self._start = block, start

    def take(self) -> None:
        """The columns of a chunk are complete."""
        block, self._block = self._block, {}
        n = len(next(iter(block.values())))
        for group, rows in self._by(self._start, n):
            here = block if rows is None else {name: column[rows] for name, column in block.items()}
            ids = self._start + (np.arange(n) if rows is None else rows)
            self._add(self._group(group), here, ids)

    def _add(self, group: _Group, block: dict[str, np.ndarray], ids: np.ndarray) -> None:
        feasible = np.ones(len(ids), bool)
        for metric, limit in self.what.limits:
            feasible &= self.signs[metric] * block[metric] <= self.signs[metric] * limit
        if not feasible.all():
            block, ids = {name: column[feasible] for name, column in block.items()}, ids[feasible]
        group.count += len(ids)
        if not len(ids):
            return
        for objective in self.what.best:
            self._better(group, objective, block, ids)
        if self.what.quantiles or self.what.histogram:
            for name in self._floats:
                found = np.bincount(_fine(block[name]), minlength=1 << (32 - FINE))
                group.bins[name] = group.bins[name] + found if name in group.bins else found
        if self.what.pareto:
            columns = [self.signs[name] * block[name] for name in self.what.pareto]
            group.front.add_columns(columns, ids, {name: block[name] for name in self._floats})

    def _better(self, group: _Group, objective: str, block: dict[str, np.ndarray], ids: np.ndarray) -> None:
        column = self.signs[objective] * block[objective]
        if np.isnan(column).all():
            return
        at = int(np.nanargmin(column))
        key = (float(column[at]), int(ids[at]))
        if objective not in group.best or key < group.best[objective][:2]:
            group.best[objective] = (*key, {name: float(values[at]) for name, values in block.items()})

    @cached_property
    def _floats(self) -> tuple[str, ...]:
        """Variables of numbers that have no further dimensions."""
        return tuple(
            name
            for name, v in self.template.variables.items()
            if v.dtype.kind == "f" and not v.before and not v.is_flag
        )

    def _group(self, index: int) -> _Group:
        if index not in self.groups:
            self.groups[index] = _Group(fronts.Front(len(self.what.pareto)))
        return self.groups[index]

    def _by(self, start: int, n: int) -> Iterator[tuple[int, np.ndarray | None]]:
        """(group, rows of the block in it, None for all of them)."""
        ends = self._groups_of(np.array([start, start + n - 1]))
        finest = min((stride for stride, _, _ in self._strides), default=0)
        if not self._strides or (ends[0] == ends[1] and n <= finest):
            yield int(ends[0]), None
            return
        of = self._groups_of(start + np.arange(n))
        for group in np.unique(of):
            yield int(group), np.flatnonzero(of == group)

    @cached_property
    def _strides(self) -> list[tuple[int, int, int]]:
        """(points of one label, labels, groups of one label) by dimension of `by`."""
        sizes = {name: len(c) for name, c in self.template.coordinates.items()}
        dims = list(sizes)
        found, weight = [], 1
        for dim in reversed(self.what.by):
            stride = int(np.prod([sizes[d] for d in dims[dims.index(dim) + 1 :]], dtype=np.int64))
            found.append((stride, sizes[dim], weight))
            weight *= sizes[dim]
        return found

    def _groups_of(self, points: np.ndarray) -> np.ndarray:
        total = np.zeros(len(points), np.int64)
        for stride, size, weight in self._strides:
            total += points // stride % size * weight
        return total

    def dataset(self) -> Any:
        """The answer as an xarray.Dataset."""
        import xarray as xr

        t, what = self.template, self.what
        sizes = [len(t.coordinates[dim]) for dim in what.by]
        coords: dict[str, Any] = {d: (d, _values(t, d), dict(t.coordinates[d].attributes)) for d in what.by}
        variables: dict[str, Any] = {}

        def by_group(of: Any, dtype: Any, absent: Any) -> np.ndarray:
            found = np.full(int(np.prod(sizes, dtype=np.int64)), absent, dtype)
            for index, group in self.groups.items():
                found[index] = of(group)
            return found.reshape(sizes)

        about = {"long_name": "feasible points", "units": "1"}
        variables["count"] = (what.by, by_group(lambda g: g.count, np.int64, 0), about)
        if what.best:
            coords["objective"] = ("objective", list(what.best), {"long_name": "metric of which this is the best"})
            self._best(variables, by_group)
        if what.quantiles:
            coords["quantile"] = (
                "quantile",
                list(what.quantiles),
                {"units": "1", "long_name": "part of the points below"},
            )
            for name in self._floats:
                each = [
                    by_group(lambda g, n=name, q=q: _quantile(g.bins.get(n), q), float, np.nan) for q in what.quantiles
                ]
                variables[f"quantile_{name}"] = (("quantile", *what.by), np.stack(each), self._attributes(name))
        if what.histogram:
            self._histogram(variables, sizes)
        if what.pareto:
            self._front(variables, coords, by_group)
        return xr.Dataset(variables, coords=coords, attrs=dict(t.attributes))

    def _attributes(self, name: str) -> dict[str, Any]:
        return dict(self.template.variables[name].attributes)

    def _best(self, variables: dict[str, Any], by_group: Any) -> None:
        t, dims = self.template, ("objective", *self.what.by)

        def stacked(of: Any, dtype: Any, absent: Any) -> np.ndarray:
            return np.stack([
                by_group(lambda g, o=o: of(g.best[o]) if o in g.best else absent, dtype, absent) for o in self.what.best
            ])  # fmt: skip

        for name in self._floats:
            values = stacked(lambda b, n=name: b[2][n], float, np.nan)
            variables[f"best_{name}"] = (dims, values, self._attributes(name))
        points = stacked(lambda b: b[1], np.int64, -1)
        for dim, labels in self._labels(np.maximum(points, 0)).items():
            if dim not in self.what.by:
                absent = "" if labels.dtype.kind == "U" else np.nan
                values = np.where(points >= 0, labels, absent)
                variables[f"best_{dim}"] = (dims, values, dict(t.coordinates[dim].attributes))

    def _histogram(self, variables: dict[str, Any], sizes: list[int]) -> None:
        """Bins of equal ratio between the least and the greatest value of all groups."""
        for name in self._floats:
            together = sum((g.bins[name] for g in self.groups.values() if name in g.bins), np.zeros(1))
            seen = np.flatnonzero(together)
            if not len(seen):
                continue
            centres = _centres()
            low, high = np.maximum(centres[[seen[0], seen[-1]]], np.finfo(np.float32).tiny)
            edges = np.geomspace(low, high * (1 + 2.0**-10), self.what.histogram + 1)
            bin_of = np.clip(np.searchsorted(edges, centres, side="right") - 1, 0, self.what.histogram - 1)
            counts = np.zeros((self.what.histogram, int(np.prod(sizes, dtype=np.int64))), np.int64)
            for index, group in self.groups.items():
                if name in group.bins:
                    fine = group.bins[name][: len(centres)]
                    counts[:, index] = np.bincount(bin_of, weights=fine, minlength=self.what.histogram)
            about = {"units": "1", "long_name": f"points by {name}"}
            variables[f"histogram_{name}"] = (("bin", *self.what.by), counts.reshape(-1, *sizes), about)
            variables[f"edges_{name}"] = (("edge",), edges, self._attributes(name))

    def _front(self, variables: dict[str, Any], coords: dict[str, Any], by_group: Any) -> None:
        found = [(index, g) for index, g in sorted(self.groups.items()) if len(g.front.ids)]
        ids = np.concatenate([g.front.ids for _, g in found]) if found else np.empty(0, np.int64)
        for dim, labels in self._labels(ids).items():
            name = f"front_{dim}" if dim in self.what.by else dim
            coords[name] = ("point", labels, dict(self.template.coordinates[dim].attributes))
        for name in self._floats:
            rows = [g.front.rows[name] for _, g in found]
            variables[name] = ("point", np.concatenate(rows) if rows else np.empty(0), self._attributes(name))
        knees = [np.arange(len(g.front.ids)) == fronts.knee(g.front.values) for _, g in found]
        variables["knee"] = (
            "point",
            np.concatenate(knees) if knees else np.empty(0, bool),
            {"long_name": SAID["knee"]},
        )
        volume = by_group(lambda g: _relative_volume(g.front.values), float, np.nan)
        variables["hypervolume"] = (
            self.what.by,
            volume,
            {"units": "1", "long_name": SAID["hypervolume"], "ties": SAID["tie"]},
        )

    def _labels(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Of points of the grid: their label in every dimension."""
        at = np.unravel_index(points, self.template.shape)
        dims = self.template.coordinates
        return {dim: np.asarray(_values(self.template, dim))[i] for dim, i in zip(dims, at, strict=True)}


def _values(template: Template, dim: str) -> Any:
    return template.coordinates[dim].values


def _fine(column: np.ndarray) -> np.ndarray:
    """Bin of each value >= 0; NaN and what is below 0 in the last ones, which are never looked at."""
    return (np.ascontiguousarray(column, np.float32).view(np.uint32) >> FINE).astype(np.int64)


def _centres() -> np.ndarray:
    """Middle of each bin of positive numbers, up to infinity."""
    bits = (np.arange(0x7F800000 >> FINE, dtype=np.uint32) << FINE) | (1 << (FINE - 1))
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def _quantile(bins: np.ndarray | None, q: float) -> float:
    """The value below which a part q of the points lies, within 2^-12 of it."""
    centres = _centres()
    if bins is None or not bins[: len(centres)].sum():
        return float("nan")
    upto = np.cumsum(bins[: len(centres)])
    return float(centres[np.searchsorted(upto, max(q * upto[-1], 1))])


def _relative_volume(values: np.ndarray) -> float:
    few = values.shape[1] == 2 or len(values) <= LARGEST_VOLUME
    return fronts.hypervolume(fronts.normalized(values), np.ones(values.shape[1])) if few else float("nan")


def pareto(
    ds: Any, minimize: Sequence[str] = (), maximize: Sequence[str] = (), by: Iterable[str] = (), within: Any = None
) -> Any:
    """The Pareto front of a dataset of forecasts, as a dataset along `point`.

    minimize, maximize: variables of ds that depend on its grid. by: dimensions with a front of their own for each
    label. within: a boolean DataArray; only points where it holds take part, such as ds.fits_memory.

    Every dimension of the grid becomes a coordinate of the points, so that one sees which design each is;
    `knee` marks the point of each front nearest to the ideal, and `group` numbers the fronts. Of points equal in
    all objectives the first in the order of the grid is kept; NaN is never on a front. Points are in the order of
    the first objective.

    Raises ValueError if there is no such variable or dimension.
    """
    import xarray as xr

    objectives = [*minimize, *maximize]
    if not objectives:
        raise ValueError("pareto() needs minimize= or maximize=, lists of variables such as ['ttft']")
    by = tuple(by)
    for name in objectives:
        if name not in ds.data_vars:
            raise ValueError(
                f"pareto(): the dataset has no variable '{name}'; it has {', '.join(map(str, ds.data_vars))}"
            )
    dims = tuple(dict.fromkeys(str(dim) for name in objectives for dim in ds[name].dims))
    for dim in by:
        if dim not in dims:
            raise ValueError(f"pareto(): by has '{dim}'; the objectives have {', '.join(dims)}")
    kept = [name for name in ds.data_vars if set(ds[name].dims) <= set(dims)]
    flat = xr.broadcast(*(ds[name] for name in kept))
    columns = {name: one.transpose(*dims).values.reshape(-1) for name, one in zip(kept, flat, strict=True)}
    shape = tuple(ds.sizes[dim] for dim in dims)
    feasible = np.ones(shape, bool)
    if within is not None:
        feasible = np.asarray(within.broadcast_like(flat[0]).transpose(*dims).values, bool)
    values = np.stack(
        [columns[name].astype(np.float64) * (1 if name in minimize else -1) for name in objectives], axis=1
    )
    values[~feasible.reshape(-1)] = np.nan
    index = np.unravel_index(np.arange(len(values)), shape)
    sizes = [ds.sizes[dim] for dim in by]
    group = np.ravel_multi_index([index[dims.index(dim)] for dim in by], sizes) if by else np.zeros(len(values), int)
    chosen, knees = [], []
    for one in np.unique(group):
        rows = np.flatnonzero(group == one)
        rows = rows[fronts.front(values[rows])]
        rows = rows[np.argsort(values[rows, 0], kind="stable")]
        if len(rows):
            chosen.append(rows)
            knees.append(np.arange(len(rows)) == fronts.knee(values[rows]))
    points = np.concatenate(chosen) if chosen else np.empty(0, int)
    coords = {
        dim: ("point", (ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim]))[index[i][points]],
              dict(ds[dim].attrs) if dim in ds.coords else {})
        for i, dim in enumerate(dims)
    }  # fmt: skip
    variables = {name: ("point", columns[name][points], dict(ds[name].attrs)) for name in kept}
    variables["knee"] = ("point", np.concatenate(knees) if knees else np.empty(0, bool), {"long_name": SAID["knee"]})
    variables["group"] = (
        "point",
        np.unique(group[points], return_inverse=True)[1],
        {"long_name": "number of the front"},
    )
    return xr.Dataset(variables, coords=coords, attrs={**ds.attrs, "ties": SAID["tie"]})
