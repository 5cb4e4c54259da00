"""A scenario -> the time of any step that its engine can make, as tables: what serving under load stands on.

Operators of a step are of two sorts. Those that handle tokens one by one (products, norms, experts, messages) depend on
the number of tokens of all sequences together; attention and recurrences depend on the tokens and the context of each
sequence. The first are tabulated by tokens, the second by sequences, tokens and context; the law adds them up. Energy
is tabulated in the same way.

Of data-parallel groups, a law is that of one of them, by its own tokens and sequences, while the others have as much to
do. In a pipeline it is that of one of the batches in flight, from the first stage to the last.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, is_fixed_at, larger, smaller, where
from life_jax.core.places import HOST
from life_jax.core.pytree import map_leaves
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Step
from life_jax.core.speculation import HEADS, MODEL
from life_jax.core.units import UNLIMITED
from life_jax.forecasting import energy, messages, places, speculation
from life_jax.forecasting.step import disk_seconds, launch_seconds, step_graph
from life_jax.operators.token_rows import by_token
from life_jax.parallelism.pipeline_parallel import layers_of_stages
from life_jax.serving.drafted_law import DraftedLaw
from life_jax.serving.halved_law import HalvedLaw, InHalves
from life_jax.serving.law_nodes import CHUNKS, HIGH_ENDS, LOW_ENDS, POSITIONS, SEQUENCES
from life_jax.serving.step_law import CappedLaw, Law, TabulatedLaw, last_axis

Measure = Callable[[Scenario, Iterable[Op]], tuple[Number, Number]]  # of operators, and of starting them
OfStep = Callable[[Scenario, Step], Number]


def step_law(scenario: Scenario) -> Law:
    """The law of a scenario's steps, under its engine, options and power limit.

    Every number of the scenario may have leading axes of a batch. The workload is not used.
    """
    s, host = scenario.speculation, scenario.engine.host
    if s.is_off:
        return _tabulated(scenario)
    draft = speculation.draft_scenario(scenario)
    some = 1.0 * (s.tokens > 0)
    behind = draft is not None and s.drafter != MODEL  # a layer, which first takes the tokens that stayed
    return DraftedLaw(
        verify=_tabulated(scenario),
        draft=() if draft is None else (_tabulated(draft),),
        width=speculation.verified(s),
        kept=speculation.accepted(s),
        first=some if behind else 0.0,
        passes=0.0 * s.tokens if s.drafter == HEADS else larger(s.tokens - 1, 0.0) if behind else s.tokens,
        step=host.draft * speculation.passes(s) + host.drafting * (s.tokens > 0),
        sequence=host.lookup * some,
    )


def _tabulated(scenario: Scenario) -> TabulatedLaw | CappedLaw | HalvedLaw:
    """The law of a scenario's steps without drafts, of the devices that decode."""
    law = _free(scenario)
    if not energy.is_capped(scenario):
        return law
    smoothness = scenario.engine.efficiency.roof_smoothness
    return CappedLaw(law, energy_law(scenario), energy.room(scenario), smoothness)


def _free(scenario: Scenario) -> TabulatedLaw | HalvedLaw:
    """The law of a scenario's steps without a power limit."""
    host, halves = scenario.engine.host, scenario.engine.parallelism.two_batches
    of_step = host.of_step(batch=0.0, context=0.0, devices=scenario.engine.parallelism.tensor_parallel)
    of_host: dict[str, Any] = {"step": sum(of_step.values()), "sequence": host.sequence, "context": host.context}
    of_host["launched"] = launch_seconds(scenario, Step(1.0, 1.0, 0.0))
    stages = _stages(scenario)
    whole = replace(_tables(scenario, _seconds, _beside_tokens, _beside_sequences), **of_host, **stages)
    if is_fixed_at(halves, 0):
        return whole
    return HalvedLaw(
        whole=whole,
        computed=replace(_tables(scenario, _seconds, _elsewhere, places.cache_read_seconds), **stages),
        sent=_tables(scenario, _no_seconds, _message_seconds, _seconds_of_attention),
        layers=1.0 * sum(block.repeats for block in scenario.architecture.blocks),
        on=halves,
        taken=scenario.engine.parallelism.taken,
    )


