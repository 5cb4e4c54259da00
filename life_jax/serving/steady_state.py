"""Continuous batching in steady state: the mean step of an engine, from what it serves and how fast that arrives.

While a step lasts, requests arrive; they are the work of the next steps. In steady state the prompt tokens that arrive
in the mean time between two tokens of a sequence are those that are prefilled meanwhile, and the sequences that decode
are those that arrived in the time that an output takes. Both give the time of a step, by its law: a fixed point.

Three things matter beyond these means. A prompt that ends leaves behind what arrived while it waited and ran, which
falls into the first decode steps of its own sequence: short outputs see slower steps than long ones. An output ends at
the end of a step, and most steps are the short ones, so that little is left then. Near capacity requests wait for a
slot: their number follows a diffusion whose drift is what arrives less what the engine would serve.
"""

from dataclasses import dataclass, replace

from life_jax.core.engine import PREEMPT, Scheduler
from life_jax.core.normal import cumulative, density
from life_jax.core.numerics import Number, clip, constant, exp, is_fixed_at, larger, smaller, sqrt
from life_jax.core.pytree import map_leaves
from life_jax.core.units import UNLIMITED
from life_jax.serving.fixed_point import solve
from life_jax.serving.mixed_steps import ROOM_KEPT, Steps, own_steps, steps, unknown
from life_jax.serving.requested import LEAST, Requested
from life_jax.serving.step_law import Law, StepLoad

ROUNDS = 60  # of damped iterations, for those that are of one number
NO_OUTPUT = 0.01  # of a step: what outputs of one token take for the fixed point, which knows logarithms of times
NEAREST = 0.999  # of the capacity: beyond, nothing is steady


@dataclass(frozen=True)
class Steady:
    """An engine in steady state under a load.

    rate [1/s]: of requests; capacity [1/s]: the largest rate that it serves; saturated: whether more arrives
    steps: of the engine, with `decoding` sequences [1] as a request sees it, itself included
    prefill_wait [s]: until the prompts before it are done; residual [s]: until it is known, and the step ends that runs
    then
    own [s]: steps of its own prompt; after [s]: by which its decode steps are longer than the mean together, because of
    what arrived while its prompt waited and ran
    slot_waits [1]: part of the requests that wait for a slot, slot_wait [s] then: mean time
    relaxation [s]: in which the number of decoding sequences forgets; swing [1]: its standard deviation
    """

    rate: Number
    capacity: Number
    saturated: Number
    steps: Steps
    decoding: Number
    prefill_wait: Number
    residual: Number
    own: Number
    after: Number
    left: Number
    slot_waits: Number
    slot_wait: Number
    relaxation: Number
    swing: Number
    mean_decoded: Number

    # of a closed loop [s], whose times are spread around them; those of an open one are sums of the parts
    mean_ttft: Number | None = None
    mean_gap: Number | None = None
    longest_wait: Number | None = None  # of a closed loop [s]: for the prompts of all others

    @property
    def ttft(self) -> Number:
        """Mean time to first token [s]."""
        if self.mean_ttft is not None:
            return self.mean_ttft
        return self.prefill_wait + self.residual + self.own + self.slot_waits * self.slot_wait

    @property
    def gap(self) -> Number:
        """Mean time [s] between two tokens of a sequence, over all tokens but the first of each."""
        if self.mean_gap is not None:
            return self.mean_gap
        return self.steps.seconds + self.after / self.mean_decoded


def open_loop(
    law: Law,
    requested: Requested,
    scheduler: Scheduler,
    *,
    rate: Number,
    burst: Number = 1.0,
    crowd: Number = 1.0,
    capacity: Number,
) -> Steady:
    """Requests that arrive at a rate [1/s] whatever happens.

    burst [1]: coefficient of variation of their gaps; capacity [1/s]: the largest rate that is served
    (closed_loop.capacity); crowd [1]: variance over mean of the number of requests that are there, 1 where they come at
    random, less behind a router that evens them out.
    """
    slots = places(requested, scheduler)
    served = smaller(rate, NEAREST * capacity)
    known = _Known(law, requested, scheduler, served, burst, crowd, slots)
    more_known = replace(known, rate=served * STEP_UP)
    solved = solve(_improved, known, _start(known))
    near = solved.moved(_improved, map_leaves(constant, more_known))
    here = _open(known, solved.values)
    more = _open(more_known, solve(_improved, more_known, near, rounds=FEW).values)

    def running(state: _Open, at: Number) -> Number:
        return at * (state.own + state.duration)

    held = running(here, served)
    relaxation = larger((running(more, served * STEP_UP) - held) / ((STEP_UP - 1) * served), held / served)
    swing = sqrt(served * relaxation * crowd)
    queue, waits = slot_queue(
        requested, rate=served, burst=burst, capacity=capacity, held=held, swing=swing, slots=slots
    )
    return Steady(
        rate=rate,
        capacity=capacity,
        saturated=1.0 * (rate >= capacity),
        steps=here.steps,
        decoding=here.decoding,
        prefill_wait=here.wait,
        residual=here.residual,
        own=here.own,
        after=here.after,
        left=here.left,
        slot_waits=waits,
        slot_wait=queue / served,
        relaxation=relaxation,
        swing=swing,
        mean_decoded=requested.decoded,
    )


