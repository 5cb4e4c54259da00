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
from typing import Any

from life_jax.core.engine import PREEMPT, PREFILL_FIRST, Scheduler
from life_jax.core.normal import cumulative, density
from life_jax.core.numerics import Number, ceil, clip, constant, exp, is_fixed_at, larger, log, smaller, sqrt
from life_jax.core.pytree import map_leaves, neutral, pytree
from life_jax.core.units import UNLIMITED
from life_jax.serving.fixed_point import solve
from life_jax.serving.lengths import Lengths
from life_jax.serving.prefix_cache import reused
from life_jax.serving.step_law import Law, StepLoad, last_axis, side_by_side

ROUNDS = 60  # of damped iterations, for those that are of one number
LEAST = 1e-12
NO_OUTPUT = 0.01  # of a step: what outputs of one token take for the fixed point, which knows logarithms of times
ROOM_KEPT = 0.02  # of the token budget that decoding sequences leave to prompts at least [assumption]
NEAREST = 0.999  # of the capacity: beyond, nothing is steady


@pytree
class Requested:
    """What requests ask for: lengths of prompts and outputs [token], and what a prefix cache holds of the prompts.

    hits [1]: part of the requests that find something; cached [1]: part of each of their prompts that they find; block
    [token]: that the cache holds as a whole
    width [token]: that a step computes of each decoding sequence, kept [token]: of them, that stay, mean
    """

    prompt: Lengths
    output: Lengths
    cached: Number = 0.0
    hits: Number = neutral(default=1.0)
    block: Number = neutral(default=1.0)
    width: Number = neutral(default=1.0)
    kept: Number = neutral(default=1.0)

    @property
    def prompts(self) -> tuple[Any, Any, Any]:
        """Lengths [..., n] of prompts [token], tokens of them to compute [token], and weights [1]: of those that find
        something, and behind them, where there are any, of those that do not."""
        lengths, weights = self.prompt.nodes
        found = reused(lengths, last_axis(self.cached), last_axis(self.block))
        if is_fixed_at(self.hits, 1):
            return lengths, lengths - found, weights
        hits = last_axis(self.hits)
        new, both = side_by_side(lengths - found, lengths), side_by_side(weights * hits, weights * (1 - hits))
        return side_by_side(lengths, lengths), new, both

    @property
    def new(self) -> Number:
        """Prompt tokens to compute [token], mean."""
        if is_fixed_at(self.hits, 1) and is_fixed_at(self.block, 1):
            return self.prompt.average * (1 - self.cached)
        _, new, weights = self.prompts
        return (new * weights).sum(-1)

    @property
    def decoded(self) -> Number:
        """Decode steps of a request [1], mean, which make all tokens but the first; next to none where that is all."""
        others = larger(self.output.average - 1, LEAST)
        return others if is_fixed_at(self.kept, 1) else others / self.kept

    def computed(self, decoding: Number) -> Number:
        """Tokens [token] that a step computes of so many decoding sequences [1]."""
        return decoding if is_fixed_at(self.width, 1) else decoding * self.width

    @property
    def context(self) -> Number:
        """Context [token] of a decoding sequence, mean over steps, which meet long outputs more often."""
        return self.prompt.average + self.output.average * (1 + self.output.variation) / 2

    @property
    def _held(self) -> Number:
        """Part of the prompts [1] that is found in whole blocks by those that find something."""
        if is_fixed_at(self.block, 1):
            return self.cached
        lengths, weights = self.prompt.nodes
        found = reused(lengths, last_axis(self.cached), last_axis(self.block))
        return (found * weights).sum(-1) / self.prompt.average

    def pairs(self, prompt: Number) -> Number:
        """Positions [1] that a new token of a prompt of this length attends to, mean over new tokens."""
        held = self._held
        of_hit = (1 - held) / 2 + held
        if is_fixed_at(self.hits, 1):
            return prompt * of_hit
        new = self.hits * (1 - held)
        return prompt * (new * of_hit + (1 - self.hits) / 2) / (new + 1 - self.hits)


@dataclass(frozen=True)
class Steps:
    """Mean steps of an engine at a number of decoding sequences.

    decode, prefill, full [s]: of a step without prompts, of one with prompts, and of one that fills the budget
    extra [s]: that a step with prompts keeps decoding sequences waiting beyond a step without
    part [1]: steps with prompts for each step that decodes; tokens [token]: of prompts in such a step
    room [token]: of the budget, for prompts; chunks [1]: steps that a prompt takes, mean
    service, service2, service3 [s, s^2, s^3]: moments of the time in which a prompt alone fills steps
    """

    decode: Number
    prefill: Number
    full: Number
    extra: Number
    part: Number
    tokens: Number
    room: Number
    chunks: Number
    service: Number
    service2: Number
    service3: Number

    @property
    def seconds(self) -> Number:
        """Mean time [s] between two tokens of a sequence."""
        return self.decode + self.part * self.extra

    @property
    def busy(self) -> Number:
        """Part of the time [1] in which prompts are prefilled, while a sequence decodes."""
        return smaller(self.part * self.prefill / self.seconds, 1.0)


