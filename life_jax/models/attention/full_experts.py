"""Full attention whose query and output projections are experts (JetMoE): a router chooses some for each token.

Every chosen expert has as many query heads as there are key and value heads, which all experts share: so the model has
num_attention_heads = attention_experts_per_tok * num_key_value_heads.
Reference: Shen et al. 2024, arXiv:2404.07413, section 2.3; Zhang et al. 2022, arXiv:2210.05144.
"""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.tensors import Tensor, project
from life_jax.operators import experts

KEYS = (*full.KEYS, "attention_experts", "attention_experts_per_tok")
NUMBERS = {
    "attention_experts": {"name": "experts of the query and output projections"},
    "attention_experts_per_tok": {"name": "experts of the query and output projections that a token uses"},
}
cache_bytes = full.cache_bytes
widest = full.widest


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Router, an expert's query and output projection as often as there are experts, k and v, a bias of the output."""
    a, n = block.attention, block.repeats
    width, heads = a["num_key_value_heads"] * a["head_dim"], a["num_key_value_heads"]
    key, value = Tensor("k_proj", "linear", hidden_size, width, repeats=n, parts=heads), "v_proj"
    query = Tensor(
        "expert_q_proj", "linear", hidden_size, width, repeats=n, parts=heads,
        copies=a["attention_experts"], used=a["attention_experts_per_tok"],
    )  # fmt: skip
    return (
        Tensor("attention_router", "router", hidden_size, a["attention_experts"], repeats=n),
        query,
        key,
        replace(key, name=value),
        replace(query, name="expert_o_proj", d_in=width, d_out=hidden_size),
        Tensor("o_bias", "other", hidden_size, 1.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Choice of experts, rows to them and queries; keys, values, positions and attention as in `full`; rows to the same
    experts' output projections, and their sum."""
    a, n = block.attention, block.repeats
    router, query, key, value, out, _ = tensors(block, hidden_size)
    bits = {"activation_bits": precision.activation_bits}
    chosen = a["attention_experts_per_tok"]
    moved = {"tokens": step.tokens, "chosen": chosen, "width": hidden_size, **bits}
    choice = {"tokens": step.tokens, "experts": a["attention_experts"], **bits}
    attention = full.operators(replace(block, qk_norm="none"), hidden_size, step, precision)
    inside = [op for op in attention if op.name not in ("q_proj", "k_proj", "v_proj", "o_proj")]
    return (
        project(router, step.tokens, precision),
        Op("choose_attention_experts", experts.choose_experts, choice, n),
        Op("attention_shuffle", experts.shuffle, moved, n),
        _grouped(query, block, step, precision),
        project(key, step.tokens, precision),
        project(value, step.tokens, precision),
        *inside,
        _grouped(out, block, step, precision),
        Op("attention_combine", experts.combine, moved, n),
    )


def _grouped(tensor: Tensor, block: Block, step: Step, precision: Precision) -> Op:
    single = project(tensor, step.tokens, precision)
    chosen = {"experts": tensor.copies, "chosen": tensor.used, "skew": block.ffn.get("routing_skew", 0.0)}
    args = {**single.args, **chosen, "distinct": step.distinct}
    return replace(single, formula=experts.grouped_linear, args=args)
