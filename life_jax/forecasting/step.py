"""One step of a scenario: its operators after every rewrite, and its seconds.

A step is a `Step`, equal sequences, or a `Mixed`, several groups of sequences that an engine computes together
(core/schedule.py): `seconds(scenario, engine_step(sequences=32.0, context=1000.0, prefill_tokens=512.0))`.
"""

from functools import reduce

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Mixed, Step
from life_jax.forecasting import energy
from life_jax.forecasting.graph_effects import on_graph
from life_jax.models.decoder import decoder
from life_jax.optimizations.fusion import fuse
from life_jax.parallelism.collectives import collectives
from life_jax.roofline.roofs import roof, step_seconds
from life_jax.roofline.terms import step_terms


def step_graph(scenario: Scenario, step: Step | Mixed) -> Graph:
    """Operators of a step after every rewrite.

    Fusion comes after the stack of options, whatever its order. The counting convention comes last, on the operators
    that are really executed. In a mixed step, what handles tokens one by one is executed once for all groups.
    """
    if isinstance(step, Mixed):
        return reduce(Graph.beside, (step_graph(scenario, group) for group in step.groups))
    graph = decoder(scenario.architecture, step, scenario.precision)
    for rewrite in scenario.rewrites:
        graph = graph if rewrite.last else rewrite(graph, step)
    graph = on_graph(fuse(graph, scenario.engine.counting.fusion), scenario.engine)
    for rewrite in scenario.rewrites:
        graph = rewrite(graph, step) if rewrite.last else graph
    return graph


def seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Time of a step [s]: its operators one after another, host time and collectives, under the power limit."""
    graph, smoothness = step_graph(scenario, step), scenario.engine.efficiency.roof_smoothness
    total = step_seconds(step_terms(graph, scenario.device, scenario.engine), smoothness) + overhead(scenario, step)
    if not energy.is_capped(scenario):
        return total
    return roof(total, energy.capped_seconds(scenario, energy.dynamic(scenario, step, graph)), smoothness)


def host_seconds(scenario: Scenario, step: Step | Mixed) -> dict[str, Number]:
    """Host time of a step [s], by field of `engine.host`."""
    engine = scenario.engine
    return engine.host.of_step(batch=step.batch, context=step.context, devices=engine.parallelism.tensor_parallel)


def overhead(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] of a step that belong to no operator: host time and collectives."""
    return sum(host_seconds(scenario, step).values()) + collectives(scenario, step)