def steps(
    law: Law, requested: Requested, scheduler: Scheduler, *, decoding: Number, seconds: Number, rate: Number
) -> Steps:
    """Mean steps with so many sequences decoding [1], while requests arrive at a rate [1/s] and a sequence gets a token
    every `seconds` [s]."""
    alone = scheduler.mixing == PREFILL_FIRST
    contexts = decoding * requested.context
    room = (
        scheduler.budget
        if alone
        else larger(scheduler.budget - requested.computed(decoding), ROOM_KEPT * scheduler.budget)
    )
    lengths, new, weights = requested.prompts
    pairs = lengths - new / 2
    column, of_each = last_axis(room), law.each()
    beside = 0.0 if alone else last_axis(decoding)

    chunks: Any = larger(ceil(new / column - 1e-9), 1.0)
    mean_chunks = (weights * chunks).sum(-1)
    mean_new = (weights * new).sum(-1)
    arriving = rate * seconds * mean_new
    demand = rate * seconds * mean_chunks
    # prompts that arrive together, or are known together, share steps
    together = demand if alone else 1 - exp(-demand)
    shared = larger(together * _apart(scheduler, rate * seconds), arriving / room)
    crowd = arriving / larger(shared, LEAST) / (mean_new / mean_chunks)
    tokens: Any = smaller(last_axis(crowd) * new / chunks, column)
    by_step = weights * chunks / last_axis(mean_chunks)
    mean_tokens = (by_step * tokens).sum(-1)
    part = arriving / mean_tokens if alone else smaller(arriving / mean_tokens, 1.0)
    others = of_others(scheduler, last_axis(decoding), last_axis(part * mean_tokens))

    def prompts(tokens: Any) -> Any:
        """Seconds [..., n] of a step with so many tokens of prompts of each length."""
        load = StepLoad(beside, beside * last_axis(requested.context), tokens, tokens * pairs, 1.0, 1.0, others)
        return of_each.seconds(load)

    prefill = (by_step * prompts(tokens)).sum(-1)
    beside_decode = of_others(scheduler, decoding, part * mean_tokens)
    decode = law.seconds(StepLoad(decoding, contexts, others=beside_decode))
    decode = decode + _beside(scheduler, part, prefill, decode)
    whole = prompts(column)
    service = new / column * whole
    return Steps(
        decode=decode,
        prefill=prefill,
        full=(weights * new * whole).sum(-1) / mean_new,
        extra=prefill if alone else prefill - decode,
        part=part,
        tokens=mean_tokens,
        room=room,
        chunks=mean_chunks,
        service=(weights * service).sum(-1),
        service2=(weights * service**2).sum(-1),
        service3=(weights * service**3).sum(-1),
    )


def _apart(scheduler: Scheduler, requests: Number) -> Number:
    """Looks that find requests over requests [1], of which so many arrive in a step that decodes: several are found at
    once where a scheduler looks only every so many steps."""
    if is_fixed_at(scheduler.interval, 1):
        return 1.0
    more = larger(requests * (scheduler.interval - 1), LEAST)
    return (1 - exp(-more)) / more


def unknown(scheduler: Scheduler, s: "Steps", load: Number) -> Number:
    """Time [s] in which a request that is there is not known, mean, or known too late for the steps that are planned
    already, where others decode; load [1]: part of the time in which prompts wait for each other anyway."""
    ahead: Number = 0.0
    if not is_fixed_at(scheduler.ahead, 0):
        ahead = scheduler.ahead * planned(scheduler, s) * (1 - load)
    return (s.busy * s.prefill + (1 - s.busy) * between_looks(scheduler, s.decode)) / 2 + ahead


def planned(scheduler: Scheduler, s: "Steps") -> Number:
    """Seconds [s] of a step that is planned before a request is known, mean."""
    return s.decode if scheduler.mixing == PREFILL_FIRST else s.seconds


def between_looks(scheduler: Scheduler, decode: Number) -> Number:
    """Seconds [s] from one look for new requests to the next, where steps of so many seconds decode."""
    return decode if is_fixed_at(scheduler.interval, 1) else scheduler.interval * decode


def of_others(scheduler: Scheduler, decoding: Number, prompts: Number) -> Number | None:
    """Tokens [token] that each other group in lockstep has in a step, mean; None without groups.

    decoding [1]: sequences of a group as one of them sees it; prompts [token]: of prompts, mean over all steps.
    """
    if is_fixed_at(scheduler.lockstep, 1):
        return None
    return prompts if scheduler.mixing == PREFILL_FIRST else decoding - 1 + prompts


def _beside(scheduler: Scheduler, part: Number, prefill: Number, decode: Number) -> Number:
    """Seconds [s] by which a step without prompts is longer, mean, because other schedulers have prompts in theirs.

    Groups of devices in lockstep wait for the slowest of them. In a pipeline batches keep their order, so that all of
    them go round as slowly as the slowest. part [1]: of the steps that have prompts, or, where prompts have steps of
    their own, such steps for each step that decodes. prefill, decode [s]: of both kinds of steps.
    """
    if is_fixed_at(scheduler.lockstep, 1) and is_fixed_at(scheduler.stages, 1):
        return 0.0
    several = scheduler.lockstep * scheduler.stages
    if scheduler.mixing == PREFILL_FIRST:
        own, some = larger(1 - exp(-part), LEAST), 1 - exp(-several * part)
        return part * (some / own - 1) * prefill
    none = exp((several - 1) * log(larger(1 - part, LEAST)))
    return (1 - none) * larger(prefill - decode, 0.0)


def own_steps(scheduler: Scheduler, s: "Steps") -> Number:
    """Seconds [s] of the steps of a request's own prompt; in a pipeline its pieces follow each other through the
    stages."""
    if is_fixed_at(scheduler.stages, 1):
        return larger(s.chunks * s.prefill, s.service)
    pieces = (s.chunks - 1) / scheduler.stages + 1
    return larger(pieces * s.prefill, s.service * pieces / s.chunks)


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
