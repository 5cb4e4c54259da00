"""Inverse design: the cheapest numbers that meet targets, which targets bind, and what each of them costs.

In the logarithms of rates, bandwidths, times and prices the problem is convex as long as less of a number never
helps a target (a geometric program: sums and maxima of products of powers). In batches, chunks and bits it need not
be, and roofs have kinks; `constrained_search` therefore samples the whole box first. Numbers of devices, sequences,
tokens and layers are whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from life_jax.analysis.constrained_search import TOLERANCE, Sample, Search, sampled
from life_jax.analysis.oracle import Oracle, Uncompiled
from life_jax.core.numerics import Number, exp, log
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import register_with_jax
from life_jax.core.scenario import Scenario
from life_jax.forecasting.memory import memory
from life_jax.forecasting.metrics import METRICS, forecast

register_with_jax()

CURVE = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
CURVE_UNDER_LOAD = (0.7, 1.0, 1.5)  # whose designs take several seconds each
FITS = "fits_memory"
SLACK = 0.001  # relative, by which a target is relaxed to find its price where slopes do not give it


def _is_of_load(metric: str) -> bool:
    return metric != FITS and METRICS[metric].needs == "load"


@dataclass(frozen=True)
class Target:
    """A bound on a metric: at most `value`, or at least `value` where more is better.

    metric: name of a metric. value: in the metric's unit.
    """

    metric: str
    value: float

    @property
    def sign(self) -> int:
        """1 where less is better, -1 where more is; fits_memory means the part of the memory that is filled, so 1."""
        return 1 if self.metric == FITS else METRICS[self.metric].sign


@dataclass(frozen=True)
class Values:
    """What a search evaluates: logarithms of the cost and of the targets' metrics, negated where more is better.

    parameters: the k free numbers. minimize: a metric. targets: (name of a metric or FITS, sign) of each target.
    """

    parameters: tuple[Parameter, ...]
    minimize: str
    targets: tuple[tuple[str, int], ...]

    @property
    def is_of_load(self) -> bool:
        """Whether any of them is of requests under load."""
        return any(_is_of_load(metric) for metric in (self.minimize, *(metric for metric, _ in self.targets)))

    def at(self, logs: Any, scenario: Scenario) -> Scenario:
        """The scenario with the free numbers of a point [k]."""
        for index, parameter in enumerate(self.parameters):
            scenario = parameter.set(scenario, exp(logs[index]))
        return scenario

    def of(self, scenario: Scenario) -> list[Number]:
        """The values [1 + targets] of a scenario."""
        names = (self.minimize, *(metric for metric, _ in self.targets if metric != FITS))
        metrics = dict(forecast(scenario, tuple(dict.fromkeys(names))))
        if any(metric == FITS for metric, _ in self.targets):
            metrics[FITS] = memory(scenario).filled
        return [log(metrics[self.minimize]), *(sign * log(metrics[metric]) for metric, sign in self.targets)]


@dataclass(frozen=True)
class Problem:
    """The question which numbers meet the targets at the least cost.

    scenario: with the numbers that are not free. parameters: the k free numbers. ranges: (low, high) of each, in the
    unit of the files. targets: all of which must be met. minimize: name of a metric of which less is better.

    Points of the search are natural logarithms [k] of the free numbers.
    """

    scenario: Scenario
    parameters: tuple[Parameter, ...]
    ranges: tuple[tuple[float, float], ...]
    targets: tuple[Target, ...]
    minimize: str = "price"

    @cached_property
    def bounds(self) -> list[tuple[float, float]]:
        """Logarithms of the ranges."""
        return [(float(np.log(low)), float(np.log(high))) for low, high in self.ranges]

    @property
    def start(self) -> np.ndarray:
        """The point [k] of the scenario's own numbers, moved into their ranges."""
        logs = np.log([max(float(parameter.get(self.scenario)), 1e-300) for parameter in self.parameters])
        return np.clip(logs, *np.array(self.bounds).T)

    def at(self, logs: Any) -> Scenario:
        """The scenario with the free numbers of a point [k]."""
        return self.values.at(logs, self.scenario)

    @property
    def values(self) -> Values:
        """What a search evaluates."""
        return Values(self.parameters, self.minimize, tuple((t.metric, t.sign) for t in self.targets))

    @property
    def is_answerable(self) -> bool:
        """Whether cost and targets are numbers at the start; infinite where more requests arrive than are served."""
        names = (self.minimize, *(t.metric for t in self.targets))
        with np.errstate(all="ignore"):
            values = [float(value) for value in self.values.of(self.at(self.start))]
        return all(np.isfinite(x) or (_is_of_load(n) and x > 0) for n, x in zip(names, values, strict=True))

    @property
    def limits(self) -> np.ndarray:
        """Greatest feasible values [targets] of those after the first."""
        return np.array([0.0 if t.metric == FITS else t.sign * np.log(t.value) for t in self.targets])

    @cached_property
    def oracle(self) -> Oracle:
        """The values as a function of a point, compiled unless they are of requests under load."""
        if self.values.is_of_load:
            return Uncompiled(lambda logs: self.values.of(self.at(logs)), len(self.parameters))
        numbers, tree = jax.tree.flatten(self.scenario)
        return _oracle(self.values, tree, tuple(numbers))

    @cached_property
    def sample(self) -> Sample:
        """A sample of the whole box."""
        low, high = np.array(self.bounds).T
        return sampled(self.oracle, low, high, self.whole)

    @property
    def whole(self) -> np.ndarray:
        """Which of the free numbers [k] are whole."""
        return np.array([parameter.whole for parameter in self.parameters])

    @property
    def search(self) -> Search:
        """The question as a problem of minimization."""
        low, high = np.array(self.bounds).T
        return Search(self.oracle, self.sample, low, high, self.whole, self.limits)

    def scaled(self, factor: float) -> "Problem":
        """The question with targets that are `factor` times as lax (2: twice the time, half the rate)."""
        lax = tuple(t if t.metric == FITS else Target(t.metric, t.value * factor**t.sign) for t in self.targets)
        other = replace(self, targets=lax)
        other.__dict__.update(oracle=self.oracle, sample=self.sample)  # they do not depend on the targets' values
        return other


