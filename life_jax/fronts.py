"""Pareto fronts of any number of objectives, exact, of points that come in pieces. Knows nothing of language models.

Smaller is better in every column. A point is on the front if no other is at least as good in all objectives and
better in one; of points equal in all objectives the one with the lowest index is kept.
"""

from dataclasses import dataclass, field

import numpy as np

GUARDS = 24  # points of the front that a new piece is first held against


def front(values: np.ndarray) -> np.ndarray:
    """Indices, ascending, of the rows of values [n, k] that are on the front; rows that are not finite never are."""
    index = np.flatnonzero(np.isfinite(values).all(axis=1))
    values = values[index]
    if not len(index):
        return index
    if values.shape[1] == 1:
        return index[[int(np.argmin(values[:, 0]))]]
    kept = {2: _of_two, 3: _of_three}.get(values.shape[1], _of_many)(values)
    return np.sort(index[kept])


def _of_two(values: np.ndarray) -> np.ndarray:
    """By the first objective, then the second: on the front is what beats the best second objective so far."""
    order = np.lexsort((values[:, 1], values[:, 0]))
    second = values[order, 1]
    best = np.minimum.accumulate(second)
    return order[np.concatenate(([True], second[1:] < best[:-1]))]


def _of_three(values: np.ndarray) -> np.ndarray:
    """Divide and conquer over the order of the first objective, all halves of one size at once.

    Of two neighbouring halves the left one is as good in the first objective. It dominates what in the right one
    has, among the left ones up to its second objective, a third objective that is as good: a running minimum.
    """
    order = np.lexsort((values[:, 2], values[:, 1], values[:, 0]))
    second = np.unique(values[order, 1], return_inverse=True)[1]
    third = np.unique(values[order, 2], return_inverse=True)[1].astype(np.int64)
    alive = np.arange(len(order))
    by_second = np.argsort(second, kind="stable")
    none = np.int64(len(order))
    size = 1
    while size < len(order):
        pair = by_second // (2 * size)
        at = by_second[np.argsort(pair, kind="stable")]  # by pair, then by the second objective, left before right
        pair, is_left = at // (2 * size), (at // size) % 2 == 0
        # a lower offset for each later pair: the running minimum starts anew
        offset = (pair[-1] - pair) * (none + 1)
        running = np.minimum.accumulate(np.where(is_left, third[at], none) + offset) - offset
        dominated = ~is_left & (running <= third[at])
        if dominated.any():
            gone = np.zeros(len(order), bool)
            gone[at[dominated]] = True
            by_second, alive = by_second[~gone[by_second]], alive[~gone[alive]]
        size *= 2
    return order[alive]


def _of_many(values: np.ndarray) -> np.ndarray:
    """In the order of the sum of ranks nothing is dominated by what comes later; each survivor clears the rest."""
    ranks = np.empty(values.shape)
    for column in range(values.shape[1]):  # ranks, so that a sum in floating point orders the dominated behind
        ranks[:, column] = np.unique(values[:, column], return_inverse=True)[1]
    left = np.argsort(ranks.sum(axis=1), kind="stable")
    points, kept = values[left], []
    while len(left):
        kept.append(left[0])
        better = (points < points[0]).any(axis=1)
        left, points = left[better], points[better]
    return np.array(kept)


@dataclass
class Front:
    """A front that grows: `add` points, read `values` [n, k], `ids` [n] and
    `rows`, ascending in the first objective."""

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
        self._merge()
        return self._values

    @property
    def ids(self) -> np.ndarray:
        self._merge()
        return self._ids

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """What came beside the points, by name [n]."""
        self._merge()
        return self._rows

    def add(self, values: np.ndarray, ids: np.ndarray) -> None:
        """values [n, k], ids [n]: distinct integers that rise from piece to piece; of equal points the lowest stays."""
        self.add_columns([values[:, column] for column in range(self.objectives)], ids)

    def add_columns(
        self, columns: list[np.ndarray], ids: np.ndarray, rows: dict[str, np.ndarray] | None = None
    ) -> None:
        """The same of k arrays [n], with further columns that stay with the points."""
        rows = rows or {}
        for guard in self._guards():
            # what is nowhere better than a guard is dominated by it, or equal to it with a later id
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
        # merged when they are as many as the front: every point is then sorted a few times, not once a piece
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
        """The knee first, which dominates the most."""
        if not len(self._ids):
            return self._values
        spread = np.linspace(0, len(self._ids) - 1, min(GUARDS, len(self._ids))).round().astype(int)
        return self._values[[knee(self._values), *spread]]


def normalized(values: np.ndarray) -> np.ndarray:
    """Of a front: 0 is the best of each objective (ideal), 1 the worst that is on the front (nadir)."""
    low, high = values.min(axis=0), values.max(axis=0)
    return (values - low) / np.where(high > low, high - low, 1.0)


def knee(values: np.ndarray) -> int:
    """Index of the point of a front that is nearest to the ideal, after scaling between ideal and nadir."""
    return int(np.argmin((normalized(values) ** 2).sum(axis=1)))


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """Volume that is dominated by the rows and dominates the reference point. Exact; rows beyond it add nothing."""
    values = values[(values < reference).all(axis=1)]
    values = values[front(values)] if len(values) else values
    return _volume(values, reference)


def _volume(values: np.ndarray, reference: np.ndarray) -> float:
    """Slices along the last objective, each as thick as the way to the next point."""
    if not len(values):
        return 0.0
    if values.shape[1] == 1:
        return float(reference[0] - values[:, 0].min())
    if values.shape[1] == 2:
        ordered = values[np.argsort(values[:, 0])]
        widths = np.append(ordered[1:, 0], reference[0]) - ordered[:, 0]
        return float((widths * (reference[1] - np.minimum.accumulate(ordered[:, 1]))).sum())
    order = np.argsort(values[:, -1], kind="stable")
    values = values[order]
    tops = np.append(values[1:, -1], reference[-1])
    total = 0.0
    for count, (low, high) in enumerate(zip(values[:, -1], tops, strict=True), start=1):
        if high > low:
            slab = values[:count, :-1]
            total += (high - low) * _volume(slab[front(slab)], reference[:-1])
    return total
