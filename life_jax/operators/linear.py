"""Dense projections, and the expansion of quantized weights before them."""

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
    """Storage format of the weights of a formula with these arguments.

    weight_bits [bit per weight], bits_per_channel [bit per output], dequant_flops [FLOP per weight].
    """
    return WeightFormat(weight_bits, bits_per_channel, dequant_flops)


def storing(weights: WeightFormat) -> dict[str, Number]:
    """Arguments of a product whose weights have this format; the inverse of `stored`."""
    return {
        "weight_bits": weights.bits,
        "bits_per_channel": weights.bits_per_channel,
        "dequant_flops": weights.dequant_flops,
    }


def _shape(*, tokens: Number, d_in: Number, d_out: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=d_out, k=d_in)


def expand_passes(rows: Number) -> Number:
    """How often a quantized weight is expanded [1]: once per tile of 128 rows [assumption], at least once, fractional
    between.

    rows [1]: rows that are multiplied by the weight.
    """
    return larger(rows / TILE_ROWS, 1.0)


@describe("gemm", shape=_shape, rows=True, weights=stored)
def expand_weights(*, tokens: Number, d_in: Number, d_out: Number, weight_bits: Number, from_rows: Number) -> Cost:
    """Write quantized weights [d_in, d_out] out at 16 bit before a product of more than `from_rows` rows; nothing
    otherwise.

    tokens [token], d_in, d_out, from_rows [1], weight_bits [bit]. Returns the Cost of one call.
    Reference: llama.cpp, which does so where it calls a BLAS library for quantized weights.
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

    tokens [token], d_in and d_out [1], *_bits [bit], bias 0 or 1, dequant_flops [FLOP per weight]. Returns the Cost of
    one call.
    A multiply-add is 2 FLOP. W is read once per call. A quantized W is expanded once for every tile of 128 rows, and at
    least once; that work is on the vector units.
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


def side_by_side(products: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """Arguments of one product with the outputs of several products of the same input, which is read once.

    products: arguments of each `linear` or `grouped_linear`. Formats are averaged by outputs, so that the bytes are
    exact.
    """
    width = sum(args["d_out"] for args in products)
    some = larger(width, 1.0)  # shared experts may have none
    mean = {key: sum(args["d_out"] * args[key] for args in products) / some for key in AVERAGED}
    return {**products[0], **mean, "d_out": width}


def expansion_of(product: Op, from_rows: Number) -> Op:
    """The operator `expand_weights` in front of a product, for more than `from_rows` rows [1]."""
    args = {key: product.args[key] for key in ("tokens", "d_in", "d_out", "weight_bits")}
    return Op(
        name=f"{product.name}_expand",
        formula=expand_weights,
        args={**args, "from_rows": from_rows},
        repeats=product.repeats,
        pipe=product.pipe,
        block=product.block,
    )


def with_input_bits(args: Mapping[str, Number], bits: Number) -> dict[str, Number]:
    """Arguments of a product whose inputs have `bits` [bit]."""
    return {**args, "input_bits": bits}
