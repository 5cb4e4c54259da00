"""Speculative decoding: something cheap drafts tokens, the model verifies all of them in one step.

A step of the model takes the drafts of every sequence beside its next token, reads each cache once, and keeps the
drafts up to the first that it rejects, and a token of its own.
Reference: Leviathan et al. 2023, arXiv:2211.17192; trees and layers that draft: Li et al. 2024, arXiv:2406.16858;
a layer trained with the model: DeepSeek-V3, arXiv:2412.19437, section 2.2; heads: Cai et al. 2024, arXiv:2401.10774.
"""

from dataclasses import replace

from life_jax.core.graph import OUTSIDE, Graph, Op
from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number, clip, is_fixed_at, larger, power, where
from life_jax.core.places import Disk, Offload
from life_jax.core.scenario import Architecture, Block, Precision, Scenario, WeightFormat
from life_jax.core.schedule import Passes, Step
from life_jax.core.speculation import HEADS, LAYER, LOOKUP, MODEL, Speculation
from life_jax.models import decoder
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import activation
from life_jax.optimizations.base import Rewrite

NEAR = 1e-3  # of an acceptance of 1, where the sum is a line
NUDGE = 1e-3  # of the acceptance, for the slope of what is accepted


def accepted(s: Speculation) -> Number:
    """Tokens [token] that a step of the model makes of each sequence, mean: accepted drafts and one of its own.

    (1 - a^(g + 1)) / (1 - a) for one acceptance a of g drafts; with acceptances a_j by position the sum of the products
    a_1 ... a_j. Between whole numbers of drafts the powers, or the sum, go on.
    """
    by_number = _geometric(s.acceptance, s.tokens)
    if s.positions:
        by_number = _by_position(s.positions, s.tokens, 0.0)
    if is_fixed_at(s.accepted, 0):
        return by_number
    return where((s.accepted > 0) & (s.tokens > 0), s.accepted, by_number)


def _geometric(acceptance: Number, tokens: Number) -> Number:
    """Sum of acceptance^j over j = 0 .. tokens [token]."""
    rejected = 1 - acceptance
    near = rejected < NEAR
    safe = where(near, 0.5, acceptance)
    return where(near, (tokens + 1) * (1 - rejected * tokens / 2), (1 - power(safe, tokens + 1)) / (1 - safe))


def _by_position(positions: tuple[Number, ...], tokens: Number, change: Number) -> Number:
    """1 + a_1 + a_1 a_2 + ... of the first `tokens` positions [token], each acceptance moved by `change` [1]."""
    total: Number = 1.0
    before: Number = 1.0
    for index, acceptance in enumerate(positions):
        before = before * clip(acceptance + change, 0.0, 1.0)
        total = total + before * clip(tokens - index, 0.0, 1.0)
    return total


def relative_spread(s: Speculation) -> Number:
    """Standard deviation of the tokens of a step over their mean [1], from that of the acceptance over texts."""
    if s.positions:
        ends = [_by_position(s.positions, s.tokens, change) for change in (NUDGE, -NUDGE)]
    else:
        ends = [_geometric(clip(s.acceptance + change, 0.0, 1.0), s.tokens) for change in (NUDGE, -NUDGE)]
    return s.spread * (ends[0] - ends[1]) / (2 * NUDGE) / accepted(s)


def verified(s: Speculation) -> Number:
    """Tokens [token] of each sequence that a step of the model computes."""
    return 1 + (s.tokens if is_fixed_at(s.nodes, 0) else where((s.nodes > 0) & (s.tokens > 0), s.nodes, s.tokens))


def verifying(decode: Passes, s: Speculation) -> Passes:
    """The decode steps with drafts, from those without: fewer, of several tokens, of which those that are rejected do
    not stay. What is left to generate takes a step at least."""
    tokens, kept = verified(s), accepted(s)
    count = where(decode.count > 0, larger(decode.count / kept, 1.0), 0.0)
    return Passes(replace(decode.first, new=tokens, logit_rows=tokens), count, kept=kept)


