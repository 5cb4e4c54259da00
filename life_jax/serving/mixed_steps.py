"""Mean steps of an engine that decodes while prompts arrive, and how long a request waits to be known."""

from dataclasses import dataclass
from typing import Any

from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import Number, ceil, exp, is_fixed_at, larger, log, smaller
from life_jax.serving.requested import LEAST, Requested
from life_jax.serving.step_law import Law, StepLoad, last_axis

ROOM_KEPT = 0.02  # of the token budget that decoding sequences leave to prompts at least [assumption]


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


def unknown(scheduler: Scheduler, s: Steps, load: Number) -> Number:
    """Time [s] in which a request that is there is not known, mean, or known too late for the steps that are planned
    already, where others decode; load [1]: part of the time in which prompts wait for each other anyway."""
    ahead: Number = 0.0
    if not is_fixed_at(scheduler.ahead, 0):
        ahead = scheduler.ahead * planned(scheduler, s) * (1 - load)
    return (s.busy * s.prefill + (1 - s.busy) * between_looks(scheduler, s.decode)) / 2 + ahead


def planned(scheduler: Scheduler, s: Steps) -> Number:
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


def own_steps(scheduler: Scheduler, s: Steps) -> Number:
    """Seconds [s] of the steps of a request's own prompt; in a pipeline its pieces follow each other through the
    stages."""
    if is_fixed_at(scheduler.stages, 1):
        return larger(s.chunks * s.prefill, s.service)
    pieces = (s.chunks - 1) / scheduler.stages + 1
    return larger(pieces * s.prefill, s.service * pieces / s.chunks)
