"""Exact hypervolumes of Pareto fronts of any number of objectives.

Smaller is better in every objective, as in `pareto_front`.
"""

from bisect import bisect_left

import numpy as np

from life_jax.grid import pareto_front

# Number of objectives -> points of a front whose volume takes at most a few seconds on one core; of 1 or 2 any number.
LARGEST_FRONTS = {3: 200_000, 4: 30_000, 5: 8_000, 6: 2_000, 7: 600, 8: 250, 9: 120, 10: 80}
LARGEST_FRONT_OF_MORE = 20


def largest(objectives: int) -> float:
    """Number of points of a front up to which `hypervolume` takes at most a few seconds, for k objectives."""
    return float("inf") if objectives <= 2 else LARGEST_FRONTS.get(objectives, LARGEST_FRONT_OF_MORE)


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """Volume of the region that is dominated by points and itself dominates a reference point.

    values [n, k]: objectives of the points; those that are not better than the reference add nothing. reference [k].
    Returns the volume in the product of the units of the objectives, exact but for rounding.

    It takes a time of n log n for 2 objectives and usual fronts of 3, of n^2 for 4, and more for more (`largest`).
    """
    values = values[(values < reference).all(axis=1)]
    values = values[pareto_front.front(values)] if len(values) else values
    if not len(values):
        return 0.0
    if values.shape[1] == 1:
        return float(reference[0] - values[0, 0])
    values = values[np.lexsort(values.T)]  # by the last objective: the sweeps below go along it
    return {2: _of_two, 3: _of_three}.get(values.shape[1], _of_many)(values, reference)


def _of_two(values: np.ndarray, reference: np.ndarray) -> float:
    tops = np.append(values[1:, 1], reference[1])
    return float(((tops - values[:, 1]) * (reference[0] - values[:, 0])).sum())


def _of_three(values: np.ndarray, reference: np.ndarray) -> float:
    """Volume of three objectives: a sweep along the last, while the dominated area of the other two grows in steps.

    Reference: Fonseca et al. 2006, An improved dimension-sweep algorithm for the hypervolume indicator.
    """
    edge, floor = float(reference[0]), float(reference[1])
    xs, ys = [-np.inf, edge], [floor, -np.inf]  # corners of the steps: x rises, y falls
    area, total = 0.0, 0.0
    tops = np.append(values[1:, 2], reference[2]) - values[:, 2]
    for (x, y, _), thick in zip(values.tolist(), tops.tolist(), strict=True):
        start = end = bisect_left(xs, x)  # y is below the steps here: else an earlier point would dominate this one
        left, top = x, ys[start - 1]
        while ys[end] >= y:  # corners that the new one dominates
            area += (xs[end] - left) * (top - y)
            left, top = xs[end], ys[end]
            end += 1
        area += (xs[end] - left) * (top - y)
        xs[start:end], ys[start:end] = [x], [y]
        total += area * thick
    return total


def _of_many(values: np.ndarray, reference: np.ndarray) -> float:
    """Volume of four or more objectives: a sweep along the last, with the dominated part of the others in boxes.

    A point that is not dominated lies below one of the local upper bounds u [k - 1], each of which has a point z^j
    that bounds it in objective j; the dominated part is the disjoint union of the boxes
    [u_1, reference_1] x [max of z^1_j .. z^(j-1)_j, u_j] for j > 1. Ranks without ties stand for the values where
    they are compared: as after an infinitesimal move, which the volume does not see.
    Reference: Lacour, Klamroth and Fonseca 2017, A box decomposition algorithm to compute the hypervolume indicator.
    """
    n, k = len(values), values.shape[1] - 1
    scale = np.stack([np.concatenate(([c.min()], np.sort(c), [r])) for c, r in zip(values.T, reference, strict=True)])
    ranks = np.empty((n, k), np.int32)
    for j in range(k):
        ranks[np.argsort(values[:, j], kind="stable"), j] = np.arange(1, n + 1)
    bounds = np.full((k, 1), n + 1, np.int32)  # [k, room], the first `used` in use; 0 in those that are free again
    by = np.where(np.eye(k, dtype=bool), n + 1, 0).astype(np.int32)[None]  # [room, k, k]: z^j_i
    sizes, used, free = np.zeros(1), 1, np.empty(0, np.intp)
    tops = np.append(values[1:, -1], reference[-1]) - values[:, -1]
    area, total = 0.0, 0.0
    for z, thick in zip(ranks, tops.tolist(), strict=True):
        hit = bounds[0, :used] > z[0]
        for j in range(1, k):
            hit &= bounds[j, :used] > z[j]
        old = np.flatnonzero(hit)  # never none: else an earlier point would dominate this one
        new_by = _split(by[old], z)
        new_bounds = np.diagonal(new_by, axis1=1, axis2=2)
        new_sizes = _sizes(new_by, scale)
        area += float(new_sizes.sum() - sizes[old].sum())
        places = np.concatenate((old, free))
        if len(new_by) > len(places):
            more = len(new_by) - len(places)
            places, used = np.concatenate((places, np.arange(used, used + more))), used + more
            if used > len(sizes):
                room = 2 * used - len(sizes)
                bounds = np.pad(bounds, ((0, 0), (0, room)))
                by, sizes = np.pad(by, ((0, room), (0, 0), (0, 0))), np.pad(sizes, (0, room))
        places, free = places[: len(new_by)], places[len(new_by) :]
        bounds[:, places], by[places], sizes[places] = new_bounds.T, new_by, new_sizes
        bounds[:, free], sizes[free] = 0, 0.0
        total += area * thick
    return total


def _split(by: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Defining points [m, k, k] of the local upper bounds that replace those above a new point.

    by [n, k, k]: defining points of the bounds that the point z [k] lies below. Each bound is moved to z in one
    objective after the other, if z is not better there than the points that bound it in the others.
    """
    k, bounds = len(z), []
    for j in range(k):
        others = by[:, [i for i in range(k) if i != j], j].max(axis=1)
        moved = by[z[j] >= others]
        moved[:, j] = z
        bounds.append(moved)
    return np.concatenate(bounds)


def _sizes(by: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Volumes [m] of the boxes of local upper bounds.

    by [m, k, k]: their defining points, as ranks. scale [k, ranks]: the value of each rank of each objective.
    """
    volumes: np.ndarray = scale[0, -1] - scale[0][by[:, 0, 0]]
    for j in range(1, by.shape[1]):
        volumes = volumes * (scale[j][by[:, j, j]] - scale[j][by[:, :j, j].max(axis=1)])
    return volumes
