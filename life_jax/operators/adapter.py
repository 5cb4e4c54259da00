"""Low-rank adapters beside a linear layer (LoRA)."""

from collections.abc import Mapping

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, power
from life_jax.core.scenario import WeightFormat
from life_jax.core.units import BITS_PER_BYTE


def _shape(*, tokens: Number, d_in: Number, d_out: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=d_out, k=d_in)


def _stored(*, weight_bits: Number, **_: Number) -> WeightFormat:
    return WeightFormat(weight_bits)


def distinct_adapters(*, batch: Number, adapters: Number) -> Number:
    """Expected number of distinct adapters [1] in a batch whose sequences choose uniformly: exact.

    batch [1]: sequences; adapters [1]: adapters to choose from.
    Reference: [derived], as the distinct experts under uniform routing in operators/experts.py.
    """
    return adapters * (1 - power(1 - 1 / adapters, batch))


@describe("gemm", shape=_shape, rows=True, weights=_stored)
def low_rank_adapter(
    *,
    tokens: Number,
    batch: Number,
    d_in: Number,
    d_out: Number,
    rank: Number,
    adapters: Number,
    weight_bits: Number,
    activation_bits: Number,
) -> Cost:
    """Adapters beside a linear layer: y += x A B with A [d_in, rank] and B [rank, d_out].

    A kernel multiplies by A, a second one by B and adds to y. A and B of every adapter that the batch uses are read
    once.
    tokens [token] of `batch` sequences [1], d_in, d_out, rank [1], adapters [1]: adapters to choose from, *_bits [bit].
    Returns the Cost of both kernels.
    Reference: Hu et al. 2021, arXiv:2106.09685; several adapters in one batch: Chen et al. 2023, arXiv:2310.18547.
    """
    used = distinct_adapters(batch=batch, adapters=adapters)
    inner = tokens * rank
    return Cost(
        matmul_flops=2 * inner * (d_in + d_out),
        vector_flops=tokens * d_out,
        weight_bytes=used * rank * (d_in + d_out) * weight_bits / BITS_PER_BYTE,
        activations_read=(tokens * (d_in + d_out) + inner) * activation_bits / BITS_PER_BYTE,
        activations_written=(inner + tokens * d_out) * activation_bits / BITS_PER_BYTE,
        dispatches=2,
    )


def beside(
    linear: Mapping[str, Number], *, batch: Number, rank: Number, adapters: Number, weight_bits: Number
) -> dict[str, Number]:
    """Arguments of a `low_rank_adapter` beside a linear layer.

    linear: arguments of the layer's `linear`; batch [1]: sequences; rank, adapters [1]; weight_bits [bit] of the
    adapters.
    """
    return {
        "tokens": linear["tokens"],
        "batch": batch,
        "d_in": linear["d_in"],
        "d_out": linear["d_out"],
        "rank": rank,
        "adapters": adapters,
        "weight_bits": weight_bits,
        "activation_bits": linear["output_bits"],
    }
