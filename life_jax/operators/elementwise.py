"""Operators that touch every element once: norms, rotary positions, activations, residuals, embedding.

FLOP per element are a convention (GLOSSARY.md, "vector operations"): these operators are bound by memory or by their
dispatch, so that any fixed choice serves, but tables of counts need a choice. Each reads its operands once and writes
its result once [derived].
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
    """Shape of an operator on rows of `width` elements: tokens [token], or queries [token] of a sequence."""
    return Shape(m=queries if tokens is None else tokens, n=width)


def _rotated(*, tokens: Number, query_width: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=query_width)


def _rows(*, rows: Number, width: Number, **_: Number) -> Shape:
    return Shape(m=rows, n=width)


def _stored(*, weight_bits: Number, **_: Number) -> WeightFormat:
    return WeightFormat(weight_bits)


def _pass(elements: Number, bits: Number, *, flops: Number, reads: Number = 1, weight_bytes: Number = 0.0) -> Cost:
    """One kernel that reads `reads` operands of `elements` elements and writes a result of the same size."""
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
    """RMSNorm or LayerNorm of [tokens, width].

    tokens [token], width [1], weights [1] learned, flops [FLOP per element], weight_bits, activation_bits [bit].
    Returns the Cost of one call.
    Reference: 4 FLOP per element for RMSNorm, 7 for LayerNorm [convention].
    """
    return _pass(tokens * width, activation_bits, flops=flops, weight_bytes=weights * weight_bits / BITS_PER_BYTE)


@describe("rope", shape=_rotated, rows=True)
def rope(*, tokens: Number, query_width: Number, key_width: Number, activation_bits: Number) -> Cost:
    """Rotary positions of queries and keys, written in place.

    tokens [token], query_width, key_width [1]: rotated elements per token, activation_bits [bit]. Returns the Cost of
    one call.
    Reference: 3 FLOP per rotated element [convention].
    """
    return _pass(tokens * (query_width + key_width), activation_bits, flops=ROPE_FLOPS)


@describe("elementwise", shape=elements, rows=True)
def residual_add(*, tokens: Number, width: Number, branches: Number, activation_bits: Number) -> Cost:
    """Residual x + f(x). Where attention and MLP are parallel, `branches` is 2: the residual and both results are read.

    tokens [token], width, branches [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: 1 FLOP per element and branch [convention].
    """
    return _pass(tokens * width, activation_bits, flops=branches, reads=1 + branches)


@describe("activation", shape=elements, rows=True)
def gate_multiply(*, tokens: Number, width: Number, activation_bits: Number) -> Cost:
    """Gate of a gated MLP: act(gate) * up.

    tokens [token], width [1] of the MLP, activation_bits [bit]. Returns the Cost of one call.
    Reference: 5 FLOP per element [convention].
    """
    return _pass(tokens * width, activation_bits, flops=GATE_FLOPS, reads=2)


@describe("activation", shape=elements, rows=True)
def activation(*, tokens: Number, width: Number, activation_bits: Number) -> Cost:
    """Activation function of a plain MLP: act(x).

    tokens [token], width [1] of the MLP, activation_bits [bit]. Returns the Cost of one call.
    Reference: 4 FLOP per element [convention].
    """
    return _pass(tokens * width, activation_bits, flops=ACTIVATION_FLOPS)


def _horner_flops(degree: Number) -> Number:
    """FLOP per element of a polynomial of degree n: n (n + 1) / 2 + n (table 1 of the LIFE paper, which counts every
    power)."""
    return degree * (degree + 1) / 2 + degree


@describe("activation", shape=elements, rows=True)
def polynomial(*, tokens: Number, width: Number, degree: Number, activation_bits: Number) -> Cost:
    """Activation function by a polynomial of `degree` [1], whose coefficients are read.

    tokens [token], width [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    coefficients = degree * activation_bits / BITS_PER_BYTE
    return _pass(tokens * width, activation_bits, flops=_horner_flops(degree), weight_bytes=coefficients)


@describe("activation", shape=elements, rows=True)
def polynomial_gate(*, tokens: Number, width: Number, degree: Number, activation_bits: Number) -> Cost:
    """Gate of a gated MLP, act(gate) * up, with the activation by a polynomial of `degree` [1].

    tokens [token], width [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: Patwari et al. 2025, arXiv:2508.00904, table 1; the product 1 FLOP per element [convention].
    """
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
    """A residual and the norm after it in one kernel: the sum is written once and not read back.

    Arguments of `residual_add` and of `norm`, in their units. Returns the Cost of one call.
    Reference: [derived] from `residual_add` and `norm`.
    """
    add = residual_add(tokens=tokens, width=width, branches=branches, activation_bits=activation_bits)
    return add + Cost(
        vector_flops=flops * tokens * width,
        weight_bytes=weights * weight_bits / BITS_PER_BYTE,
        activations_written=tokens * width * activation_bits / BITS_PER_BYTE,
    )


def add_norm_arguments(add: Mapping[str, Number], normed: Mapping[str, Number]) -> dict[str, Number]:
    """Arguments of `add_norm` in place of `residual_add` and `norm`.

    add, normed: arguments of those two operators.
    """
    return {**normed, "branches": add["branches"]}


@describe("other", shape=elements, rows=True)
def quantize_input(*, tokens: Number, width: Number, activation_bits: Number, input_bits: Number) -> Cost:
    """Quantize activations to the input precision of a linear layer, with one scale per token.

    tokens [token], width [1], activation_bits, input_bits [bit]. Returns the Cost of one call.
    Reference: 2 FLOP per element (scale and round) and a scale of 16 bit [convention].
    """
    elements = tokens * width
    return Cost(
        vector_flops=QUANTIZE_FLOPS * elements,
        activations_read=elements * activation_bits / BITS_PER_BYTE,
        activations_written=(elements * input_bits + TOKEN_SCALE_BITS * tokens) / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=_rows)
def hadamard(*, rows: Number, width: Number, activation_bits: Number) -> Cost:
    """Hadamard transform of every row: width log2(width) additions (block-wise where the width is no power of two).

    rows, width [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: [derived], the fast transform.
    """
    return _pass(rows * width, activation_bits, flops=log2(width))


@describe("embedding", shape=elements, rows=True, weights=_stored)
def embedding(
    *, tokens: Number, width: Number, weight_bits: Number, learned_positions: Number, activation_bits: Number
) -> Cost:
    """Look up a row of the embedding table per token, and a row of learned positions where the model has them.

    tokens [token], width [1], learned_positions 0 or 1, weight_bits, activation_bits [bit]. Returns the Cost of one
    call.
    Reference: [derived]: only the rows that are looked up are read.
    """
    elements = tokens * width
    return Cost(
        vector_flops=learned_positions * elements,
        weight_bytes=(1 + learned_positions) * elements * weight_bits / BITS_PER_BYTE,
        activations_written=elements * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
