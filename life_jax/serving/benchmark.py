"""Benchmarks that begin with an empty engine: the first wave of a closed loop, whose prompts arrive all at once."""

from dataclasses import replace

import numpy as np

from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import Number, ceil, floor, larger, smaller
from life_jax.serving.percentiles import POINTS, Spread
from life_jax.serving.pooled_steady import PooledSteady
from life_jax.serving.pools import Pools
from life_jax.serving.requested import Requested
from life_jax.serving.steady_state import Steady, places
from life_jax.serving.step_law import Law, StepLoad, last_axis

ORDER = (np.arange(POINTS) * 0.6180339887498949 + 0.5) % 1  # of a request in the first wave, unlike its other points


def with_first_wave(
    times: Spread,
    law: Law,
    requested: Requested,
    scheduler: Scheduler,
    steady: Steady,
    concurrency: Number,
    requests: Number,
) -> Spread:
    """Times of a benchmark of so many `requests` [1], of which `concurrency` [1] arrive at once in an empty engine.

    The first wave is prefilled in order, a full step after another; a part of it has ended when each step has, and
    waits for the others, or gets a token in each of their steps. Then all of them decode, and no prompt comes between.
    Those that have no slot, or no room in the cache, take the place of one that ends, turn by turn. The rest of the
    requests see the steady state.
    """
    new = requested.new
    pairs = requested.pairs(requested.prompt.average * (1 + requested.prompt.variation))
    wave = smaller(concurrency, places(requested, scheduler))
    tokens = smaller(wave * new, scheduler.budget)
    beside = 0.0 if scheduler.mixing == PREFILL_FIRST else wave / 2
    load = StepLoad(beside, beside * requested.context, tokens, tokens * pairs, 1.0, 1.0)
    step = law.seconds(load)
    every = last_axis(larger(wave * new / tokens, 1.0))  # steps of the wave
    place = last_axis(concurrency / wave) * ORDER
    turn = floor(place)
    done = larger(ceil(every * (place - turn + 1e-9)), 1.0)  # steps until the prompt at this place has ended
    first = last_axis(step) * done
    rest = larger(every - done, 0.0)
    rounds = last_axis(requested.decoded)
    made = 0.0 * rest if scheduler.mixing == PREFILL_FIRST else smaller(rest, rounds)
    held = requested.prompt.average + requested.output.average / 2
    decode = last_axis(law.seconds(StepLoad(wave, wave * held)))
    decoding = rest * last_axis(step) + (rounds - made) * decode
    first = first + turn * (decoding + last_axis(step))
    tpot = decoding / (rounds * last_axis(requested.kept))
    in_wave = last_axis(smaller(concurrency / requests, 1.0)) > ORDER_OF_WAVE
    return replace(
        times,
        ttft=in_wave * first + (1 - in_wave) * times.ttft,
        tpot=in_wave * tpot + (1 - in_wave) * times.tpot,
    )


ORDER_OF_WAVE = (np.arange(POINTS) * 0.7548776662466927 + 0.5) % 1


def with_first_wave_of_pools(
    times: Spread, pools: Pools, requested: Requested, steady: PooledSteady, concurrency: Number, requests: Number
) -> Spread:
    """The same of pools that prefill and decode: the first wave fills the steps of the first pool, crosses the links
    and takes the slots of the second, one after another where it has too few."""
    pools = pools.slower(steady.slower)
    pool = pools.prefill
    mine = concurrency / pool.batches
    tokens = smaller(mine * requested.new, pool.scheduler.budget)
    pairs = requested.pairs(requested.prompt.average * (1 + requested.prompt.variation))
    prompts = larger(tokens / requested.new, 1.0)
    step = pool.law.seconds(StepLoad(0.0, 0.0, tokens, tokens * pairs, prompts, prompts))
    done = ceil(last_axis(mine * requested.new / tokens) * (ORDER + 1e-9))
    held = pools.token * requested.prompt.average
    sent = last_axis(concurrency / pools.links * held) * ORDER
    first = larger(last_axis(step) * larger(done, 1.0), sent) + last_axis(pools.latency + held)
    slots = places(requested, pools.decode.scheduler) * pools.decode.batches
    turns = ceil(last_axis(concurrency / slots) * (ORDER + 1e-9)) - 1
    first = first + turns * last_axis(requested.decoded * steady.gap)
    in_wave = last_axis(smaller(concurrency / requests, 1.0)) > ORDER_OF_WAVE
    return replace(times, ttft=in_wave * first + (1 - in_wave) * times.ttft)
