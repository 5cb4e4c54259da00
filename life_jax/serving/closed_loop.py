"""A closed loop in steady state: a fixed number of requests, each replaced when it ends."""

from dataclasses import dataclass, replace
from typing import Any

from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import Number, ceil, exp, iterate, larger, smaller, sqrt, where
from life_jax.serving.steady_state import (
    ROOM_KEPT,
    ROUNDS,
    Requested,
    Steady,
    Steps,
    of_others,
    own_steps,
    places,
    steps,
)
from life_jax.serving.step_law import Law, StepLoad


@dataclass(frozen=True)
class Closed:
    """An engine that serves a fixed number of requests, each replaced when it ends.

    rate [1/s]: of requests; seconds [s]: mean time between two tokens of a sequence; ttft [s]: mean time to first token
    """

    rate: Number
    seconds: Number
    ttft: Number
    steps: Steps
    decoding: Number
    wait: Number
    own: Number


def capacity(law: Law, requested: Requested, scheduler: Scheduler) -> Number:
    """Largest rate of requests [1/s] that an engine serves, with as many of them as can run together always there."""
    return closed_loop(law, requested, scheduler, concurrency=places(requested, scheduler)).rate


def closed_loop(law: Law, requested: Requested, scheduler: Scheduler, *, concurrency: Number) -> Closed:
    """Requests that arrive when another ends, so that `concurrency` [1] of them are there at any time.

    Outputs of different lengths mix the requests, as if they arrived at random. Outputs of one length keep together
    what has ended in one step: such requests are prefilled in one step again, and again.
    """
    mixed = _closed(law, requested, scheduler, concurrency, together=False)
    together = _closed(law, requested, scheduler, concurrency, together=True)
    spread = requested.output.average * sqrt(requested.output.variation)  # steps between the ends of outputs
    part = exp(-2 * spread) / (1 + requested.prompt.variation)
    blend = [a ** (1 - part) * b**part for a, b in zip(mixed[:3], together[:3], strict=True)]
    return Closed(*blend, *mixed[3:])


def closed_steady(law: Law, requested: Requested, scheduler: Scheduler, *, concurrency: Number) -> Steady:
    """The steady state of a closed loop, in which nothing is ever saturated: those that have no slot wait for one."""
    slots = places(requested, scheduler)
    inside = smaller(concurrency, slots)
    loop = closed_loop(law, requested, scheduler, concurrency=inside)
    waiting = (concurrency - inside) / loop.rate
    others = (inside - 1) / inside
    s = loop.steps
    residual = others * (s.busy * s.prefill + (1 - s.busy) * s.decode) / 2
    relaxation = requested.decoded * loop.seconds
    return Steady(
        rate=loop.rate,
        capacity=capacity(law, requested, scheduler),
        saturated=0.0 * loop.rate,
        steps=s,
        decoding=loop.decoding,
        prefill_wait=loop.wait,
        residual=residual,
        own=loop.own,
        after=0.0 * loop.rate,
        left=loop.rate * requested.new * s.seconds,
        slot_waits=1.0 * (waiting > 0),
        slot_wait=waiting,
        relaxation=relaxation,
        swing=0.0 * loop.rate,
        mean_decoded=requested.decoded,
        mean_ttft=loop.ttft + waiting,
        mean_gap=loop.seconds,
    )


def _closed(
    law: Law, requested: Requested, scheduler: Scheduler, concurrency: Number, *, together: bool
) -> tuple[Any, ...]:
    others = (concurrency - 1) / concurrency
    limit = (1 - ROOM_KEPT) * scheduler.budget / requested.width

    def state(seconds: Number, rate: Number, wait: Number) -> tuple[Steps, Number, Number, Number, Number]:
        inside = smaller(rate * requested.decoded * seconds, concurrency)
        decoding = smaller(1 + others * inside, limit)
        s = steps(law, requested, scheduler, decoding=decoding, seconds=seconds, rate=rate)
        if together:
            s = _in_cohorts(s, law, requested, scheduler, concurrency, decoding, seconds, rate)
            own = larger(1.0, requested.new / s.tokens) * s.prefill
            queue = 0.0 * wait
        else:
            own = own_steps(scheduler, s)
            ahead = smaller(rate * (wait + s.service), concurrency)
            queue = larger(others * s.service * ahead - rate * (s.service * s.service - s.service2 / 2), 0.0)
        served = smaller(concurrency / (queue + own + requested.decoded * seconds), 1 / s.service)
        return s, decoding, queue, own, served

    def improve(values: tuple[Number, Number, Number]) -> tuple[Number, Number, Number]:
        seconds, rate, _ = values
        s, _, queue, _, served = state(*values)
        return sqrt(seconds * s.seconds), sqrt(rate * served), queue

    start = law.seconds(StepLoad(smaller(concurrency, limit), requested.context * concurrency)) * 1.5
    values = iterate(improve, (start, concurrency / (requested.decoded * start * 1.5), 0.0 * start), 2 * ROUNDS)
    s, decoding, queue, own, _ = state(*values)
    seconds, rate, _ = values
    return rate, seconds, concurrency / rate - requested.decoded * seconds, s, decoding, queue, own


def _in_cohorts(
    s: Steps,
    law: Law,
    requested: Requested,
    scheduler: Scheduler,
    concurrency: Number,
    decoding: Number,
    seconds: Number,
    rate: Number,
) -> Steps:
    """Steps in which prompts come in cohorts as large as the budget allows, since their requests ended together."""
    cohorts = larger(ceil(concurrency * requested.new / s.room), 1.0)
    several = concurrency * requested.new / cohorts
    alone = requested.new / larger(ceil(requested.new / s.room), 1.0)
    tokens = smaller(where(requested.new < s.room, several, alone), s.room)
    beside = 0.0 if scheduler.mixing == PREFILL_FIRST else decoding
    pairs = requested.pairs(requested.prompt.average * (1 + requested.prompt.variation))
    part = rate * requested.new * seconds / tokens
    part = part if scheduler.mixing == PREFILL_FIRST else smaller(part, 1.0)
    others = of_others(scheduler, decoding, part * tokens)
    prefill = law.seconds(StepLoad(beside, beside * requested.context, tokens, tokens * pairs, 1.0, 1.0, others))
    extra = prefill if scheduler.mixing == PREFILL_FIRST else prefill - s.decode
    return replace(s, prefill=prefill, extra=extra, part=part, tokens=tokens)
