"""One step of a scenario: its operators after every rewrite, and what no operator takes."""

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Step
from life_jax.forecasting.weight_expansion import expand, repack
from life_jax.models.decoder import decoder
from life_jax.optimizations.fusion import fuse
from life_jax.parallelism import collectives


def step_graph(scenario: Scenario, step: Step) -> Graph:
    """The operators of one step after every rewrite. Fusion comes after the stack, whatever its order; the
    counting convention last, on the operators that are really run."""
    graph = decoder(scenario.architecture, step, scenario.precision)
    for rewrite in scenario.rewrites:
        graph = graph if rewrite.last else rewrite(graph)
    graph = repack(expand(fuse(graph, scenario.engine.fusion), scenario.engine), scenario.engine)
    for rewrite in scenario.rewrites:
        graph = rewrite(graph) if rewrite.last else graph
    return graph


def overhead(scenario: Scenario, step: Step) -> Number:
    """Seconds of a step that no operator takes: the host's, and collectives."""
    engine = scenario.engine
    host = engine.step + engine.sequence * step.batch + engine.context * step.context + collectives.workers(engine)
    return host + collectives.collectives(scenario, step)
