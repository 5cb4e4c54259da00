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
    """Weighted sum of all streams, after the weights are made (by Sinkhorn's rounds for those that mix streams).

    tokens [token], width, streams [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.2; 4 FLOP per weight and round [convention].
    """
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        vector_flops=tokens * (2 * streams * width + SINKHORN_FLOPS * streams * streams),
        activations_read=tokens * streams * row,
        activations_written=tokens * row,
        dispatches=1,
    )


@describe("other", shape=elements, rows=True)
def mix_streams(*, tokens: Number, width: Number, streams: Number, activation_bits: Number) -> Cost:
    """Replace every stream by a weighted sum of all streams and of the output of the branch.

    tokens [token], width, streams [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.2; Baykal et al. 2023, arXiv:2301.13310.
    """
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
    """Correct every predicted stream by a multiple of the error of the active stream's prediction.

    tokens [token], width, streams [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: Baykal et al. 2023, arXiv:2301.13310.
    """
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        vector_flops=tokens * width * (2 * streams + 1),
        activations_read=tokens * (streams + 1) * row,
        activations_written=tokens * streams * row,
        dispatches=1,
    )
