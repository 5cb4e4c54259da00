"""The least of a function within bounds and limits, some numbers whole: sampled everywhere, then followed downhill.

Knows nothing of language models. Points are logarithms of numbers; so are the values.

A local solver (SLSQP) finds the optimum where the problem is convex and smooth. Where it may be neither, it starts
from the best of a sample of the whole box, and what it finds is sampled around in ever smaller boxes: kinks and
steps stop a solver, not a sample. Whole numbers are branched on (Land and Doig 1960, Econometrica 28) or, where
nothing else is free, all tried.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

TOLERANCE = 1e-6  # relative: a limit counts as met, a number as whole
BATCH = 512  # points that are evaluated in one call
SAMPLE = 4096  # points over the whole box
MOST_TRIED = 2**17  # combinations of whole numbers that are all tried
STARTS = 4  # of a sample, from which the solver starts
ZOOMS = 12  # boxes around a solution, each a third of the one before
NODES = 60  # of a search over whole numbers
FAR = 100.0  # a logarithm beyond any number


class Oracle:
    """A function of a point [k] that gives values [m]: compiled once, in float64; the last answer is remembered."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        def twice(x: Any) -> tuple[Any, Any]:
            values = function(x)
            return values, values

        self._many = jax.jit(jax.vmap(function))
        self._one = jax.jit(jax.jacfwd(twice, has_aux=True))
        self._last: tuple[bytes, tuple[np.ndarray, np.ndarray]] = (b"", (np.empty(0), np.empty(0)))

    def one(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """values [m] and their slopes [m, k]."""
        point = np.asarray(point, np.float64)
        if self._last[0] != point.tobytes():
            with jax.enable_x64(True):
                slopes, values = self._one(point)
                self._last = (point.tobytes(), (np.asarray(values), np.asarray(slopes)))
        return self._last[1]

    def many(self, points: np.ndarray) -> np.ndarray:
        """points [n, k] -> values [n, m]."""
        found = []
        with jax.enable_x64(True):
            for start in range(0, len(points), BATCH):
                piece = points[start : start + BATCH]
                filled = np.concatenate([piece, np.repeat(piece[-1:], BATCH - len(piece), axis=0)])
                found.append(np.asarray(self._many(filled))[: len(piece)])
        return np.concatenate(found)


@dataclass(frozen=True)
class Sample:
    """Points [n, k] of a box, whole numbers whole, and their values [n, m]; `every`: there are no others."""

    points: np.ndarray
    values: np.ndarray
    every: bool


def sampled(oracle: Oracle, low: np.ndarray, high: np.ndarray, whole: np.ndarray) -> Sample:
    """All points where they are few, else spread evenly (Sobol), the two ends of the box among them."""
    from scipy.stats import qmc

    least, most = _whole_ends(low, high)
    if whole.all() and np.prod(most - least + 1) <= MOST_TRIED:
        points = np.log(np.array(list(itertools.product(*map(np.arange, least, most + 1)))))
        return Sample(points, oracle.many(points), True)
    part = qmc.Sobol(len(low), rng=np.random.default_rng(0)).random(SAMPLE)
    part[:2] = [[0.0], [1.0]]
    points = low + (high - low) * part
    counts = np.clip(np.round(np.exp(points)), least, most)
    points = np.where(whole, np.log(counts), points)
    return Sample(points, oracle.many(points), False)


def _whole_ends(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ceil(np.exp(low) * (1 - TOLERANCE)), np.floor(np.exp(high) * (1 + TOLERANCE))


@dataclass(frozen=True)
class Search:
    """The least first value such that no other is above its limit: low, high, whole [k], limits [m - 1]."""

    oracle: Oracle
    sample: Sample
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    limits: np.ndarray

    def missed(self, values: np.ndarray) -> np.ndarray:
        """values [..., m] -> by how much each limit is missed, at most 0 where it is met; inf where it is no number."""
        return np.where(np.isfinite(values).all(axis=-1, keepdims=True), values[..., 1:] - self.limits, np.inf)

    def worst(self, point: np.ndarray) -> float:
        return float(np.max(self.missed(self.oracle.one(point)[0]), initial=-np.inf))

    def cost(self, point: np.ndarray) -> float:
        """Infinite where a limit is missed."""
        return float(self._costs(self.oracle.one(point)[0]))

    def _costs(self, values: np.ndarray) -> np.ndarray:
        return np.where((self.missed(values) <= 0).all(axis=-1), values[..., 0], np.inf)

    def cheapest(self, starts: Sequence[np.ndarray] = ()) -> np.ndarray | None:
        """The best point that was found, or None where nothing meets the limits."""
        points, values = self._inside
        costs = self._costs(values)
        best = points[np.argmin(costs)] if np.isfinite(costs).any() else None
        if self.sample.every:
            return best
        waiting, nodes = [self], 0
        while waiting and nodes < NODES:
            node, nodes = waiting.pop(), nodes + 1
            found = node._relaxed(starts)
            if found is None or (best is not None and self.cost(found) >= self.cost(best) - TOLERANCE):
                continue
            parts = list(node._halves(found))
            if not parts:
                best = found
            waiting += parts
        return best

    def nearest(self, first: np.ndarray, starts: Sequence[np.ndarray] = ()) -> np.ndarray:
        """The cheapest of the points that miss their limits by the least.

        first [m - 1] of bool: limits that come before the others. The largest miss is made the least, then the
        largest of those that are left, and so on.
        """
        starts, allowed = list(starts), np.zeros(len(self.limits))
        settled = np.zeros(len(self.limits), bool)
        for group in (first, ~first):
            while (left := group & ~settled).any():
                search = self._raised(left, settled, allowed)
                found = search.cheapest([np.append(x, self._most_missed(x, left)) for x in starts])
                if found is None:  # nothing has a number
                    break
                point, most = found[:-1], max(float(found[-1]), 0.0)
                starts.insert(0, point)
                held = left & (self.missed(self.oracle.one(point)[0]) >= most - 100 * TOLERANCE) if most else left
                allowed[held], settled = most, settled | held
        found = replace(self, limits=self.limits + allowed + TOLERANCE).cheapest(starts)
        return starts[0] if found is None else found

    def held(self, point: np.ndarray) -> "Search":
        """The same with the whole numbers of a point."""
        low, high = (np.where(self.whole, point, end) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def _most_missed(self, point: np.ndarray, among: np.ndarray) -> float:
        return float(np.clip(self.missed(self.oracle.one(point)[0])[among].max(), -FAR, FAR))

    def _raised(self, left: np.ndarray, settled: np.ndarray, allowed: np.ndarray) -> "Search":
        """With one more coordinate, which is minimized: how much every limit of `left` may be missed."""
        oracle = Raised(self.oracle, left)
        limits = np.where(left, self.limits, np.where(settled, self.limits + allowed, np.inf))
        points, values = oracle.lifted(self.sample.points, self.sample.values, limits)
        low, high = np.append(self.low, -FAR), np.append(self.high, FAR)
        sample = Sample(points, values, self.sample.every)
        return RaisedSearch(oracle, sample, low, high, np.append(self.whole, False), limits)

    # within the box

    @property
    def _inside(self) -> tuple[np.ndarray, np.ndarray]:
        points = self.sample.points
        inside = ((points >= self.low - TOLERANCE) & (points <= self.high + TOLERANCE)).all(axis=1)
        return points[inside], self.sample.values[inside]

    def _relaxed(self, starts: Sequence[np.ndarray]) -> np.ndarray | None:
        """The least of the box, whatever is whole."""
        points, values = self._inside
        costs = self._costs(values)
        order = np.argsort(np.where(np.isfinite(costs), costs, FAR + self.missed(values).max(axis=1, initial=-FAR)))
        tries = [np.clip(x, self.low, self.high) for x in [*starts, *self._apart(points[order])]]
        found = min([*tries, *map(self._descended, tries)], key=self.cost)
        if not np.isfinite(self.cost(found)):
            return None
        around = self._around(found)
        return min((found, around, self._descended(around)), key=self.cost)

    def _apart(self, points: np.ndarray) -> list[np.ndarray]:
        """The first points that are not near one another."""
        chosen: list[np.ndarray] = []
        width = np.maximum(self.high - self.low, TOLERANCE)
        for point in points[:1000]:
            if len(chosen) < STARTS and all((np.abs(point - one) > 0.1 * width).any() for one in chosen):
                chosen.append(point)
        return chosen

    def _descended(self, start: np.ndarray) -> np.ndarray:
        """Where the solver comes to from a point."""
        from scipy.optimize import minimize

        free = self.high > self.low
        at = np.clip(start, self.low, self.high)

        def point(x: np.ndarray) -> np.ndarray:
            filled = at.copy()
            filled[free] = x
            return filled

        bound = np.flatnonzero(np.isfinite(self.limits))
        constraint = {
            "type": "ineq",
            "fun": lambda x: (self.limits - self.oracle.one(point(x))[0][1:] - TOLERANCE / 2)[bound],
            "jac": lambda x: -self.oracle.one(point(x))[1][1:][np.ix_(bound, free)],
        }
        if not free.any():
            return at
        with np.errstate(all="ignore"):
            found = minimize(
                lambda x: self.oracle.one(point(x))[0][0], at[free],
                jac=lambda x: self.oracle.one(point(x))[1][0][free], method="SLSQP",
                bounds=list(zip(self.low[free], self.high[free], strict=True)),
                constraints=[constraint] if len(bound) else [], options={"maxiter": 200, "ftol": 1e-12},
            )  # fmt: skip
        return np.clip(point(found.x), self.low, self.high) if np.isfinite(found.x).all() else at

    def _around(self, point: np.ndarray) -> np.ndarray:
        """The best of samples in ever smaller boxes."""
        rng, radius, cost = np.random.default_rng(1), (self.high - self.low) / 6, self.cost(point)
        for _ in range(ZOOMS):
            points = np.clip(point + radius * rng.uniform(-1, 1, (BATCH, len(point))), self.low, self.high)
            points, values = self._seen(points)
            costs = self._costs(values)
            if costs.min() < cost:
                point, cost = points[np.argmin(costs)], float(costs.min())
            radius = radius / 3
        return point

    def _seen(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return points, self.oracle.many(points)

    def _halves(self, point: np.ndarray) -> Iterator["Search"]:
        """The boxes below and above the least whole of the numbers; the nearer one last."""
        counts = np.exp(np.where(self.whole, point, 0.0))
        broken = np.abs(counts - np.round(counts)) / np.maximum(counts, 1)
        at = int(np.argmax(broken))
        if broken[at] <= TOLERANCE:
            return
        low, high = self.low.copy(), self.high.copy()
        low[at], high[at] = np.log(np.ceil(counts[at])), np.log(np.floor(counts[at]))
        sides = [replace(self, high=high), replace(self, low=low)]
        yield from sides if counts[at] % 1 > 0.5 else reversed(sides)


class Raised(Oracle):
    """Of a point and one more coordinate t: t, and by how much more than t each value in `left` is reached."""

    def __init__(self, oracle: Oracle, left: np.ndarray) -> None:
        self.oracle, self.left = oracle, left

    def one(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, slopes = self.oracle.one(point[:-1])
        ups = np.column_stack([slopes[1:], -self.left.astype(float)])
        return self._of(values, point[-1]), np.vstack([np.append(np.zeros(len(point) - 1), 1.0), ups])

    def lifted(self, points: np.ndarray, values: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """points [n, k] and their values, with the least t that will do."""
        missed = (values[:, 1:] - limits)[:, self.left].max(axis=1)
        t = np.clip(np.where(np.isfinite(missed), missed, FAR), -FAR, FAR)
        return np.column_stack([points, t]), self._of(values, t)

    def _of(self, values: np.ndarray, t: Any) -> np.ndarray:
        t = np.asarray(t)[..., None]
        return np.concatenate([t, values[..., 1:] - self.left * t], axis=-1)


@dataclass(frozen=True)
class RaisedSearch(Search):
    """Sampled points take the least of the last coordinate that will do."""

    oracle: Raised

    def _seen(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.oracle.lifted(points[:, :-1], self.oracle.oracle.many(points[:, :-1]), self.limits)
