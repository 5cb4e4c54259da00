"""A pool of replicas that prefills prompts beside one that decodes, to which it hands their cache over: steady state.

A prompt waits for the step that runs and for what came before it, is prefilled with what arrived meanwhile, waits for
the link, crosses it, waits for a slot, and for the end of the decode step that runs. What leaves the first pool arrives
at the second nearly at random. The system serves what the slowest of its parts does.
Reference: Zhong et al. 2024, "DistServe" (arXiv:2401.09670), whose prefill is a queue of single prompts.
"""

from dataclasses import replace
from typing import Any

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number, is_fixed_at, iterate, larger, smaller
from life_jax.core.pytree import map_leaves, neutral, pytree, static
from life_jax.serving.mixed_steps import of_others
from life_jax.serving.requested import LEAST, Requested
from life_jax.serving.routing import RANDOM
from life_jax.serving.steady_state import ROUNDS, places
from life_jax.serving.step_law import Law, StepLoad, last_axis

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


def prompt_step(pool: Pool, requested: Requested, tokens: Number, lengths: Any) -> Any:
    """Seconds [..., n] of a step with so many tokens [..., n] of prompts of these lengths and new tokens [..., n]."""
    prompt, new = lengths
    beside = of_others(pool.scheduler, 1.0, 0.0)
    others = None if beside is None else tokens
    load = StepLoad(0.0, 0.0, tokens, tokens * (prompt - new / 2), larger(tokens / new, 1.0), 1.0, others)
    return pool.law.each().seconds(load)


def full_steps(pool: Pool, requested: Requested) -> tuple[Any, Any]:
    """Seconds [..., n] in which prompts of each length alone fill steps, and their weights [n]."""
    prompt, new, weights = requested.prompts
    budget = last_axis(pool.scheduler.budget)
    return new / budget * prompt_step(pool, requested, budget + 0.0 * new, (prompt, new)), weights


def prefill_capacity(pool: Pool, requested: Requested) -> Number:
    """Largest rate of requests [1/s] that a batch in flight of the pool that prefills serves."""
    service, weights = full_steps(pool, requested)
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
