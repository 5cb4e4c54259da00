"""Gated short convolution (LFM2): projection to B, C and x, causal convolution of B x, product with C, output
projection."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import residual_add

KEYS = ("conv_kernel_size", "conv_bias", "conv_channels")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Projection to B, C and x, a short convolution over conv_channels, the output projection; no recurrent weights."""
    width, bias = block.attention["conv_channels"], block.attention["conv_bias"]
    return (
        Tensor("in_proj", "linear", hidden_size, 3 * width, bias, block.repeats),
        recurrent.conv_tensor(block, width),
        Tensor("out_proj", "linear", width, hidden_size, bias, block.repeats),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Input projection, product B x, convolution, product with C, output projection."""
    width = block.attention["conv_channels"]
    into, _, out = tensors(block, hidden_size)
    product = {"tokens": step.tokens, "width": width, "branches": 1.0, "activation_bits": precision.activation_bits}
    return (
        project(into, step.tokens, precision),
        Op("conv_input_gate", residual_add, product, block.repeats),  # a product costs what a sum does
        recurrent.conv(block, width, step, precision),
        Op("conv_output_gate", residual_add, product, block.repeats),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """The last inputs of the convolution only [byte]; constant in `tokens`."""
    return recurrent.cache_bytes(block, 0.0, block.attention["conv_channels"], precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of B, C and x [1]."""
    return 3 * block.attention["conv_channels"]