def slot_queue(
    requested: Requested,
    *,
    rate: Number,
    burst: Number,
    capacity: Number,
    held: Number,
    swing: Number,
    slots: Number,
) -> tuple[Number, Number]:
    """Requests [1] that wait for a slot where any do, and the part [1] of the requests that wait.

    rate, capacity [1/s]: of what arrives, and the largest that is served; burst [1]: coefficient of variation of the
    gaps; held, swing [1]: mean and standard deviation of the requests that run, were there slots for all.
    """
    # above all slots the queue falls at the rate of what the engine serves less what arrives
    spare = larger(capacity - rate, LEAST)
    variation = (burst * burst + requested.output.variation) / 2
    queue = rate * variation / spare
    z = clip((slots - held) / larger(swing, LEAST), -3.0, 6.0)
    return queue, queue / larger(queue + swing * cumulative(z) / density(z), LEAST)


FEW = 4  # rounds from a point nearby
STEP_UP = 1.02  # of the rate, to see how the number of running requests answers


def places(requested: Requested, scheduler: Scheduler) -> Number:
    """Requests that can run together [1]: those that have a slot, or those that the cache has room for."""
    if is_fixed_at(scheduler.cache, UNLIMITED):
        return scheduler.slots
    grown = requested.prompt.average + requested.output.average
    if scheduler.admission == PREEMPT:  # those that are not at their end need less
        grown = requested.context
    return smaller(scheduler.slots, larger(scheduler.cache / grown, 1.0))


@dataclass(frozen=True)
class _Open:
    steps: Steps
    decoding: Number
    duration: Number
    wait: Number
    residual: Number
    own: Number
    after: Number
    left: Number


@dataclass(frozen=True)
class _Known:
    """What an open loop below its capacity depends on."""

    law: Law
    requested: Requested
    scheduler: Scheduler
    rate: Number
    burst: Number
    crowd: Number
    slots: Number


def _start(known: _Known) -> tuple[Number, Number]:
    alone = known.law.seconds(StepLoad(1.0, known.requested.context)) * 1.5
    return alone + 0.0 * known.rate, alone * larger(known.requested.decoded, NO_OUTPUT) + 0.0 * known.rate


def _improved(known: _Known, values: tuple[Number, Number]) -> tuple[Number, Number]:
    """Mean time between tokens of a sequence, and time of an output [s], from what they were taken to be."""
    now = _open(known, values)
    output = known.requested.decoded * now.steps.seconds + now.after
    return now.steps.seconds, larger(output, NO_OUTPUT * now.steps.seconds)


def _open(known: _Known, values: tuple[Number, Number]) -> _Open:
    """An open loop in which a sequence gets a token every so many seconds and an output lasts so long [s]."""
    law, requested, scheduler, rate = known.law, known.requested, known.scheduler, known.rate
    seconds, duration = values
    most = smaller((1 - ROOM_KEPT) * scheduler.budget / requested.width, known.slots)
    decoding = smaller(larger(known.crowd + rate * duration, 1.0), most)
    s = steps(law, requested, scheduler, decoding=decoding, seconds=seconds, rate=rate)
    new = requested.new
    load = smaller(rate * s.service, NEAREST)
    # one queue for all batches of a pipeline, whose pieces follow each other
    wait = rate * s.service2 * (known.burst * known.burst + 1) / 2 / (2 * (1 - load)) / scheduler.stages
    present = 1 - exp(-rate * (duration + s.service))
    residual = present * unknown(scheduler, s, smaller(load, 1.0))
    own = own_steps(scheduler, s)
    # prompt tokens that wait when a prompt ends, and at the end of a step, mean over steps
    behind = rate * new * (wait + residual + own)
    chunks = s.chunks
    within = new * (chunks - 1) / (2 * chunks) * (1 + requested.prompt.variation)
    in_prefill = within + rate * new * (wait + own * (chunks + 1) / (2 * chunks))
    part = smaller(s.part, 1.0)
    left = part * in_prefill + (1 - part) * rate * new * s.decode
    slow = larger(1 - rate * new * s.extra / s.tokens, ROOM_KEPT)
    longest = requested.decoded * larger(s.full - s.seconds, 0.0)  # every step a full one
    after = clip(s.extra / s.tokens * (behind - left) / slow, 0.0, longest)
    # a queue that a short output outlasts is as long at its end as it was at its begin, but for what full steps took
    queue = rate * new * wait
    drained = larger(s.room / s.full - rate * new, LEAST) * duration
    left = left - part * queue * queue / (queue + drained)
    return _Open(s, decoding, duration, wait, residual, own, after, left)
