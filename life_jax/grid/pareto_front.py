"""Exact Pareto fronts of any number of objectives, also of points that come in pieces.

Smaller is better in every objective. A point is on the front if no other point is at least as good in all objectives
and better in at least one. Of points that are equal in all objectives the one with the lowest index is kept.
"""

from dataclasses import dataclass, field

import numpy as np

GUARDS = 24  # points of the front that a new piece is first held against
BLOCK = 512  # points that clear the rest together; boxes have an eighth to a quarter of it
WIDTH = 1024  # points that are compared with the same guards at once
PAIRS = 1 << 18  # compared in one round: a byte each, so that they stay in the cache


def front(values: np.ndarray) -> np.ndarray:
    """Indices of the points on the Pareto front, ascending.

    values [n, k]: objectives of the points, smaller is better; a point with a value that is not finite is never on
    the front.
    """
    index = np.flatnonzero(np.isfinite(values).all(axis=1))
    values = values[index]
    if not len(index):
        return index
    if values.shape[1] == 1:
        return index[[int(np.argmin(values[:, 0]))]]
    kept = {2: _of_two, 3: _of_three}.get(values.shape[1], _of_many)(values)
    return np.sort(index[kept])


def _of_two(values: np.ndarray) -> np.ndarray:
    """Front of two objectives: in the order of the first, each point that is better in the second than all before."""
    order = np.lexsort((values[:, 1], values[:, 0]))
    second = values[order, 1]
    best = np.minimum.accumulate(second)
    return order[np.concatenate(([True], second[1:] < best[:-1]))]


def _of_three(values: np.ndarray) -> np.ndarray:
    """Front of three objectives: divide and conquer in the order of the first, all halves of one size at once.

    Of two neighbouring halves, points of the left one are at least as good in the first objective. A point of the
    right half is dominated if a left point whose second objective is no greater has a third objective that is no
    greater: a running minimum of the third objective along the second.
    """
    order = np.lexsort((values[:, 2], values[:, 1], values[:, 0]))
    second = np.unique(values[order, 1], return_inverse=True)[1]
    third = np.unique(values[order, 2], return_inverse=True)[1].astype(np.int64)
    alive = np.arange(len(order))
    by_second = np.argsort(second, kind="stable")
    above = np.int64(len(order))  # greater than any rank
    size = 1
    while size < len(order):
        pair = by_second // (2 * size)
        at = by_second[np.argsort(pair, kind="stable")]  # by pair, then by the second objective, left before right
        pair, is_left = at // (2 * size), (at // size) % 2 == 0
        # a lower offset for each later pair: the running minimum starts anew
        offset = (pair[-1] - pair) * (above + 1)
        running = np.minimum.accumulate(np.where(is_left, third[at], above) + offset) - offset
        dominated = ~is_left & (running <= third[at])
        if dominated.any():
            gone = np.zeros(len(order), bool)
            gone[at[dominated]] = True
            by_second, alive = by_second[~gone[by_second]], alive[~gone[alive]]
        size *= 2
    return order[alive]


def _of_many(values: np.ndarray) -> np.ndarray:
    """Front of four or more objectives, in the order of the sum of ranks.

    In that order no point is dominated by a later one, so that the first points can clear the rest of what they
    dominate. Once they clear little, most points that are left are on the front; those are compared with each other
    in boxes (`_in_boxes`). Reference for the order: Chomicki et al. 2003, Skyline with presorting.
    """
    ranks = [np.unique(column, return_inverse=True)[1] for column in values.T]
    order = np.argsort(np.sum(ranks, axis=0), kind="stable")  # a sum of ranks is exact, one of values may round a tie
    points = np.stack([np.arange(len(order)), *(rank[order] for rank in ranks)]).astype(np.int32)
    kept, size = [], GUARDS
    while points.shape[1]:
        first, points = points[:, :size], points[:, size:]
        first = first[:, ~_dominated(first, first)]
        kept.append(first[0])
        gone = _dominated(first, points)
        points = points[:, ~gone]
        if size == BLOCK and np.count_nonzero(gone) < len(gone) / 4:
            kept.append(_in_boxes(points))
            break
        size = min(2 * size, BLOCK)
    places: np.ndarray = order[np.concatenate(kept)]
    return places


