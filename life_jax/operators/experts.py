"""Mixture of experts: routing, the grouped products of the experts that a step touches, and the shuffling between."""

from life_jax.cost import Cost
from life_jax.numerics import Number, power, product
from life_jax.operators.linear import expand_passes
from life_jax.units import BITS_PER_BYTE

ROUTE_FLOPS = 5  # per expert score: softmax or sigmoid, and the choice


def distinct_experts(*, tokens: Number, experts: Number, chosen: Number) -> Number:
    """Expected number of distinct experts that `tokens` tokens touch when routing is uniform: exact.

    Each token chooses `chosen` of `experts` without replacement: E (1 - (1 - k/E)^M).
    """
    return experts * (1 - power(1 - chosen / experts, tokens))


def grouped_linear(
    *,
    tokens: Number,
    d_in: Number,
    d_out: Number,
    experts: Number,
    chosen: Number,
    weight_bits: Number,
    bits_per_channel: Number,
    bias: Number,
    bias_bits: Number,
    input_bits: Number,
    output_bits: Number,
    dequant_flops: Number,
) -> Cost:
    """x W_e for the `chosen` experts e of each of `tokens` tokens, in one kernel.

    Weights of the distinct experts are read once; every token is read and written once per chosen expert.
    """
    touched = distinct_experts(tokens=tokens, experts=experts, chosen=chosen)
    rows = tokens * chosen
    weights = d_in * d_out * weight_bits + d_out * (bits_per_channel + bias * bias_bits)
    passes = expand_passes(rows / touched)
    return Cost(
        matmul_flops=2 * rows * d_in * d_out,
        vector_flops=product(bias, rows, d_out) + product(dequant_flops, touched, d_in, d_out, passes),
        weight_bytes=touched * weights / BITS_PER_BYTE,
        activations_read=rows * d_in * input_bits / BITS_PER_BYTE,
        activations_written=rows * d_out * output_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def choose_experts(*, tokens: Number, experts: Number, activation_bits: Number) -> Cost:
    """Scores of all experts -> the chosen ones and their weights."""
    return Cost(
        vector_flops=ROUTE_FLOPS * tokens * experts,
        activations_read=tokens * experts * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def shuffle(*, tokens: Number, width: Number, chosen: Number, activation_bits: Number) -> Cost:
    """Rows to their experts: read once per token, written once per chosen expert."""
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(activations_read=tokens * row, activations_written=tokens * chosen * row, dispatches=1)


def combine(*, tokens: Number, width: Number, chosen: Number, activation_bits: Number) -> Cost:
    """Rows of the experts back to their tokens, weighted and added."""
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        vector_flops=2 * tokens * chosen * width,
        activations_read=tokens * chosen * row,
        activations_written=tokens * row,
        dispatches=1,
    )
