"""A scenario -> the time of any step that its engine can make, as tables: what serving under load stands on.

Operators of a step are of two sorts. Those that handle tokens one by one (products, norms, experts, messages) depend on
the number of tokens of all sequences together; attention and recurrences depend on the tokens and the context of each
sequence. The first are tabulated by tokens, the second by sequences, tokens and context; the law adds them up.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_fixed_at, larger, where
from life_jax.core.pytree import map_leaves
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Step
from life_jax.core.speculation import MODEL
from life_jax.forecasting import messages, speculation
from life_jax.forecasting.step import step_graph
from life_jax.operators.token_rows import by_token
from life_jax.roofline.terms import step_terms
from life_jax.serving.drafted_law import DraftedLaw
from life_jax.serving.step_law import (
    CHUNKS,
    HIGH_ENDS,
    LOW_ENDS,
    POSITIONS,
    SEQUENCES,
    Law,
    TabulatedLaw,
    last_axis,
)


def step_law(scenario: Scenario) -> Law:
    """The law of a scenario's steps, under its engine and options.

    Every number of the scenario may have leading axes of a batch. The workload is not used. Of data-parallel groups,
    the law is that of one, by its own tokens and sequences: all run in lockstep, and have as much to do.
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
        passes=larger(s.tokens - 1, 0.0) if behind else s.tokens,
        step=host.draft * s.tokens,
        sequence=host.lookup * some,
    )


def _tabulated(scenario: Scenario) -> TabulatedLaw:
    line = map_leaves(last_axis, scenario)
    low, head_low = _by_tokens(line, LOW_ENDS)
    high, head_high = _by_tokens(line, HIGH_ENDS)
    plane = map_leaves(last_axis, line)
    sequences, chunks = SEQUENCES.values[:, None], CHUNKS.values[:, None]
    positions = POSITIONS.values
    width = 1.0 if scenario.speculation.is_off else speculation.verified(plane.speculation)
    groups = plane.engine.parallelism.data_parallel
    decode, launch_decode = _of_sequences(plane, Step(sequences * groups, width, positions, decoding=True))
    prefill, launch_prefill = _of_sequences(plane, Step(1.0 * groups, chunks, positions))
    host = scenario.engine.host
    devices = scenario.engine.parallelism.tensor_parallel
    of_step = host.of_step(batch=0.0, context=0.0, devices=devices)
    return TabulatedLaw(
        low=low,
        high=high,
        head_low=head_low,
        head_high=head_high,
        decode=decode / sequences,
        prefill=prefill / chunks,
        launch_decode=launch_decode,
        launch_prefill=launch_prefill,
        step=sum(of_step.values()),
        sequence=host.sequence,
        context=host.context,
    )


def _by_tokens(scenario: Scenario, tokens: Number) -> tuple[Number, Number]:
    """Seconds [..., n] of the body and of the head of the model for so many tokens [n] in each group of devices."""
    tokens = tokens * scenario.engine.parallelism.data_parallel
    step = Step(tokens, 1.0, 0.0, logit_rows=0.0, decoding=True)
    body = step_graph(scenario, step)
    names = {(op.name, op.block) for op in body}
    whole = step_graph(scenario, Step(tokens, 1.0, 0.0, decoding=True))

    def in_body(op: Op) -> bool:
        return by_token(op) and (op.name, op.block) in names

    def in_head(op: Op) -> bool:
        return by_token(op) and (op.name, op.block) not in names

    nothing = 0.0 * tokens + _unknown(scenario)  # a model without a head has no logits
    linear = sum(_seconds(scenario, body.select(in_body))) + messages.seconds(scenario, step) + nothing
    return linear, sum(_seconds(scenario, whole.select(in_head))) + nothing


def _unknown(scenario: Scenario) -> Number:
    """NaN for what the law does not follow: stages of a pipeline, shares of a context, other devices; else 0."""
    if not scenario.offload.is_off or scenario.handover.on:
        return float("nan")
    layout = scenario.engine.parallelism
    parts = layout.pipeline_parallel * layout.context_parallel
    return 0.0 if is_fixed_at(parts, 1) else where(parts > 1, float("nan"), 0.0)


def _of_sequences(scenario: Scenario, step: Step) -> tuple[Number, Number]:
    """Seconds [..., rows, positions] under the roofs of what depends on sequences, and of its kernels' start [...]."""
    ops = step_graph(scenario, replace(step, logit_rows=0.0)).select(lambda op: not by_token(op))
    roofed, launches = _seconds(scenario, ops)
    nothing: Any = 0.0 * (step.batch * step.new * step.past)
    return roofed + nothing, (launches + nothing)[..., 0, 0]


def _seconds(scenario: Scenario, ops: Iterable[Op]) -> tuple[Number, Number]:
    """Seconds [s] of operators under the roofs, and of starting them."""
    terms = step_terms(ops, scenario.device, scenario.engine)
    smoothness = scenario.engine.efficiency.roof_smoothness
    roofed = sum(term.repeats * term.roofed(smoothness) for term in terms)
    return roofed, sum(term.repeats * term.dispatch for term in terms)
