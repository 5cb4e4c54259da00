"""Multi-head latent attention (DeepSeek V2): keys and values of all heads are one latent vector per token.

It has two forms with the same result. Expanded: keys and values of every cached token are rebuilt from the latents,
then attention is ordinary. Absorbed: the up-projection is applied to queries and outputs of the new tokens instead, and
attention runs on the latents themselves.
Sizes in all formulas [1]: `rank` of the latent; `nope` and `rope`, the elements of a head's query without and with
rotation; `value`, the elements of a head's value. `absorbed` is 1 for the absorbed form, 0 for the expanded form.
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
    return Shape(m=queries, n=positions, heads=heads, cache_parts=1.0)


def _decompressed(*, queries: Number, positions: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, n=positions, heads=heads, cache_parts=heads)


def _indexed(*, queries: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, heads=heads, cache_parts=1.0)


def pair_flops(*, heads: Number, rank: Number, nope: Number, rope: Number, value: Number, absorbed: Number) -> Number:
    """Matrix FLOP [FLOP] per (query, key) pair, all heads together.

    heads, rank, nope, rope, value [1]; absorbed 0 or 1. Reference: DeepSeek-AI 2024, arXiv:2405.04434, section 2.1
    [derived from its products].
    """
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
    """1 where the absorbed form takes fewer FLOP for this step, else 0; without cached tokens it never does.

    queries, past [token], pairs [1] per sequence; heads, rank, nope, rope, value [1].
    Reference: [derived], the FLOP of both forms compared.
    """
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
    """Fused latent attention of one layer.

    Absorbed, the latent cache is read once for all heads. Expanded, keys and values are read as activations; the
    up-projection before has read the cache.
    batch [1], queries [token], pairs [1] per sequence, positions [token] read, heads, rank, nope, rope, value [1],
    absorbed 0 or 1, *_bits [bit], kv_dequant_flops [FLOP per cached element]. Returns the Cost of one call.
    Reference: DeepSeek-AI 2024, arXiv:2405.04434, section 2.1.
    """
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


@describe("bmm", shape=_decompressed, scores=("batch", "pairs", "positions"))
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
    """Fused attention over keys and values of every head that were rebuilt once from the latents, and cached in that
    form.

    Arguments of `latent_attention` without `absorbed`. Returns the Cost of one call.
    Reference: Patwari et al. 2025, arXiv:2508.00904 (its cache of latent attention) [derived].
    """
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
    """Write the latents of new tokens, with their rotated part, to the cache.

    tokens [token], width [1], activation_bits, kv_bits [bit per element], kv_scale_bits [bit per token]. Returns the
    Cost of one call.
    Reference: [derived]: every element is read once and written once.
    """
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
    """Scores of the indexer of sparse attention: every head of a new token with the one key of every earlier token,
    then a ReLU, a weighted sum over heads and the selection.

    batch [1], queries, past [token], heads, head_dim [1] of the indexer, *_bits [bit]. Returns the Cost of one call.
    Reference: DeepSeek V3.2's DSA; 3 FLOP per head and pair after the product [convention].
    """
    pairs = batch * causal_pairs(queries=queries, past=past)
    return Cost(
        matmul_flops=2 * heads * head_dim * pairs,
        vector_flops=3 * heads * pairs,
        kv_read=batch * (past + queries) * head_dim * kv_bits / BITS_PER_BYTE,
        activations_read=batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
