"""Dense projections."""

from life_jax.core.cost import Cost
from life_jax.core.numerics import Number, larger, product
from life_jax.core.units import BITS_PER_BYTE

EXPANDED_BITS = 16
TILE_ROWS = 128  # rows of the output tile whose weights are expanded together [assumption]


def expand_passes(rows: Number) -> Number:
    """How often a quantized weight is expanded: once for every tile of rows, at least once; fractional in between."""
    return larger(rows / TILE_ROWS, 1.0)


def expand_weights(*, tokens: Number, d_in: Number, d_out: Number, weight_bits: Number, from_rows: Number) -> Cost:
    """Quantized weights [d_in, d_out] written out at 16 bit before a product of more than `from_rows` rows.

    Nothing where tokens <= from_rows. llama.cpp does so where it calls a BLAS library for quantized weights.
    """
    happens = tokens > from_rows
    weights = happens * d_in * d_out / BITS_PER_BYTE
    return Cost(
        weight_bytes=weights * weight_bits, activations_written=weights * EXPANDED_BITS, dispatches=happens * 1.0
    )


def linear(
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
) -> Cost:
    """Dense projection y = x W (+ b), x of shape [tokens, d_in], W of shape [d_in, d_out].

    tokens [token], d_in and d_out [1], *_bits [bit], bias 0 or 1, dequant_flops [FLOP per weight].
    A multiply-add is 2 FLOP. W is read once per call. A quantized W is expanded once for every
    tile of 128 rows, and at least once; that work is on the vector units.
    Reference: Patwari et al. 2025, arXiv:2508.00904, table 1.
    """
    weights = d_in * d_out * weight_bits / BITS_PER_BYTE + d_out * bits_per_channel / BITS_PER_BYTE
    biases = bias * d_out * bias_bits / BITS_PER_BYTE
    passes = expand_passes(tokens)
    return Cost(
        matmul_flops=2 * tokens * d_in * d_out,
        vector_flops=product(bias, tokens, d_out) + product(dequant_flops, d_in, d_out, passes),
        weight_bytes=weights + biases,
        activations_read=tokens * d_in * input_bits / BITS_PER_BYTE,
        activations_written=tokens * d_out * output_bits / BITS_PER_BYTE,
        dispatches=1,
    )
