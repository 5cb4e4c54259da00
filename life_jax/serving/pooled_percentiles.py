"""How times spread over requests that one pool prefills and another decodes, at the points of percentiles.py."""

from dataclasses import replace
from typing import Any

from life_jax.core import normal
from life_jax.core.numerics import Number, ceil, clip, exp, larger, smaller, sqrt, where
from life_jax.serving.percentiles import (
    BESIDE,
    EDGE,
    LEAST_SWING,
    MET,
    NEIGHBOURS,
    NORMAL,
    OUTPUT,
    QUEUE,
    RESIDUAL,
    SLOT,
    STEP,
    UNIFORM,
    Spread,
    exponential_wait,
    gamma,
    log_normal,
    prompts_at_points,
    with_atom,
)
from life_jax.serving.pooled_steady import PooledSteady, Prefilling
from life_jax.serving.pools import Pools, decode_step, prompt_step
from life_jax.serving.requested import Requested
from life_jax.serving.step_law import last_axis


def pooled_spread(
    pools: Pools, requested: Requested, steady: PooledSteady, *, tagged: Requested | None = None
) -> Spread:
    """Times of requests in a steady state of both pools; tagged: the class of requests whose times they are, or None
    for all."""
    pools = pools.slower(steady.slower)
    wide: PooledSteady = _with_axis(replace(steady, slower=None))
    each = pools.each()

    def until_first(tagged: Requested) -> Any:
        return _until_prefilled(pools, requested, tagged, wide) + _to_decode(each, wide, prompts_at_points(tagged)[0])

    mine = requested if tagged is None else tagged
    ttft = until_first(mine)
    ttft = ttft * last_axis(steady.ttft / (ttft if tagged is None else until_first(requested)).mean(-1))
    gaps = [decode_step(pools.decode, requested, steady.decoding + more) for more in (0.0, 1.0)]
    step_up = last_axis(gaps[1] - gaps[0]) * wide.swing
    output = larger(mine.output.at(UNIFORM[:, OUTPUT], NORMAL[:, OUTPUT]), 2.0)
    held = (output - 1) / last_axis(requested.kept) * wide.gap / larger(wide.relaxation, EDGE)
    kept = smaller(2 / held * (1 - (1 - exp(-held)) / held), 1.0)  # of the variance of a mean over this time
    mean = larger(1 + step_up * sqrt(kept) * NORMAL[:, NEIGHBOURS] / wide.gap, LEAST_SWING)
    tpot: Any = wide.gap / last_axis(requested.kept) * mean
    itl: Any = wide.gap * larger(1 + step_up * NORMAL[:, STEP] / wide.gap, LEAST_SWING)
    return Spread(ttft, tpot, itl)


def _with_axis(steady: Any) -> Any:
    """A steady state with one more axis at the end of its numbers."""
    values = {name: getattr(steady, name) for name in steady.__dataclass_fields__}
    wide = {name: _with_axis(v) if isinstance(v, Prefilling) else last_axis(v) for name, v in values.items()}
    return type(steady)(**wide)


def _until_prefilled(pools: Pools, requested: Requested, tagged: Requested, wide: PooledSteady) -> Number:
    """Time from the arrival of a request to the end of its prompt [s]."""
    first, pool = wide.first, pools.prefill
    stages, budget = last_axis(pool.scheduler.stages), last_axis(pool.scheduler.budget)
    place = UNIFORM[:, RESIDUAL]
    runs = 1.0 * (place < first.busy)
    running = runs * first.running * place / larger(first.busy, EDGE) / stages
    # behind the step that runs there is a queue, where there is one, as in front of a server of single prompts
    rate = smaller(wide.rate, wide.capacity) / last_axis(pool.batches)
    load = clip(first.load, EDGE, 1 - EDGE)
    mean = first.wait / load
    second = 2 * mean * mean + rate * first.service3 / stages**2 / (3 * (1 - load))
    queues = smaller(load * load / larger(first.busy, EDGE), 1.0)
    wait = with_atom(queues, UNIFORM[:, QUEUE], lambda q: log_normal(mean / load, second / load, normal.quantile(q)))
    prompt, new = prompts_at_points(tagged)
    each = last_axis(requested.new)
    arrived = rate * runs * first.running * each
    square = arrived * each * (1 + last_axis(requested.prompt.variation))
    beside = gamma(arrived + EDGE, square + EDGE, NORMAL[:, BESIDE])
    chunks = larger(ceil(new / budget - EDGE), 1.0)
    last = new - (chunks - 1) * budget
    shared = prompt_step(pool, requested, smaller(last + beside, budget), (prompt, new))
    full = prompt_step(pool, requested, budget + 0.0 * new, (prompt, new))
    return running + runs * wait + shared + (chunks - 1) / stages * full


def _to_decode(pools: Pools, wide: PooledSteady, prompt: Number) -> Number:
    """Time from the end of a prompt to the first decode step of its sequence [s]; pools: with the axis of points."""
    link = clip(wide.rate / pools.links * (wide.transfer - pools.latency), EDGE, 1 - EDGE)
    waited = exponential_wait(link, wide.link_wait / link, UNIFORM[:, MET])
    slot = exponential_wait(wide.slot_waits, wide.slot_wait, UNIFORM[:, SLOT])
    decodes = smaller(2 * wide.joins / wide.gap, 1.0)
    place = UNIFORM[:, STEP]
    joins = where(place < decodes, wide.gap * place / larger(decodes, EDGE), 0.0)
    return waited + pools.latency + pools.token * prompt + slot + joins
