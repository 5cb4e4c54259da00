"""The cheapest numbers that meet targets, with what binds and what each target costs.

In the logarithms of rates, bandwidths, times and prices the problem is convex as long as less of a number never
helps a target (a geometric program: sums and maxima of products of powers), so that a local solver finds the
global optimum; where other numbers than the device's are free (a batch) it starts from several points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from life_jax.config.knobs import Knob
from life_jax.memory import memory
from life_jax.metrics import METRICS, forecast
from life_jax.specs import Scenario

TOLERANCE = 1e-6  # relative: a target counts as met, a bound as reached
CURVE = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
STARTS = 8


@dataclass(frozen=True)
class Target:
    """metric at most, or (of which more is better) at least `value`."""

    metric: str
    value: float

    @property
    def sign(self) -> int:
        return METRICS[self.metric].sign


@dataclass(frozen=True)
class Problem:
    """ranges: (low, high) by key, in the file's unit. minimize: a metric of which less is better."""

    scenario: Scenario
    knobs: tuple[Knob, ...]
    ranges: tuple[tuple[float, float], ...]
    targets: tuple[Target, ...]
    minimize: str = "price"

    @cached_property
    def bounds(self) -> list[tuple[float, float]]:
        return [(float(np.log(low)), float(np.log(high))) for low, high in self.ranges]

    @property
    def start(self) -> np.ndarray:
        """The file's own numbers, moved into their ranges."""
        asked = np.log([max(float(knob.get(self.scenario)), 1e-300) for knob in self.knobs])
        return np.clip(asked, *np.array(self.bounds).T)

    def at(self, logs: Any) -> Scenario:
        scenario = self.scenario
        for index, knob in enumerate(self.knobs):
            scenario = knob.set(scenario, jnp.exp(logs[index]))
        return scenario

    def values(self, logs: Any, limits: Any) -> Any:
        """ln(cost), then ln of how far each target is missed (at most 0: met); limits: value by target."""
        scenario = self.at(logs)
        names = tuple(dict.fromkeys((self.minimize, *(t.metric for t in self.targets if t.metric != "fits_memory"))))
        found = forecast(scenario, names)
        missed = []
        for t, limit in zip(self.targets, limits, strict=True):
            if t.metric == "fits_memory":
                m = memory(scenario)
                missed.append(jnp.log(m.needed / m.available))
            else:
                missed.append(t.sign * jnp.log(found[t.metric] / limit))
        return jnp.stack([jnp.log(found[self.minimize]), *missed])

    @cached_property
    def _compiled(self) -> tuple[Any, Any]:
        return jax.jit(self.values), jax.jit(jax.jacfwd(self.values))

    def evaluate(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """values [1 + targets] and their derivatives [1 + targets, numbers] by the logarithms, in float64."""
        value, slope = self._compiled
        with jax.enable_x64(True):
            point = jnp.asarray(logs, jnp.float64)
            limits = tuple(jnp.asarray(t.value, jnp.float64) for t in self.targets)
            return np.asarray(value(point, limits)), np.asarray(slope(point, limits))

    def scaled(self, factor: float) -> "Problem":
        """The same with targets that are `factor` times as lax (2: twice the time, half the rate)."""
        lax = tuple(
            t if t.metric == "fits_memory" else Target(t.metric, t.value * factor**t.sign) for t in self.targets
        )
        other = replace(self, targets=lax)
        other.__dict__["_compiled"] = self._compiled  # the targets are traced
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
    """The design of least cost that meets the targets, or, where none does, the one that misses them by the least."""
    found = [one for start in _starts(problem) if (one := _solve(problem, start)) is not None]
    met = [one for one in found if _missed(problem, one) <= TOLERANCE]
    if met:
        return _design(problem, min(met, key=lambda one: problem.evaluate(one)[0][0]), True)
    nearest = min(
        (_nearest(problem, start) for start in [*_starts(problem), *found]), key=lambda one: _missed(problem, one)
    )
    if _missed(problem, nearest) <= TOLERANCE:  # there is one after all: go on from there
        again = _solve(problem, nearest)
        met = [one for one in (again, nearest) if one is not None and _missed(problem, one) <= TOLERANCE]
        return _design(problem, min(met, key=lambda one: problem.evaluate(one)[0][0]), True)
    return _design(problem, nearest, False)


def curve(problem: Problem, factors: Sequence[float] = CURVE) -> list[tuple[float, Design]]:
    """Designs for targets that are so many times as lax: cost against target."""
    return [(factor, cheapest(problem.scaled(factor))) for factor in factors]


def _starts(problem: Problem) -> list[np.ndarray]:
    """The file's numbers and the best of every range; where the problem may not be convex, a few more."""
    low, high = np.array(problem.bounds).T
    if all(path[0] in ("device", "costs") for knob in problem.knobs for path in knob.paths):
        return [problem.start, high]
    spread = np.random.default_rng(0).random((STARTS - 3, len(low)))
    return [problem.start, high, (low + high) / 2, *(low + (high - low) * row for row in spread)]


def _missed(problem: Problem, logs: np.ndarray) -> float:
    missed = problem.evaluate(logs)[0][1:]
    return float(np.max(missed)) if len(missed) and np.isfinite(missed).all() else float("inf")


def _solve(problem: Problem, start: np.ndarray) -> np.ndarray | None:
    from scipy.optimize import minimize

    constraint = {
        "type": "ineq",
        "fun": lambda x: -problem.evaluate(x)[0][1:] - TOLERANCE / 2,
        "jac": lambda x: -problem.evaluate(x)[1][1:],
    }
    with np.errstate(all="ignore"):
        found = minimize(
            lambda x: problem.evaluate(x)[0][0], start, jac=lambda x: problem.evaluate(x)[1][0], method="SLSQP",
            bounds=problem.bounds, constraints=[constraint] if problem.targets else [],
            options={"maxiter": 200, "ftol": 1e-12},
        )  # fmt: skip
    if not np.isfinite(found.x).all():
        return None
    return np.clip(found.x, *np.array(problem.bounds).T)


def _nearest(problem: Problem, start: np.ndarray) -> np.ndarray:
    """Least of the largest miss: minimize t with every miss at most t."""
    from scipy.optimize import minimize

    worst = min(_missed(problem, start), 50.0)
    constraint = {
        "type": "ineq",
        "fun": lambda x: x[-1] - problem.evaluate(x[:-1])[0][1:],
        "jac": lambda x: np.hstack([-problem.evaluate(x[:-1])[1][1:], np.ones((len(problem.targets), 1))]),
    }
    slope = np.append(np.zeros(len(start)), 1.0)
    with np.errstate(all="ignore"):
        found = minimize(
            lambda x: x[-1], np.append(start, worst), jac=lambda x: slope, method="SLSQP",
            bounds=[*problem.bounds, (-50.0, 60.0)], constraints=[constraint], options={"maxiter": 200, "ftol": 1e-12},
        )  # fmt: skip
    best = np.clip(found.x[:-1], *np.array(problem.bounds).T)
    return best if np.isfinite(best).all() and _missed(problem, best) <= _missed(problem, start) else start


def _design(problem: Problem, logs: np.ndarray, met: bool) -> Design:
    values, slopes = problem.evaluate(logs)
    numbers = {knob.key: float(np.exp(x)) for knob, x in zip(problem.knobs, logs, strict=True)}
    at_bound = {}
    for knob, x, (low, high) in zip(problem.knobs, logs, problem.bounds, strict=True):
        if min(x - low, high - x) < 1e-4 * max(1.0, abs(x)):
            at_bound[knob.key] = "low" if x - low < high - x else "high"
    reached = {
        t.metric: float(np.exp(v)) if t.metric == "fits_memory" else float(t.value * np.exp(t.sign * v))
        for t, v in zip(problem.targets, values[1:], strict=True)
    }
    shadow = _shadow(problem, values, slopes, at_bound) if met else {t.metric: 0.0 for t in problem.targets}
    return Design(problem, numbers, met, float(np.exp(values[0])), reached, shadow, at_bound)


def _shadow(problem: Problem, values: np.ndarray, slopes: np.ndarray, at_bound: Mapping[str, str]) -> dict[str, float]:
    """Multipliers >= 0 of the targets that bind, from the slopes of cost and targets (Karush, Kuhn and Tucker)."""
    from scipy.optimize import nnls

    binding = [i for i, v in enumerate(values[1:]) if v > -1e-4]
    columns = [slopes[1 + i] for i in binding]
    for index, knob in enumerate(problem.knobs):
        if knob.key in at_bound:
            unit = np.zeros(len(problem.knobs))
            unit[index] = -1.0 if at_bound[knob.key] == "low" else 1.0
            columns.append(unit)
    found = dict.fromkeys((t.metric for t in problem.targets), 0.0)
    if columns:
        weights = nnls(np.column_stack(columns), -slopes[0])[0]
        for place, i in enumerate(binding):
            found[problem.targets[i].metric] = float(weights[place])
    return found