@lru_cache(maxsize=64)
def _oracle(values: Values, tree: Any, numbers: tuple[float, ...]) -> Oracle:
    """The values of a scenario as a function of a point, compiled once for all questions that ask with other targets.

    tree, numbers: structure and leaves of the scenario, which are constants of what is compiled.
    """
    scenario = jax.tree.unflatten(tree, numbers)
    return Oracle(lambda logs: jnp.stack(values.of(values.at(logs, scenario))))


@dataclass(frozen=True)
class Design:
    """The answer to a `Problem`.

    numbers: the free numbers by key, in the unit of the files. met: whether all targets are met. cost: value of the
    minimized metric. values: value of each target's metric (fits_memory: needed over available memory). shadow: for
    each target, percent of the cost that is saved when the target is relaxed by 1 %; 0 where it does not bind.
    at_bound: "low" or "high" for the numbers that are at an end of their range.
    """

    problem: Problem
    numbers: Mapping[str, float]
    met: bool
    cost: float
    values: Mapping[str, float]
    shadow: Mapping[str, float]
    at_bound: Mapping[str, str]


def cheapest(problem: Problem) -> Design:
    """The design of least cost that meets all targets, or else the one that misses them by the least (met is False).

    Where no design meets them, fitting the memory comes first; then the largest relative miss is minimized, then the
    next.
    """
    search = problem.search
    starts = [problem.start, search.high]
    point = search.cheapest(starts)
    if point is None:
        point = search.nearest(np.array([t.metric == FITS for t in problem.targets]), starts)
    return _design(problem, search, point)


def curve(
    problem: Problem, factors: Sequence[float] | None = None, known: Design | None = None
) -> list[tuple[float, Design]]:
    """Cost against target: (factor, cheapest design with targets that are `factor` times as lax) for every factor.

    known: the cheapest design of the problem itself, where it is known.
    """
    if factors is None:
        factors = CURVE_UNDER_LOAD if problem.values.is_of_load else CURVE
    return [(f, known if known and f == 1 else cheapest(problem.scaled(f))) for f in factors]


def _design(problem: Problem, search: Search, logs: np.ndarray) -> Design:
    values = search.oracle.values(logs)
    met = search.worst(logs) <= TOLERANCE
    numbers = {
        parameter.key: float(np.round(np.exp(x))) if parameter.whole else float(np.exp(x))
        for parameter, x in zip(problem.parameters, logs, strict=True)
    }
    at_bound = {}
    for parameter, x, (low, high) in zip(problem.parameters, logs, problem.bounds, strict=True):
        if min(x - low, high - x) < 1e-4 * max(1.0, abs(x)):
            at_bound[parameter.key] = "low" if x - low < high - x else "high"
    reached = {t.metric: float(np.exp(t.sign * v)) for t, v in zip(problem.targets, values[1:], strict=True)}
    shadow = _shadow(problem, search.held(logs), logs, at_bound) if met else dict.fromkeys(reached, 0.0)
    return Design(problem, numbers, met, float(np.exp(values[0])), reached, shadow, at_bound)


def _shadow(problem: Problem, search: Search, logs: np.ndarray, at_bound: Mapping[str, str]) -> dict[str, float]:
    """Percent of cost that 1 % of slack saves, by target.

    Where cost and targets are smooth these are the multipliers of Karush, Kuhn and Tucker; at a kink the problem is
    solved again with relaxed targets.
    """
    from scipy.optimize import nnls

    values, slopes = search.oracle.values_and_slopes(logs)
    binding = np.flatnonzero(search.missed(values) > -1e-4)
    prices = np.zeros(len(problem.targets))
    free = ~search.whole
    if len(binding) and free.any():
        columns = [slopes[1 + i] for i in binding]
        for index, parameter in enumerate(problem.parameters):
            if parameter.key in at_bound:
                unit = np.zeros(len(logs))
                unit[index] = -1.0 if at_bound[parameter.key] == "low" else 1.0
                columns.append(unit)
        weights, left = nnls(np.column_stack(columns)[free], -slopes[0][free])
        prices[binding] = weights[: len(binding)]
        if left > 1e-3 * np.linalg.norm(slopes[0][free]):
            prices[binding] = [_saved(search, logs, int(i)) for i in binding]
    return {t.metric: float(price) for t, price in zip(problem.targets, prices, strict=True)}


def _saved(search: Search, logs: np.ndarray, target: int) -> float:
    """Relative saving of cost for a relative slack in one target, by a second search."""
    lax = search.limits + SLACK * (np.arange(len(search.limits)) == target)
    other = replace(search, limits=lax).cheapest([logs])
    return 0.0 if other is None else max(0.0, (search.cost(logs) - search.oracle.values(other)[0]) / SLACK)
