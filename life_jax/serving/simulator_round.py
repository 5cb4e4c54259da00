"""A round of the simulator: a piece of a prompt planned, or a step made."""

from typing import Any

import jax
import jax.numpy as jnp

from life_jax.serving.event_log import Log
from life_jax.serving.looks import Stretch, after, at_rest, seen, steps_until_seen, where_made
from life_jax.serving.simulator_state import NEVER, Lanes, Plan, Prompt, Rules, State
from life_jax.serving.step_law import Law, StepLoad


def fresh_prompt(rules: Rules, index: Any, zero: Any) -> Prompt:
    """The request at an index [B], which has not begun."""
    t, columns = rules.tables, jnp.arange(index.shape[0])
    arrival, prompt, output, cached = (x[index, columns] for x in (t.arrival, t.prompt, t.output, t.cached))
    left = output.astype(jnp.int32)
    whole = (prompt + output).astype(jnp.int32)
    return Prompt(index, arrival, prompt, cached, left, whole, zero > 0, zero + jnp.nan)


def next_round(rules: Rules, s: State) -> tuple[State, Log]:
    """A piece of a prompt planned, the step made where nothing more can be planned; or a request thrown out."""
    over = jnp.zeros_like(s.thrown_now)
    if rules.throws:
        over = (s.plan.tokens == 0) & (s.sequences > 0) & (_held(s) + s.sequences > rules.scheduler.cache)
        s = _thrown_out(rules, s, over)
    plans = ~over & _can_plan(rules, s)
    s, who, left, since = _planned(rules, s, plans)
    makes = ~over & ~_can_plan(rules, s)
    old = s
    s, seconds, works = _made(rules, s, makes)
    counted = jnp.where(rules.first_alone & (old.plan.tokens > 0), 0, old.sequences)
    return s, Log(s.time, s.decode_steps, s.done, works, who, left, seconds, counted, since)


def _held(s: State) -> Any:
    """Tokens [B] in the cache before the next step."""
    decoding = s.whole + s.sequences * (s.decode_steps.astype(s.whole.dtype) - 1)
    return decoding + jnp.where(s.prompt.begun, s.prompt.computed, 0.0)


def _left(rules: Rules, s: State) -> Any:
    """Tokens [B] of the budget that are not planned yet."""
    decoding = 0 if rules.first_alone else s.sequences
    return rules.scheduler.budget - decoding - s.plan.tokens


def _piece(rules: Rules, s: State) -> Any:
    """Tokens [B] of the prompt that the next step can have; 0 where none."""
    piece = jnp.minimum(s.prompt.needed - s.prompt.computed, _left(rules, s))
    if rules.throws:
        free = rules.scheduler.cache - _held(s) - s.sequences - s.plan.held
        fits = piece + s.prompt.computed <= free
        piece = jnp.where(s.prompt.begun, jnp.minimum(piece, free), jnp.where(fits, piece, 0.0))
    return jnp.maximum(piece, 0.0)


def _has_place(rules: Rules, s: State) -> Any:
    """Whether the next request could start, had it arrived."""
    running = s.sequences + s.plan.ended.astype(jnp.int32)
    place = (running < rules.scheduler.slots) & (s.prompt.index < rules.counts)
    if rules.limited and not rules.throws:
        place &= s.reserved + s.prompt.whole <= rules.scheduler.cache
    return place & ~s.thrown_now


def _has_arrived(rules: Rules, s: State) -> Any:
    if rules.concurrency is None:
        return s.prompt.arrival <= s.time
    return s.prompt.index < rules.concurrency + s.done


def _is_known(rules: Rules, s: State) -> Any:
    """Whether the plan of the next step knows of the next request."""
    if s.looks is None:
        return _has_arrived(rules, s)
    return s.prompt.begun | (seen(s.looks, rules.scheduler) >= _sequel(rules, s))


def _sequel(rules: Rules, s: State) -> Any:
    """What a look must tell for the next request to be known (Looks.known)."""
    if rules.concurrency is None:
        return s.prompt.arrival
    return s.prompt.index - rules.concurrency + 1.0


def _can_plan(rules: Rules, s: State) -> Any:
    """Whether a piece of a prompt goes into the next step."""
    starts = s.prompt.begun | (_is_known(rules, s) & _has_place(rules, s))
    return starts & (_piece(rules, s) > 0)


