"""A pool of replicas that prefills prompts beside one that decodes, to which it hands their cache over: steady state.

A prompt waits for the step that runs and for what came before it, is prefilled with what arrived meanwhile, waits for
the link, crosses it, waits for a slot, and for the end of the decode step that runs. What leaves the first pool arrives
at the second nearly at random. The system serves what the slowest of its parts does.
Reference: Zhong et al. 2024, "DistServe" (arXiv:2401.09670), whose prefill is a queue of single prompts.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number, ceil, clip, constant, exp, is_fixed_at, iterate, larger, smaller, sqrt
from life_jax.core.pytree import map_leaves, neutral, pytree, static
from life_jax.serving.routing import RANDOM, burst_of_one, crowd_of_one
from life_jax.serving.steady_state import LEAST, NEAREST, ROUNDS, STEP_UP, Requested, of_others, places, slot_queue
from life_jax.serving.step_law import Law, StepLoad, last_axis

PARTS, DIVISIONS = 16, 5  # of the range in which the rate of a closed loop lies
PLACES = np.arange(1.0, PARTS) / PARTS
NUDGE = 1e-4  # of that rate, for its slope
CONTENTION_ROUNDS = 8  # of pools that slow each other down, whose parts are at most 1


@pytree
class Pool:
    """Replicas of one kind.

    law: of steps; scheduler: of each batch in flight; batches [1]: in flight in all replicas together; routed [1]:
    schedulers that the router tells apart
    """

    law: Law
    scheduler: Scheduler
    batches: Number
    routed: Number

    def slower(self, factor: Number) -> "Pool":
        """The same with steps that take `factor` [1] times as long."""
        return replace(self, law=SlowerLaw(self.law, factor))

    def each(self) -> "Pool":
        """The same for loads that have one more axis at their end."""
        scheduler = map_leaves(last_axis, self.scheduler)
        return Pool(self.law.each(), scheduler, last_axis(self.batches), last_axis(self.routed))


@pytree
class SlowerLaw:
    """A law of steps that take `factor` [1] times as long as those of a law."""

    law: Law
    factor: Number

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""
        return self.factor * self.law.seconds(load)

    def each(self) -> "SlowerLaw":
        """The same law for loads that have one more axis at their end."""
        return SlowerLaw(self.law.each(), last_axis(self.factor))


@pytree
class Pools:
    """Both pools, and the link between them.

    latency [s]: of a transfer; token [s]: of the link, for each token of a prompt; links [1]: of replicas that prefill,
    each of which sends one cache after another
    slows_prefill, slows_decode [1]: part by which a step of one pool lasts longer while the other makes one too, where
    both read one memory
    """

    prefill: Pool
    decode: Pool
    latency: Number
    token: Number
    links: Number
    router: str = static(default=RANDOM)
    slows_prefill: Number = neutral(default=0.0)
    slows_decode: Number = neutral(default=0.0)

    @property
    def are_apart(self) -> bool:
        """Whether neither pool slows the other down."""
        return is_fixed_at(self.slows_prefill, 0) and is_fixed_at(self.slows_decode, 0)

    def slower(self, factors: tuple[Number, Number] | None) -> "Pools":
        """Pools that are apart, whose steps take so many times [1] as long; None for the same pools."""
        if factors is None:
            return self
        prefill, decode = self.prefill.slower(factors[0]), self.decode.slower(factors[1])
        return replace(self, prefill=prefill, decode=decode, slows_prefill=0.0, slows_decode=0.0)

    def each(self) -> "Pools":
        """The same for loads that have one more axis at their end."""
        names = ("latency", "token", "links", "slows_prefill", "slows_decode")
        numbers = {name: last_axis(getattr(self, name)) for name in names}
        return replace(self, prefill=self.prefill.each(), decode=self.decode.each(), **numbers)


def matched_rate(*rates: tuple[Number, Number, Number]) -> Number:
    """Requests [1/s] that parts in a row serve: the least of (rate of a worker [1/s], workers [1], part of it that is
    reached [1]) multiplied."""
    served = [rate * workers * reached for rate, workers, reached in rates]
    least = served[0]
    for other in served[1:]:
        least = smaller(least, other)
    return least


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


def prompt_step(pool: Pool, requested: Requested, tokens: Number, lengths: Any) -> Any:
    """Seconds [..., n] of a step with so many tokens [..., n] of prompts of these lengths and new tokens [..., n]."""
    prompt, new = lengths
    beside = of_others(pool.scheduler, 1.0, 0.0)
    others = None if beside is None else tokens
    load = StepLoad(0.0, 0.0, tokens, tokens * (prompt - new / 2), larger(tokens / new, 1.0), 1.0, others)
    return pool.law.each().seconds(load)


def _full_steps(pool: Pool, requested: Requested) -> tuple[Any, Any]:
    """Seconds [..., n] in which prompts of each length alone fill steps, and their weights [n]."""
    prompt, new, weights = requested.prompts
    budget = last_axis(pool.scheduler.budget)
    return new / budget * prompt_step(pool, requested, budget + 0.0 * new, (prompt, new)), weights


def prefill_capacity(pool: Pool, requested: Requested) -> Number:
    """Largest rate of requests [1/s] that a batch in flight of the pool that prefills serves."""
    service, weights = _full_steps(pool, requested)
    return pool.scheduler.stages / (weights * service).sum(-1)


def decode_capacity(pool: Pool, requested: Requested) -> Number:
    """Largest rate of requests [1/s] that a batch in flight of the pool that decodes serves."""
    slots = places(requested, pool.scheduler)
    return slots / (requested.decoded * decode_step(pool, requested, slots))


def decode_step(pool: Pool, requested: Requested, decoding: Number) -> Number:
    """Seconds [s] of a step in which so many sequences decode [1]."""
    others = None if of_others(pool.scheduler, decoding, 0.0) is None else decoding * requested.width
    return pool.law.seconds(StepLoad(decoding, decoding * requested.context, others=others))


def capacities(pools: Pools, requested: Requested) -> tuple[Number, Number, Number]:
    """Largest rates [1/s] of the pool that prefills, of the pool that decodes, and of the links."""
    return (
        pools.prefill.batches * prefill_capacity(pools.prefill, requested),
        pools.decode.batches * decode_capacity(pools.decode, requested),
        pools.links / larger(pools.token * requested.prompt.average, LEAST),
    )


def capacity_of_pools(pools: Pools, requested: Requested) -> Number:
    """Largest rate of requests [1/s] that the system serves, whatever requests wait."""
    prefill, decode, links = capacities(pools, requested)

    def served(factors: tuple[Number, Number]) -> Number:
        return matched_rate((prefill / factors[0], 1.0, 1.0), (decode / factors[1], 1.0, 1.0), (links, 1.0, 1.0))

    alone = (1.0 + 0.0 * prefill, 1.0 + 0.0 * prefill)
    if pools.are_apart:
        return served(alone)

    def improve(factors: tuple[Number, Number]) -> tuple[Number, Number]:
        rate = served(factors)
        busy = rate * factors[0] / prefill, rate * factors[1] / decode
        return (factors[0] + 1 + busy[1] * pools.slows_prefill) / 2, (factors[1] + 1 + busy[0] * pools.slows_decode) / 2

    return served(iterate(improve, alone, ROUNDS))


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
    full, _ = _full_steps(pool, requested)
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
