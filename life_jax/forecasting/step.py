"""One step of a scenario: its operators after every rewrite, and its seconds.

A step is a `Step`, equal sequences, or a `Mixed`, several groups of sequences that an engine computes together
(core/schedule.py): `seconds(scenario, engine_step(sequences=32.0, context=1000.0, prefill_tokens=512.0))`.
"""

from dataclasses import replace
from functools import reduce

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number, is_fixed_at, is_nothing, larger, smaller
from life_jax.core.places import HERE, HOST
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Mixed, Step, in_graph
from life_jax.forecasting import energy, messages, places
from life_jax.forecasting.graph_effects import on_graph
from life_jax.forecasting.latent_form import in_faster_form
from life_jax.forecasting.weights import part_on_disk
from life_jax.models.decoder import decoder
from life_jax.operators.token_rows import joined
from life_jax.optimizations.fusion import fuse
from life_jax.parallelism.layout import step_of_one, with_all_tokens
from life_jax.roofline.roofs import roof, step_seconds
from life_jax.roofline.terms import step_terms


def step_graph(scenario: Scenario, step: Step | Mixed) -> Graph:
    """Operators of a step after every rewrite, as the devices that attend for the same tokens see it.

    Fusion comes after the stack of options, whatever its order. The counting convention comes last, on the operators
    that are really executed. In a mixed step, what handles tokens one by one is executed once for all groups. Latent
    attention has the form that takes less time, for each group.
    """
    if isinstance(step, Mixed):
        graphs = (step_graph(scenario, group) for group in step.groups)
        return reduce(lambda one, other: one.beside(other, joined), graphs)
    return in_faster_form(scenario, lambda scenario: _step_graph(scenario, step))


def _step_graph(scenario: Scenario, step: Step) -> Graph:
    """Operators of a step of equal sequences after every rewrite."""
    layout = scenario.engine.parallelism
    step = in_graph(step, scenario.engine) if scenario.architecture.reading == "chunks" else step
    whole, step = step, step_of_one(step, layout)
    graph = decoder(scenario.architecture, step, scenario.precision)
    for rewrite in scenario.rewrites:
        graph = graph if rewrite.last else rewrite(graph, step)
    # behind the options: what they put before experts is done to a group's own tokens
    graph = with_all_tokens(graph, step, whole, layout)
    graph = on_graph(fuse(graph, scenario.engine.counting.fusion), scenario.engine)
    for rewrite in scenario.rewrites:
        graph = rewrite(graph, step) if rewrite.last else graph
    return places.placed(graph, scenario)


def seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Time of a step [s]: its operators one after another, host time and collectives, under the power limit."""
    graph, smoothness = step_graph(scenario, step), scenario.engine.efficiency.roof_smoothness
    computed = step_seconds(places.terms(scenario, graph), smoothness)
    total = computed + overhead(scenario, step)
    total = total - hidden(scenario, step, total)
    total = total + launch_wait(scenario, step, total)
    if not energy.is_capped(scenario):
        return total
    return roof(total, energy.capped_seconds(scenario, energy.dynamic(scenario, step, graph)), smoothness)


def host_seconds(scenario: Scenario, step: Step | Mixed) -> dict[str, Number]:
    """Host time of a step [s], by field of `engine.host`."""
    engine, mine = scenario.engine, messages.of_one(scenario, step)
    return engine.host.of_step(batch=mine.batch, context=mine.context, devices=engine.parallelism.tensor_parallel)


def launch_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which the host starts the operators of a step one by one; a plain 0 of a step without prompts, and
    of an engine that starts recorded graphs of kernels.

    Operators of the prompts are counted, without the head; those of another device are started there.
    """
    launch = scenario.engine.host.launch
    prompts = [group for group in (step.groups if isinstance(step, Mixed) else (step,)) if not group.decoding]
    if is_fixed_at(launch, 0) or not prompts:
        return 0.0
    ops = step_graph(scenario, replace(prompts[0], logit_rows=0.0))
    return launch * sum(op.repeats for op in ops if op.place == HERE)


def launch_wait(scenario: Scenario, step: Step | Mixed, total: Number) -> Number:
    """Seconds [s] in which a device waits for the host to start its operators: the host starts them while earlier ones
    run, so that the longer of both counts. total [s]: of the step without that."""
    started = launch_seconds(scenario, step)
    if is_nothing(started):
        return 0.0
    return larger(started - (total - sum(host_seconds(scenario, step).values())), 0.0)


def overhead(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] of a step that belong to no operator: host time, messages, and weights from a disk."""
    crossing = places.crossing_seconds(scenario, step)
    besides = message_seconds(scenario, step) + crossing + disk_seconds(scenario, step)
    return sum(host_seconds(scenario, step).values()) + besides


def disk_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] of a step in which weights that memory has no room for are read from the disk; a plain 0 without.

    Nothing is computed meanwhile. Reference: llama.cpp, whose weights are pages of a file (mmap).
    """
    if not scenario.disk.on:
        return 0.0
    there = HERE if scenario.offload.is_off else HOST
    ops = (op for op in step_graph(scenario, step) if op.place == there)
    read = sum(op.repeats * op.cost.weight_bytes for op in ops)
    return part_on_disk(scenario) * read / scenario.disk.bandwidth


def hidden(scenario: Scenario, step: Step | Mixed, total: Number) -> Number:
    """Seconds [s] of messages that an engine hides behind computation, or of computation behind messages; a plain 0 for
    one that does not.

    total [s]: of the step, with both one after the other.
    """
    overlap = scenario.engine.parallelism.overlap
    if is_fixed_at(overlap, 0):
        return 0.0
    sent = message_seconds(scenario, step)
    computed = total - sent - sum(host_seconds(scenario, step).values())
    return overlap * smaller(sent, computed)


def message_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] of a step's messages, but for keys and values that go round while attention runs."""
    layout = scenario.engine.parallelism
    sent = messages.seconds(scenario, step)
    if not is_fixed_at(layout.context_parallel, 1):
        attention = step_graph(scenario, step).select(lambda op: op.pipe == "attention")
        terms = step_terms(attention, scenario.device, scenario.engine)
        meanwhile = step_seconds(terms, scenario.engine.efficiency.roof_smoothness)
        sent = sent + larger(messages.ring_seconds(scenario, step) - meanwhile, 0.0)
    return sent