def energy_law(scenario: Scenario) -> TabulatedLaw | InHalves:
    """The law of the energy of a scenario's steps, its `seconds` being joules: beyond idle power, of all devices.

    Drafts are left out.
    """
    law = _tables(scenario, _joules, _message_joules, lambda scenario, step: 0.0)
    halves = scenario.engine.parallelism.two_batches
    return law if is_fixed_at(halves, 0) else InHalves(law, halves)


def _tables(scenario: Scenario, measure: Measure, of_messages: OfStep, of_attention: OfStep) -> TabulatedLaw:
    """Tables of what `measure` gives of the operators of a step.

    of_messages: beside what handles tokens one by one; of_attention: beside what depends on sequences.
    """
    line = map_leaves(last_axis, scenario)
    low, shared_low, head_low = _by_tokens(line, LOW_ENDS, measure, of_messages)
    high, shared_high, head_high = _by_tokens(line, HIGH_ENDS, measure, of_messages)
    plane = map_leaves(last_axis, line)
    sequences, chunks = SEQUENCES.values[:, None], CHUNKS.values[:, None]
    positions, groups = POSITIONS.values, plane.engine.parallelism.data_parallel
    width = 1.0 if scenario.speculation.is_off else speculation.verified(plane.speculation)
    decoding = Step(sequences * groups, width, positions, decoding=True)
    decode, launch_decode = _of_sequences(plane, decoding, measure, of_attention)
    prompt = Step(1.0 * groups, chunks, positions)
    prefill, launch_prefill = _of_sequences(plane, prompt, measure, of_attention)
    return TabulatedLaw(
        low=low,
        high=high,
        head_low=head_low,
        head_high=head_high,
        decode=decode / sequences,
        prefill=prefill / chunks,
        launch_decode=launch_decode,
        launch_prefill=launch_prefill,
        step=0.0,
        sequence=0.0,
        context=0.0,
        shared_low=shared_low,
        shared_high=shared_high,
        groups=scenario.engine.parallelism.data_parallel,
        ranks=scenario.engine.parallelism.context_parallel,
    )


def _stages(scenario: Scenario) -> dict[str, Any]:
    """Numbers of a law of the stages of a pipeline; none without."""
    layout = scenario.engine.parallelism
    if not layout.in_pipeline:
        return {}
    stages = layout.pipeline_parallel
    layers = sum(block.repeats for block in scenario.architecture.blocks)
    first, last = layers_of_stages(layout, layers)
    return {"stages": stages, "first": first * stages / layers, "last": last * stages / layers}


def _by_tokens(
    scenario: Scenario, tokens: Number, measure: Measure, of_messages: OfStep
) -> tuple[Number, Number | None, Number]:
    """What is measured [..., n] of the body, of experts that groups of devices share (None where there are none), and
    of the head of the model, for so many tokens [n] in each group."""
    layout = scenario.engine.parallelism
    tokens = tokens * layout.data_parallel
    step = Step(tokens, 1.0, 0.0, logit_rows=0.0, decoding=True)
    body = step_graph(scenario, step)
    names = {(op.name, op.block) for op in body}
    whole = step_graph(scenario, Step(tokens, 1.0, 0.0, decoding=True))
    shares = not is_fixed_at(layout.data_parallel, 1) and any(op.shape.experts is not None for op in body)

    def is_shared(op: Op) -> bool:
        return shares and op.shape.experts is not None

    def of(graph: Graph, chosen: Callable[[Op], bool]) -> Number:
        return sum(measure(scenario, graph.select(lambda op: by_token(op) and chosen(op)))) + 0.0 * tokens

    computed, beside = of(body, lambda op: not is_shared(op)), of_messages(scenario, step)
    shared = of(body, is_shared) if shares else None
    if measure is _seconds and not shares and _may_stream(scenario):
        computed = _or_streamed(scenario, step, computed)
    if of_messages is _beside_tokens and not is_fixed_at(layout.overlap, 0):
        beside = beside - layout.overlap * smaller(beside, computed + (0.0 if shared is None else shared))
    return computed + beside, shared, of(whole, lambda op: (op.name, op.block) not in names)


def _may_stream(scenario: Scenario) -> bool:
    """Whether weights of the other device may come over the link to be multiplied here."""
    return not (scenario.offload.is_off or is_fixed_at(scenario.offload.stream_tokens, UNLIMITED))


