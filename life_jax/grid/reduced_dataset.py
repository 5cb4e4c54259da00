"""Results of reduced grids as labelled datasets, and the Pareto front of a labelled dataset."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.grid import hypervolume, pareto_front
from life_jax.grid.fine_bins import centres
from life_jax.grid.labels import Template
from life_jax.grid.reduction import Reducer

if TYPE_CHECKING:
    import xarray as xr

WORKLOAD = "workload"  # role of a coordinate that is no choice of a design
DEFINITIONS = {
    "tie": "of points equal in all objectives the first in the order of the grid is kept",
    "knee": "nearest to the ideal, each objective scaled between the best and the worst on the front",
    "hypervolume": "part of the box between best and worst of the front that it dominates",
}


def dataset(r: Reducer) -> "xr.Dataset":
    """All that a Reducer has kept, as an xarray.Dataset.

    Variables `count`, `best_*`, `quantile_*`, `histogram_*`, and along `point` those of the Pareto front, as far as
    the reduction has them. Coordinates of the front that are also dimensions of `by` are called `front_*`.
    """
    import xarray as xr

    t, what = r.template, r.what
    sizes = [len(t.coordinates[dim]) for dim in what.by]
    coords: dict[str, Any] = {d: (d, _values(t, d), dict(t.coordinates[d].attributes)) for d in what.by}
    variables: dict[str, Any] = {}

    def by_group(of: Any, dtype: Any, absent: Any) -> np.ndarray:
        values = np.full(int(np.prod(sizes, dtype=np.int64)), absent, dtype)
        for index, group in r.groups.items():
            values[index] = of(group)
        return values.reshape(sizes)

    about = {"long_name": "feasible points", "units": "1"}
    variables["count"] = (what.by, by_group(lambda g: g.count, np.int64, 0), about)
    if what.best:
        coords["objective"] = ("objective", list(what.best), {"long_name": "metric of which this is the best"})
        _best(r, variables, by_group)
    if what.quantiles:
        about = {"units": "1", "long_name": "part of the points below"}
        coords["quantile"] = ("quantile", list(what.quantiles), about)
        for name in r.floats:
            values = [
                by_group(lambda g, n=name, q=q: g.bins[n].quantile(q) if n in g.bins else np.nan, float, np.nan)
                for q in what.quantiles
            ]
            variables[f"quantile_{name}"] = (("quantile", *what.by), np.stack(values), _attributes(r, name))
    if what.histogram:
        _histogram(r, variables, sizes)
    if what.pareto:
        _front(r, variables, coords, by_group)
    return xr.Dataset(variables, coords=coords, attrs=dict(t.attributes))


def _attributes(r: Reducer, name: str) -> dict[str, Any]:
    return dict(r.template.variables[name].attributes)


def _best(r: Reducer, variables: dict[str, Any], by_group: Any) -> None:
    dims = ("objective", *r.what.by)

    def stacked(of: Any, dtype: Any, absent: Any) -> np.ndarray:
        return np.stack([
            by_group(lambda g, o=o: of(g.best[o]) if o in g.best else absent, dtype, absent) for o in r.what.best
        ])  # fmt: skip

    for name in r.floats:
        values = stacked(lambda b, n=name: b[2][n], float, np.nan)
        variables[f"best_{name}"] = (dims, values, _attributes(r, name))
    points = stacked(lambda b: b[1], np.int64, -1)
    for dim, (labels, attributes) in _labels(r, np.maximum(points, 0)).items():
        if dim not in r.what.by:
            absent = "" if labels.dtype.kind == "U" else np.nan
            variables[f"best_{dim}"] = (dims, np.where(points >= 0, labels, absent), attributes)


def _histogram(r: Reducer, variables: dict[str, Any], sizes: list[int]) -> None:
    """Add histograms, with bins of equal ratio between the least and the greatest value of all groups."""
    for name in r.floats:
        filled = [g.bins[name].filled()[0] for g in r.groups.values() if name in g.bins]
        ends = [end for bins in filled if len(bins) for end in (bins[0], bins[-1])]
        if not ends:
            continue
        low, high = np.maximum(centres()[[min(ends), max(ends)]], np.finfo(np.float32).tiny)
        edges = np.geomspace(low, high * (1 + 2.0**-10), r.what.histogram + 1)
        bin_of = np.clip(np.searchsorted(edges, centres(), side="right") - 1, 0, r.what.histogram - 1)
        counts = np.zeros((r.what.histogram, int(np.prod(sizes, dtype=np.int64))), np.int64)
        for index, group in r.groups.items():
            if name in group.bins:
                at, fine = group.bins[name].filled()
                counts[:, index] = np.bincount(bin_of[at], weights=fine, minlength=r.what.histogram)
        about = {"units": "1", "long_name": f"points by {name}"}
        variables[f"histogram_{name}"] = (("bin", *r.what.by), counts.reshape(-1, *sizes), about)
        variables[f"edges_{name}"] = (("edge",), edges, _attributes(r, name))


def _front(r: Reducer, variables: dict[str, Any], coords: dict[str, Any], by_group: Any) -> None:
    fronts = [group.front for _, group in sorted(r.groups.items()) if len(group.front.ids)]
    ids = np.concatenate([front.ids for front in fronts]) if fronts else np.empty(0, np.int64)
    for dim, (labels, attributes) in _labels(r, ids).items():
        name = f"front_{dim}" if dim in r.what.by else "sample" if dim == "point" else dim
        coords[name] = ("point", labels, attributes)
    for name in r.floats:
        rows = [front.rows[name] for front in fronts]
        variables[name] = ("point", np.concatenate(rows) if rows else np.empty(0), _attributes(r, name))
    knees = [np.arange(len(front.ids)) == pareto_front.knee(front.values) for front in fronts]
    variables["knee"] = _knee_variable(knees)
    volume = by_group(lambda g: _relative_volume(g.front.values), float, np.nan)
    longest = max((len(front.ids) for front in fronts), default=0)
    about = {**_about_volume(len(r.what.pareto), longest), "ties": DEFINITIONS["tie"]}
    variables["hypervolume"] = (r.what.by, volume, about)


def _knee_variable(knees: list[np.ndarray]) -> tuple[str, np.ndarray, dict[str, Any]]:
    """The variable that marks the knees; knees: for each front, which of its points it is."""
    return ("point", np.concatenate(knees) if knees else np.empty(0, bool), {"long_name": DEFINITIONS["knee"]})


def _labels(r: Reducer, points: np.ndarray) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Labels of points of the grid [n] along every dimension, with their attributes; points: their numbers [n]."""
    t = r.template
    at = dict(zip(t.coordinates, np.unravel_index(points, t.shape), strict=True))
    labels = {dim: (np.asarray(_values(t, dim))[at[dim]], dict(c.attributes)) for dim, c in t.coordinates.items()}
    for name, listed in t.listed.items():
        labels[name] = (listed.at(at[listed.dimension]).astype(listed.dtype), dict(listed.attributes))
    return labels


