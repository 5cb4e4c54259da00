"""Scaled dot-product attention over a KV cache, fused and unfused, and the cache append.

`queries` new tokens per sequence attend `past` cached ones and, causally, each other: the new token
attends to itself. What a kind of attention changes is how many (query, key) `pairs` count and how
many cached `positions` are read; the formulas below are the same for all.
"""

from collections.abc import Mapping

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, clip, floor, smaller
from life_jax.core.units import BITS_PER_BYTE

SOFTMAX_FLOPS = 5  # per score: max, subtract, exp, sum, divide (convention, see GLOSSARY.md)


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
    return Shape(m=queries, n=positions, k=head_dim, batch=batch * heads, heads=heads, kv_heads=kv_heads)


def _rectangle(*, queries: Number, positions: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, n=positions, heads=heads)


def _appended(*, kv_heads: Number, **_: Number) -> Shape:
    return Shape(kv_heads=kv_heads)


def causal_pairs(*, queries: Number, past: Number) -> Number:
    """(query, key) pairs of a causal step: query i attends past + i keys. Chunks sum to the whole."""
    return queries * past + queries * (queries + 1) / 2


def window_pairs(*, queries: Number, past: Number, window: Number) -> Number:
    """The same where a query attends the last `window` positions, itself included: sum of min(past + i, window)."""
    short = clip(window - past, 0.0, queries)  # queries that have not yet seen a whole window
    return short * past + short * (short + 1) / 2 + (queries - short) * window


def window_positions(*, queries: Number, past: Number, window: Number) -> Number:
    """Cached positions that a step reads: the window of its first query to its last one."""
    return smaller(past + queries, window + queries - 1)


def chunk_pairs(*, queries: Number, past: Number, chunk: Number) -> Number:
    """The same where a query attends only its own chunk of positions: sum of ((past + i - 1) mod chunk) + 1."""

    def up_to(n: Number) -> Number:
        whole = floor(n / chunk)
        rest = n - whole * chunk
        return whole * chunk * (chunk + 1) / 2 + rest * (rest + 1) / 2

    return up_to(past + queries) - up_to(past)


def chunk_positions(*, queries: Number, past: Number, chunk: Number) -> Number:
    """Cached positions that a step reads: from the beginning of its first query's chunk."""
    return past - floor(past / chunk) * chunk + queries


def kv_bytes(
    *, tokens: Number, kv_heads: Number, head_dim: Number, value_dim: Number, kv_bits: Number, kv_scale_bits: Number
) -> Number:
    """Bytes of keys (head_dim) and values (value_dim) of `tokens` positions in one layer; one scale per vector."""
    return tokens * kv_heads * ((head_dim + value_dim) * kv_bits + 2 * kv_scale_bits) / BITS_PER_BYTE


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"))
def flash_attention(
    *,
    batch: Number,
    queries: Number,
    pairs: Number,
    positions: Number,
    heads: Number,
    kv_heads: Number,
    head_dim: Number,
    value_dim: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
    kv_dequant_flops: Number,
    bias_flops: Number,
) -> Cost:
    """Fused attention: only the pairs that count, scores never leave the chip, K and V read once.

    pairs [1] per head and sequence; positions [token] of the cache per sequence; head_dim [1] of queries
    and keys, value_dim [1] of values; bias_flops: ALiBi adds 1 per score.
    Reference: Dao et al. 2022 (traffic of Q, K, V and O).
    """
    scores = batch * heads * pairs
    cached = batch * positions * kv_heads * (head_dim + value_dim)
    vectors = batch * queries * heads * activation_bits / BITS_PER_BYTE
    cache = {"kv_heads": kv_heads, "kv_bits": kv_bits, "kv_scale_bits": kv_scale_bits}
    return Cost(
        matmul_flops=2 * (head_dim + value_dim) * scores,
        vector_flops=(SOFTMAX_FLOPS + bias_flops) * scores + kv_dequant_flops * cached,
        kv_read=batch * kv_bytes(tokens=positions, head_dim=head_dim, value_dim=value_dim, **cache),
        activations_read=vectors * head_dim,
        activations_written=vectors * value_dim,
        dispatches=1,
    )


