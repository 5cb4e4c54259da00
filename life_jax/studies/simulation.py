"""Requests under the load of a scenario, simulated one by one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.parameter import Parameter, set_all
from life_jax.core.scenario import Load, Scenario
from life_jax.forecasting.layout import is_possible
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving import gaps
from life_jax.serving.requests import Requests
from life_jax.serving.steady_state import places
from life_jax.studies.timed_requests import kinds_of, timed_requests

REQUESTS = 4096  # of a run, unless a trace or a benchmark says how many
ROUNDS = 8  # of the largest concurrency, at least, that a run of a closed loop has
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}
NEAR = 0.1  # of the formula's capacity, within which a run decides what the capacity is
HALVINGS = 12  # of the range of max_rate


@dataclass(frozen=True)
class Simulated:
    """Times of the requests that count.

    ttft, tpot [n] [s]; output [n] [token]; start, end [s]: of the time in which they are counted; steps [1]: of the
    whole run; gaps [BINS]: times between two tokens, counted (serving/gaps.py); kinds [n] [1]: place of the class of
    each, 0 where there are no classes
    """

    ttft: np.ndarray
    tpot: np.ndarray
    output: np.ndarray
    start: float
    end: float
    steps: float
    gaps: np.ndarray
    kinds: np.ndarray

    def of(self, kind: int) -> "Simulated":
        """The requests of a class alone, in the same time."""
        mine = self.kinds == kind
        return replace(
            self, ttft=self.ttft[mine], tpot=self.tpot[mine], output=self.output[mine], kinds=self.kinds[mine]
        )

    def of_load(self, load: Load) -> dict[str, float]:
        """Metrics of all requests, or of the class that is observed, with the limits of each class."""
        if not load.classes:
            return self.metrics(float(load.ttft_limit), float(load.tpot_limit))
        limits = [np.array([float(getattr(c, name)) for c in load.classes]) for name in ("ttft_limit", "tpot_limit")]
        whole = self.metrics(*(of[self.kinds] for of in limits))
        if not load.observed:
            return whole
        kind = [c.name for c in load.classes].index(load.observed)
        mine = self.of(kind).metrics(*(float(of[kind]) for of in limits))
        return {**mine, "concurrency": whole["concurrency"]}

    def metrics(self, ttft_limit: Any, tpot_limit: Any) -> dict[str, float]:
        """Metrics by the names of forecasting.metrics, but for those that take several runs.

        ttft_limit, tpot_limit [s]: that good requests meet, one for all or one for each [n].
        """
        values = {"itl_p99": gaps.percentile(self.gaps, 99.0)}
        for name in ("ttft", "tpot"):
            values[f"{name}_mean"] = self.time(name)
            for which, percentile in PERCENTILES.items():
                values[f"{name}_{which}"] = self.time(name, percentile)
        rate = len(self.ttft) / (self.end - self.start)
        good = (self.ttft <= ttft_limit) & ~(self.tpot > tpot_limit)
        alive = self.ttft + np.where(np.isnan(self.tpot), 0.0, self.tpot * (self.output - 1))
        return {
            **values,
            "request_rate": rate,
            "output_rate": rate * float(self.output.mean()),
            "concurrency": rate * float(alive.mean()),
            "goodput": rate * float(good.mean()),
        }

    def time(self, name: str, percentile: float | None = None) -> float:
        """`ttft` or `tpot` [s] at a percentile, or (None) the mean; NaN where no request has one."""
        times = getattr(self, name)
        times = times[~np.isnan(times)]
        if not len(times):
            return float("nan")
        return float(times.mean() if percentile is None else np.percentile(times, percentile))


@dataclass(frozen=True, eq=False)
class Simulator:
    """The function that a grid evaluates where requests are simulated: values of the axes -> metrics.

    parameters: of the axes; metrics: names; seed: of all points, so that they compare; trace: requests, instead of
    drawn ones; notes: of what could not be simulated, filled as points are.
    """

    parameters: tuple[Parameter, ...]
    metrics: tuple[str, ...]
    seed: int = 0
    trace: Requests | None = None
    notes: list[str] = field(default_factory=list)

    def __call__(self, base: Scenario, values: Mapping[str, Any]) -> dict[str, Any]:
        """Metrics by name, each of the shape to which the values [...] broadcast, with an axis of length 1 in front
        where there are none."""
        keys = [parameter.key for parameter in self.parameters]
        meshes = np.broadcast_arrays(np.zeros(1), *(values[key] for key in keys))[1:]
        shape = meshes[0].shape if meshes else (1,)
        columns = {name: np.full(shape, np.nan) for name in self.metrics}
        known: dict[Any, dict[str, float]] = {}  # of points that differ in how many requests come alone
        for place in np.ndindex(shape):
            numbers = {key: float(mesh[place]) for key, mesh in zip(keys, meshes, strict=True)}
            scenario = set_all(base, self.parameters, numbers)
            try:
                rest = tuple(value for key, value in numbers.items() if key not in ("rate", "concurrency"))
                largest = known.setdefault(rest, {})
                seen = simulated_metrics(scenario, self.metrics, seed=self.seed, trace=self.trace, largest=largest)
            except ConfigError as error:
                self.notes.append(str(error))
                continue
            for name, value in seen.items():
                columns[name][place] = value
        return columns


def simulated_metrics(
    scenario: Scenario,
    names: Iterable[str],
    *,
    seed: int = 0,
    trace: Requests | None = None,
    largest: dict[str, float] | None = None,
) -> dict[str, float]:
    """Metrics by name of the requests of a scenario's load, or of a trace; of those without a load, the forecast.

    largest [1/s]: rates that runs found which do not depend on the load's own rate or concurrency, kept for the next.

    Times are infinite where more requests arrive than are served. Raises ConfigError where a request is longer than
    the cache.
    """
    names = tuple(names)
    of_load = tuple(name for name in names if METRICS[name].needs == "load")
    with np.errstate(all="ignore"):
        others = forecast(scenario, tuple(name for name in names if name not in of_load))
        values = {name: float(value) for name, value in others.items()}
        if of_load:
            values.update(_under_load(scenario, of_load, seed, trace, {} if largest is None else largest))
    return {name: values[name] for name in names}


def _under_load(
    scenario: Scenario, names: tuple[str, ...], seed: int, trace: Requests | None, largest: dict[str, float]
) -> dict[str, float]:
    def rate_of(name: str, of: Callable[..., float]) -> float:
        if name not in largest:
            largest[name] = of(scenario, seed=seed)
        return largest[name]

    def capacity() -> float:
        return rate_of("capacity", simulated_capacity)

    under, load = UnderLoad(scenario), scenario.load
    possible = is_possible(scenario)
    if not (under.is_open or under.is_closed) or (possible is not None and not possible):
        return dict.fromkeys(names, float("nan"))
    run = simulated(scenario, seed=seed, trace=trace)
    values = run.of_load(load)
    if under.is_open and trace is None and _is_saturated(scenario, capacity):
        most = capacity()
        for name in values:
            values[name] = float("inf") if METRICS[name].units == "s" or name == "concurrency" else 0.0
        mine = UnderLoad(replace(scenario, load=replace(load, rate=most)))
        values |= {"request_rate": float(mine.request_rate), "output_rate": float(mine.output_rate)}
    if "utilization" in names:
        rate = len(run.ttft) / (run.end - run.start)
        saturated = np.isinf(values["ttft_mean"])
        values["utilization"] = 1.0 if saturated else min(rate / capacity(), 1.0)
    if "max_rate" in names:
        values["max_rate"] = rate_of("max_rate", simulated_max_rate)
    rest = tuple(name for name in names if name not in values)  # energy and cost, by the formula's mean step
    values.update({name: float(value) for name, value in forecast(scenario, rest).items()})
    return {name: values[name] for name in names}


def _is_saturated(scenario: Scenario, capacity: Callable[[], float]) -> bool:
    """Whether more requests arrive than are served: by the formula, or near its capacity by that of a run."""
    under = UnderLoad(scenario)
    rate, by_formula = float(scenario.load.rate), float(under.capacity * under.groups)
    if abs(rate / by_formula - 1) > NEAR:
        return rate > by_formula
    return rate >= capacity()


def simulated_capacity(scenario: Scenario, *, seed: int = 0) -> float:
    """Requests [1/s] that are served while as many as can run together always wait: the middle half of a run."""
    under = UnderLoad(scenario)
    most = _most_at_once(under)
    load = _steady(scenario.load, concurrency=most)
    run = timed_requests(replace(scenario, load=load), int(max(REQUESTS, ROUNDS * most)), seed)
    ends = np.sort(run.last)
    first, last = len(ends) // 4, 3 * len(ends) // 4
    return float((last - first) / (ends[last] - ends[first]))


def _most_at_once(under: UnderLoad) -> float:
    """Requests [1] that run together at most; in pools, beside steps of the first that are full twice over."""
    if under.pools is None:
        return max(1.0, float(np.floor(places(under.requested, under.scheduler)))) * float(under.groups)
    first, second = under.pools.prefill, under.pools.decode
    decoding = float(np.floor(places(under.requested, second.scheduler))) * float(second.batches)
    ahead = max(float(first.scheduler.budget) / float(under.requested.new), 1.0)
    return max(1.0, decoding) + np.ceil(2 * ahead * float(first.batches))


def _steady(load: Load, *, rate: float = 0.0, concurrency: float = 0.0) -> Load:
    return replace(load, rate=rate, concurrency=concurrency, requests=0.0)


def simulated_max_rate(scenario: Scenario, *, seed: int = 0) -> float:
    """The largest rate [1/s] at which the percentile of both times keeps within the limits of the load; 0 where none
    does. Every rate sees the same requests, at gaps that scale with it."""
    load, capacity = scenario.load, simulated_capacity(scenario, seed=seed)

    def meets(rate: float) -> bool:
        run = simulated(replace(scenario, load=_steady(load, rate=rate)), seed=seed)
        of: list[tuple[Any, Simulated]] = [(c, run.of(kind)) for kind, c in enumerate(load.classes)] or [(load, run)]
        return not any(
            mine.time(name, load.percentile) > float(getattr(limits, f"{name}_limit"))
            for limits, mine in of
            for name in ("ttft", "tpot")
        )

    low, high = 0.0, capacity
    if meets(high):
        return capacity
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if meets(middle) else (low, middle)
    return low


def simulated(scenario: Scenario, *, seed: int = 0, trace: Requests | None = None) -> Simulated:
    """The requests of the scenario's load, or of a trace, one by one; the same for the same seed.

    Raises ConfigError where a request is longer than the cache, and for drafts.
    """
    load = scenario.load
    count = int(load.requests or max(REQUESTS, ROUNDS * float(load.concurrency)))
    run = timed_requests(scenario, count, seed, trace)
    requests, counted = run.requests, slice(run.unseen, None)
    between = np.where(requests.output > 1, (run.last - run.first) / np.maximum(requests.output - 1, 1), np.nan)
    return Simulated(
        ttft=(run.first - run.arrival)[counted],
        tpot=between[counted],
        output=requests.output[counted],
        start=float(run.arrival[counted][0]),
        end=float(run.last.max()),
        steps=run.steps,
        gaps=run.gaps,
        kinds=kinds_of(load, len(run.arrival), seed)[counted],
    )
