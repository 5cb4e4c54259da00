"""Minimization of a function within bounds and limits, where some numbers must be whole.

It knows no language model. Points are logarithms of positive numbers; so are the values of the function.

A local solver (SLSQP) finds the optimum where the problem is convex and smooth. It may be neither: the solver
therefore starts from the best points of a sample of the whole box, and its solutions are sampled around in ever
smaller boxes, because kinks and steps stop a solver, but not a sample. Whole numbers are found by branch and bound
(Land and Doig 1960, Econometrica 28) or, where nothing else is free and they are few, all tried.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from life_jax.analysis.oracle import REMOTE, Oracle, Raised

TOLERANCE = 1e-6  # relative: within it a limit counts as met, and a number as whole
MOST_TRIED = 2**17  # combinations of whole numbers that are all tried
STARTS = 4  # of a sample, from which the solver starts
FEW = 8  # values of a whole number that are looked at one by one
NODES = 60  # of a search over whole numbers


@dataclass(frozen=True)
class Sample:
    """Points of a box and the values of a function there.

    points [n, k]: logarithms; those of whole numbers are logarithms of whole numbers. values [n, m]. every: whether
    the box has no other points.
    """

    points: np.ndarray
    values: np.ndarray
    every: bool


def sampled(oracle: Oracle, low: np.ndarray, high: np.ndarray, whole: np.ndarray) -> Sample:
    """A sample of a box: all of its points where they are whole and few, else points spread evenly (Sobol).

    low, high [k]: corners of the box, which are among the points. whole [k] of bool: which numbers are whole.
    """
    from scipy.stats import qmc

    least, most = _whole_ends(low, high)
    if whole.all() and np.prod(most - least + 1) <= MOST_TRIED:
        points = np.log(np.array(list(itertools.product(*map(np.arange, least, most + 1)))))
        return Sample(points, oracle.batch(points), True)
    part = qmc.Sobol(len(low), rng=np.random.default_rng(0)).random(oracle.samples)
    part[:2] = [[0.0], [1.0]]
    points = low + (high - low) * part
    counts = np.clip(np.round(np.exp(points)), least, most)
    points = np.where(whole, np.log(counts), points)
    return Sample(points, oracle.batch(points), False)


def _whole_ends(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ceil(np.exp(low) * (1 - TOLERANCE)), np.floor(np.exp(high) * (1 + TOLERANCE))


@dataclass(frozen=True)
class Search:
    """The problem to find the point of a box where the first value is least and no other is above its limit.

    oracle: the function. sample: of the whole box. low, high [k]: corners of the box. whole [k] of bool: which
    numbers are whole. limits [m - 1]: of the values after the first.
    """

    oracle: Oracle
    sample: Sample
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    limits: np.ndarray

    def missed(self, values: np.ndarray) -> np.ndarray:
        """By how much values [..., m] exceed their limits [..., m - 1]: at most 0 where a limit is met, inf for NaN."""
        return np.where(np.isfinite(values).all(axis=-1, keepdims=True), values[..., 1:] - self.limits, np.inf)

    def worst(self, point: np.ndarray) -> float:
        """By how much the most missed limit is missed at a point [k]."""
        return float(np.max(self.missed(self.oracle.values(point)), initial=-np.inf))

    def cost(self, point: np.ndarray) -> float:
        """The first value at a point [k], or infinity where a limit is missed."""
        return float(self._costs(self.oracle.values(point)))

    def _costs(self, values: np.ndarray) -> np.ndarray:
        return np.where((self.missed(values) <= 0).all(axis=-1), values[..., 0], np.inf)

    def cheapest(self, starts: Sequence[np.ndarray] = ()) -> np.ndarray | None:
        """The point [k] of least cost, or None where no point is found that meets all limits.

        starts: points [k] from which the solver starts besides those of the sample.
        """
        points, values = self._inside
        costs = self._costs(values)
        best = points[np.argmin(costs)] if np.isfinite(costs).any() else None
        if self.sample.every:
            return best
        waiting, nodes = [self, *self._by_count()], 0
        while waiting and nodes < NODES:
            node, nodes = waiting.pop(), nodes + 1
            relaxed = node._relaxed(starts)
            if relaxed is None or (best is not None and self.cost(relaxed) >= self.cost(best) - TOLERANCE):
                continue
            parts = list(node._halves(relaxed))
            if not parts:
                best = relaxed
            waiting += parts
        return None if best is None else self._settled(best)

    def nearest(self, first: np.ndarray, starts: Sequence[np.ndarray] = ()) -> np.ndarray:
        """The cheapest of the points [k] that miss their limits by the least.

        The largest miss is minimized, then the largest of the others while the first is held, and so on.

        first [m - 1] of bool: limits that are settled before the others. starts: points [k] from which the solver
        starts.
        """
        starts, allowed = list(starts), np.zeros(len(self.limits))
        settled = np.zeros(len(self.limits), bool)
        for group in (first, ~first):
            while (left := group & ~settled).any():
                search = self._raised(left, settled, allowed)
                raised = search.cheapest([np.append(x, self._most_missed(x, left)) for x in starts])
                if raised is None:  # every value is NaN
                    break
                point, most = raised[:-1], max(float(raised[-1]), 0.0)
                starts.insert(0, point)
                held = left & (self.missed(self.oracle.values(point)) >= most - 100 * TOLERANCE) if most else left
                allowed[held], settled = most, settled | held
        cheapest = replace(self, limits=self.limits + allowed + TOLERANCE).cheapest(starts)
        return starts[0] if cheapest is None else cheapest

    def held(self, point: np.ndarray) -> "Search":
        """The problem in which the whole numbers are fixed to those of a point [k]."""
        low, high = (np.where(self.whole, point, end) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def _most_missed(self, point: np.ndarray, among: np.ndarray) -> float:
        return float(np.clip(self.missed(self.oracle.values(point))[among].max(), -REMOTE, REMOTE))

    def _raised(self, left: np.ndarray, settled: np.ndarray, allowed: np.ndarray) -> "Search":
        """The problem with one more coordinate, which is minimized: by how much each limit of `left` may be missed."""
        oracle = Raised(self.oracle, left)
        limits = np.where(left, self.limits, np.where(settled, self.limits + allowed, np.inf))
        points, values = oracle.lifted(self.sample.points, self.sample.values, limits)
        low, high = np.append(self.low, -REMOTE), np.append(self.high, REMOTE)
        sample = Sample(points, values, self.sample.every)
        return RaisedSearch(oracle, sample, low, high, np.append(self.whole, False), limits)

    def _settled(self, point: np.ndarray) -> np.ndarray:
        """The cheapest of a point [k] and of those whose whole numbers are one step away, as long as one is cheaper.

        Where a cost has steps, the points where nothing has to be whole bound it badly, and a branch is left too early.
        """
        while self.whole.any():
            near = min((self.held(x)._descended(point) for x in self._steps(point)), key=self.cost)
            if not self.cost(near) < self.cost(point) - TOLERANCE:
                break
            point = near
        return point

    def _steps(self, point: np.ndarray) -> Iterator[np.ndarray]:
        """A point [k], and those in the box of which one whole number is one more or less."""
        yield point
        for at in np.flatnonzero(self.whole):
            for step in (-1, 1):
                count = np.round(np.exp(point[at])) + step
                if count > 0 and self.low[at] - TOLERANCE <= np.log(count) <= self.high[at] + TOLERANCE:
                    moved = point.copy()
                    moved[at] = np.log(count)
                    yield moved

    # within the box

    @property
    def _inside(self) -> tuple[np.ndarray, np.ndarray]:
        points = self.sample.points
        inside = ((points >= self.low - TOLERANCE) & (points <= self.high + TOLERANCE)).all(axis=1)
        return points[inside], self.sample.values[inside]

    def _relaxed(self, starts: Sequence[np.ndarray]) -> np.ndarray | None:
        """The point of least cost in the box, where no number has to be whole; None where no point meets the limits."""
        points, values = self._inside
        costs = self._costs(values)
        order = np.argsort(
            np.where(np.isfinite(costs), costs, REMOTE + self.missed(values).max(axis=1, initial=-REMOTE))
        )
        tries = [np.clip(x, self.low, self.high) for x in [*starts, *self._apart(points[order])]]
        best = min([*tries, *(map(self._descended, tries) if self.oracle.descents else ())], key=self.cost)
        if not np.isfinite(self.cost(best)):
            return None
        around = self._around(best)
        return min((best, around, self._descended(around)), key=self.cost)

    def _apart(self, points: np.ndarray) -> list[np.ndarray]:
        """The first STARTS of points [n, k] that are not near one another."""
        chosen: list[np.ndarray] = []
        width = np.maximum(self.high - self.low, TOLERANCE)
        for point in points[:1000]:
            if len(chosen) < STARTS and all((np.abs(point - other) > 0.1 * width).any() for other in chosen):
                chosen.append(point)
        return chosen

    def _descended(self, start: np.ndarray) -> np.ndarray:
        """The point at which the solver ends when it starts from a point [k]."""
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
            "fun": lambda x: (self.limits - self.oracle.values(point(x))[1:] - TOLERANCE / 2)[bound],
            "jac": lambda x: -self.oracle.values_and_slopes(point(x))[1][1:][np.ix_(bound, free)],
        }
        if not free.any():
            return at
        with np.errstate(all="ignore"):
            solution = minimize(
                lambda x: self.oracle.values(point(x))[0], at[free],
                jac=lambda x: self.oracle.values_and_slopes(point(x))[1][0][free], method="SLSQP",
                bounds=list(zip(self.low[free], self.high[free], strict=True)),
                constraints=[constraint] if len(bound) else [], options={"maxiter": self.oracle.rounds, "ftol": 1e-12},
            )  # fmt: skip
        return np.clip(point(solution.x), self.low, self.high) if np.isfinite(solution.x).all() else at

    def _around(self, point: np.ndarray) -> np.ndarray:
        """The best point of samples in ever smaller boxes around a point [k]."""
        rng, radius, cost = np.random.default_rng(1), (self.high - self.low) / 6, self.cost(point)
        for _ in range(self.oracle.zooms):
            points = np.clip(point + radius * rng.uniform(-1, 1, (self.oracle.around, len(point))), self.low, self.high)
            points, values = self._evaluated(points)
            costs = self._costs(values)
            if costs.min() < cost:
                point, cost = points[np.argmin(costs)], float(costs.min())
            radius = radius / 3
        return point

    def _evaluated(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [n, k], as they are compared, and their values [n, m]."""
        return points, self.oracle.batch(points)

    def _by_count(self) -> Iterator["Search"]:
        """The problems of each value of the number that has the fewest, up to FEW, and must be whole.

        Between such values there may be nothing, as between numbers of devices that share heads, and what is best at
        one of them says little of another.
        """
        least, most = _whole_ends(self.low, self.high)
        counts = np.where(self.whole, most - least + 1, np.inf)
        at = int(np.argmin(counts))
        if 1 < counts[at] <= FEW:
            here = np.arange(len(self.low)) == at
            for value in np.log(np.arange(least[at], most[at] + 1)):
                yield replace(self, low=np.where(here, value, self.low), high=np.where(here, value, self.high))

    def _halves(self, point: np.ndarray) -> Iterator["Search"]:
        """The problems below and above that number of a point which is least whole, the nearer one last.

        None where all numbers that must be whole are.
        """
        counts = np.exp(np.where(self.whole, point, 0.0))
        broken = np.abs(counts - np.round(counts)) / np.maximum(counts, 1)
        at = int(np.argmax(broken))
        if broken[at] <= TOLERANCE:
            return
        low, high = self.low.copy(), self.high.copy()
        low[at], high[at] = np.log(np.ceil(counts[at])), np.log(np.floor(counts[at]))
        sides = [replace(self, high=high), replace(self, low=low)]
        yield from sides if counts[at] % 1 > 0.5 else reversed(sides)


@dataclass(frozen=True)
class RaisedSearch(Search):
    """The problem with one more coordinate; sampled points take the least value of it that meets the limits."""

    oracle: Raised

    def _evaluated(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.oracle.lifted(points[:, :-1], self.oracle.oracle.batch(points[:, :-1]), self.limits)
