"""Continuous batching, simulated: the time of every request's first and last token, first come first served.

Prompts are prefilled in order of arrival, so that the progress of the whole queue is one number: prompt tokens done. A
sequence that decodes gets a token in every step that decodes, so that its progress is one number as well: the step in
which it ends. One iteration of the loop is therefore one step that prefills, or all decode steps until the next request
ends or arrives, whose times are summed in closed form. Requests live in a window that moves along the trace, which
makes the work linear in their number. The function is of one scenario; `jax.vmap` it over scenarios.

Scheduling is that of engines with chunked prefill: decoding sequences get a token each first; what is left of the token
budget goes to prompts in order of arrival; the step that ends a prompt makes the first token; a request starts when a
slot is free and the cache has room for its prompt and its whole output. Requests that are thrown out of a full cache
are simulated by serving/step_by_step.py.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import is_fixed_at
from life_jax.core.pytree import pytree
from life_jax.core.units import UNLIMITED
from life_jax.serving import gaps
from life_jax.serving.requests import Requests
from life_jax.serving.step_law import Law, StepLoad


@pytree
class Timeline:
    """What a simulation saw of each request, [n] in order of arrival, and of the engine.

    arrival, first, last [s]: times at which a request arrived, and at which its first and last token were made
    steps [1]: of the engine; busy [s]: their time; decoded [s]: integral over time of the number of decoding sequences
    peak [token]: most tokens that were cached at once
    gaps [BINS]: times between two tokens of a sequence, counted (serving/gaps.py); [0] where none are
    overflow: whether more requests ran at once than the window holds; times that were not simulated are NaN
    """

    arrival: Any
    first: Any
    last: Any
    steps: Any
    busy: Any
    decoded: Any
    peak: Any
    gaps: Any
    overflow: Any


class _Window(NamedTuple):
    """Requests of the window [w]: facts, and prompt tokens and reserved tokens summed from its first one."""

    index: Any
    new: Any
    cached: Any
    prompt: Any
    output: Any
    until: Any
    reserved: Any
    present: Any


class _State(NamedTuple):
    """What changes. Times and sums are relative to the window's base; requests: [w].

    token: time of the last step that made tokens of decoding sequences.
    """

    time: Any
    decode_steps: Any
    prefilled: Any
    done: Any
    freed: Any
    steps: Any
    busy: Any
    decoded: Any
    peak: Any
    gaps: Any
    token: Any
    arrival: Any
    end: Any
    first: Any
    last: Any
    stalled: Any


def simulate(
    law: Law,
    requests: Requests,
    scheduler: Scheduler,
    *,
    concurrency: Any = None,
    window: int = 256,
    unseen: Any = None,
) -> Timeline:
    """Simulate requests until the last has ended.

    concurrency [1]: of a closed loop, in which a request arrives when an earlier one ends; None where requests arrive
    at their own times. window [1]: requests that are looked at together, more than ever run at once between the oldest
    and the youngest. unseen [1]: requests that end before times between tokens are counted; None to
    count none, which is faster.
    Times are exact for a law that is affine in the contexts.
    """
    total = requests.prompt.shape[0]
    window = min(window, total)
    padded = jax.tree.map(lambda x: jnp.concatenate([x, jnp.full((window,), jnp.inf, x.dtype)]), requests)
    blank = jnp.full((total + window,), jnp.nan, requests.prompt.dtype)
    zero = jnp.zeros((), requests.prompt.dtype)

    def unfinished(carry: Any) -> Any:
        base, _, _, _, overflow = carry
        return (base < total) & ~overflow

    def advance(carry: Any) -> Any:
        base, origin, state, results, _ = carry
        facts = _facts(padded, base, total, window)
        started = state._replace(arrival=_arrivals(padded, base, origin, state.arrival, window, concurrency))
        more = base + window < total
        state = jax.lax.while_loop(
            lambda s: ~s.stalled, lambda s: _iterate(law, scheduler, facts, s, concurrency, more, unseen), started
        )
        results = tuple(
            jax.lax.dynamic_update_slice(whole, part + origin, (base,))
            for whole, part in zip(results, (state.arrival, state.first, state.last), strict=True)
        )
        ended = jnp.cumprod(~jnp.isnan(state.last) | ~facts.present)
        shift = jnp.minimum(jnp.sum(ended).astype(base.dtype), total - base)
        overflow = shift == 0
        return base + shift, origin + state.time, _shifted(state, facts, shift), results, overflow

    nothing = jnp.full((window,), jnp.nan, zero.dtype)
    endless, no_gaps = (
        jnp.full((window,), jnp.inf, zero.dtype),
        jnp.zeros(0 if unseen is None else gaps.BINS, zero.dtype),
    )
    state = _State(*(zero,) * 9, no_gaps, zero, nothing, endless, nothing, nothing, jnp.array(False))
    carry = (jnp.zeros((), jnp.int32), zero, state, (blank, blank, blank), jnp.array(False))
    _, _, state, (arrival, first, last), overflow = jax.lax.while_loop(unfinished, advance, carry)
    seen = (state.steps, state.busy, state.decoded, state.peak, state.gaps)
    return Timeline(arrival[:total], first[:total], last[:total], *seen, overflow)


def _slice(array: Any, base: Any, window: int) -> Any:
    return jax.lax.dynamic_slice(array, (base,), (window,))


def _facts(padded: Requests, base: Any, total: int, window: int) -> _Window:
    index = base + jnp.arange(window)
    present = index < total
    prompt, output, cached = (_slice(x, base, window) for x in (padded.prompt, padded.output, padded.cached))
    prompt, output, cached = (jnp.where(present, x, 0.0) for x in (prompt, output, cached))
    new = prompt - cached
    return _Window(
        index.astype(prompt.dtype), new, cached, prompt, output, jnp.cumsum(new), jnp.cumsum(prompt + output), present
    )


def _arrivals(padded: Requests, base: Any, origin: Any, known: Any, window: int, concurrency: Any) -> Any:
    """Arrivals relative to the origin: of the trace, or, in a closed loop, those that have happened; else infinite."""
    if concurrency is None:
        return _slice(padded.arrival, base, window) - origin
    return jnp.where(jnp.isnan(known), jnp.inf, known)


def _shifted(state: _State, facts: _Window, shift: Any) -> _State:
    """The state relative to the request `shift` places later and to the present time."""
    window = facts.new.shape[0]
    moved = jnp.arange(window) + shift
    kept = moved < window

    def move(array: Any, empty: float) -> Any:
        return jnp.where(kept, array[jnp.minimum(moved, window - 1)], empty)

    left = jnp.where(shift > 0, jnp.sum(jnp.where(jnp.arange(window) < shift, facts.new, 0.0)), 0.0)
    gone = jnp.sum(jnp.where(jnp.arange(window) < shift, facts.prompt + facts.output, 0.0))
    return state._replace(
        time=jnp.zeros_like(state.time),
        decode_steps=jnp.zeros_like(state.decode_steps),
        token=state.token - state.time,
        prefilled=state.prefilled - left,
        freed=state.freed - gone,
        arrival=move(state.arrival - state.time, jnp.nan),
        end=move(state.end - state.decode_steps, jnp.inf),
        first=move(state.first - state.time, jnp.nan),
        last=move(state.last - state.time, jnp.nan),
        stalled=jnp.zeros_like(state.stalled),
    )


def _iterate(
    law: Law, scheduler: Scheduler, facts: _Window, s: _State, concurrency: Any, more: Any, unseen: Any
) -> _State:
    """One step that prefills, or decode steps until a request ends or arrives, or a jump to the next arrival."""
    arrival = s.arrival
    if concurrency is not None:
        arrival = jnp.where(jnp.isinf(arrival) & facts.present & (facts.index < concurrency + s.done), s.time, arrival)
    arrived = arrival <= s.time
    startable = facts.present & (facts.index < s.done + scheduler.slots)
    if not is_fixed_at(scheduler.cache, UNLIMITED):
        startable &= facts.reserved <= scheduler.cache + s.freed
    admitted = arrived & startable
    count_admitted = _count(admitted, s)
    stalled = (count_admitted == facts.new.shape[0]) & more

    decoding = jnp.isfinite(s.end) & jnp.isnan(s.last)
    sequences = _count(decoding, s)
    # the end is the start of decoding plus output - 1
    contexts = jnp.sum(jnp.where(decoding, facts.prompt + facts.output - 1 - s.end, 0.0)) + sequences * (
        s.decode_steps + 1
    )
    queued = jnp.max(jnp.where(admitted, facts.until, 0.0), initial=0.0) - s.prefilled
    queued = jnp.maximum(queued, 0.0)
    first_alone = scheduler.mixing == PREFILL_FIRST
    room = scheduler.budget if first_alone else scheduler.budget - sequences
    prompts = jnp.maximum(jnp.minimum(room, queued), 0.0)
    prefills = prompts > 0
    waits = prefills if first_alone else jnp.array(False)
    in_step = jnp.where(waits, 0.0, sequences)
    reached = s.prefilled + prompts
    ends = (facts.until <= reached) & (facts.until > s.prefilled) & facts.present
    pairs = jnp.sum(_pairs(facts, reached) - _pairs(facts, s.prefilled))

    until_end = jnp.min(jnp.where(decoding, s.end, jnp.inf), initial=jnp.inf) - s.decode_steps
    load = StepLoad(
        decoding=in_step,
        contexts=jnp.where(waits, 0.0, contexts),
        prompts=prompts,
        pairs=pairs,
        prefilling=_count((facts.until > s.prefilled) & (facts.until - facts.new < reached), s),
        ended=_count(ends, s),
    )
    stretch = jnp.where(jnp.isfinite(until_end), until_end, 1.0)
    seconds, slope = _rising(law, load, sequences, contexts, stretch)
    next_arrival = jnp.min(jnp.where(~arrived & startable, arrival, jnp.inf), initial=jnp.inf)
    blocked = _count(arrived, s) > count_admitted
    until_arrival = jnp.where(blocked, jnp.inf, next_arrival - s.time)
    count = jnp.minimum(stretch, _steps_until(until_arrival, seconds, slope))
    count = jnp.where(prefills, 1.0, count)
    elapsed = jnp.where(prefills, seconds, count * seconds + slope * count * (count - 1) / 2)

    works = prefills | (sequences > 0)
    makes, over = works & ~waits, ~works & jnp.isinf(next_arrival)
    time = jnp.where(works, s.time + elapsed, jnp.where(over, s.time, next_arrival))
    decode_steps = s.decode_steps + jnp.where(makes, count, 0.0)
    end = jnp.where(ends, decode_steps + facts.output - 1, s.end)
    first = jnp.where(ends, time, s.first)
    finished = (decoding & (s.end <= decode_steps)) | (ends & (facts.output <= 1))
    decoded = jnp.where(waits, contexts - sequences, contexts + sequences * (count - 1))
    counts = s.gaps
    if unseen is not None:
        weight = jnp.where((s.done >= unseen) & makes & ~stalled, 1.0, 0.0)
        counts = _with_gaps(s, (seconds, elapsed, count), decoding if first_alone else None, sequences, weight)
    new = _State(
        time=time,
        decode_steps=decode_steps,
        prefilled=reached,
        done=s.done + _count(finished, s),
        freed=s.freed + jnp.sum(jnp.where(finished, facts.prompt + facts.output, 0.0)),
        steps=s.steps + jnp.where(works, count, 0.0),
        busy=s.busy + jnp.where(works, elapsed, 0.0),
        decoded=s.decoded + jnp.where(works, elapsed, 0.0) * sequences,
        peak=jnp.maximum(s.peak, decoded + jnp.sum(_prefilled(facts, reached, ends))),
        gaps=counts[:0],
        token=jnp.where(makes, time, s.token),
        arrival=arrival,
        end=end,
        first=first,
        last=jnp.where(finished, time, s.last),
        stalled=over,
    )
    old = s._replace(arrival=arrival, stalled=True, gaps=counts[:0])
    chosen = jax.tree.map(lambda before, now: jnp.where(stalled, before, now), old, new)
    return chosen._replace(gaps=counts)  # which is not copied


def _rising(law: Law, load: StepLoad, sequences: Any, contexts: Any, steps: Any) -> tuple[Any, Any]:
    """Seconds of a step, and by how much each of so many `steps` [1] is longer than the one before it."""
    seconds = law.seconds(load)
    later = StepLoad(decoding=sequences, contexts=contexts + sequences * (steps - 1))
    slope = jnp.where(steps > 1, (law.seconds(later) - seconds) / jnp.maximum(steps - 1, 1.0), 0.0)
    return seconds, slope


def _with_gaps(s: _State, step: tuple[Any, Any, Any], decoding: Any, sequences: Any, weight: Any) -> Any:
    """Counted times between tokens [BINS] with those of one iteration, times a weight [1].

    step: seconds of the first step, of all steps, and their number [1]. decoding [w]: the sequences that may have
    waited before the first step, each since a token of its own; None where none has. sequences [1]: that decode.
    """
    seconds, elapsed, count = step
    mean = jnp.where(count > 1, (elapsed - seconds) / jnp.maximum(count - 1, 1.0), seconds)
    counts = s.gaps.at[_bin(mean)].add(weight * sequences * (count - 1))
    if decoding is None:
        return counts.at[_bin(seconds)].add(weight * sequences)
    waited = s.time + seconds - jnp.maximum(jnp.where(decoding, s.first, 0.0), s.token)
    return counts.at[_bin(waited)].add(weight * decoding)


def _bin(seconds: Any) -> Any:
    log10 = jnp.log10(jnp.maximum(jnp.nan_to_num(seconds), gaps.LEAST))
    return jnp.clip(gaps.place(log10), 0, gaps.BINS - 1).astype(jnp.int32)


def _count(mask: Any, state: _State) -> Any:
    return jnp.sum(mask, dtype=state.time.dtype)


def _pairs(facts: _Window, reached: Any) -> Any:
    """(query, key) pairs of each prompt [w] when `reached` prompt tokens of the window are done."""
    computed = jnp.clip(reached - (facts.until - facts.new), 0.0, facts.new)
    return computed * facts.cached + computed * (computed + 1) / 2


def _prefilled(facts: _Window, reached: Any, ends: Any) -> Any:
    """Cached tokens [token] of the prompts that end in a step, and of the one that has begun."""
    begun = (facts.until - facts.new < reached) & (facts.until > reached)
    part = jnp.where(begun, reached - (facts.until - facts.new) + facts.cached, 0.0)
    return jnp.where(ends, facts.prompt, part)


def _steps_until(wait: Any, seconds: Any, slope: Any) -> Any:
    """The smallest number of steps, at least one, that last `wait` [s] together; each lasts `slope` longer than the
    one before."""

    def lasting(count: Any) -> Any:
        return count * seconds + slope * count * (count - 1) / 2

    finite = jnp.isfinite(wait)
    wait = jnp.where(finite, wait, 0.0)
    linear = seconds - slope / 2
    root = 2 * wait / (linear + jnp.sqrt(jnp.maximum(linear * linear + 2 * slope * wait, 0.0)))
    count = jnp.maximum(jnp.ceil(root), 1.0)
    count = jnp.where((count > 1) & (lasting(count - 1) >= wait), count - 1, count)  # rounding of the root
    return jnp.where(finite, jnp.where(lasting(count) < wait, count + 1, count), jnp.inf)
