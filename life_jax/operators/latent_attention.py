"""Multi-head latent attention (DeepSeek V2): keys and values of all heads are one latent vector per token.

Two ways to the same result. Expanded: K and V of every cached token are rebuilt from the latent,
then ordinary attention. Absorbed: the up-projection is applied to the queries and to the outputs of
the new tokens instead, and attention runs on the latents themselves.
Reference: DeepSeek-AI 2024, arXiv:2405.04434, section 2.1.
"""

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, where
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.attention import SOFTMAX_FLOPS, causal_pairs
from life_jax.operators.elementwise import elements


def _shape(*, queries: Number, positions: Number, heads: Number, **_: Number) -> Shape:
    # keys are latent: no size of a head is contracted
    return Shape(m=queries, n=positions, heads=heads)


def _indexed(*, queries: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, heads=heads)


def pair_flops(*, heads: Number, rank: Number, nope: Number, rope: Number, value: Number, absorbed: Number) -> Number:
    """Matrix FLOP per (query, key) pair, all heads."""
    return where(absorbed > 0, 2 * heads * (2 * rank + rope), 2 * heads * (nope + rope + value))


def absorbed_is_cheaper(
    *,
    queries: Number,
    past: Number,
    pairs: Number,
    heads: Number,
    rank: Number,
    nope: Number,
    rope: Number,
    value: Number,
) -> Number:
    """1 where absorbing takes fewer FLOP for this step, else 0; with no past it never does."""
    shape = {"heads": heads, "rank": rank, "nope": nope, "rope": rope, "value": value}
    per_token = 2 * rank * heads * (nope + value)
    absorbed = queries * per_token + pairs * pair_flops(absorbed=1.0, **shape)
    expanded = (past + queries) * per_token + pairs * pair_flops(absorbed=0.0, **shape)
    return 1.0 * (absorbed < expanded)


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"))
def latent_attention(
    *,
    batch: Number,
    queries: Number,
    pairs: Number,
    positions: Number,
    heads: Number,
    rank: Number,
    nope: Number,
    rope: Number,
    value: Number,
    absorbed: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
    kv_dequant_flops: Number,
) -> Cost:
    """Fused attention of one layer. Absorbed, the latent cache is read once for all heads; expanded, K and V are
    read as activations, and the cache was read by the up-projection before."""
    shape = {"heads": heads, "rank": rank, "nope": nope, "rope": rope, "value": value}
    latent = batch * positions * (rank + rope)
    cache = batch * positions * ((rank + rope) * kv_bits + kv_scale_bits) / BITS_PER_BYTE
    expanded = batch * positions * heads * (nope + rope + value) * activation_bits / BITS_PER_BYTE
    query = where(absorbed > 0, rank + rope, nope + rope)
    output = where(absorbed > 0, rank, value)
    return Cost(
        matmul_flops=batch * pairs * pair_flops(absorbed=absorbed, **shape),
        vector_flops=SOFTMAX_FLOPS * batch * heads * pairs + kv_dequant_flops * latent,
        kv_read=cache,
        activations_read=batch * queries * heads * query * activation_bits / BITS_PER_BYTE
        + where(absorbed > 0, 0.0, expanded),
        activations_written=batch * queries * heads * output * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"))
def decompressed_attention(
    *,
    batch: Number,
    queries: Number,
    pairs: Number,
    positions: Number,
    heads: Number,
    rank: Number,
    nope: Number,
    rope: Number,
    value: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
    kv_dequant_flops: Number,
) -> Cost:
    """Fused attention over keys and values of every head that were rebuilt once and cached as they are."""
    cached = batch * positions * heads * (nope + rope + value)
    vectors = batch * queries * heads * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=2 * batch * heads * (nope + rope + value) * pairs,
        vector_flops=SOFTMAX_FLOPS * batch * heads * pairs + kv_dequant_flops * cached,
        kv_read=(cached * kv_bits + batch * positions * kv_scale_bits) / BITS_PER_BYTE,
        activations_read=vectors * (nope + rope),
        activations_written=vectors * value,
        dispatches=1,
    )


@describe("other", shape=elements)
def latent_append(
    *, tokens: Number, width: Number, activation_bits: Number, kv_bits: Number, kv_scale_bits: Number
) -> Cost:
    """The latent (and its rotated part) of new tokens into the cache."""
    return Cost(
        activations_read=tokens * width * activation_bits / BITS_PER_BYTE,
        kv_written=tokens * (width * kv_bits + kv_scale_bits) / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=_indexed, scores=("batch", "pairs", "positions"))
def index_scores(
    *,
    batch: Number,
    queries: Number,
    past: Number,
    heads: Number,
    head_dim: Number,
    activation_bits: Number,
    kv_bits: Number,
) -> Cost:
    """Scores of the sparse indexer: every head of a new token with the one key of every earlier token, then
    a ReLU, a weighted sum over heads and the selection (3 FLOP per head and pair)."""
    pairs = batch * causal_pairs(queries=queries, past=past)
    return Cost(
        matmul_flops=2 * heads * head_dim * pairs,
        vector_flops=3 * heads * pairs,
        kv_read=batch * (past + queries) * head_dim * kv_bits / BITS_PER_BYTE,
        activations_read=batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
