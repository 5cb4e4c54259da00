"""Gated delta rule (Qwen3-Next): projection to q, k, v and gate, convolution, recurrence, gated norm, output
projection."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, project
from life_jax.operators.recurrent import gated_delta

RECURRENT = True
KEYS = (
    "linear_num_key_heads",
    "linear_num_value_heads",
    "linear_key_head_dim",
    "linear_value_head_dim",
    "conv_kernel_size",
    "conv_bias",
)


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Fused projection to q, k, v and gate; in_proj_ba: write strength and decay; ssm_scalars: decay rate and time-step
    bias of every value head."""
    _, value_heads, _, value_dim, *_ = (block.attention[key] for key in KEYS)
    keys, values = _widths(block)
    n = block.repeats
    return (
        Tensor("in_proj_qkvz", "linear", hidden_size, 2 * keys + 2 * values, repeats=n),
        Tensor("in_proj_ba", "linear", hidden_size, 2 * value_heads, repeats=n),
        recurrent.conv_tensor(block, 2 * keys + values),
        Tensor("ssm_scalars", "other", value_heads, 2.0, repeats=n),
        Tensor("mixer_norm", "other", value_dim, 1.0, repeats=n),
        Tensor("out_proj", "linear", values, hidden_size, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Both input projections, convolution of q, k and v together, gated delta rule, gated norm, output projection."""
    key_heads, value_heads, key_dim, value_dim, *_ = (block.attention[key] for key in KEYS)
    keys, values = _widths(block)
    qkvz, ba, *_, out = tensors(block, hidden_size)
    rule = {
        "batch": step.batch,
        "queries": step.new,
        "key_heads": key_heads,
        "value_heads": value_heads,
        "key_dim": key_dim,
        "value_dim": value_dim,
        "activation_bits": precision.activation_bits,
    }
    return (
        project(qkvz, step.tokens, precision),
        project(ba, step.tokens, precision),
        recurrent.conv(block, 2 * keys + values, step, precision),
        Op("gated_delta", gated_delta, rule, block.repeats, "attention"),
        *recurrent.gated_norm(block, values, value_dim, step, precision),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """A matrix of key_dim x value_dim for each value head, and the last inputs of the convolution of q, k and v [byte];
    constant in `tokens`."""
    _, value_heads, key_dim, value_dim, *_ = (block.attention[key] for key in KEYS)
    keys, values = _widths(block)
    state = value_heads * key_dim * value_dim
    return recurrent.cache_bytes(block, state, 2 * keys + values, precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of q, k, v and gate [1]."""
    keys, values = _widths(block)
    return 2 * keys + 2 * values


def _widths(block: Block) -> tuple[Number, Number]:
    """Elements per token of all keys, and of all values."""
    a = block.attention
    keys = a["linear_num_key_heads"] * a["linear_key_head_dim"]
    return keys, a["linear_num_value_heads"] * a["linear_value_head_dim"]
