"""mLSTM (xLSTM): projections to q, k, v and an output gate, two gates of each head, a matrix memory, norm of each
head.

Reference: Beck et al. 2024, arXiv:2405.04517, section 2.3; Beck et al. 2025, arXiv:2503.13427 (xLSTM 7B).
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, on_one, project
from life_jax.operators.recurrent import STATE_BITS, linear_attention

RECURRENT = True
KEYS = ("linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Fused q, k, v and output gate; input and forget gate of each head, with biases; norm and output projection."""
    heads, key_dim, value_dim = (block.attention[key] for key in KEYS)
    keys, values, n = heads * key_dim, heads * value_dim, block.repeats
    return (
        Tensor("in_proj_qkvz", "linear", hidden_size, 2 * keys + 2 * values, repeats=n),
        Tensor("in_proj_gates", "router", hidden_size, 2 * heads, 1.0, n),
        Tensor("mixer_norm", "other", values, 1.0, repeats=n),
        Tensor("out_proj", "linear", values, hidden_size, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Both input projections, the memory with its normalizer (one more column of values), gated norm, output
    projection."""
    heads, key_dim, value_dim = (block.attention[key] for key in KEYS)
    into, gates, _, out = tensors(block, hidden_size)
    rule = {"batch": step.batch, "queries": step.new, "heads": heads, "key_dim": key_dim, "value_dim": value_dim + 1}
    rule["activation_bits"] = precision.activation_bits
    return (
        project(into, step.tokens, precision),
        project(gates, step.tokens, precision),
        Op("matrix_memory", linear_attention, rule, block.repeats, "attention"),
        *recurrent.gated_norm(block, heads * value_dim, heads * value_dim, step, precision),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """For each head a matrix of key_dim x value_dim, a vector of key_dim and the scale of both [byte]; constant in
    `tokens`."""
    heads, key_dim, value_dim = (block.attention[key] for key in KEYS)
    state = heads * (key_dim * (value_dim + 1) + 1)
    return on_one(block.repeats * state * STATE_BITS / BITS_PER_BYTE, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of q, k, v and output gate [1]."""
    heads, key_dim, value_dim = (block.attention[key] for key in KEYS)
    return 2 * heads * (key_dim + value_dim)
