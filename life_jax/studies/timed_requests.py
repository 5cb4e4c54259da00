"""Requests drawn from the load of a scenario, and the time of each through its engine."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number
from life_jax.core.scenario import Load, Scenario
from life_jax.forecasting.pools import sides
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving.arrivals import arrivals
from life_jax.serving.lengths import STANDARD, Lengths
from life_jax.serving.pools import Pools
from life_jax.serving.requested import Requested
from life_jax.serving.requests import Requests
from life_jax.serving.runs import run_of
from life_jax.serving.step_by_step import Fleet, Times, Transfer, simulate_pools
from life_jax.serving.step_law import CappedLaw, TabulatedLaw

WARM_UP = 1 / 8  # of the requests of a steady state, which are not counted


@dataclass(frozen=True)
class TimedRequests:
    """A run: its requests, times of each [n] [s], how many of the first are not counted, steps [1], counted gaps."""

    requests: Requests
    unseen: int
    arrival: np.ndarray
    first: np.ndarray
    last: np.ndarray
    steps: float
    gaps: np.ndarray


def timed_requests(scenario: Scenario, count: int, seed: int, trace: Requests | None = None) -> TimedRequests:
    """A run of so many requests [1] of the scenario's load, or of those of a trace.

    Raises ConfigError where a request is longer than the cache, and for drafts.
    """
    if not scenario.speculation.is_off:
        raise ConfigError("method=simulate follows a token a step; drafts are forecast by method=formula")
    load, under = scenario.load, UnderLoad(scenario)
    requests = trace if trace is not None else drawn(under.requested, under, count, seed)
    unseen = 0 if trace is not None or load.requests else int(count * WARM_UP)
    concurrency = float(load.concurrency) if under.is_closed and trace is None else None
    scheduler = under.scheduler
    longest = float(np.max(requests.prompt + requests.output))
    if longest > float(scheduler.cache):
        raise ConfigError(f"a request of {longest:.0f} tokens is longer than the cache, {float(scheduler.cache):.0f}")
    if under.pools is not None:
        return TimedRequests(requests, unseen, *_through_pools(under, under.pools, requests, concurrency, unseen, seed))
    fleet = _fleet(under.scenario, under.scenario.load.replicas, scheduler, seed)
    law = under.law if fleet.stages == 1 else _whole_pass(under.law)
    return TimedRequests(requests, unseen, *run_of(law, requests, _numbers(scheduler), concurrency, unseen, fleet))


def _fleet(scenario: Scenario, replicas: Number, scheduler: Scheduler, seed: int) -> Fleet:
    """Replicas, each with its data-parallel groups and the batches that a pipeline has in flight."""
    layout = scenario.engine.parallelism
    return Fleet(
        replicas=int(replicas),
        router=scenario.load.router,
        groups=int(layout.data_parallel),
        lockstep=float(scheduler.lockstep) > 1,
        stages=int(scheduler.stages),
        seed=seed,
    )


def _through_pools(
    under: UnderLoad, pools: Pools, requests: Requests, concurrency: float | None, unseen: int, seed: int
) -> Times:
    """A run of requests that one pool prefills and another decodes."""
    if float(np.max(requests.prompt)) > float(pools.prefill.scheduler.cache):
        raise ConfigError("a prompt is longer than the cache of the devices that prefill")
    load = under.scenario.load
    replicas = load.prefill_replicas, load.replicas
    sides_of = zip(sides(under.scenario), (pools.prefill, pools.decode), replicas, strict=True)
    first, second = (
        (
            _whole_pass(pool.law),
            _numbers(pool.scheduler),
            _fleet(side, number, pool.scheduler, seed),
        )
        for side, pool, number in sides_of
    )
    slows = float(pools.slows_prefill), float(pools.slows_decode)
    transfer = Transfer(float(pools.latency), float(pools.token), slows)
    return simulate_pools(first, second, transfer, requests, concurrency, unseen)


def _whole_pass(law: Any) -> Any:
    """The law of a batch alone in its pipeline, whose stages the simulation follows."""
    if isinstance(law, TabulatedLaw):
        return replace(law, stages=1.0)
    parts = {"free": law.free} if isinstance(law, CappedLaw) else {"whole": law.whole, "computed": law.computed}
    return replace(law, **{name: _whole_pass(part) for name, part in parts.items()})


def drawn(requested: Requested, under: UnderLoad, count: int, seed: int) -> Requests:
    """Requests with whole tokens, by one generator of random numbers whatever the load, so that loads compare."""
    draw = np.random.default_rng(seed)
    gap, prompts, outputs = draw.random((3, count))
    load = under.scenario.load
    normal = np.vectorize(STANDARD.inv_cdf)

    def lengths(of: Lengths, uniform: np.ndarray) -> np.ndarray:
        whole = np.maximum(np.round(np.ravel(of.at(uniform, normal(uniform)))), 1.0)
        return np.broadcast_to(whole, (count,))

    if load.classes:
        kinds = kinds_of(load, count, seed)
        prompt, output = (
            np.choose(kinds, [lengths(getattr(c, name), uniform) for c in load.classes])
            for name, uniform in (("prompt", prompts), ("output", outputs))
        )
        part = np.array([float(c.cached) for c in load.classes])[kinds]
    else:
        prompt, output = lengths(requested.prompt, prompts), lengths(requested.output, outputs)
        part = float(load.cached) * (1.0 if load.hits == 1 else draw.random(count) < float(load.hits))
    block = float(under.scheduler.block)
    cached = np.minimum(np.floor(prompt * part / block) * block, prompt - 1)
    times = np.zeros(count) if under.is_closed else arrivals(gap, float(load.rate), float(load.burst), seed)
    return Requests(times, prompt, output, cached)


def _numbers(scheduler: Scheduler) -> Scheduler:
    """The scheduler of one batch in flight in plain numbers."""
    return Scheduler(
        budget=float(scheduler.budget),
        slots=float(scheduler.slots),
        cache=float(scheduler.cache),
        ahead=float(scheduler.ahead),
        interval=float(scheduler.interval),
        mixing=scheduler.mixing,
        admission=scheduler.admission,
    )


def kinds_of(load: Load, count: int, seed: int) -> np.ndarray:
    """Place of the class of each of so many requests [n] [1], drawn by the shares; 0 where there are no classes."""
    if not load.classes:
        return np.zeros(count, int)
    ends = np.cumsum([float(c.share) for c in load.classes])
    drawn = np.random.default_rng((seed, 3)).random(count) * ends[-1]
    return np.minimum(np.searchsorted(ends, drawn, side="right"), len(ends) - 1)
