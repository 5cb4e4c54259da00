"""Operators that touch every element once: norms, rotary positions, activations, residuals, embedding.

FLOP per element are a convention (GLOSSARY.md, "vector operations"): these operators are bound
by memory or by their dispatch, so that any fixed choice would do, but tables need one.
"""

from collections.abc import Mapping

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, log2
from life_jax.core.scenario import WeightFormat
from life_jax.core.units import BITS_PER_BYTE

NORM_FLOPS = {
    "rmsnorm": 4, "rmsnorm_no_weight": 4, "layernorm": 7, "layernorm_no_bias": 7, "layernorm_no_weight": 7
}  # fmt: skip
NORM_VECTORS = {  # learned, of the width
    "rmsnorm": 1, "rmsnorm_no_weight": 0, "layernorm": 2, "layernorm_no_bias": 1, "layernorm_no_weight": 0
}  # fmt: skip
ROPE_FLOPS = 3
GATE_FLOPS = 5  # SiLU or GELU, and the product with `up`
ACTIVATION_FLOPS = 4  # SiLU or GELU alone
PRODUCT_FLOPS = 1
QUANTIZE_FLOPS = 2  # scale and round
TOKEN_SCALE_BITS = 16  # one scale per token of a quantized activation


def elements(*, width: Number, tokens: Number | None = None, queries: Number | None = None, **_: Number) -> Shape:
    """Rows (tokens, or new tokens of a sequence) of `width` elements."""
    return Shape(m=queries if tokens is None else tokens, n=width)


def _rotated(*, tokens: Number, query_width: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=query_width)


def _rows(*, rows: Number, width: Number, **_: Number) -> Shape:
    return Shape(m=rows, n=width)


def _stored(*, weight_bits: Number, **_: Number) -> WeightFormat:
    return WeightFormat(weight_bits)


def _pass(elements: Number, bits: Number, *, flops: Number, reads: Number = 1, weight_bytes: Number = 0.0) -> Cost:
    """One kernel that reads `reads` operands of `elements` elements and writes one."""
    operand = elements * bits / BITS_PER_BYTE
    return Cost(
        vector_flops=flops * elements,
        weight_bytes=weight_bytes,
        activations_read=reads * operand,
        activations_written=operand,
        dispatches=1,
    )


@describe("norm", shape=elements, rows=True, weights=_stored)
def norm(
    *, tokens: Number, width: Number, weights: Number, flops: Number, weight_bits: Number, activation_bits: Number
) -> Cost:
    """RMSNorm or LayerNorm of [tokens, width] with `flops` per element; reads its `weights` learned weights."""
    return _pass(tokens * width, activation_bits, flops=flops, weight_bytes=weights * weight_bits / BITS_PER_BYTE)


@describe("rope", shape=_rotated, rows=True)
def rope(*, tokens: Number, query_width: Number, key_width: Number, activation_bits: Number) -> Cost:
    """Rotary position of the rotated elements of queries and of keys, so many a token."""
    return _pass(tokens * (query_width + key_width), activation_bits, flops=ROPE_FLOPS)


@describe("elementwise", shape=elements, rows=True)
def residual_add(*, tokens: Number, width: Number, branches: Number, activation_bits: Number) -> Cost:
    """x + f(x); `branches` is 2 where attention and MLP are parallel: the residual and both are read."""
    return _pass(tokens * width, activation_bits, flops=branches, reads=1 + branches)


@describe("activation", shape=elements, rows=True)
def gate_multiply(*, tokens: Number, width: Number, activation_bits: Number) -> Cost:
    """act(gate) * up of a gated MLP of that width."""
    return _pass(tokens * width, activation_bits, flops=GATE_FLOPS, reads=2)


@describe("activation", shape=elements, rows=True)
def activation(*, tokens: Number, width: Number, activation_bits: Number) -> Cost:
    """act(x) of a plain MLP of that width."""
    return _pass(tokens * width, activation_bits, flops=ACTIVATION_FLOPS)


def _horner_flops(degree: Number) -> Number:
    """Per element of a polynomial of `degree` n: n (n + 1) / 2 + n (LIFE's table 1, which counts every power)."""
    return degree * (degree + 1) / 2 + degree


@describe("activation", shape=elements, rows=True)
def polynomial(*, tokens: Number, width: Number, degree: Number, activation_bits: Number) -> Cost:
    """act(x) by a polynomial, whose coefficients are read."""
    coefficients = degree * activation_bits / BITS_PER_BYTE
    return _pass(tokens * width, activation_bits, flops=_horner_flops(degree), weight_bytes=coefficients)


@describe("activation", shape=elements, rows=True)
def polynomial_gate(*, tokens: Number, width: Number, degree: Number, activation_bits: Number) -> Cost:
    """act(gate) * up with the activation by a polynomial."""
    coefficients, flops = degree * activation_bits / BITS_PER_BYTE, _horner_flops(degree) + PRODUCT_FLOPS
    return _pass(tokens * width, activation_bits, flops=flops, reads=2, weight_bytes=coefficients)


@describe("norm", shape=elements, rows=True, weights=_stored)
def add_norm(
    *,
    tokens: Number,
    width: Number,
    branches: Number,
    weights: Number,
    flops: Number,
    weight_bits: Number,
    activation_bits: Number,
) -> Cost:
    """residual_add and the norm after it in one kernel: the sum is written once and not read back."""
    add = residual_add(tokens=tokens, width=width, branches=branches, activation_bits=activation_bits)
    return add + Cost(
        vector_flops=flops * tokens * width,
        weight_bytes=weights * weight_bits / BITS_PER_BYTE,
        activations_written=tokens * width * activation_bits / BITS_PER_BYTE,
    )


def add_norm_arguments(add: Mapping[str, Number], normed: Mapping[str, Number]) -> dict[str, Number]:
    """Arguments of `add_norm` instead of `residual_add` and `norm` with these."""
    return {**normed, "branches": add["branches"]}


@describe("other", shape=elements, rows=True)
def quantize_input(*, tokens: Number, width: Number, activation_bits: Number, input_bits: Number) -> Cost:
    """Activations to the input precision of a linear layer, with one scale per token."""
    elements = tokens * width
    return Cost(
        vector_flops=QUANTIZE_FLOPS * elements,
        activations_read=elements * activation_bits / BITS_PER_BYTE,
        activations_written=(elements * input_bits + TOKEN_SCALE_BITS * tokens) / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=_rows)
def hadamard(*, rows: Number, width: Number, activation_bits: Number) -> Cost:
    """Hadamard transform of each row: width log2(width) additions (block-wise where it is no power of two)."""
    return _pass(rows * width, activation_bits, flops=log2(width))


@describe("embedding", shape=elements, rows=True, weights=_stored)
def embedding(
    *, tokens: Number, width: Number, weight_bits: Number, learned_positions: Number, activation_bits: Number
) -> Cost:
    """A row of the embedding table per token, and one of the learned positions where there are any (0 or 1)."""
    elements = tokens * width
    return Cost(
        vector_flops=learned_positions * elements,
        weight_bytes=(1 + learned_positions) * elements * weight_bits / BITS_PER_BYTE,
        activations_written=elements * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
