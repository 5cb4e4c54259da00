"""Operators as LIFE counts them (Patwari et al. 2025, arXiv:2508.00904, tables 1 and 2).

One kind of operation, whatever unit executes it: everything is in `matmul_flops`. `reads` and `writes`
are 1 where an operator moves its activations and 0 where fusion keeps them on the chip (an operator that
reads none is no dispatch of its own); parameters are always read. The paper prints no breakdown: numbers
marked [fit] are those with which its table 5 comes out, and traffic marked [derived] follows from its
tables 5, 9 and 11 (see notebooks/life_paper.ipynb).
"""

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators import elementwise as exact
from life_jax.operators.linear import stored

PIECEWISE_OPS = 2  # per element of a piece-wise linear function: multiply, add (table 1)
ACTIVATION_TABLE = 256  # entries of its table (appendix 8.2, actfn_table_size)
SCORE_OPS = 7  # per score: softmax 6, mask 1 [fit]
NORM_OPS = 8.0  # per element [fit]: with ROPE_OPS, the 4.825e6 operations per token of table 5
ROPE_OPS = 4.75  # per rotated element [fit]


def _product(*, tokens: Number, d_in: Number, d_out: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=d_out, k=d_in)


def _added(*, d_in: Number, d_out: Number, **_: Number) -> Shape:
    # whatever the tokens
    return Shape(n=d_out, k=d_in)


def _products(*, batch: Number, m: Number, k: Number, n: Number, **_: Number) -> Shape:
    return Shape(m=m, n=n, k=k, batch=batch)


def _rectangle(*, queries: Number, positions: Number, **_: Number) -> Shape:
    return Shape(m=queries, n=positions)


def rotated(*, tokens: Number, query_width: Number, **_: Number) -> Shape:
    """Rows of rotated elements of the queries."""
    return Shape(m=tokens, n=query_width)


@describe("gemm", shape=_product, rows=True, weights=stored)
def gemm(
    *,
    tokens: Number,
    d_in: Number,
    d_out: Number,
    weight_bits: Number,
    bits_per_channel: Number,
    bias: Number,
    bias_bits: Number,
    input_bits: Number,
    output_bits: Number,
    dequant_flops: Number,
    reads: Number,
    writes: Number,
) -> Cost:
    """Linear layer (appendix 8.1): 2mkn - mn, bias mn, `dequant_flops` per weight once, whatever the rows."""
    weights = d_in * d_out * weight_bits + d_out * (bits_per_channel + bias * bias_bits)
    return Cost(
        matmul_flops=2 * tokens * d_in * d_out - tokens * d_out + bias * tokens * d_out + dequant_flops * d_in * d_out,
        weight_bytes=weights / BITS_PER_BYTE,
        activations_read=reads * tokens * d_in * input_bits / BITS_PER_BYTE,
        activations_written=writes * tokens * d_out * output_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("activation", shape=exact.elements, rows=True)
def polynomial(*, degree: Number, reads: Number, writes: Number, **shape: Number) -> Cost:
    """A non-linear function by Horner's rule on a polynomial of `degree` (table 1)."""
    one = exact.polynomial(degree=degree, **shape)
    return Cost(
        matmul_flops=one.vector_flops,
        weight_bytes=one.weight_bytes,
        activations_read=reads * one.activations_read,
        activations_written=writes * one.activations_written,
        dispatches=reads,
    )


@describe("activation", shape=exact.elements, rows=True)
def polynomial_gate(*, degree: Number, **shape: Number) -> Cost:
    """Activation of a gated MLP by a polynomial, and its product with the other branch: two operators."""
    return polynomial(degree=degree, **shape) + elementwise(**shape)


@describe("activation", shape=exact.elements, rows=True)
def piecewise_linear(*, tokens: Number, width: Number, activation_bits: Number, reads: Number, writes: Number) -> Cost:
    """A non-linear function by a table of slopes and offsets (table 1)."""
    operand = tokens * width * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=PIECEWISE_OPS * tokens * width,
        weight_bytes=ACTIVATION_TABLE * activation_bits / BITS_PER_BYTE,
        activations_read=reads * operand,
        activations_written=writes * operand,
        dispatches=reads,
    )


@describe("elementwise", shape=exact.elements, rows=True)
def elementwise(*, tokens: Number, width: Number, activation_bits: Number, reads: Number, writes: Number) -> Cost:
    """Addition or product of two operands [tokens, width] (table 1)."""
    operand = tokens * width * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=tokens * width,
        activations_read=2 * reads * operand,
        activations_written=writes * operand,
        dispatches=reads,
    )


