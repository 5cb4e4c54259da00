"""Scaled dot-product attention over a KV cache, fused and unfused, and the append to the cache.

`queries` new tokens per sequence attend `past` cached ones and, causally, each other; a token attends to itself. Kinds
of attention differ in how many (query, key) `pairs` count and in how many cached `positions` are read; the formulas are
the same for all of them.
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


def _rectangle(*, batch: Number, queries: Number, positions: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, n=positions, batch=batch * heads, heads=heads)


def _appended(*, kv_heads: Number, **_: Number) -> Shape:
    return Shape(kv_heads=kv_heads)


def causal_pairs(*, queries: Number, past: Number) -> Number:
    """(query, key) pairs [1] of a causal step: query i attends past + i keys. Pairs of chunks sum to those of the whole
    prompt.

    queries, past [token]: new and cached tokens of a sequence. Reference: [derived] q P + q (q + 1) / 2, a sum over
    queries.
    """
    return queries * past + queries * (queries + 1) / 2


def window_pairs(*, queries: Number, past: Number, window: Number) -> Number:
    """(query, key) pairs [1] where a query attends the last `window` positions, itself included: sum of min(past + i,
    window).

    queries, past, window [token]. Reference: [derived], a sum over queries.
    """
    short = clip(window - past, 0.0, queries)  # queries that have not yet seen a whole window
    return short * past + short * (short + 1) / 2 + (queries - short) * window


def window_positions(*, queries: Number, past: Number, window: Number) -> Number:
    """Cached positions [token] that a step with a window reads: from the window of its first query to its last query.

    queries, past, window [token]. Reference: [derived].
    """
    return smaller(past + queries, window + queries - 1)


def chunk_pairs(*, queries: Number, past: Number, chunk: Number) -> Number:
    """(query, key) pairs [1] where a query attends only its own chunk of positions: sum of ((past + i - 1) mod chunk) +
    1.

    queries, past, chunk [token]. Reference: [derived], a sum over queries.
    """

    def up_to(n: Number) -> Number:
        whole = floor(n / chunk)
        rest = n - whole * chunk
        return whole * chunk * (chunk + 1) / 2 + rest * (rest + 1) / 2

    return up_to(past + queries) - up_to(past)


def chunk_positions(*, queries: Number, past: Number, chunk: Number) -> Number:
    """Cached positions [token] that a step reads where attention stays in chunks: from the start of its first query's
    chunk.

    queries, past, chunk [token]. Reference: [derived].
    """
    return past - floor(past / chunk) * chunk + queries


def kv_bytes(
    *, tokens: Number, kv_heads: Number, head_dim: Number, value_dim: Number, kv_bits: Number, kv_scale_bits: Number
) -> Number:
    """Bytes [byte] of keys and values of `tokens` positions in one layer; every vector has one scale.

    tokens [token], kv_heads [1], head_dim [1] of keys, value_dim [1] of values, kv_bits [bit] per element,
    kv_scale_bits [bit] per vector. Reference: [derived], the layout of the cache.
    """
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
    """Fused attention: only the pairs that count are computed, scores stay on the chip, keys and values are read once.

    batch [1], queries [token], pairs [1] per head and sequence, positions [token] of the cache per sequence, heads and
    kv_heads [1], head_dim [1] of queries and keys, value_dim [1] of values, *_bits [bit], kv_dequant_flops [FLOP per
    cached element], bias_flops [FLOP per score]: 1 with ALiBi, else 0.
    Returns the Cost of one call.
    Reference: Dao et al. 2022 (traffic of Q, K, V and O); softmax of 5 FLOP per score [convention].
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
    """One of the two products of unfused attention: the whole rectangle of scores is computed, K or V is read once."""
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
    """Q K^T of unfused attention: reads queries and keys, writes the whole rectangle of scores.

    activation_bits [bit] of queries and scores; shape: the other arguments of `_product` but `read` and `written`, in
    the units of `flash_attention`. Returns the Cost of one call.
    Reference: [derived], a matrix product; traffic of the rectangle as Dao et al. 2022 compare it.
    """
    vectors, scores = _operands(activation_bits=activation_bits, **shape)
    return _product(read=vectors, written=scores, **shape)


@describe("bmm", shape=_shape, scores=("batch", "pairs", "positions"))
def attention_values(*, activation_bits: Number, **shape: Number) -> Cost:
    """P V of unfused attention: reads the rectangle of probabilities and the values, writes the output vectors.

    activation_bits [bit] of probabilities and outputs; shape: as in `attention_scores`, with head_dim that of values.
    Returns the Cost of one call.
    Reference: [derived], a matrix product; traffic of the rectangle as Dao et al. 2022 compare it.
    """
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
    """Bytes of the query (or output) vectors, and of the rectangle of scores."""
    vectors = batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE
    return vectors, batch * heads * queries * positions * activation_bits / BITS_PER_BYTE


@describe("softmax", shape=_rectangle)
def softmax(
    *, batch: Number, queries: Number, positions: Number, heads: Number, activation_bits: Number, bias_flops: Number
) -> Cost:
    """Softmax over the rows of the unfused rectangle of scores, which is read once and written once.

    batch [1], queries, positions [token], heads [1], activation_bits [bit], bias_flops [FLOP per score]. Returns the
    Cost of one call.
    Reference: 5 FLOP per score (max, subtract, exp, sum, divide) [convention].
    """
    rectangle = batch * heads * queries * positions
    return Cost(
        vector_flops=(SOFTMAX_FLOPS + bias_flops) * rectangle,
        activations_read=rectangle * activation_bits / BITS_PER_BYTE,
        activations_written=rectangle * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def weigh_positions(*, scores: Number, score_flops: Number) -> Cost:
    """Work of an eviction policy on the scores of a step, inside the kernel that computes them: no traffic, no
    dispatch.

    scores [1] of a step, score_flops [FLOP per score]. Returns the Cost of one call. Reference: [convention].
    """
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
    """Write new keys and values to the cache, at the precision of the cache.

    tokens [token], kv_heads, head_dim, value_dim [1], activation_bits, kv_bits [bit per element], kv_scale_bits [bit
    per vector]. Returns the Cost of one call.
    Reference: [derived]: every element is read once and written once.
    """
    cache = {"kv_heads": kv_heads, "kv_bits": kv_bits, "kv_scale_bits": kv_scale_bits}
    return Cost(
        activations_read=tokens * kv_heads * (head_dim + value_dim) * activation_bits / BITS_PER_BYTE,
        kv_written=kv_bytes(tokens=tokens, head_dim=head_dim, value_dim=value_dim, **cache),
        dispatches=1,
    )


def fused_arguments(
    scores: Mapping[str, Number], soft: Mapping[str, Number], values: Mapping[str, Number], pairs: Number
) -> dict[str, Number]:
    """Arguments of `flash_attention` in place of three unfused operators.

    scores, soft, values: arguments of `attention_scores`, `softmax` and `attention_values`; pairs [1]: pairs of the
    rectangle that count.
    """
    return {**scores, "value_dim": values["head_dim"], "pairs": pairs, "bias_flops": soft["bias_flops"]}


def with_score_bits(args: Mapping[str, Number], bits: Number) -> dict[str, Number]:
    """Arguments of an unfused operator of attention, changed to `bits` [bit] for scores, queries and results."""
    return {**args, "activation_bits": bits}
