"""Attention over a low-rank KV cache."""

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number
from life_jax.core.scenario import WeightFormat
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.attention import SOFTMAX_FLOPS
from life_jax.operators.elementwise import ROPE_FLOPS


def _shape(
    *,
    batch: Number,
    queries: Number,
    positions: Number,
    heads: Number,
    kv_heads: Number,
    head_dim: Number,
    **_: Number,
) -> Shape:
    return Shape(
        m=queries, n=positions, k=head_dim, batch=batch * heads, heads=heads, kv_heads=kv_heads, cache_parts=1.0
    )


def _stored(*, weight_bits: Number, **_: Number) -> WeightFormat:
    return WeightFormat(weight_bits)


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"), weights=_stored)
def low_rank_attention(
    *,
    batch: Number,
    queries: Number,
    pairs: Number,
    positions: Number,
    heads: Number,
    kv_heads: Number,
    head_dim: Number,
    rank: Number,
    rotated: Number,
    weight_bits: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
    kv_dequant_flops: Number,
) -> Cost:
    """Fused attention whose keys and values are rebuilt on the chip from `rank` cached dimensions each; keys are then
    rotated.

    batch [1], queries [token], pairs [1] per head and sequence, positions [token] read, heads, kv_heads, head_dim, rank
    [1], rotated [1]: rotated elements of a head, *_bits [bit], kv_dequant_flops [FLOP per cached element]. Returns the
    Cost of one call.
    Reference: Chang et al. 2024, arXiv:2407.21118 (Palu), without absorbing the values into the output projection.
    """
    width = kv_heads * head_dim
    scores = batch * heads * pairs
    cached = 2 * batch * positions * rank
    vectors = batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=4 * head_dim * scores + 2 * cached * width,
        vector_flops=SOFTMAX_FLOPS * scores
        + ROPE_FLOPS * batch * positions * kv_heads * rotated
        + kv_dequant_flops * cached,
        weight_bytes=2 * rank * width * weight_bits / BITS_PER_BYTE,
        kv_read=2 * batch * positions * (rank * kv_bits + kv_scale_bits) / BITS_PER_BYTE,
        activations_read=vectors,
        activations_written=vectors,
        dispatches=1,
    )
