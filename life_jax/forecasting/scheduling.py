"""The scheduler of a scenario's engine under load: its slots, and the room that the memory leaves for the cache."""

from dataclasses import replace

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number, is_fixed_at, larger, smaller
from life_jax.core.scenario import Scenario
from life_jax.forecasting import memory
from life_jax.models import ffn


def scheduler_of(scenario: Scenario) -> Scheduler:
    """The scheduler of a batch in flight, with the room of the KV cache in tokens."""
    scheduler, layout = scenario.engine.scheduler, scenario.engine.parallelism
    scheduler = replace(scheduler, cache=cache_room(scenario))
    if not is_fixed_at(layout.data_parallel, 1) and _has_experts(scenario):
        scheduler = replace(scheduler, lockstep=layout.data_parallel)
    if layout.in_pipeline:
        stages = layout.pipeline_parallel
        each = larger(scheduler.slots / stages, 1.0), scheduler.cache / stages
        scheduler = replace(scheduler, slots=each[0], cache=each[1], stages=stages)
    return scheduler


def _has_experts(scenario: Scenario) -> bool:
    return any("num_experts" in ffn.INDEX[block.ffn_kind].KEYS for block in scenario.architecture.blocks)


def cache_room(scenario: Scenario) -> Number:
    """Tokens that fit in the KV cache beside weights, software and the activations of a full step [token].

    The smallest of all devices counts, and another device of the machine that keeps part of the cache. A window or a
    recurrent state takes less than its share of a long context, so that the room is that for sequences of the
    workload's length.
    """
    per_token, last = memory.bytes_of_rows(scenario)
    scheduler = scenario.engine.scheduler
    left = memory.memory(scenario).cache_room(scheduler.budget * per_token + scheduler.slots * last)
    tokens = memory.cached_tokens(scenario)
    here = larger(left, 0.0) / memory.cache_bytes(scenario, tokens) * tokens
    if scenario.offload.is_off:
        return here
    return smaller(here, memory.tokens_on_host(scenario) / scenario.engine.parallelism.data_parallel)
