"""Dense projections."""

from collections.abc import Mapping, Sequence

from life_jax.core.cost import Cost
from life_jax.core.graph import Op, Shape, describe
from life_jax.core.numerics import Number, larger, product
from life_jax.core.scenario import WeightFormat
from life_jax.core.units import BITS_PER_BYTE

EXPANDED_BITS = 16
TILE_ROWS = 128  # rows of the output tile whose weights are expanded together [assumption]


def stored(
    *, weight_bits: Number, bits_per_channel: Number = 0.0, dequant_flops: Number = 0.0, **_: Number
) -> WeightFormat:
    """How the weights of a formula with these arguments are stored."""
    return WeightFormat(weight_bits, bits_per_channel, dequant_flops)


def storing(weights: WeightFormat) -> dict[str, Number]:
    """The arguments of a product whose weights are stored so."""
    return {
        "weight_bits": weights.bits,
        "bits_per_channel": weights.bits_per_channel,
        "dequant_flops": weights.dequant_flops,
    }


def _shape(*, tokens: Number, d_in: Number, d_out: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=d_out, k=d_in)


def expand_passes(rows: Number) -> Number:
    """How often a quantized weight is expanded: once for every tile of rows, at least once; fractional in between."""
    return larger(rows / TILE_ROWS, 1.0)


@describe("gemm", shape=_shape, rows=True, weights=stored)
def expand_weights(*, tokens: Number, d_in: Number, d_out: Number, weight_bits: Number, from_rows: Number) -> Cost:
    """Quantized weights [d_in, d_out] written out at 16 bit before a product of more than `from_rows` rows.

    Nothing where tokens <= from_rows. llama.cpp does so where it calls a BLAS library for quantized weights.
    """
    happens = tokens > from_rows
    weights = happens * d_in * d_out / BITS_PER_BYTE
    return Cost(
        weight_bytes=weights * weight_bits, activations_written=weights * EXPANDED_BITS, dispatches=happens * 1.0
    )


@describe("gemm", shape=_shape, rows=True, weights=stored, with_weights=storing)
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


AVERAGED = ("weight_bits", "bits_per_channel", "bias", "dequant_flops")  # per weight or per output


def side_by_side(each: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """Arguments of one product that gives the outputs of several with the same input, which is read once.

    each: arguments of `linear` or of `grouped_linear`. Formats are averaged by outputs, so that the bytes are exact.
    """
    width = sum(args["d_out"] for args in each)
    some = larger(width, 1.0)  # shared experts may have none
    mean = {key: sum(args["d_out"] * args[key] for args in each) / some for key in AVERAGED}
    return {**each[0], **mean, "d_out": width}


def expansion_of(product: Op, from_rows: Number) -> Op:
    """The operator that writes out the weights of a product at 16 bit where it has more than `from_rows` rows."""
    args = {key: product.args[key] for key in ("tokens", "d_in", "d_out", "weight_bits")}
    return Op(
        name=f"{product.name}_expand",
        formula=expand_weights,
        args={**args, "from_rows": from_rows},
        repeats=product.repeats,
        pipe=product.pipe,
        block=product.block,
    )
