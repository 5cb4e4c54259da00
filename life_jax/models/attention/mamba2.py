"""Mamba 2: input projection to gate, x, B, C and time steps, convolution, scan, gated norm, output projection."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, project
from life_jax.operators.recurrent import mamba2_scan

RECURRENT = True
KEYS = (
    "ssm_inner_size",
    "ssm_state_size",
    "ssm_num_heads",
    "ssm_num_groups",
    "ssm_gate_norm",
    "conv_kernel_size",
    "conv_bias",
)


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """A single input projection to gate, x, B, C and time steps; ssm_scalars: decay, skip and time-step bias of every
    head."""
    inner, state, heads, groups, normed, *_ = (block.attention[key] for key in KEYS)
    n = block.repeats
    return (
        Tensor("in_proj", "linear", hidden_size, 2 * inner + 2 * groups * state + heads, repeats=n),
        recurrent.conv_tensor(block, _channels(block)),
        Tensor("ssm_scalars", "other", heads, 3.0, repeats=n),
        Tensor("mixer_norm", "other", inner * normed, 1.0, repeats=n),
        Tensor("out_proj", "linear", inner, hidden_size, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Input projection, convolution of x, B and C together, scan on the matrix units in prefill, gated norm, output
    projection."""
    inner, state, _, groups, normed, *_ = (block.attention[key] for key in KEYS)
    into, *_, out = tensors(block, hidden_size)
    scan = {"batch": step.batch, "queries": step.new, "inner": inner, "state": state, "groups": groups}
    scan["activation_bits"] = precision.activation_bits
    return (
        project(into, step.tokens, precision),
        recurrent.conv(block, _channels(block), step, precision),
        Op("ssm_scan", mamba2_scan, scan, block.repeats, "attention"),
        *recurrent.gated_norm(block, inner, inner, step, precision, normed),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """ssm_inner_size x ssm_state_size elements, and the last inputs of the convolution of x, B and C [byte]; constant
    in `tokens`."""
    a = block.attention
    state = a["ssm_inner_size"] * a["ssm_state_size"]
    return recurrent.cache_bytes(block, state, _channels(block), precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of the input projection's output [1]."""
    a = block.attention
    return 2 * a["ssm_inner_size"] + 2 * a["ssm_num_groups"] * a["ssm_state_size"] + a["ssm_num_heads"]


def _channels(block: Block) -> Number:
    a = block.attention
    return a["ssm_inner_size"] + 2 * a["ssm_num_groups"] * a["ssm_state_size"]