def _values(template: Template, dim: str) -> Any:
    return template.coordinates[dim].values


def _about_volume(objectives: int, longest: int) -> dict[str, Any]:
    """Attributes of the variable of hypervolumes; longest: number of points of the longest front."""
    about = {"units": "1", "long_name": DEFINITIONS["hypervolume"]}
    most = hypervolume.largest(objectives)
    if longest > most:
        about["missing"] = (
            f"NaN where a front has over {most} points (the longest has {longest}): "
            f"of {objectives} objectives the exact volume would take too long"
        )
    return about


def _relative_volume(values: np.ndarray) -> float:
    if not len(values) or len(values) > hypervolume.largest(values.shape[1]):  # no point met the limits, or too many
        return float("nan")
    return hypervolume.hypervolume(pareto_front.normalized(values), np.ones(values.shape[1]))


def pareto(
    ds: "xr.Dataset",
    minimize: Sequence[str] = (),
    maximize: Sequence[str] = (),
    by: Iterable[str] | None = None,
    within: "xr.DataArray | None" = None,
) -> "xr.Dataset":
    """The Pareto front of a dataset of forecasts.

    ds: xarray.Dataset. minimize, maximize: names of its variables that are the objectives, at least one. by: names of
    dimensions; each combination of their labels gets a front of its own; unless it is given, the dimensions whose
    coordinate says `role: workload`, which no design chooses. within: a boolean DataArray, such as ds.fits_memory; only
    points where it is true take part.

    Returns an xarray.Dataset along `point`, in the order of the first objective. Every dimension of the grid becomes
    a coordinate of the points, so that it is seen which design a point is. `knee` marks the point of a front that is
    nearest to the ideal, `group` is the number of the front, and `hypervolume` belongs to the point's front: the part
    of the box between its best and its worst values that it dominates. Of points that are equal in all objectives the
    first in the order of the grid is kept; a point with NaN is never on a front.

    Raises ValueError if the dataset has no such variable or dimension.
    """
    import xarray as xr

    objectives = [*minimize, *maximize]
    if not objectives:
        raise ValueError("pareto() needs minimize= or maximize=, lists of variables such as ['ttft']")
    for name in objectives:
        if name not in ds.data_vars:
            raise ValueError(
                f"pareto(): the dataset has no variable '{name}'; it has {', '.join(map(str, ds.data_vars))}"
            )
    dims = tuple(dict.fromkeys(str(dim) for name in objectives for dim in ds[name].dims))
    by = tuple(d for d in dims if d in ds.coords and ds[d].attrs.get("role") == WORKLOAD) if by is None else tuple(by)
    for dim in by:
        if dim not in dims:
            raise ValueError(f"pareto(): by has '{dim}'; the objectives have {', '.join(dims)}")
    kept = [name for name in ds.data_vars if set(ds[name].dims) <= set(dims)]
    flat = xr.broadcast(*(ds[name] for name in kept))
    columns = {name: array.transpose(*dims).values.reshape(-1) for name, array in zip(kept, flat, strict=True)}
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
    chosen, knees, volume = [], [], []
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        rows = rows[pareto_front.front(values[rows])]
        rows = rows[np.argsort(values[rows, 0], kind="stable")]
        if len(rows):
            chosen.append(rows)
            knees.append(np.arange(len(rows)) == pareto_front.knee(values[rows]))
            volume.append(np.full(len(rows), _relative_volume(values[rows])))
    points = np.concatenate(chosen) if chosen else np.empty(0, int)
    coords = {
        dim: ("point", (ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim]))[index[i][points]],
              dict(ds[dim].attrs) if dim in ds.coords else {})
        for i, dim in enumerate(dims)
    }  # fmt: skip
    variables = {name: ("point", columns[name][points], dict(ds[name].attrs)) for name in kept}
    variables["knee"] = _knee_variable(knees)
    variables["group"] = (
        "point",
        np.unique(group[points], return_inverse=True)[1],
        {"long_name": "number of the front"},
    )
    variables["hypervolume"] = (
        "point",
        np.concatenate(volume) if volume else np.empty(0),
        _about_volume(len(objectives), max(map(len, chosen), default=0)),
    )
    return xr.Dataset(variables, coords=coords, attrs={**ds.attrs, "ties": DEFINITIONS["tie"]})
