"""Parts that recurrent mixers share: convolution, gated norm, constant cache."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.tensors import Tensor, on_one
from life_jax.operators import elementwise
from life_jax.operators.recurrent import STATE_BITS, causal_conv


def conv_tensor(block: Block, channels: Number) -> Tensor:
    """Taps and biases of a depthwise convolution over so many channels [1]."""
    a = block.attention
    return Tensor("conv1d", "other", channels, a["conv_kernel_size"] + a["conv_bias"], repeats=block.repeats)


def conv(block: Block, channels: Number, step: Step, precision: Precision) -> Op:
    """The operator of the depthwise causal convolution over so many channels [1]."""
    args = {
        "batch": step.batch,
        "queries": step.new,
        "channels": channels,
        "kernel": block.attention["conv_kernel_size"],
        "bias": block.attention["conv_bias"],
        "weight_bits": precision.other_bits,
        "activation_bits": precision.activation_bits,
    }
    return Op("conv1d", causal_conv, args, block.repeats)


def gated_norm(
    block: Block, width: Number, weights: Number, step: Step, precision: Precision, normed: Number = 1.0
) -> tuple[Op, ...]:
    """norm(y) * act(z), or y * act(z) where `normed` is 0.

    width [1]: elements of y per token; weights [1]: learned weights of the norm.
    """
    elements = {"tokens": step.tokens, "width": width, "activation_bits": precision.activation_bits}
    norm = {**elements, "weights": weights, "flops": elementwise.NORM_FLOPS["rmsnorm"]}
    return (
        Op("mixer_norm", elementwise.norm, {**norm, "weight_bits": precision.other_bits}, block.repeats * normed),
        Op("mixer_gate", elementwise.gate_multiply, elements, block.repeats),
    )


def cache_bytes(block: Block, state: Number, channels: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Bytes [byte] of one sequence on each of `devices` devices [1], whatever its length: a state of `state` elements
    in fp32, and the last inputs of a convolution over `channels` channels. Heads and channels are divided evenly."""
    inputs = channels * (block.attention["conv_kernel_size"] - 1) * precision.activation_bits
    return on_one(block.repeats * (state * STATE_BITS + inputs) / BITS_PER_BYTE, devices)