def _planned(rules: Rules, s: State, plans: Any) -> tuple[State, Any, Any, Any]:
    """The state with a piece of the prompt in the plan, where it `plans` [B]; for the log, whose prompt that ends, the
    tokens that it has to generate then, and its last token."""
    p, plan = s.prompt, s.plan
    piece = jnp.where(plans, _piece(rules, s), 0.0)
    computed = p.computed + piece
    ends = plans & (computed >= p.needed)
    end = s.decode_steps + (0 if rules.first_alone else 1) + p.left - 1
    plan = Plan(
        tokens=plan.tokens + piece,
        pairs=plan.pairs + piece * p.computed + piece * (piece + 1) / 2,
        prompts=plan.prompts + plans,
        ended=plan.ended + ends,
        whole=plan.whole + jnp.where(ends, p.whole - end, 0),
        held=plan.held + jnp.where(ends, computed, 0.0),
    )
    reserved = s.reserved + jnp.where(plans & ~p.begun, p.whole, 0)
    lanes = _started(rules, s, *_once((ends, end)))
    fresh = s.fresh + (ends & (p.index == s.fresh))
    same = p._replace(computed=computed, begun=p.begun | plans)
    s = s._replace(fresh=fresh, reserved=reserved, plan=plan, lanes=lanes)
    s = s._replace(prompt=_chosen(ends, _next_prompt(rules, s), same))
    return s, jnp.where(ends, p.index, rules.tables.prompt.shape[0] - 1), jnp.where(ends, p.left, 0), p.since


def _started(rules: Rules, s: State, ends: Any, end: Any) -> Lanes:
    """The lanes with the prompt's request in one of them, where it `ends` [B], until decode step `end` [B]."""
    p, lanes = s.prompt, s.lanes
    place = jnp.arange(lanes.end.shape[0], dtype=jnp.int32)[:, None]
    mine = place == jnp.where(ends, s.free, -1)
    if rules.throws:
        known = (lanes.whole > 0) & (lanes.index == p.index) & ends
        mine = jnp.where(p.index < s.fresh, known, mine)
    lanes = lanes._replace(end=jnp.where(mine, end, lanes.end), whole=jnp.where(mine, p.whole, lanes.whole))
    if rules.throws:
        index, left = jnp.where(mine, p.index, lanes.index), jnp.where(mine, 0, lanes.left)
        lanes = lanes._replace(index=index, left=left)
    return lanes


def _once(numbers: Any) -> Any:
    """The numbers, computed once: a compiler that fuses would compute those of a scenario anew for each lane."""
    return jax.lax.optimization_barrier(numbers)


def _chosen(which: Any, first: Any, second: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(which, a, b), first, second)


def _free_lane(lanes: Lanes) -> Any:
    place = jnp.arange(lanes.end.shape[0], dtype=jnp.int32)[:, None]
    return jnp.min(jnp.where(lanes.whole == 0, place, NEVER), 0)


def _next_prompt(rules: Rules, s: State) -> Prompt:
    """The first request that lost its cache, or else the first that has not started."""
    zero = jnp.zeros_like(s.time)
    if not rules.throws:
        return fresh_prompt(rules, s.fresh, zero)
    lanes = s.lanes
    waits = lanes.left > 0
    index = jnp.min(jnp.where(waits, lanes.index, s.fresh), 0)
    mine = waits & (lanes.index == index)
    left = jnp.sum(jnp.where(mine, lanes.left, 0), 0, dtype=jnp.int32)
    since = jnp.sum(jnp.where(mine, lanes.since, 0.0), 0)
    fresh = fresh_prompt(rules, index, zero)
    again = fresh._replace(needed=1.0 * (fresh.whole - left), left=left, since=since)
    return _chosen(index < s.fresh, again, fresh)


def _thrown_out(rules: Rules, s: State, over: Any) -> State:
    """The state without the cache of the youngest request that runs, where the cache is `over` [B] full."""
    p, lanes = s.prompt, s.lanes
    of_lane = over & ~p.begun
    decodes = (lanes.whole > 0) & (lanes.end < NEVER)
    index = jnp.max(jnp.where(decodes, lanes.index, -1), 0)
    mine = decodes & (lanes.index == index) & of_lane
    left = jnp.where(mine, lanes.end - s.decode_steps, 0)
    whole = jnp.sum(jnp.where(mine, lanes.whole - lanes.end, 0), 0, dtype=jnp.int32)
    lanes = lanes._replace(
        end=jnp.where(mine, NEVER, lanes.end),
        left=jnp.where(mine, left, lanes.left),
        since=jnp.where(mine, s.time, lanes.since),
    )
    s = s._replace(
        lanes=lanes,
        sequences=s.sequences - of_lane,
        whole=s.whole - whole,
        thrown_now=s.thrown_now | over,
        thrown=s.thrown + over,
    )
    return s._replace(prompt=_chosen(over, _next_prompt(rules, s), p))


