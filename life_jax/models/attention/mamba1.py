"""Mamba 1: input projection to x and gate, convolution, time step, B and C from x, scan, output projection."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.recurrent import mamba1_scan

RECURRENT = True
KEYS = (
    "ssm_inner_size",
    "ssm_state_size",
    "ssm_time_step_rank",
    "ssm_inner_norms",
    "conv_kernel_size",
    "conv_bias",
)


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Input projection to x and gate, convolution, x_proj to time step, B and C, dt_proj; ssm_scalars: decay matrix and
    skip; inner_norms (Jamba): of time step, B and C."""
    inner, state, rank, norms, *_ = (block.attention[key] for key in KEYS)
    n = block.repeats
    return (
        Tensor("in_proj", "linear", hidden_size, 2 * inner, repeats=n),
        recurrent.conv_tensor(block, inner),
        Tensor("x_proj", "linear", inner, rank + 2 * state, repeats=n),
        Tensor("dt_proj", "linear", rank, inner, 1.0, repeats=n),
        Tensor("ssm_scalars", "other", inner, state + 1, repeats=n),
        Tensor("inner_norms", "other", norms * (rank + 2 * state), 1.0, repeats=n),
        Tensor("out_proj", "linear", inner, hidden_size, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Input projection, convolution of x, projection to time step, B and C, their norms, time steps, scan, gate, output
    projection."""
    inner, state, rank, norms, *_ = (block.attention[key] for key in KEYS)
    into, _, x, dt, _, _, out = tensors(block, hidden_size)
    elements = {"tokens": step.tokens, "activation_bits": precision.activation_bits}
    gate = {**elements, "width": inner}
    width = rank + 2 * state
    norm = {**elements, "width": width, "weights": width, "weight_bits": precision.other_bits}
    norm["flops"] = elementwise.NORM_FLOPS["rmsnorm"]
    scan = {"batch": step.batch, "queries": step.new, "inner": inner, "state": state}
    scan["activation_bits"] = precision.activation_bits
    inner_norms = Op("inner_norms", elementwise.norm, norm, block.repeats)
    return (
        project(into, step.tokens, precision),
        recurrent.conv(block, inner, step, precision),
        project(x, step.tokens, precision),
        replace(inner_norms, repeats=block.repeats * norms),
        project(dt, step.tokens, precision),
        Op("ssm_scan", mamba1_scan, scan, block.repeats),
        Op("mixer_gate", elementwise.gate_multiply, gate, block.repeats),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """ssm_inner_size x ssm_state_size elements, and the last inputs of the convolution of x [byte]; constant in
    `tokens`."""
    a = block.attention
    state = a["ssm_inner_size"] * a["ssm_state_size"]
    return recurrent.cache_bytes(block, state, a["ssm_inner_size"], precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of x and gate [1]."""
    return 2 * block.attention["ssm_inner_size"]