def draft_scenario(scenario: Scenario) -> Scenario | None:
    """What drafts, as a scenario of its own on the devices of the layout; None where nothing computes drafts."""
    s = scenario.speculation
    if s.is_off or s.drafter == LOOKUP:
        return None
    layout = scenario.engine.parallelism
    alone = replace(layout, pipeline_parallel=1.0, stage_layers=(), context_parallel=1.0, micro_batches=0.0)
    alone = alone if s.drafter == LAYER else replace(alone, expert_parallel=1.0)
    precision, width = _precision(scenario), scenario.architecture.hidden_size
    beside = s.model[0] if s.drafter == MODEL else _layer_beside(scenario)
    rewrites: tuple[Rewrite, ...] = ()
    if s.drafter == HEADS:
        numbers = {"heads": s.tokens, "width": width, "vocabulary": beside.vocab_size, "precision": precision}
        rewrites = (Rewrite(numbers, _of_heads),)
    elif s.drafter != MODEL:
        rewrites = (Rewrite({"width": width, "precision": precision}, _joined),)
    return replace(
        scenario,
        architecture=beside,
        precision=precision,
        rewrites=rewrites,
        offload=Offload(),
        disk=Disk(),
        engine=replace(scenario.engine, host=HostTime(), parallelism=alone),
        speculation=Speculation(),
    )


def _layer_beside(scenario: Scenario) -> Architecture:
    """The architecture of a further layer behind the model, with the model's own table, norm and head, or a head of
    fewer rows; of no layer where heads draft."""
    s, model = scenario.speculation, scenario.architecture
    last = replace(model.blocks[-1], repeats=1.0, loops=1.0)
    vocabulary = (
        model.vocab_size if is_fixed_at(s.vocabulary, 0) else where(s.vocabulary > 0, s.vocabulary, model.vocab_size)
    )
    layer = last if s.drafter == LAYER else _dense(last)
    if s.drafter == HEADS:
        layer = replace(layer, repeats=0.0)
    return replace(model, blocks=(layer,), vocab_size=vocabulary, vision={}, learned_positions=0.0)


def _dense(block: Block) -> Block:
    """The layer with a dense network as wide as what a token passes through of its experts [assumption]."""
    if "num_experts" not in block.ffn:
        return block
    f = block.ffn
    width = f["num_experts_per_tok"] * f["moe_intermediate_size"] + f.get("shared_expert_intermediate_size", 0.0)
    return replace(block, ffn_kind="gated", ffn={"intermediate_size": width, "ffn_bias": 0.0})


def _precision(scenario: Scenario) -> Precision:
    """Formats of the draft: those of the model, or so many bits for every weight."""
    s, own = scenario.speculation, scenario.precision
    if is_fixed_at(s.bits, 0):
        return own
    bits = where(s.bits > 0, s.bits, own.weights["linear"].bits)
    formats = dict.fromkeys(("linear", "head", "embedding", "router"), WeightFormat(bits))
    if s.drafter != MODEL and is_fixed_at(s.vocabulary, 0):
        formats |= {role: own.weights[role] for role in ("head", "embedding")}  # those of the model itself
        formats |= {name: own.weights[name] for name in ("lm_head", "embedding") if name in own.weights}
    return replace(own, weights=formats, linear_input_bits=own.activation_bits)


def _joined(graph: Graph, step: Step, *, width: Number, precision: Precision) -> Graph:
    """Put before the layer the product that joins the model's last hidden state with the embedding of the next
    token."""
    ops = list(graph)
    layer = next(index for index, op in enumerate(ops) if op.block != OUTSIDE)
    return Graph((*ops[:layer], project(_join(width), step.tokens, precision), *ops[layer:]))


