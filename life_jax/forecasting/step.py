"""One step of a scenario: its operators after every rewrite, and the seconds that belong to no operator."""

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Step
from life_jax.forecasting.graph_effects import on_graph
from life_jax.models.decoder import decoder
from life_jax.optimizations.fusion import fuse
from life_jax.parallelism.collectives import collectives


def step_graph(scenario: Scenario, step: Step) -> Graph:
    """Operators of a step after every rewrite.

    Fusion comes after the stack of options, whatever its order. The counting convention comes last, on the operators
    that are really executed.
    """
    graph = decoder(scenario.architecture, step, scenario.precision)
    for rewrite in scenario.rewrites:
        graph = graph if rewrite.last else rewrite(graph, step)
    graph = on_graph(fuse(graph, scenario.engine.counting.fusion), scenario.engine)
    for rewrite in scenario.rewrites:
        graph = rewrite(graph, step) if rewrite.last else graph
    return graph


def host_seconds(scenario: Scenario, step: Step) -> dict[str, Number]:
    """Host time of a step [s], by field of `engine.host`."""
    engine = scenario.engine
    return engine.host.of_step(batch=step.batch, context=step.context, devices=engine.parallelism.tensor_parallel)


def overhead(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] of a step that belong to no operator: host time and collectives."""
    return sum(host_seconds(scenario, step).values()) + collectives(scenario, step)
