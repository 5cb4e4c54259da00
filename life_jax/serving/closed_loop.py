"""A closed loop in steady state: a fixed number of requests, each replaced when it ends."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.core.dual_numbers import primal
from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import Number, ceil, exp, is_fixed_at, is_of_jax, iterate, larger, smaller, sqrt, where
from life_jax.serving.fixed_point import solve
from life_jax.serving.mixed_steps import ROOM_KEPT, Steps, of_others, own_steps, planned, steps, unknown
from life_jax.serving.requested import LEAST, Requested
from life_jax.serving.steady_state import Steady, places
from life_jax.serving.step_law import Law, StepLoad

DAMPED = 4  # iterations before the fixed point is looked for
NEGLIGIBLE = 1e-9  # part of the requests that keep together
SINGLE = 1e-6  # decode steps of a request, up to which it has a single token


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
    concurrency = places(requested, scheduler)
    if is_fixed_at(_together(requested), 1):  # of one length, all of them, so that none is mixed
        return _closed(law, requested, scheduler, concurrency, together=True)[0]
    return closed_loop(law, requested, scheduler, concurrency=concurrency).rate


def closed_loop(law: Law, requested: Requested, scheduler: Scheduler, *, concurrency: Number) -> Closed:
    """Requests that arrive when another ends, so that `concurrency` [1] of them are there at any time.

    Outputs of different lengths mix the requests, as if they arrived at random. Outputs of one length keep together
    what has ended in one step: such requests are prefilled in one step again, and again.
    """
    mixed = _closed(law, requested, scheduler, concurrency, together=False)
    part = _together(requested)
    if _is_negligible(part):
        return Closed(*mixed)
    together = _closed(law, requested, scheduler, concurrency, together=True)
    blend = [a ** (1 - part) * b**part for a, b in zip(mixed[:3], together[:3], strict=True)]
    return Closed(*blend, *mixed[3:])


def _together(requested: Requested) -> Number:
    """Part of the requests [1] that keep together what has ended in one step."""
    same: Number = 1.0
    if not is_fixed_at(requested.output.variation, 0):
        spread = requested.output.average * sqrt(requested.output.variation)  # steps between the ends of outputs
        same = exp(-2 * spread)
    return same / (1 + requested.prompt.variation)


def _is_negligible(part: Number) -> bool:
    """Whether a part is known to be next to nothing, everywhere."""
    return not is_of_jax(part) and bool(np.all(np.asarray(primal(part)) < NEGLIGIBLE))


def closed_steady(law: Law, requested: Requested, scheduler: Scheduler, *, concurrency: Number) -> Steady:
    """The steady state of a closed loop, in which nothing is ever saturated: those that have no slot wait for one."""
    slots = places(requested, scheduler)
    inside = smaller(concurrency, slots)
    loop = closed_loop(law, requested, scheduler, concurrency=inside)
    waiting = (concurrency - inside) / loop.rate
    others = (inside - 1) / inside
    s = loop.steps
    residual = others * unknown(scheduler, s, smaller(loop.rate * s.service, 1.0))
    relaxation = requested.decoded * loop.seconds
    # near the capacity all of the time is wait; below, what comes in cohorts takes longer by itself
    wait = loop.wait + smaller(loop.rate * s.service, 1.0) * (larger(loop.ttft - residual - loop.own, 0.0) - loop.wait)
    return Steady(
        rate=loop.rate,
        capacity=capacity(law, requested, scheduler),
        saturated=0.0 * loop.rate,
        steps=s,
        decoding=loop.decoding,
        prefill_wait=wait,
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
        longest_wait=(inside - 1) * s.service,
    )


@dataclass(frozen=True)
class _Known:
    """What a closed loop depends on."""

    law: Law
    requested: Requested
    scheduler: Scheduler
    concurrency: Number


@dataclass(frozen=True)
class _State:
    """A closed loop: its steps, decoding sequences [1], wait for prompts before and steps of the own one [s], and the
    rate [1/s] that follows."""

    steps: Steps
    decoding: Number
    queue: Number
    own: Number
    served: Number


def _closed(
    law: Law, requested: Requested, scheduler: Scheduler, concurrency: Number, *, together: bool
) -> tuple[Any, ...]:
    known = _Known(law, requested, scheduler, concurrency)
    limit = (1 - ROOM_KEPT) * scheduler.budget / requested.width
    start = law.seconds(StepLoad(smaller(concurrency, limit), requested.context * concurrency)) * 1.5
    (seconds, rate), s = _solved(known, start, together=together)
    # the time between tokens of single tokens has no fixed point, on which nothing depends; what is served needs none
    rate = where(requested.decoded > SINGLE, rate, s.served)
    return rate, seconds, concurrency / rate - requested.decoded * seconds, s.steps, s.decoding, s.queue, s.own


def _solved(known: _Known, start: Number, *, together: bool) -> tuple[tuple[Number, Number], _State]:
    """Mean time between two tokens [s] and rate [1/s], and the loop there."""

    def improved(known: _Known, values: tuple[Number, Number]) -> tuple[Number, Number]:
        now = _state(known, values, together=together)
        return now.steps.seconds, now.served

    begin = start, known.concurrency / (larger(known.requested.decoded, 1.0) * start * 1.5)
    if together:  # steps may hold more cohorts or fewer there, which Broyden's method takes for a slope
        begin = iterate(
            lambda at: tuple(sqrt(a * b) for a, b in zip(at, improved(known, at), strict=True)), begin, DAMPED
        )
    values = solve(improved, known, begin).values
    return values, _state(known, values, together=together)


def _state(known: _Known, values: tuple[Number, Number], *, together: bool) -> _State:
    """A closed loop in which a sequence gets a token every so many seconds [s], at a rate of requests [1/s]."""
    law, requested, scheduler, concurrency = known.law, known.requested, known.scheduler, known.concurrency
    seconds, rate = values
    others = (concurrency - 1) / concurrency
    inside = smaller(rate * requested.decoded * seconds, concurrency)
    limit = (1 - ROOM_KEPT) * scheduler.budget / requested.width
    decoding = smaller(1 + others * inside, limit)
    s = steps(law, requested, scheduler, decoding=decoding, seconds=seconds, rate=rate)
    if together:
        s = _in_cohorts(s, law, requested, scheduler, concurrency, decoding, seconds, rate)
        own = larger(1.0, requested.new / s.tokens) * s.prefill
        queue = 0.0 * own
        others = 1 - 1 / _cohorts(requested, s, concurrency)  # what is of one's own cohort ends in the same step
    else:
        own = own_steps(scheduler, s)
        queue = _queue(s, others, rate, concurrency)
    queue = larger(queue, others * _unknown(scheduler, s))  # it waits for others meanwhile
    served = smaller(concurrency / (queue + own + requested.decoded * seconds), 1 / s.service)
    return _State(s, decoding, queue, own, served)


def _unknown(scheduler: Scheduler, s: Steps) -> Number:
    """Time [s] until a request is known, which arrives as a step ends."""
    wait: Number = 0.0
    if not is_fixed_at(scheduler.interval, 1):
        wait = (scheduler.interval - 1) / 2 * s.decode
    if not is_fixed_at(scheduler.ahead, 0):
        wait = wait + scheduler.ahead * planned(scheduler, s)
    return wait


def _queue(s: Steps, others: Number, rate: Number, concurrency: Number) -> Number:
    """Wait [s] for the prompts of those that are ahead: as many of the others as arrive while one waits and is
    prefilled, all of them at most, less what of its own kind each has done."""
    done = rate * (s.service * s.service - s.service2 / 2)
    load = others * s.service * rate
    all_ahead = others * s.service * concurrency - done
    few_ahead = (load * s.service - done) / larger(1 - load, LEAST)
    return larger(where(load < 1, smaller(few_ahead, all_ahead), all_ahead), 0.0)


def _cohorts(requested: Requested, s: Steps, concurrency: Number) -> Number:
    """Groups of requests [1] whose prompts share a step, as few as the budget allows."""
    return larger(ceil(concurrency * requested.new / s.room), 1.0)


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
    several = concurrency * requested.new / _cohorts(requested, s, concurrency)
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