def _or_streamed(scenario: Scenario, step: Step, in_place: Number) -> Number:
    """Seconds [s] of what handles tokens one by one, where it is (`in_place` [s]), or here with weights that come over
    the link, where a step has tokens enough and that takes less time."""
    here = places.here(scenario)
    ops = step_graph(here, step).select(by_token)
    part, _ = _seconds(here, (op for op in places.placed(ops, scenario) if op.place == HOST))
    waited = places.waiting(scenario, part, places.streamed_bytes(scenario, ops) / scenario.offload.stream)
    streamed = sum(_seconds(here, ops)) + waited - places.activation_seconds(scenario, step)
    enough = places.may_stream(scenario, step)
    return where(enough, smaller(streamed, in_place), in_place)


def _beside_tokens(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] of messages, of activations that go to another device and back, and of weights from a disk."""
    return _message_seconds(scenario, step) + _elsewhere(scenario, step)


def _elsewhere(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] in which activations go to another device and back, and weights come from a disk."""
    return places.activation_seconds(scenario, step) + disk_seconds(scenario, step)


def _beside_sequences(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] of messages beside attention, and of reading a cache that is kept on another device."""
    return _seconds_of_attention(scenario, step) + places.cache_read_seconds(scenario, step)


def _message_seconds(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] of messages that depend on the tokens alone, and of passing them from stage to stage."""
    layout = scenario.engine.parallelism
    sent = messages.seconds(scenario, step)
    if not is_fixed_at(layout.context_parallel, 1):
        sent = sent - messages.partial_outputs(scenario, step)
    if layout.in_pipeline:
        sent = sent + (layout.pipeline_parallel - 1) * messages.handover_seconds(scenario, step)
    return sent


def _seconds_of_attention(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] of messages beside attention, where devices share the tokens of each sequence, and in which prompts
    go to experts in another way than the tokens of decoding sequences."""
    alone = is_fixed_at(scenario.engine.parallelism.context_parallel, 1)
    if step.decoding:
        return 0.0 if alone else messages.partial_outputs(scenario, step)
    otherwise = _exchanged_otherwise(scenario, step)
    if alone:
        return otherwise
    ops = step_graph(scenario, replace(step, logit_rows=0.0)).select(lambda op: op.pipe == "attention")
    return otherwise + larger(messages.ring_seconds(scenario, step) - sum(_seconds(scenario, ops)), 0.0)


def _exchanged_otherwise(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] in which tokens of prompts go to experts and back beyond those of as many decoding sequences."""
    layout = scenario.engine.parallelism
    if not layout.exchanges:
        return 0.0
    decoding = Step(step.batch * step.new / layout.context_parallel, 1.0, 0.0, decoding=True)
    return messages.exchanges(scenario, step) - messages.exchanges(scenario, decoding)


def _message_joules(scenario: Scenario, step: Step) -> Number:
    return 0.0 if scenario.engine.parallelism.alone else energy.of_messages(scenario, step)


def _of_sequences(scenario: Scenario, step: Step, measure: Measure, beside: OfStep) -> tuple[Number, Number]:
    """What is measured [..., rows, positions] of what depends on sequences, and of its kernels' start [...]."""
    ops = step_graph(scenario, replace(step, logit_rows=0.0)).select(lambda op: not by_token(op))
    measured, launches = measure(scenario, ops)
    if measure is _seconds and not step.decoding and _may_stream(scenario):
        measured = where(places.may_stream(scenario, step), measure(places.here(scenario), ops)[0], measured)
    nothing: Any = 0.0 * (step.batch * step.new * step.past)
    more: Any = beside(scenario, step) + nothing
    once = more[..., :1, :1]  # latency, mostly, which is no more for several sequences
    return measured + (more - once) + nothing, (launches + once + nothing)[..., 0, 0]


def _seconds(scenario: Scenario, ops: Iterable[Op]) -> tuple[Number, Number]:
    """Seconds [s] of operators under the roofs, and of starting them."""
    terms = places.terms(scenario, ops)
    smoothness = scenario.engine.efficiency.roof_smoothness
    roofed = sum(term.repeats * term.roofed(smoothness) for term in terms)
    return roofed, sum(term.repeats * term.dispatch for term in terms)


def _no_seconds(scenario: Scenario, ops: Iterable[Op]) -> tuple[Number, Number]:
    return 0.0, 0.0


def _joules(scenario: Scenario, ops: Iterable[Op]) -> tuple[Number, Number]:
    """Energy [J] of operators, which takes none to start."""
    return energy.of_operators(scenario, ops), 0.0