@describe("activation", shape=exact.elements, rows=True)
def gate(*, tokens: Number, width: Number, activation_bits: Number, reads: Number, writes: Number) -> Cost:
    """Activation of a gated MLP and its product with the other branch: two operators."""
    shape = {"tokens": tokens, "width": width, "activation_bits": activation_bits, "reads": reads, "writes": writes}
    return piecewise_linear(**shape) + elementwise(**shape)


@describe("norm", shape=exact.elements, rows=True, weights=stored)
def norm(
    *,
    tokens: Number,
    width: Number,
    weights: Number,
    weight_bits: Number,
    activation_bits: Number,
    reads: Number,
    writes: Number,
) -> Cost:
    """Norm of [tokens, width]: additions, products and an inverse (table 2)."""
    operand = tokens * width * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=NORM_OPS * tokens * width,
        weight_bytes=weights * weight_bits / BITS_PER_BYTE,
        activations_read=reads * operand,
        activations_written=writes * operand,
        dispatches=reads,
    )


@describe("rope", shape=rotated, rows=True)
def rope(
    *,
    tokens: Number,
    query_width: Number,
    key_width: Number,
    table: Number,
    activation_bits: Number,
    reads: Number,
    writes: Number,
) -> Cost:
    """Rotary position of queries and of keys, two operators (one when fused).

    `table` elements of sines and cosines are read whole, which explains the constant 64 MiB of Llama-2-7B in
    tables 5 and 9 [derived].
    """
    operand = tokens * (query_width + key_width) * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=ROPE_OPS * tokens * (query_width + key_width),
        weight_bytes=table * activation_bits / BITS_PER_BYTE,
        activations_read=reads * operand,
        activations_written=writes * operand,
        dispatches=1 + reads,
    )


def kv_append(*, elements: Number, vectors: Number, kv_bits: Number, kv_scale_bits: Number) -> Cost:
    """New keys and values into the cache; part of another dispatch (table 8 leaves no room for its own)."""
    return Cost(kv_written=(elements * kv_bits + vectors * kv_scale_bits) / BITS_PER_BYTE)


def cache_read(
    *, elements: Number, vectors: Number, kv_bits: Number, kv_scale_bits: Number, dequant_flops: Number
) -> Cost:
    """Keys and values of earlier steps from the cache, before the products read them again (table 7).

    dequant_flops: operations of the whole step to expand a quantized cache, new tokens included.
    """
    return Cost(matmul_flops=dequant_flops, kv_read=(elements * kv_bits + vectors * kv_scale_bits) / BITS_PER_BYTE)


@describe("bmm", shape=_products)
def bmm(
    *, batch: Number, m: Number, k: Number, n: Number, read_bytes: Number, written_bytes: Number, dispatches: Number
) -> Cost:
    """`batch` products [m, k] x [k, n] (table 1): 2bmkn - bmn operations, given traffic."""
    return Cost(
        matmul_flops=2 * batch * m * k * n - batch * m * n,
        activations_read=read_bytes,
        activations_written=written_bytes,
        dispatches=dispatches,
    )


@describe("softmax", shape=_rectangle)
def softmax(
    *, batch: Number, queries: Number, positions: Number, activation_bits: Number, reads: Number, writes: Number
) -> Cost:
    """Mask and softmax of `batch` rectangles of scores (heads of every sequence)."""
    scores = batch * queries * positions
    return Cost(
        matmul_flops=SCORE_OPS * scores,
        activations_read=reads * scores * activation_bits / BITS_PER_BYTE,
        activations_written=writes * scores * activation_bits / BITS_PER_BYTE,
        dispatches=reads,
    )


@describe("embedding", shape=exact.elements, rows=True, weights=stored)
def embedding(*, tokens: Number, width: Number, rows: Number, weight_bits: Number, activation_bits: Number) -> Cost:
    """The whole table of `rows` rows is counted as read (table 1)."""
    return Cost(
        matmul_flops=1,
        weight_bytes=rows * width * weight_bits / BITS_PER_BYTE,
        activations_written=tokens * width * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("gemm", shape=_added, weights=stored)
def inline_adapter(*, d_in: Number, d_out: Number, rank: Number, weight_bits: Number) -> Cost:
    """LoRA added to the weight at every call: W + A B, whatever the tokens.

    kn (2r + 2) operations as in table 12; the listing of appendix 8.1 has kn (2r + 1).
    """
    return Cost(
        matmul_flops=d_in * d_out * (2 * rank + 2),
        weight_bytes=rank * (d_in + d_out) * weight_bits / BITS_PER_BYTE,
        dispatches=2,
    )
