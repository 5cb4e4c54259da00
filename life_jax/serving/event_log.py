"""What a simulation notes in each round, and the times of requests that follow from it.

A simulation does not keep times of requests while it runs. It notes when each round ended, how many decode steps there
had been, and whose prompt ended; a request then ends in the first round with as many decode steps as its output needs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from life_jax.core.pytree import pytree
from life_jax.serving import gaps
from life_jax.serving.requests import Requests


@pytree
class Timeline:
    """What a simulation saw of each request, [..., n] in order of arrival, and of the engine, [...].

    arrival, first, last [s]: times at which a request arrived, and at which its first and last token were made
    steps [1]: of the engine; busy [s]: their time; decoded [s]: integral over time of the number of decoding sequences
    peak [token]: most tokens that were cached at once; thrown [1]: requests that lost their cache to others
    gaps [..., BINS]: times between two tokens of a sequence, counted (serving/gaps.py); [..., 0] where none are
    overflow: whether the run was longer than the log, or more requests ran at once than there are lanes; times that
    were not simulated are NaN
    """

    arrival: Any
    first: Any
    last: Any
    steps: Any
    busy: Any
    decoded: Any
    peak: Any
    thrown: Any
    gaps: Any
    overflow: Any


class Log(NamedTuple):
    """Notes of rounds [k, B], where B scenarios run side by side.

    time [s], decode_steps [1], done [1]: at the end of the round; works: whether it made a step
    who: place of the request whose prompt ended in the step that the round is part of, n for none; left [token]: that
    it has to generate then
    seconds [s], sequences [1]: of the first step of a round, and how many decoded; since [s]: when the last token of
    `who` was made, NaN for a new request. These are not noted where times between tokens are not counted.
    """

    time: Any
    decode_steps: Any
    done: Any
    works: Any
    who: Any
    left: Any
    seconds: Any = None
    sequences: Any = None
    since: Any = None


def times_of(log: Log, rounds: Any, requests: Requests, concurrency: Any) -> tuple[Any, Any, Any]:
    """Arrival, first and last token [n, B] [s] of requests [n, B]; NaN of those that did not come to it.

    rounds [1]: that were noted; concurrency [1]: of a closed loop, or None.
    """
    count, side = requests.prompt.shape
    size = log.time.shape[0]
    noted = (jnp.arange(size) < rounds)[:, None]
    never = np.iinfo(np.int32).max
    decode_steps, done = (jnp.where(noted, x, never) for x in (log.decode_steps, log.done))
    time = jnp.concatenate([jnp.where(noted, log.time, jnp.nan), jnp.full((1, side), jnp.nan)])
    ends_at = _next_step(log, noted)
    place = jnp.arange(size, dtype=jnp.int32)[:, None]
    who, columns = jnp.where(noted, log.who, count), jnp.arange(side)[None]
    begun = jnp.full((count + 1, side), size, jnp.int32).at[who, columns].min(place + 0 * who)[:count]
    resumed = jnp.zeros((count + 1, side), jnp.int32).at[who, columns].max(place + 0 * who)[:count]

    def at(table: Any, rows: Any) -> Any:
        return jnp.take_along_axis(table, jnp.minimum(rows, table.shape[0] - 1), 0)

    first = at(time, at(jnp.concatenate([ends_at, jnp.full((1, side), size, jnp.int32)]), begun))
    start = at(ends_at, resumed)
    end = at(decode_steps, start) + at(log.left, resumed) - 1
    last_round = jnp.maximum(_first_at_least(decode_steps, end), start)
    last = jnp.where(jnp.isnan(first), jnp.nan, at(time, last_round))
    if concurrency is None:
        return requests.arrival, first, last
    index = jnp.arange(count, dtype=jnp.int32)[:, None]
    needed = index - jnp.asarray(concurrency, jnp.int32) + 1
    arrival = jnp.where(needed <= 0, 0.0, at(time, _first_at_least(done, needed + 0 * begun)))
    return arrival, first, last


def _first_at_least(rising: Any, values: Any) -> Any:
    """The first place [n, B] of rising numbers [k, B] at which they are as large as values [n, B].

    Those of a scenario are brought together first: halves of a long column are far from each other in memory.
    """
    rows, wanted = jax.lax.optimization_barrier((rising.T, values.T))
    return jax.vmap(jnp.searchsorted)(rows, wanted).astype(jnp.int32).T


def _next_step(log: Log, noted: Any) -> Any:
    """Place [k, B] of the round with the step that each round is part of."""
    size = log.time.shape[0]
    place = jnp.arange(size, dtype=jnp.int32)[:, None]
    return jax.lax.cummin(jnp.where(noted & log.works, place, size - 1), 0, reverse=True)


def counted_gaps(log: Log, rounds: Any, unseen: Any, *, first_alone: bool) -> Any:
    """Times between two tokens of a sequence, counted [B, BINS], of rounds before which `unseen` [1] had ended.

    first_alone: whether prompts have steps of their own, in which nobody decodes.
    """
    size, side = log.time.shape
    noted = (jnp.arange(size) < rounds)[:, None]
    nothing = jnp.zeros((1, side))
    before = jnp.concatenate([nothing, log.time[:-1]])
    count = jnp.where(noted, jnp.diff(log.decode_steps, axis=0, prepend=nothing.astype(jnp.int32)), 0)
    makes = count > 0
    elapsed = log.time - before
    done_before = jnp.concatenate([nothing.astype(jnp.int32), log.done[:-1]])
    weight = jnp.where(makes & (done_before >= unseen), 1.0, 0.0)
    mean = jnp.where(count > 1, (elapsed - log.seconds) / jnp.maximum(count - 1, 1), log.seconds)
    sequences = log.sequences
    parts = [(mean, weight * sequences * (count - 1))]
    ends_at, columns = _next_step(log, noted), jnp.arange(side)[None]
    of_step = log.time[ends_at, columns]
    starts = noted & (log.left > 1)
    if first_alone:
        # sequences whose prompt ended since the last decode step have waited since then, the others since that step
        place = jnp.arange(size, dtype=jnp.int32)[:, None]
        later = jnp.concatenate([makes[1:], nothing > 0])
        next_decode = jax.lax.cummin(jnp.where(later, place + 1, size - 1), 0, reverse=True)[ends_at, columns]
        met = starts & makes[next_decode, columns]
        newcomers = jnp.zeros((size, side)).at[next_decode, columns].add(jnp.where(met, 1.0, 0.0))
        token = jax.lax.cummax(jnp.where(makes, log.time, 0.0), 0)
        token = jnp.concatenate([nothing, token[:-1]])
        parts.append((before + log.seconds - token, weight * (sequences - newcomers)))
        begins = before[next_decode, columns] + log.seconds[next_decode, columns]
        parts.append((begins - of_step, jnp.where(met, weight[next_decode, columns], 0.0)))
    else:
        parts.append((log.seconds, weight * sequences))
    if log.since is not None:
        resumed = noted & (log.left > 0) & ~jnp.isnan(log.since)
        counts = jnp.where(resumed & (done_before >= unseen), 1.0, 0.0)
        parts.append((of_step - log.since, counts))
    bins = jnp.zeros((side, gaps.BINS))
    for seconds, counts in parts:
        log10 = jnp.log10(jnp.maximum(jnp.nan_to_num(seconds), gaps.LEAST))
        place = jnp.clip(gaps.place(log10), 0, gaps.BINS - 1).astype(jnp.int32)
        bins = bins.at[columns, place].add(counts)
    return bins
