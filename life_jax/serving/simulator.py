"""Continuous batching, simulated: the time of every request's first and last token, first come first served.

Prompts are prefilled in order of arrival, one at a time, so that a scenario is a few numbers and the sequences that
decode. A sequence that decodes gets a token in every step that decodes, so that its progress is one number: the decode
step in which it ends. A round of the loop plans a piece of a prompt for the next step, or makes this step, or all
decode steps until the next request ends or arrives, whose times are summed in closed form. Times of requests are read
off a log of the rounds (serving/event_log.py), so that the work of a round does not grow with the number of requests.
Scenarios run side by side; each is in a round of its own.

Scheduling is that of engines with chunked prefill: decoding sequences get a token each first; what is left of the token
budget goes to prompts in order of arrival; the step that ends a prompt makes the first token. A request starts when a
slot is free and the cache has room: for its prompt and its whole output (RESERVE), or for the next piece of its prompt
(PREEMPT), whereupon the youngest of those that run loses its cache, and is computed anew, when the cache is full.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.serving.event_log import Log, Timeline, counted_gaps, times_of
from life_jax.serving.looks import are_plain, first_looks
from life_jax.serving.requests import Requests
from life_jax.serving.simulator_round import fresh_prompt, next_round
from life_jax.serving.simulator_state import NEVER, Lanes, Plan, Rules, State
from life_jax.serving.step_law import Law

PARTS = 8  # of a power of two, of which a log has a whole number


def simulate(
    law: Law,
    requests: Requests,
    scheduler: Scheduler,
    *,
    lanes: int,
    rounds: int,
    concurrency: Any = None,
    counts: Any = None,
    unseen: Any = None,
) -> Timeline:
    """Simulate requests, [n] or [B, n] of scenarios side by side, until the last has ended.

    law, scheduler, concurrency: numbers for all scenarios, or [B] of each; lengths are whole tokens
    concurrency [1]: of a closed loop, in which a request arrives when an earlier one ends; None where requests arrive
    at their own times. counts [B] [1]: of the requests of each, where they have not equally many.
    lanes [1]: requests that run at once, at most; rounds [1]: of the loop, at most (see `enough_rounds`).
    unseen [1]: requests that end before times between tokens are counted; None to count none.
    Times are exact for a law that is affine in the contexts.
    """
    single = requests.prompt.ndim == 1
    tables = jax.tree.map(lambda x: jnp.asarray(x)[:, None] if single else jnp.asarray(x).T, requests)
    size, side = tables.prompt.shape
    never = Requests(jnp.inf, 0.0, 0.0, 0.0)
    padded = jax.tree.map(lambda x, end: jnp.concatenate([x, jnp.full((1, side), end, x.dtype)]), tables, never)
    counts = jnp.full(side, size, jnp.int32) if counts is None else jnp.asarray(counts, jnp.int32)
    rules = Rules(law, scheduler, padded, counts, concurrency)
    state = _first(rules, lanes)
    log = _empty_log(rules, rounds, side, counts_gaps=unseen is not None)

    def goes_on(carry: Any) -> Any:
        number, state, _ = carry
        return (number < rounds) & jnp.any(state.done < counts)

    def advance(carry: Any) -> Any:
        number, state, log = carry
        state, notes = next_round(rules, state)
        rows = [
            None if whole is None else jax.lax.dynamic_update_index_in_dim(whole, note.astype(whole.dtype), number, 0)
            for whole, note in zip(log, notes, strict=True)
        ]
        return number + 1, state, Log(*rows)

    number, state, log = jax.lax.while_loop(goes_on, advance, (jnp.int32(0), state, log))
    arrival, first, last = (x.T for x in times_of(log, number, tables, concurrency))
    between = jnp.zeros((side, 0))
    if unseen is not None:
        between = counted_gaps(log, number, unseen, first_alone=rules.first_alone)
    seen = (state.steps, state.busy, state.decoded, state.peak, state.thrown, between, state.done < counts)
    whole = Timeline(arrival, first, last, *seen)
    return jax.tree.map(lambda x: x[0], whole) if single else whole


def enough_rounds(requests: Requests, scheduler: Scheduler) -> int:
    """Rounds [1] that a run of requests [..., n] takes at most, where no request loses its cache: each has an arrival,
    an end, and pieces of its prompt, which are no smaller than the budget less a token of each slot; a power of two in
    at most PARTS parts, so that few lengths are compiled."""
    budget, slots = np.asarray(scheduler.budget), np.asarray(scheduler.slots)
    room = np.min(np.maximum(budget - slots, budget / 8))
    pieces = np.ceil(np.asarray(requests.prompt) / room) + 1
    stops = 2 if are_plain(scheduler) else 3  # the arrival, the end, and the step that knows of it
    most = float(np.max(np.sum(stops + pieces, -1))) + 16
    part = 2.0 ** np.ceil(np.log2(most)) / PARTS
    return int(part * np.ceil(most / part))


def _first(rules: Rules, lanes: int) -> State:
    side = rules.counts.shape[0]
    zero, none = jnp.zeros(side), jnp.zeros(side, jnp.int32)
    shape = (lanes, side)
    extra = (jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.int32), jnp.zeros(shape)) if rules.throws else ()
    return State(
        time=zero,
        decode_steps=none,
        done=none,
        fresh=none,
        sequences=none,
        whole=zero,
        reserved=zero,
        prompt=fresh_prompt(rules, none, zero),
        plan=Plan(*(zero,) * 6),
        lanes=Lanes(jnp.full(shape, NEVER), jnp.zeros(shape, jnp.int32), *extra),
        free=none,
        next_end=none + NEVER,
        thrown_now=none > 0,
        steps=zero,
        busy=zero,
        decoded=zero,
        peak=zero,
        thrown=none,
        looks=first_looks(side) if rules.looks else None,
    )


def _empty_log(rules: Rules, rounds: int, side: int, *, counts_gaps: bool) -> Log:
    shape = (rounds, side)
    whole, real = jnp.zeros(shape, jnp.int32), jnp.zeros(shape)
    log = Log(real, whole, whole, jnp.zeros(shape, bool), whole, whole)
    if not counts_gaps:
        return log
    return log._replace(seconds=real, sequences=whole, since=real if rules.throws else None)
