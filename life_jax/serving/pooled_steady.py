"""Steady state of a pool that prefills beside one that decodes: what is served, and how long each part waits."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.core.numerics import Number, ceil, clip, constant, exp, iterate, larger, smaller, sqrt
from life_jax.core.pytree import map_leaves
from life_jax.serving.pools import CONTENTION_ROUNDS, Pool, Pools, decode_capacity, decode_step, full_steps, prompt_step
from life_jax.serving.requested import LEAST, Requested
from life_jax.serving.routing import burst_of_one, crowd_of_one
from life_jax.serving.steady_state import NEAREST, ROUNDS, STEP_UP, places, slot_queue
from life_jax.serving.step_law import last_axis

PARTS, DIVISIONS = 16, 5  # of the range in which the rate of a closed loop lies
PLACES = np.arange(1.0, PARTS) / PARTS
NUDGE = 1e-4  # of that rate, for its slope


@dataclass(frozen=True)
class Prefilling:
    """Steps of a batch in the pool that prefills, which follow each other while prompts wait.

    seconds [s]: mean step; tokens [token]: of it; mine [s]: steps of a request's own prompt
    service, service2, service3 [s, s^2, s^3]: moments of the time in which a prompt alone fills steps
    load [1]: part of the time that full steps would take; busy [1]: in which there is a step
    wait [s]: until the prompts before it are done; running [s]: the step that runs on arrival, where one does; residual
    [s]: what is left of it, mean
    """

    seconds: Number
    tokens: Number
    mine: Number
    service: Number
    service2: Number
    service3: Number
    load: Number
    busy: Number
    wait: Number
    running: Number
    residual: Number


def prefilling(pool: Pool, requested: Requested, *, rate: Number, burst: Number) -> Prefilling:
    """A batch in flight of the pool that prefills, at which requests arrive at a rate [1/s].

    burst [1]: coefficient of variation of the gaps between their arrivals.
    """
    prompt, new, weights = requested.prompts
    budget = last_axis(pool.scheduler.budget)
    chunks: Any = larger(ceil(new / budget - 1e-9), 1.0)
    each = new / chunks  # tokens of a prompt in a step
    by_step = weights * chunks / (weights * chunks).sum(-1)[..., None]
    mean_new, mean_chunks = (weights * new).sum(-1), (weights * chunks).sum(-1)
    alone = (by_step * each).sum(-1)

    def step(crowd: Number) -> tuple[Number, Number, Any]:
        """Mean seconds and tokens of a step with so many prompts [1], and seconds of one with each length."""
        tokens: Any = smaller(each + last_axis((crowd - 1) * alone), budget)
        seconds = prompt_step(pool, requested, tokens, (prompt, new))
        return (by_step * seconds).sum(-1), (by_step * tokens).sum(-1), seconds

    def improve(values: tuple[Number]) -> tuple[Number]:
        arriving = rate * values[0] * mean_chunks  # while a step runs, which the next one takes; one where nothing ran
        return (sqrt(values[0] * step(arriving + exp(-arriving))[0]),)

    (seconds,) = iterate(improve, (step(1.0 + 0.0 * rate)[0],), ROUNDS)
    arriving = rate * seconds * mean_chunks
    mean, tokens, each_seconds = step(arriving + exp(-arriving))
    met = (by_step * each_seconds**2).sum(-1) / mean  # of long steps more are met
    busy = smaller(rate * mean * mean_new / tokens, 1.0)
    _, _, of_mine = step(1 + busy * rate * mean)  # beside a request's own prompt, those that came in the step before
    full, _ = full_steps(pool, requested)
    service, service2 = (weights * full).sum(-1), (weights * full**2).sum(-1)
    load = smaller(rate * service, NEAREST)
    queue = rate * service2 * (burst * burst + 1) / 2 / (2 * (1 - load))
    stages = pool.scheduler.stages
    last = (weights * of_mine).sum(-1)
    more = (weights * (chunks - 1) * of_mine).sum(-1) / stages
    return Prefilling(
        seconds=mean,
        tokens=tokens,
        mine=last + more,
        service=service,
        service2=service2,
        service3=(weights * full**3).sum(-1),
        load=load,
        busy=busy,
        wait=load * queue / stages,
        running=met,
        residual=busy * met / 2 / stages,
    )


@dataclass(frozen=True)
class PooledSteady:
    """Both pools in steady state under a load.

    rate [1/s]: of requests; capacity [1/s]: the largest rate that is served; saturated: whether more arrives
    first: the pool that prefills; decoding [1]: sequences of a batch in flight as one of them sees it; gap [s]: mean
    time between two tokens of a sequence
    link_wait, transfer [s]: until the link is free, and of a transfer; slot_waits [1]: part of the requests that wait
    for a slot, slot_wait [s] then; joins [s]: until the decode step that runs has ended; swing [1]: standard deviation
    of the number of sequences, relaxation [s]: in which it forgets
    slower: times [1] that steps of both pools take as long, because they read one memory; None where they do not
    """

    rate: Number
    capacity: Number
    saturated: Number
    first: Prefilling
    decoding: Number
    gap: Number
    link_wait: Number
    transfer: Number
    slot_waits: Number
    slot_wait: Number
    joins: Number
    swing: Number
    relaxation: Number
    slower: tuple[Number, Number] | None = None

    @property
    def ttft(self) -> Number:
        """Mean time to first token [s], which is seen when its sequence begins to decode."""
        first = self.first
        before = first.wait + first.residual + first.mine + self.link_wait + self.transfer
        return before + self.slot_waits * self.slot_wait + self.joins


def open_pools(pools: Pools, requested: Requested, *, rate: Number, burst: Number, capacity: Number) -> PooledSteady:
    """Requests that arrive at a rate [1/s] whatever happens; burst [1]: coefficient of variation of their gaps.

    Steps of pools that read one memory last longer by the part of the time in which the other pool is busy.
    """

    def state(factors: tuple[Number, Number] | None) -> PooledSteady:
        steady = _open_apart(pools.slower(factors), requested, rate=rate, burst=burst, capacity=capacity)
        return replace(steady, slower=factors)

    if pools.are_apart:
        return state(None)

    def improve(factors: tuple[Number, Number]) -> tuple[Number, Number]:
        now = state(factors)
        sequences = smaller(rate, NEAREST * capacity) / pools.decode.batches * requested.decoded * now.gap
        return 1 + (1 - exp(-sequences)) * pools.slows_prefill, 1 + now.first.busy * pools.slows_decode

    alone = 1.0 + 0.0 * (rate * capacity)
    return state(iterate(improve, (alone, alone), CONTENTION_ROUNDS))


def _open_apart(pools: Pools, requested: Requested, *, rate: Number, burst: Number, capacity: Number) -> PooledSteady:
    """The same of pools that do not slow each other down."""
    served = smaller(rate, NEAREST * capacity)
    a = pools.prefill
    mine = burst_of_one(burst, a.routed, pools.router, batches=a.batches / a.routed)
    first = prefilling(a, requested, rate=served / a.batches, burst=mine)
    # Marshall's departures
    square = (first.service2 / first.service**2 - 1) * first.load**2 + (1 - first.load**2) * mine * mine
    to_decode = sqrt(1 + (larger(square, 0.0) - 1) / a.batches)  # of all batches of the first pool together
    held = pools.token * requested.prompt.average
    link = clip(served / pools.links * held, 0.0, NEAREST)
    second = 1 + requested.prompt.variation
    decode = _decoding(pools, requested, served, to_decode)
    return PooledSteady(
        rate=rate,
        capacity=capacity,
        saturated=1.0 * (rate >= capacity),
        first=first,
        link_wait=link * held * second / 2 / (1 - link),
        transfer=pools.latency + held,
        **decode,
    )


def _decoding(pools: Pools, requested: Requested, rate: Number, burst: Number) -> dict[str, Any]:
    """What there is of a batch in flight of the pool that decodes (names of PooledSteady)."""
    pool = pools.decode
    crowd = crowd_of_one(pool.routed, pools.router)
    mine = rate / pool.batches
    slots = places(requested, pool.scheduler)

    def steady(rate: Number) -> tuple[Number, Number]:
        """Sequences as one of them sees it [1], and the seconds of a step [s]."""

        def seen(seconds: Number) -> Number:
            return smaller(larger(crowd + rate * requested.decoded * seconds, 1.0), slots)

        def improve(values: tuple[Number]) -> tuple[Number]:
            return (sqrt(values[0] * decode_step(pool, requested, seen(values[0]))),)

        start = decode_step(pool, requested, 1.0 + 0.0 * rate)
        (seconds,) = iterate(improve, (start,), ROUNDS)
        return seen(seconds), seconds

    decoding, gap = steady(mine)
    more = steady(mine * STEP_UP)[1]
    held = mine * requested.decoded * gap
    relaxation = larger(requested.decoded * (STEP_UP * more - gap) / (STEP_UP - 1), requested.decoded * gap)
    swing = sqrt(mine * relaxation * crowd)
    own = burst_of_one(burst, pool.routed, pools.router, batches=pool.batches / pool.routed)
    most = decode_capacity(pool, requested)
    queue, waits = slot_queue(requested, rate=mine, burst=own, capacity=most, held=held, swing=swing, slots=slots)
    return {
        "decoding": decoding,
        "gap": gap,
        "slot_waits": waits,
        "slot_wait": queue / larger(mine, LEAST),
        "joins": (1 - exp(-held)) * gap / 2,
        "swing": swing,
        "relaxation": relaxation,
    }


def closed_pools(pools: Pools, requested: Requested, *, concurrency: Number, capacity: Number) -> PooledSteady:
    """Requests that arrive when another ends, so that `concurrency` [1] of them are there at any time.

    A request sees what all others do: the system at (N - 1) / N of its rate (Schweitzer's approximation).
    """
    others = (concurrency - 1) / concurrency
    several, requests = pools.each(), map_leaves(last_axis, requested)

    def there(rate: Number, *, more: bool = False) -> Number:
        """Requests that would be there at a rate [1/s], over those that are there [1]; more: along a last axis."""
        of: tuple[Any, ...] = (pools, requested, others, capacity, concurrency)
        if more:
            of = several, requests, last_axis(others), last_axis(capacity), last_axis(concurrency)
        s = open_pools(of[0], of[1], rate=of[2] * rate, burst=1.0, capacity=of[3])
        return rate * (s.ttft + of[1].decoded * s.gap) / of[4]

    def divide(ends: tuple[Number, Number]) -> tuple[Number, Number]:
        low, high = ends
        rates = last_axis(low) + last_axis(high - low) * PLACES
        below: Any = 1.0 * (there(rates, more=True) < 1)
        less = below.sum(-1) / PARTS
        return low + (high - low) * less, low + (high - low) * (less + 1 / PARTS)

    ends = (0.0 * capacity * concurrency, NEAREST * capacity + 0.0 * concurrency)
    low, high = iterate(divide, ends, DIVISIONS)
    rate = constant((low + high) / 2)
    slope = constant((there(rate * (1 + NUDGE)) - there(rate * (1 - NUDGE))) / (2 * NUDGE * rate))
    rate = rate - (there(rate) - 1) / slope  # changes next to nothing, and carries the derivative
    steady = open_pools(pools, requested, rate=others * rate, burst=1.0, capacity=capacity)
    return replace(steady, rate=rate, saturated=0.0 * rate)
