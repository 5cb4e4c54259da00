"""The cheapest numbers that meet targets, with what binds and what each target costs.

In the logarithms of rates, bandwidths, times and prices the problem is convex as long as less of a number never
helps a target (a geometric program: sums and maxima of products of powers). Batches, chunks and bits need not be,
and roofs have kinks: constrained_search looks everywhere first. Devices, sequences, tokens and layers come whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np

from life_jax.analysis.constrained_search import TOLERANCE, Oracle, Sample, Search, sampled
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import register_with_jax
from life_jax.core.scenario import Scenario
from life_jax.forecasting.memory import memory
from life_jax.forecasting.metrics import METRICS, forecast

register_with_jax()

CURVE = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
FITS = "fits_memory"
SLACK = 0.001  # of a target, for its price where slopes do not tell it


@dataclass(frozen=True)
class Target:
    """metric at most, or (of which more is better) at least `value`."""

    metric: str
    value: float

    @property
    def sign(self) -> int:
        return 1 if self.metric == FITS else METRICS[self.metric].sign  # memory needed over memory there is


@dataclass(frozen=True)
class Problem:
    """ranges: (low, high) by key, in the file's unit. minimize: a metric of which less is better."""

    scenario: Scenario
    parameters: tuple[Parameter, ...]
    ranges: tuple[tuple[float, float], ...]
    targets: tuple[Target, ...]
    minimize: str = "price"

    @cached_property
    def bounds(self) -> list[tuple[float, float]]:
        return [(float(np.log(low)), float(np.log(high))) for low, high in self.ranges]

    @property
    def start(self) -> np.ndarray:
        """The file's own numbers, moved into their ranges."""
        asked = np.log([max(float(parameter.get(self.scenario)), 1e-300) for parameter in self.parameters])
        return np.clip(asked, *np.array(self.bounds).T)

    def at(self, logs: Any) -> Scenario:
        scenario = self.scenario
        for index, parameter in enumerate(self.parameters):
            scenario = parameter.set(scenario, jnp.exp(logs[index]))
        return scenario

    def values(self, logs: Any) -> Any:
        """ln(cost), then of each target ln(metric), with the other sign where more is better."""
        scenario = self.at(logs)
        names = tuple(dict.fromkeys((self.minimize, *(t.metric for t in self.targets if t.metric != FITS))))
        found = forecast(scenario, names)
        said = []
        for t in self.targets:
            if t.metric == FITS:
                m = memory(scenario)
                said.append(jnp.log(m.needed / m.available))
            else:
                said.append(t.sign * jnp.log(found[t.metric]))
        return jnp.stack([jnp.log(found[self.minimize]), *said])

    @property
    def limits(self) -> np.ndarray:
        """What each of the values after the first may be at most."""
        return np.array([0.0 if t.metric == FITS else t.sign * np.log(t.value) for t in self.targets])

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle(self.values)

    @cached_property
    def sample(self) -> Sample:
        low, high = np.array(self.bounds).T
        return sampled(self.oracle, low, high, self.whole)

    @property
    def whole(self) -> np.ndarray:
        return np.array([parameter.whole for parameter in self.parameters])

    @property
    def search(self) -> Search:
        low, high = np.array(self.bounds).T
        return Search(self.oracle, self.sample, low, high, self.whole, self.limits)

    def scaled(self, factor: float) -> "Problem":
        """The same with targets that are `factor` times as lax (2: twice the time, half the rate)."""
        lax = tuple(t if t.metric == FITS else Target(t.metric, t.value * factor**t.sign) for t in self.targets)
        other = replace(self, targets=lax)
        other.__dict__.update(oracle=self.oracle, sample=self.sample)  # which no target changes
        return other


@dataclass(frozen=True)
class Design:
    """numbers: by key, in the file's unit. met: whether every target is. cost: of `minimize`.

    values: what each target's metric comes to (fits_memory: memory needed over memory there is).
    shadow: percent of cost that 1 % of slack in a target saves; 0 where it does not bind.
    at_bound: "low" or "high" for numbers at the end of their range.
    """

    problem: Problem
    numbers: Mapping[str, float]
    met: bool
    cost: float
    values: Mapping[str, float]
    shadow: Mapping[str, float]
    at_bound: Mapping[str, str]


def cheapest(problem: Problem) -> Design:
    """The design of least cost that meets the targets, or, where none does, the one that misses them by the least.

    What does not fit the memory comes last among those; then the largest miss counts, then the next.
    """
    search = problem.search
    starts = [problem.start, search.high]
    found = search.cheapest(starts)
    if found is None:
        found = search.nearest(np.array([t.metric == FITS for t in problem.targets]), starts)
    return _design(problem, search, found)


def curve(problem: Problem, factors: Sequence[float] = CURVE) -> list[tuple[float, Design]]:
    """Designs for targets that are so many times as lax: cost against target."""
    return [(factor, cheapest(problem.scaled(factor))) for factor in factors]


def _design(problem: Problem, search: Search, logs: np.ndarray) -> Design:
    values = search.oracle.one(logs)[0]
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
    """By target. Where cost and targets are smooth, multipliers (Karush, Kuhn and Tucker); at a kink, solved again."""
    from scipy.optimize import nnls

    values, slopes = search.oracle.one(logs)
    binding = np.flatnonzero(search.missed(values) > -1e-4)
    found = np.zeros(len(problem.targets))
    free = ~search.whole
    if len(binding) and free.any():
        columns = [slopes[1 + i] for i in binding]
        for index, parameter in enumerate(problem.parameters):
            if parameter.key in at_bound:
                unit = np.zeros(len(logs))
                unit[index] = -1.0 if at_bound[parameter.key] == "low" else 1.0
                columns.append(unit)
        weights, left = nnls(np.column_stack(columns)[free], -slopes[0][free])
        found[binding] = weights[: len(binding)]
        if left > 1e-3 * np.linalg.norm(slopes[0][free]):
            found[binding] = [_saved(search, logs, int(i)) for i in binding]
    return {t.metric: float(price) for t, price in zip(problem.targets, found, strict=True)}


def _saved(search: Search, logs: np.ndarray, target: int) -> float:
    lax = search.limits + SLACK * (np.arange(len(search.limits)) == target)
    other = replace(search, limits=lax).cheapest([logs])
    return 0.0 if other is None else max(0.0, (search.cost(logs) - search.oracle.one(other)[0][0]) / SLACK)
