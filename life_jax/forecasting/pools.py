"""A scenario whose prompts are prefilled elsewhere -> its pools under load (serving/pools.py)."""

from dataclasses import replace

from life_jax.core.numerics import Number
from life_jax.core.places import Handover
from life_jax.core.scenario import Scenario
from life_jax.forecasting import places
from life_jax.forecasting.scheduling import scheduler_of
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
    return Pools(
        prefill=_pool(first, load.prefill_replicas),
        decode=_pool(second, load.replicas),
        latency=latency,
        token=token,
        links=load.prefill_replicas,
        router=load.router,
    )


def _pool(scenario: Scenario, replicas: Number) -> Pool:
    layout = scenario.engine.parallelism
    routed = replicas * layout.data_parallel
    return Pool(step_law(scenario), scheduler_of(scenario), routed * layout.pipeline_parallel, routed)
