"""Full causal attention with any number of KV heads: MHA (as many as heads), GQA, MQA (a single one).

Values may have heads of another size (v_head_dim). Values may be the projected keys; or keys and values may be those of
an earlier layer, whose cache is then read (Block.keys_values).
"""

from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, on_one, project
from life_jax.operators.attention import (
    attention_scores,
    attention_values,
    causal_pairs,
    kv_append,
    kv_bytes,
    softmax,
    weigh_positions,
)
from life_jax.operators.elementwise import NORM_FLOPS, NORM_VECTORS, gate_multiply, norm, rope

KEYS = (
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "qkv_bias",
    "o_bias",
    "partial_rotary_factor",
    "attention_sinks",
)
OPTIONAL = ("v_head_dim", "attention_head_gate")
BIASED = ("alibi", "relative")  # positions that are a term of each score


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Projections q, k, v and o, sinks, and the weights of the norm of queries and keys where there is a norm.

    k_proj and v_proj are left out where an earlier layer's cache is reused, v_proj where values are the projected keys.
    """
    a = block.attention
    q_width = a["num_attention_heads"] * a["head_dim"]
    k_width = a["num_key_value_heads"] * a["head_dim"]
    v_width, out_width = (a[heads] * value_dim(block) for heads in ("num_key_value_heads", "num_attention_heads"))
    parts = a["num_key_value_heads"]
    learned = [
        # with an output gate the query projection makes that too
        Tensor("q_proj", "linear", hidden_size, q_width + block.output_gate * out_width, a["qkv_bias"], block.repeats),
    ]
    if block.keys_values != "reused":
        learned.append(Tensor("k_proj", "linear", hidden_size, k_width, a["qkv_bias"], block.repeats, parts=parts))
    if block.keys_values == "own":
        learned.append(Tensor("v_proj", "linear", hidden_size, v_width, a["qkv_bias"], block.repeats, parts=parts))
    if "attention_head_gate" in a:
        learned.append(Tensor("head_gate", "router", hidden_size, a["num_attention_heads"], repeats=block.repeats))
    sinks = a["attention_sinks"] * a["num_attention_heads"]
    learned.append(Tensor("o_proj", "linear", out_width, hidden_size, a["o_bias"], block.repeats))
    learned.append(Tensor("attention_sinks", "other", sinks, 1.0, repeats=block.repeats))
    if block.qk_norm != "none":
        keys = block.keys_values != "reused"
        weights = (1 + keys) * a["head_dim"] if block.qk_norm == "per_head" else q_width + keys * k_width
        learned.append(Tensor("qk_norm", "other", NORM_VECTORS[block.norm] * weights, 1.0, repeats=block.repeats))
    return tuple(learned)


def value_dim(block: Block) -> Number:
    """Elements of a value head [1]: as many as of a key head unless the model has v_head_dim."""
    return block.attention.get("v_head_dim", block.attention["head_dim"])


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Unfused: projections, norm, rotary, cache append, scores, softmax, values, gate, output projection.

    After the prompt, with a budget of the cache (kv_budget), only the kept positions are attended, and an eviction
    policy may weigh them.
    """
    a = block.attention
    if step.decoding and "kv_budget" in a:  # the rest has been evicted
        kept = smaller(step.past + step.new, a["kv_budget"])
        core = attention_core(
            block, step, precision, pairs=step.new * kept, positions=kept, bend=a["kv_budget"] - step.new
        )
        core = (*core, *_weighing(block, step, kept))
    else:
        pairs = causal_pairs(queries=step.new, past=step.past)
        core = attention_core(block, step, precision, pairs=pairs, positions=step.past + step.new)
    return around(block, tensors(block, hidden_size), step, precision, core)