def _made(rules: Rules, s: State, makes: Any) -> tuple[State, Any, Any]:
    """The state after the step that is planned, or after all decode steps until something happens, or at the next
    arrival, where a scenario `makes` [B] one; seconds of the first step [s], and whether there was one."""
    plan, sequences = s.plan, s.sequences
    start, closed = _told(rules, s), rules.concurrency is not None
    prefills = plan.tokens > 0
    waits = prefills if rules.first_alone else jnp.zeros_like(prefills)
    decode_steps = s.decode_steps.astype(s.time.dtype)
    contexts = s.whole + sequences * decode_steps
    load = StepLoad(
        decoding=jnp.where(waits, 0.0, sequences),
        contexts=jnp.where(waits, 0.0, contexts),
        prompts=plan.tokens,
        pairs=plan.pairs,
        prefilling=plan.prompts,
        ended=plan.ended,
    )
    stretch = jnp.where(sequences > 0, s.next_end - s.decode_steps, 1).astype(s.time.dtype)
    if rules.throws:
        room = jnp.floor((rules.scheduler.cache - _held(s)) / jnp.maximum(sequences, 1))
        stretch = jnp.where(s.thrown_now, 1.0, jnp.clip(room, 1.0, stretch))
    seconds, slope = _rising(rules.law, load, sequences, contexts, stretch)
    arrival: Any = jnp.inf
    if rules.concurrency is None:
        arrival = jnp.where(_has_place(rules, s) & ~_has_arrived(rules, s), s.prompt.arrival, jnp.inf)
    until = _steps_until(arrival - s.time, seconds, slope)
    if s.looks is not None:
        until = jnp.where(_has_arrived(rules, s), 0.0, until)
        until = steps_until_seen(s.looks, rules.scheduler, _sequel(rules, s), until)
        until = jnp.where(_has_place(rules, s) & ~_is_known(rules, s), until, jnp.inf)
    count = jnp.minimum(stretch, until)
    count = jnp.where(prefills, 1.0, count)
    elapsed = jnp.where(prefills, seconds, count * seconds + slope * count * (count - 1) / 2)
    works = makes & (prefills | (sequences > 0))
    elapsed = jnp.where(works, elapsed, 0.0)
    jumps = makes & ~works & jnp.isfinite(arrival)
    time = jnp.where(jumps, arrival, s.time + elapsed)
    made = jnp.where(works & ~waits, count, 0.0)
    held = jnp.where(waits, contexts - sequences, contexts + sequences * (count - 1))
    begun = jnp.where(s.prompt.begun, s.prompt.computed, 0.0)
    s = s._replace(
        time=time,
        decode_steps=s.decode_steps + made.astype(jnp.int32),
        sequences=sequences + jnp.where(works, plan.ended, 0.0).astype(jnp.int32),
        whole=s.whole + jnp.where(works, plan.whole, 0.0),
        plan=jax.tree.map(lambda x: jnp.where(works, 0.0, x), plan),
        thrown_now=s.thrown_now & ~works,
        steps=s.steps + jnp.where(works, count, 0.0),
        busy=s.busy + elapsed,
        decoded=s.decoded + elapsed * sequences,
        peak=jnp.maximum(s.peak, jnp.where(works, held + plan.held + begun, 0.0)),
    )
    s = _ended(s, works)
    if s.looks is not None:
        now = _told(rules, s)
        looks = after(s.looks, rules.scheduler, Stretch(count, seconds, slope, start, now, prefills), closed=closed)
        looks = at_rest(where_made(works, looks, s.looks), (s.sequences == 0) & ~s.prompt.begun, now)
        s = s._replace(looks=looks)
    return s, seconds, works


def _told(rules: Rules, s: State) -> Any:
    """What a look tells now (Looks.known)."""
    return s.time if rules.concurrency is None else s.done.astype(s.time.dtype)


def _ended(s: State, works: Any) -> State:
    """The state without the sequences that have ended, where there was a step."""
    lanes, until = _once((s.lanes, jnp.where(works, s.decode_steps, -1)))
    ended = lanes.end <= until
    whole = jnp.sum(jnp.where(ended, lanes.whole, 0), 0, dtype=jnp.int32)
    number = jnp.sum(ended, 0, dtype=jnp.int32)
    lanes = lanes._replace(end=jnp.where(ended, NEVER, lanes.end), whole=jnp.where(ended, 0, lanes.whole))
    lanes, whole, number = _once((lanes, whole, number))
    return s._replace(
        lanes=lanes,
        done=s.done + number,
        sequences=s.sequences - number,
        whole=s.whole - (1.0 * whole - 1.0 * number * s.decode_steps),
        reserved=s.reserved - whole,
        free=_free_lane(lanes),
        next_end=jnp.min(lanes.end, 0),
    )


def _rising(law: Law, load: StepLoad, sequences: Any, contexts: Any, steps: Any) -> tuple[Any, Any]:
    """Seconds of a step, and by how much each of so many `steps` [1] is longer than the one before it."""
    seconds = law.seconds(load)
    later = StepLoad(decoding=1.0 * sequences, contexts=contexts + sequences * (steps - 1))
    slope = jnp.where(steps > 1, (law.seconds(later) - seconds) / jnp.maximum(steps - 1, 1.0), 0.0)
    return seconds, slope


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