def _dominated(guards: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points [m] are dominated by a guard, or equal to a guard that comes before them.

    guards [1 + k, g], points [1 + k, m]: in the first row the place in an order in which no point is dominated by a
    later one, in the others the ranks of the objectives.
    """
    dominated = np.zeros(points.shape[1], bool)
    for start in range(0, len(dominated), WIDTH):
        some = points[:, start : start + WIDTH]
        rows = PAIRS // some.shape[1]
        for top in range(0, guards.shape[1], rows):
            worse = guards[0, top : top + rows, None] < some[0]
            for guard, point in zip(guards[1:, top : top + rows], some[1:], strict=True):
                worse &= guard[:, None] <= point
            dominated[start : start + WIDTH] |= worse.any(axis=0)
    return dominated


def _in_boxes(points: np.ndarray) -> np.ndarray:
    """First row of those points [1 + k, n], as in `_dominated`, that are on the front.

    Points are put into boxes of neighbours, halved along one objective after the other. Only a point that is in every
    objective at least as good as the worst corner of a box can dominate a point in it.
    """
    n, boxes = points.shape[1], 1
    order = np.arange(n)
    while n > BLOCK * boxes / 4:
        column = points[1 + boxes.bit_length() % (len(points) - 1)]
        order = order[np.lexsort((column[order], np.arange(n) * boxes // n))]
        boxes *= 2
    alive = np.ones(n, bool)
    for here in np.split(order, -(-np.arange(1, boxes) * n // boxes)):
        box, hopeful = points[:, here], alive.copy()  # a dominated point dominates nothing that no other point does
        for column, worst in zip(points, box.max(axis=1, initial=0), strict=True):
            hopeful &= column <= worst
        alive[here] = ~_dominated(points[:, hopeful], box)
    first: np.ndarray = points[0][alive]
    return first


@dataclass
class Front:
    """A Pareto front of points that come in pieces, in the order of the first objective.

    objectives: their number k.
    """

    objectives: int
    _values: np.ndarray = field(init=False)
    _ids: np.ndarray = field(init=False)
    _rows: dict[str, np.ndarray] = field(init=False)
    _waiting: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._values, self._ids = np.empty((0, self.objectives)), np.empty(0, np.int64)
        self._rows = {}

    @property
    def values(self) -> np.ndarray:
        """Objectives [n, k] of the points on the front."""
        self._merge()
        return self._values

    @property
    def ids(self) -> np.ndarray:
        """Integers [n] that the points on the front came with."""
        self._merge()
        return self._ids

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Further columns [n] of the points on the front, by name."""
        self._merge()
        return self._rows

    def add(self, columns: list[np.ndarray], ids: np.ndarray, rows: dict[str, np.ndarray] | None = None) -> None:
        """Add m points.

        columns: k arrays [m], one for each objective. ids [m]: distinct integers, greater than those of earlier
        pieces; of equal points the one with the lowest stays. rows: further columns [m] by name that stay with the
        points; the same names every time.
        """
        rows = rows or {}
        for guard in self._guards():
            # a point that is nowhere better than a guard is dominated by it, or equal to it with a later id
            hopeful = columns[0] < guard[0]
            for column, bound in zip(columns[1:], guard[1:], strict=True):
                hopeful |= column < bound
            columns, ids = [column[hopeful] for column in columns], ids[hopeful]
            rows = {name: column[hopeful] for name, column in rows.items()}
            if not len(ids):
                return
        values = np.stack(columns, axis=1).astype(np.float64)
        local = front(values)
        self._waiting.append((values[local], ids[local], {name: column[local] for name, column in rows.items()}))
        # merged when they are as many as the front: a point is then sorted a few times, not once for every piece
        if sum(len(piece[1]) for piece in self._waiting) > len(self._ids):
            self._merge()

    def _merge(self) -> None:
        if not self._waiting:
            return
        pieces = [(self._values, self._ids, self._rows), *self._waiting] if len(self._ids) else self._waiting
        self._waiting = []
        ids = np.concatenate([piece[1] for piece in pieces])
        order = np.argsort(ids, kind="stable")
        values = np.concatenate([piece[0] for piece in pieces])[order]
        kept = front(values)
        kept = kept[np.argsort(values[kept, 0], kind="stable")]
        self._values, self._ids = values[kept], ids[order][kept]
        at = order[kept]
        self._rows = {name: np.concatenate([piece[2][name] for piece in pieces])[at] for name in pieces[0][2]}

    def _guards(self) -> np.ndarray:
        """A few points [g, k] of the front, first its knee, which dominates the most."""
        if not len(self._ids):
            return self._values
        spread = np.linspace(0, len(self._ids) - 1, min(GUARDS, len(self._ids))).round().astype(int)
        return self._values[[knee(self._values), *spread]]


def normalized(values: np.ndarray) -> np.ndarray:
    """Objectives of a front, scaled so that 0 is the best value on it (ideal) and 1 the worst (nadir).

    values [n, k]: objectives of the points of a front.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    scaled: np.ndarray = (values - low) / np.where(high > low, high - low, 1.0)
    return scaled


def knee(values: np.ndarray) -> int:
    """Index of the point of a front [n, k] that is nearest to the ideal, objectives scaled by `normalized`."""
    return int(np.argmin((normalized(values) ** 2).sum(axis=1)))