def _product(
    *,
    batch: Number,
    queries: Number,
    positions: Number,
    heads: Number,
    kv_heads: Number,
    head_dim: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
    kv_dequant_flops: Number,
    read: Number,
    written: Number,
) -> Cost:
    """One of the two products of unfused attention: the whole rectangle, masked elsewhere, and K or V read once."""
    cached = batch * positions * kv_heads
    return Cost(
        matmul_flops=2 * head_dim * batch * heads * queries * positions,
        vector_flops=kv_dequant_flops * cached * head_dim,
        kv_read=cached * (head_dim * kv_bits + kv_scale_bits) / BITS_PER_BYTE,
        activations_read=read,
        activations_written=written,
        dispatches=1,
    )


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"))
def attention_scores(*, activation_bits: Number, **shape: Number) -> Cost:
    """Q K^T of unfused attention: reads Q and K, writes the score rectangle. shape: as in `_product`."""
    vectors, scores = _operands(activation_bits=activation_bits, **shape)
    return _product(read=vectors, written=scores, **shape)


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"))
def attention_values(*, activation_bits: Number, **shape: Number) -> Cost:
    """P V of unfused attention: reads the score rectangle and V, writes the output vectors; head_dim is that of V."""
    vectors, scores = _operands(activation_bits=activation_bits, **shape)
    return _product(read=scores, written=vectors, **shape)


def _operands(
    *,
    batch: Number,
    queries: Number,
    positions: Number,
    heads: Number,
    head_dim: Number,
    activation_bits: Number,
    **_: Number,
) -> tuple[Number, Number]:
    """Bytes of the query (or output) vectors, and of the score rectangle."""
    vectors = batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE
    return vectors, batch * heads * queries * positions * activation_bits / BITS_PER_BYTE


@describe("softmax", shape=_rectangle)
def softmax(
    *, batch: Number, queries: Number, positions: Number, heads: Number, activation_bits: Number, bias_flops: Number
) -> Cost:
    """Softmax over the rows of the unfused score rectangle: read once, written once."""
    rectangle = batch * heads * queries * positions
    return Cost(
        vector_flops=(SOFTMAX_FLOPS + bias_flops) * rectangle,
        activations_read=rectangle * activation_bits / BITS_PER_BYTE,
        activations_written=rectangle * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def weigh_positions(*, scores: Number, score_flops: Number) -> Cost:
    """What a policy of eviction does with each score of a step, in the kernel that computes it."""
    return Cost(vector_flops=score_flops * scores)


@describe("other", shape=_appended)
def kv_append(
    *,
    tokens: Number,
    kv_heads: Number,
    head_dim: Number,
    value_dim: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
) -> Cost:
    """New keys and values into the cache, at the cache's precision."""
    cache = {"kv_heads": kv_heads, "kv_bits": kv_bits, "kv_scale_bits": kv_scale_bits}
    return Cost(
        activations_read=tokens * kv_heads * (head_dim + value_dim) * activation_bits / BITS_PER_BYTE,
        kv_written=kv_bytes(tokens=tokens, head_dim=head_dim, value_dim=value_dim, **cache),
        dispatches=1,
    )


def fused_arguments(
    scores: Mapping[str, Number], soft: Mapping[str, Number], values: Mapping[str, Number], pairs: Number
) -> dict[str, Number]:
    """Arguments of `flash_attention` instead of `attention_scores`, `softmax` and `attention_values` with these.

    pairs [1]: those of the rectangle of scores that count.
    """
    return {**scores, "value_dim": values["head_dim"], "pairs": pairs, "bias_flops": soft["bias_flops"]}


def with_score_bits(args: Mapping[str, Number], bits: Number) -> dict[str, Number]:
    """Arguments of an unfused operator of attention whose scores, queries and results have `bits`."""
    return {**args, "activation_bits": bits}
