"""Causal self-attention, then attention to the output of an encoder: a decoder's layer of T5 and BART.

Keys and values of the encoder's output are computed once, when the prompt is read, and cached; every later step reads
them all. So a token of the prompt takes as much cache as a generated one. Cross-attention has the heads of
self-attention. Reference: Vaswani et al. 2017, arXiv:1706.03762.
"""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.tensors import Tensor, project
from life_jax.operators.attention import kv_append
from life_jax.operators.elementwise import NORM_FLOPS, NORM_VECTORS, norm, residual_add

KEYS = full.KEYS
OPTIONAL = full.OPTIONAL
CROSS = "cross_"


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """The projections of self-attention and as many of cross-attention, whose norm comes on top."""
    own = full.tensors(block, hidden_size)
    weights = NORM_VECTORS[block.norm] * hidden_size
    return (
        *own,
        *(replace(t, name=CROSS + t.name) for t in own),
        Tensor("cross_norm", "other", weights, 1.0, repeats=block.repeats),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Self-attention, residual, norm; queries, keys and values of step.source tokens while the prompt is read,
    attention to them, output projection."""
    by_name = {t.name: t for t in tensors(block, hidden_size)}
    shape = {"tokens": step.tokens, "width": hidden_size, "activation_bits": precision.activation_bits}
    normed = {**shape, "weights": by_name["cross_norm"].d_in, "flops": NORM_FLOPS[block.norm]}
    core = full.attention_core(block, step, precision, pairs=step.new * step.source, positions=step.source)
    read = () if step.decoding else _keys_and_values(block, by_name, step, precision)
    return (
        *full.operators(block, hidden_size, step, precision),
        Op("self_residual", residual_add, {**shape, "branches": 1.0}, block.repeats),
        Op("cross_norm", norm, {**normed, "weight_bits": precision.other_bits}, block.repeats),
        project(by_name["cross_q_proj"], step.tokens, precision),
        *read,
        *(replace(op, name=CROSS + op.name, grows=False) for op in core),
        project(by_name["cross_o_proj"], step.tokens, precision),
    )


def _keys_and_values(block: Block, by_name: dict[str, Tensor], step: Step, precision: Precision) -> tuple[Op, ...]:
    tokens = step.batch * step.source
    append = {
        "tokens": tokens,
        "kv_heads": block.attention["num_key_value_heads"],
        "head_dim": block.attention["head_dim"],
        "value_dim": full.value_dim(block),
        "activation_bits": precision.activation_bits,
        "kv_bits": precision.kv_bits,
        "kv_scale_bits": precision.kv_scale_bits,
    }
    return (
        *(project(by_name[name], tokens, precision) for name in ("cross_k_proj", "cross_v_proj")),
        Op("cross_kv_append", kv_append, append, block.repeats),
    )


cache_bytes = full.cache_bytes
widest = full.widest
