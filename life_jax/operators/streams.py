"""Residual streams that are summed, mixed and corrected around the branches of a layer.

References: DeepSeek-AI 2026, DeepSeek-V4, section 2.2 (hyper-connections); Baykal et al. 2023, arXiv:2301.13310
(alternating updates).
"""

from life_jax.core.cost import Cost
from life_jax.core.graph import describe
from life_jax.core.numerics import Number
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.elementwise import elements

SINKHORN_FLOPS = 4 * 20  # per weight: 20 rounds of sums and divisions by rows and by columns


@describe("other", shape=elements)
def collapse_streams(*, tokens: Number, width: Number, streams: Number, activation_bits: Number) -> Cost:
    """Weights of the streams (Sinkhorn's rounds for those that mix them), and their weighted sum."""
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        vector_flops=tokens * (2 * streams * width + SINKHORN_FLOPS * streams * streams),
        activations_read=tokens * streams * row,
        activations_written=tokens * row,
        dispatches=1,
    )


@describe("other", shape=elements, rows=True)
def mix_streams(*, tokens: Number, width: Number, streams: Number, activation_bits: Number) -> Cost:
    """Every stream becomes a weighted sum of all of them, and of the output of the branch."""
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=2 * tokens * streams * streams * width,
        vector_flops=2 * tokens * streams * width,
        activations_read=tokens * (streams + 1) * row,
        activations_written=tokens * streams * row,
        dispatches=1,
    )


@describe("other", shape=elements)
def correct_streams(*, tokens: Number, width: Number, streams: Number, activation_bits: Number) -> Cost:
    """Every predicted stream plus a multiple of how far the prediction of the active one was off."""
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        vector_flops=tokens * width * (2 * streams + 1),
        activations_read=tokens * (streams + 1) * row,
        activations_written=tokens * streams * row,
        dispatches=1,
    )
