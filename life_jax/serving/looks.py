"""When a scheduler gets to know of a request: it looks for new ones between steps, and plans some steps ahead.

A scheduler that works while the device does plans the next step as one begins, from what it knew then. And one whose
devices must agree on what is new may look only every so many decode steps; after a step with prompts it looks at once,
and so it does while nothing runs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import is_fixed_at

MOST_AHEAD = 2  # steps that are planned ahead, at most


class Looks(NamedTuple):
    """What a simulation knows of looks [B].

    since: decode steps since the last one; known: what was known at the end of the step before this one, of the one
    before that, and so on: time [s] of the last look, or (closed loop) the requests that had ended then
    """

    since: Any
    known: tuple[Any, ...]


class Stretch(NamedTuple):
    """Steps that have just been made [B].

    count [1]; seconds [s] of the first and by how much each is longer than the one before; start, end: what a look
    would have told at both (Looks.known); prompts: whether there was a prompt in it
    """

    count: Any
    seconds: Any
    slope: Any
    start: Any
    end: Any
    prompts: Any


def are_plain(scheduler: Scheduler) -> bool:
    """Whether the scheduler knows of every request at once."""
    return is_fixed_at(scheduler.ahead, 0) and is_fixed_at(scheduler.interval, 1)


def first_looks(side: int) -> Looks:
    """Of `side` engines that are empty."""
    return Looks(jnp.zeros(side), (jnp.zeros(side),) * (MOST_AHEAD + 1))


def seen(looks: Looks, scheduler: Scheduler) -> Any:
    """What is known to the plan of the next step [B], as Looks.known."""
    return _chosen(looks.known, scheduler.ahead)


def _chosen(values: tuple[Any, ...], place: Any) -> Any:
    chosen = values[0]
    for index, value in enumerate(values[1:], 1):
        chosen = jnp.where(place >= index, value, chosen)
    return chosen


def steps_until_seen(looks: Looks, scheduler: Scheduler, sequel: Any, arrives: Any) -> Any:
    """Decode steps [B] until the plan of one knows of a request.

    sequel: the least that Looks.known must be; arrives [1]: steps until the request is there, 0 where it is
    """
    first = scheduler.interval - looks.since
    look = first + scheduler.interval * jnp.ceil(jnp.maximum(arrives - first, 0.0) / scheduler.interval)
    steps = look + scheduler.ahead
    for index, known in enumerate(looks.known[:-1]):
        covered = (known >= sequel) & (index < scheduler.ahead)
        steps = jnp.where(covered, jnp.minimum(steps, scheduler.ahead - index), steps)
    return steps


def after(looks: Looks, scheduler: Scheduler, stretch: Stretch, *, closed: bool) -> Looks:
    """What is known after a stretch of steps. In a closed loop what a look tells changes at its end alone."""
    count, interval = stretch.count, scheduler.interval
    known = []
    for back in range(MOST_AHEAD + 1):
        place = count - back
        last = place - jnp.mod(looks.since + place, interval)  # step after which the last look was
        rising = last * stretch.seconds + stretch.slope * last * (last - 1) / 2
        inside = stretch.start if closed else stretch.start + rising
        value = jnp.where(last >= count, stretch.end, jnp.where(last >= 1, inside, looks.known[0]))
        value = jnp.where(stretch.prompts & (back == 0), stretch.end, value)
        for index in range(MOST_AHEAD):
            value = jnp.where(place == -index, looks.known[index], value)
        known.append(value)
    since = jnp.where(stretch.prompts, 0.0, jnp.mod(looks.since + count, interval))
    return Looks(since, tuple(known))


def at_rest(looks: Looks, rests: Any, now: Any) -> Looks:
    """The same where an engine has something to do; where it `rests` [B], it knows what there is."""
    known = tuple(jnp.where(rests, now, value) for value in looks.known)
    return Looks(jnp.where(rests, 0.0, looks.since), known)


def where_made(made: Any, new: Looks, old: Looks) -> Looks:
    """The new looks where a step was `made` [B]."""
    return jax.tree.map(lambda a, b: jnp.where(made, a, b), new, old)