def _weighing(block: Block, step: Step, positions: Number) -> tuple[Op, ...]:
    """The operator of an eviction policy that computes something from the scores; none for other policies."""
    a = block.attention
    if "kv_score_flops" not in a:
        return ()
    args = {
        "scores": step.batch * a["num_attention_heads"] * step.new * positions,
        "score_flops": a["kv_score_flops"],
    }
    return (Op("kv_weighing", weigh_positions, args, block.repeats, grows=True),)


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Keys and values of every position of one sequence in all layers [byte]; none where an earlier layer's are reused.

    With eviction, no more than kv_budget positions, as when prefill is over. Of `devices` devices [1] each keeps its
    heads; beyond their number, a copy of one.
    """
    if block.keys_values == "reused":
        return 0.0 * tokens
    tokens = smaller(tokens, block.attention["kv_budget"]) if "kv_budget" in block.attention else tokens
    heads = block.attention["num_key_value_heads"]
    cached = block.repeats * kv_bytes(
        tokens=tokens,
        kv_heads=heads,
        head_dim=block.attention["head_dim"],
        value_dim=value_dim(block),
        kv_bits=precision.kv_bits,
        kv_scale_bits=precision.kv_scale_bits,
    )
    return on_one(cached, devices, heads)


def widest(block: Block) -> Number:
    """Elements per token of q, k and v together [1]."""
    a = block.attention
    values = a["num_key_value_heads"] * value_dim(block)
    return (a["num_attention_heads"] + a["num_key_value_heads"]) * a["head_dim"] + values


def around(
    block: Block,
    learned: tuple[Tensor, ...],
    step: Step,
    precision: Precision,
    core: tuple[Op, ...],
    cached: bool = True,
) -> tuple[Op, ...]:
    """Operators of a layer around a core of attention: projections, norm and positions before it, gate and output
    projection behind it.

    learned: `tensors` of the layer; core: the operators of attention itself; cached: whether keys and values go to a
    cache.
    """
    by_name = {t.name: t for t in learned}
    inputs = [by_name[name] for name in ("q_proj", "k_proj", "v_proj", "head_gate") if name in by_name]
    positions = _positions(block, step, precision, cached)
    gates = (_output_gate(block, step, precision),) if block.output_gate or "head_gate" in by_name else ()
    return (
        *(project(tensor, step.tokens, precision) for tensor in inputs),
        *_qk_norm(block, by_name, step, precision),
        *positions,
        *core,
        *gates,
        project(by_name["o_proj"], step.tokens, precision),
    )


def _output_gate(block: Block, step: Step, precision: Precision) -> Op:
    width = block.attention["num_attention_heads"] * value_dim(block)
    args = {"tokens": step.tokens, "width": width, "activation_bits": precision.activation_bits}
    return Op("output_gate", gate_multiply, args, block.repeats)


def _qk_norm(block: Block, by_name: dict[str, Tensor], step: Step, precision: Precision) -> tuple[Op, ...]:
    if block.qk_norm == "none":
        return ()
    a = block.attention
    heads = a["num_attention_heads"] + (block.keys_values != "reused") * a["num_key_value_heads"]
    args = {
        "tokens": step.tokens,
        "width": heads * a["head_dim"],
        "weights": by_name["qk_norm"].d_in,
        "flops": NORM_FLOPS[block.norm],
        "weight_bits": precision.other_bits,
        "activation_bits": precision.activation_bits,
    }
    return (Op("qk_norm", norm, args, block.repeats),)


def _positions(block: Block, step: Step, precision: Precision, cached: bool) -> tuple[Op, ...]:
    a = block.attention
    rotated = a["head_dim"] * a["partial_rotary_factor"]
    reused = block.keys_values == "reused"
    rotary = {
        "tokens": step.tokens,
        "query_width": a["num_attention_heads"] * rotated,
        "key_width": 0.0 if reused else a["num_key_value_heads"] * rotated,
        "activation_bits": precision.activation_bits,
    }
    append = {
        "tokens": step.tokens,
        "kv_heads": a["num_key_value_heads"],
        "head_dim": a["head_dim"],
        "value_dim": value_dim(block),
        "activation_bits": precision.activation_bits,
        "kv_bits": precision.kv_bits,
        "kv_scale_bits": precision.kv_scale_bits,
    }
    ropes = (Op("rope", rope, rotary, block.repeats),) if block.position == "rope" else ()
    return ropes if reused or not cached else (*ropes, Op("kv_append", kv_append, append, block.repeats))


def attention_core(
    block: Block,
    step: Step,
    precision: Precision,
    *,
    pairs: Number,
    positions: Number,
    bend: Number | None = None,
) -> tuple[Op, ...]:
    """Scores, softmax and values over `positions` cached positions [token]; a fused kernel counts `pairs` [1] of the
    rectangle.

    bend [token]: cached tokens at which the cost bends, where the positions are limited.
    """
    a = block.attention
    shape = {
        "batch": step.batch,
        "queries": step.new,
        "positions": positions,
        "heads": a["num_attention_heads"],
        "activation_bits": precision.activation_bits,
    }
    cache = {
        "kv_heads": a["num_key_value_heads"],
        "head_dim": a["head_dim"],
        "kv_bits": precision.kv_bits,
        "kv_scale_bits": precision.kv_scale_bits,
        "kv_dequant_flops": precision.kv_dequant_flops,
    }
    soft = {**shape, "bias_flops": 1.0 if block.position in BIASED else 0.0}
    values = {"head_dim": value_dim(block)}
    grows: dict[str, Any] = {"repeats": block.repeats, "grows": True, "bend": bend}
    return (
        Op("attention_qk", attention_scores, {**shape, **cache}, pipe="attention", pairs=pairs, **grows),
        Op("softmax", softmax, soft, **grows),
        Op("attention_pv", attention_values, {**shape, **cache, **values}, pipe="attention", **grows),
    )