def _of_heads(
    graph: Graph, step: Step, *, heads: Number, width: Number, vocabulary: Number, precision: Precision
) -> Graph:
    """Instead of a layer, heads on the last hidden state of each sequence: a product that keeps the width, and one to
    the vocabulary. They do not read prompts."""
    if not step.decoding or (isinstance(step.logit_rows, float) and step.logit_rows == 0.0):
        return Graph(())
    rows = step.batch * step.logit_rows
    inside, head = _head_tensors(heads, width, vocabulary)
    act = {"tokens": rows, "width": width, "activation_bits": precision.activation_bits}
    ops = (
        project(inside, rows, precision),
        Op("head_activation", activation, act, heads),
        project(head, rows, precision),
    )
    return Graph(ops)


def _head_tensors(heads: Number, width: Number, vocabulary: Number) -> tuple[Tensor, Tensor]:
    return (
        Tensor("head_proj", "linear", width, width, 1.0, repeats=heads),
        Tensor("draft_head", "head", width, vocabulary, repeats=heads),
    )


def _join(width: Number) -> Tensor:
    return Tensor("join_proj", "linear", 2 * width, width)


def draft_passes(scenario: Scenario, verify: Passes) -> tuple[tuple[Number, Passes], ...]:
    """Passes of the draft in every step of the model, as (number of them [1], passes along the decode steps).

    A layer behind the model first takes the tokens that were accepted, then one draft after another. A model drafts
    one after another; what it drafted is in its cache already. Heads draft all at once.
    """
    s, first = scenario.speculation, verify.first
    one = replace(first, new=s.width, logit_rows=s.width)
    behind = replace(one, past=first.past + larger(s.tokens - 1, 0.0) / 2)
    if s.drafter == MODEL:
        return ((s.tokens, replace(verify, first=behind)),)
    some = 1.0 * (s.tokens > 0)
    if s.drafter == HEADS:
        return ((some, replace(verify, first=replace(first, new=1.0, logit_rows=1.0))),)
    taken = replace(first, new=accepted(s), logit_rows=1.0)
    return ((some, replace(verify, first=taken)), (larger(s.tokens - 1, 0.0), replace(verify, first=behind)))


def host_seconds(scenario: Scenario, batch: Number) -> dict[str, Number]:
    """Host time [s] of drafting in a step with `batch` sequences [1], by field of `engine.host`."""
    s, host = scenario.speculation, scenario.engine.host
    if s.is_off:
        return {}
    if s.drafter == LOOKUP:
        return {"lookup": host.lookup * batch * (s.tokens > 0)}
    return {"draft": host.draft * passes(s), "drafting": host.drafting * (s.tokens > 0)}


def passes(s: Speculation) -> Number:
    """Passes of the draft in a step [1]."""
    return 1.0 * (s.tokens > 0) if s.drafter == HEADS else s.tokens


def weight_bytes(scenario: Scenario) -> Number:
    """Bytes of the draft's own weights on each device [byte]."""
    draft = draft_scenario(scenario)
    if draft is None:
        return 0.0
    s, model, devices = scenario.speculation, draft.architecture, draft.engine.parallelism.tensor_parallel
    if s.drafter == MODEL:
        return decoder.weight_bytes(model, draft.precision, devices)
    if s.drafter == HEADS:
        tensors = _head_tensors(s.tokens, model.hidden_size, model.vocab_size)
        return sum(tensor.bytes(draft.precision, devices) for tensor in tensors)
    shared = draft.engine.parallelism.stage if s.drafter == LAYER else devices
    layers, _, _ = decoder.layer_and_end_bytes(model, draft.precision, devices, shared)
    join = _join(model.hidden_size).bytes(draft.precision, devices)
    if is_fixed_at(s.vocabulary, 0):
        return layers + join
    head = Tensor("lm_head", "head", model.hidden_size, model.vocab_size).bytes(draft.precision, devices)
    return layers + join + (s.vocabulary > 0) * head


def lookahead(s: Speculation) -> Number:
    """Positions [token] of a sequence's cache that hold drafts."""
    return 0.0 if s.is_off else verified(s) - 1
