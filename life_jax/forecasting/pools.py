"""A scenario whose prompts are prefilled elsewhere -> its pools under load (serving/pools.py)."""

from dataclasses import replace

from life_jax.core.numerics import Number
from life_jax.core.places import SHARED, Handover
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Step
from life_jax.forecasting import places
from life_jax.forecasting.scheduling import scheduler_of
from life_jax.forecasting.step import seconds as seconds_of
from life_jax.forecasting.step import step_graph
from life_jax.forecasting.step_law import step_law
from life_jax.serving.pools import Pool, Pools


def sides(scenario: Scenario) -> tuple[Scenario, Scenario]:
    """The scenario on the devices that prefill, and on those that decode, each as if it were alone."""
    return places.prefilling(scenario), replace(scenario, handover=Handover())


def pools_of(scenario: Scenario) -> Pools:
    """Both pools: `load.prefill_replicas` of the devices that prefill, `load.replicas` of those that decode."""
    load = scenario.load
    first, second = sides(scenario)
    latency, token = places.handover_line(scenario)
    shared = scenario.handover.memory == SHARED
    slows = places.slowed(scenario, _asked(first, second), 1.0) if shared else (0.0, 0.0)
    return Pools(
        prefill=_pool(first, load.prefill_replicas),
        decode=_pool(second, load.replicas),
        latency=latency,
        token=token,
        links=load.prefill_replicas,
        router=load.router,
        slows_prefill=slows[0],
        slows_decode=slows[1],
    )


def _asked(first: Scenario, second: Scenario) -> tuple[Number, Number]:
    """Bytes a second [byte/s] that the processors which prefill and decode read and write, each alone: a prompt of the
    workload's length, and a step of a sequence in the middle of its output."""
    w = first.workload
    steps = (
        (first, Step(1.0, w.prompt_tokens, w.past_tokens)),
        (second, Step(1.0, 1.0, w.past_tokens + w.prompt_tokens + w.output_tokens / 2, decoding=True)),
    )
    prefill, decode = (step_graph(s, step).cost.bytes / seconds_of(s, step) for s, step in steps)
    return prefill, decode


def _pool(scenario: Scenario, replicas: Number) -> Pool:
    """A pool, whose schedulers know of a request as it comes: how late they do in pools is not forecast."""
    layout = scenario.engine.parallelism
    routed = replicas * layout.data_parallel
    scheduler = replace(scheduler_of(scenario), ahead=0.0, interval=1.0)
    return Pool(step_law(scenario), scheduler, routed * layout.pipeline_parallel, routed)
