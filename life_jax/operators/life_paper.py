"""Operators as LIFE counts them (Patwari et al. 2025, arXiv:2508.00904, tables 1 and 2).

Operations are of one kind, whatever unit executes them: all are in `matmul_flops`. `reads` and `writes` are 1 where an
operator moves its activations, and 0 where fusion keeps them on the chip (an operator that reads none is no dispatch of
its own); parameters are always read. The paper prints no breakdown: numbers marked [fit] are those with which its table
5 comes out, and traffic marked [derived] follows from its tables 5, 9 and 11 (see notebooks/life_paper.ipynb).
In all formulas: tokens [token], sizes [1], *_bits [bit], reads and writes 0 or 1.
"""

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, larger
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
    """Shape of an operator on the rotated elements of queries: tokens [token], query_width [1]."""
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
    """Linear layer: 2mkn - mn operations, mn for a bias, `dequant_flops` per weight once, whatever the rows.

    tokens [token], d_in, d_out [1], *_bits [bit], bias 0 or 1, dequant_flops [FLOP per weight], reads, writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, appendix 8.1.
    """
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
    """Non-linear function by Horner's rule on a polynomial.

    degree [1], reads, writes 0 or 1; shape: the other arguments of `elementwise.polynomial`.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    counts = exact.polynomial(degree=degree, **shape)
    return Cost(
        matmul_flops=counts.vector_flops,
        weight_bytes=counts.weight_bytes,
        activations_read=reads * counts.activations_read,
        activations_written=writes * counts.activations_written,
        dispatches=reads,
    )


@describe("activation", shape=exact.elements, rows=True)
def polynomial_gate(*, degree: Number, **shape: Number) -> Cost:
    """Activation of a gated MLP by a polynomial, and its product with the other branch, as two operators.

    degree [1]; shape: the other arguments of `polynomial`.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    return polynomial(degree=degree, **shape) + elementwise(**shape)


@describe("activation", shape=exact.elements, rows=True)
def piecewise_linear(*, tokens: Number, width: Number, activation_bits: Number, reads: Number, writes: Number) -> Cost:
    """Non-linear function by a table of slopes and offsets.

    tokens [token], width [1], activation_bits [bit], reads, writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1; a table of 256 entries from
    appendix 8.2.
    """
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
    """Addition or product of two operands [tokens, width].

    tokens [token], width [1], activation_bits [bit], reads, writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    operand = tokens * width * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=tokens * width,
        activations_read=2 * reads * operand,
        activations_written=writes * operand,
        dispatches=reads,
    )


@describe("activation", shape=exact.elements, rows=True)
def gate(*, tokens: Number, width: Number, activation_bits: Number, reads: Number, writes: Number) -> Cost:
    """Activation of a gated MLP, and its product with the other branch, as two operators.

    tokens [token], width [1], activation_bits [bit], reads, writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
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
    """Norm of [tokens, width]: additions, products and an inverse.

    tokens [token], width, weights [1] learned, weight_bits, activation_bits [bit], reads, writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 2; 8 operations per element
    [fit].
    """
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
    """Rotary positions of queries and of keys, two operators, or one when fused.

    tokens [token], query_width, key_width [1] rotated per token, table [1]: elements of sines and cosines, which are
    read whole and explain the constant 64 MiB of Llama-2-7B in tables 5 and 9 [derived], activation_bits [bit], reads,
    writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 2; 4.75 operations per element
    [fit].
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
    """Write new keys and values to the cache, as part of another dispatch (table 8 leaves no room for one of its own).

    elements [1] of `vectors` vectors [1], kv_bits [bit per element], kv_scale_bits [bit per vector].
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 5 [derived].
    """
    return Cost(kv_written=(elements * kv_bits + vectors * kv_scale_bits) / BITS_PER_BYTE)


def cache_read(
    *, elements: Number, vectors: Number, kv_bits: Number, kv_scale_bits: Number, dequant_flops: Number
) -> Cost:
    """Read keys and values of earlier steps from the cache, before the products read them again.

    elements [1] of `vectors` vectors [1], kv_bits [bit per element], kv_scale_bits [bit per vector], dequant_flops
    [FLOP] of the whole step to expand a quantized cache, new tokens included.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 7 [derived].
    """
    return Cost(matmul_flops=dequant_flops, kv_read=(elements * kv_bits + vectors * kv_scale_bits) / BITS_PER_BYTE)


@describe("bmm", shape=_products)
def bmm(
    *, batch: Number, m: Number, k: Number, n: Number, read_bytes: Number, written_bytes: Number, dispatches: Number
) -> Cost:
    """`batch` products [m, k] x [k, n]: 2bmkn - bmn operations; of a k below 1 bmkn, so that none are negative.

    batch, m, k, n [1]; read_bytes, written_bytes [byte] of activations and dispatches [1] of all products together.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    return Cost(
        matmul_flops=batch * m * n * larger(2 * k - 1, k),
        activations_read=read_bytes,
        activations_written=written_bytes,
        dispatches=dispatches,
    )


@describe("softmax", shape=_rectangle)
def softmax(
    *, batch: Number, queries: Number, positions: Number, activation_bits: Number, reads: Number, writes: Number
) -> Cost:
    """Mask and softmax of `batch` rectangles of scores (heads of every sequence).

    batch [1], queries, positions [token], activation_bits [bit], reads, writes 0 or 1.
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 2; 7 operations per score
    [fit].
    """
    scores = batch * queries * positions
    return Cost(
        matmul_flops=SCORE_OPS * scores,
        activations_read=reads * scores * activation_bits / BITS_PER_BYTE,
        activations_written=writes * scores * activation_bits / BITS_PER_BYTE,
        dispatches=reads,
    )


@describe("embedding", shape=exact.elements, rows=True, weights=stored)
def embedding(*, tokens: Number, width: Number, rows: Number, weight_bits: Number, activation_bits: Number) -> Cost:
    """Look-up of tokens, for which the whole table of `rows` rows is counted as read.

    tokens [token], width, rows [1], weight_bits, activation_bits [bit].
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    return Cost(
        matmul_flops=1,
        weight_bytes=rows * width * weight_bits / BITS_PER_BYTE,
        activations_written=tokens * width * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("gemm", shape=_added, weights=stored)
def inline_adapter(*, d_in: Number, d_out: Number, rank: Number, weight_bits: Number) -> Cost:
    """LoRA added to the weight at every call, W + A B, whatever the tokens.

    d_in, d_out, rank [1], weight_bits [bit]. kn (2r + 2) operations as in table 12; the listing of appendix 8.1 has kn
    (2r + 1).
    Returns the Cost of one call. Reference: Patwari et al. 2025, arXiv:2508.00904, table 12.
    """
    return Cost(
        matmul_flops=d_in * d_out * (2 * rank + 2),
        weight_bytes=rank * (d_in + d_out) * weight_bits / BITS_PER_BYTE,
        dispatches=2,
    )
