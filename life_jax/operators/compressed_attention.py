"""Attention to compressed positions (DeepSeek-V4).

Every `rate` tokens make one compressed entry. A query attends the last positions one by one, and complete entries:
those of all tokens before it, or the best of them.
Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.3.
"""

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, clip, larger
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.attention import causal_pairs, window_pairs
from life_jax.operators.elementwise import elements

POOL_FLOPS = 7  # per element: bias, softmax over the entry's tokens (5), weighted sum [convention]


def _indexed(*, queries: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, heads=heads, cache_parts=1.0)


def entry_pairs(*, queries: Number, past: Number, rate: Number) -> Number:
    """(query, entry) pairs [1] where query i sees floor((past + i) / rate) entries.

    queries, past [token]; rate [token] per entry. Exact where the step begins and ends with whole entries, else the
    mean over all offsets of its beginning within an entry.
    Reference: [derived], a sum over queries.
    """
    pairs = causal_pairs(queries=queries, past=past)
    return larger((pairs - queries * (rate - 1) / 2) / rate, 0.0)


def best_entry_pairs(*, queries: Number, past: Number, rate: Number, best: Number) -> Number:
    """(query, entry) pairs [1] where a query attends at most `best` entries of those that `entry_pairs` counts.

    queries, past [token]; rate [token] per entry; best [1] entries. Reference: [derived], a sum over queries.
    """
    short = clip(best * rate - past, 0.0, queries)  # queries that see fewer
    pairs = window_pairs(queries=queries, past=past, window=best * rate)
    return larger((pairs - short * (rate - 1) / 2) / rate, 0.0)


@describe("other", shape=elements)
def compress(
    *, tokens: Number, width: Number, entry: Number, rate: Number, activation_bits: Number, kv_bits: Number
) -> Cost:
    """Pool tokens to entries: values and gates of `width` elements each per token become an entry of `entry` elements
    per `rate` tokens, which is cached.

    tokens [token], width, entry [1], rate [token], activation_bits, kv_bits [bit]. Returns the Cost of one call.
    Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.3; 7 FLOP per element [convention].
    """
    return Cost(
        vector_flops=POOL_FLOPS * tokens * width,
        activations_read=2 * tokens * width * activation_bits / BITS_PER_BYTE,
        kv_written=tokens / rate * entry * kv_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=_indexed, scores=("batch", "pairs", "positions"))
def entry_scores(
    *, batch: Number, queries: Number, pairs: Number, entries: Number, heads: Number, head_dim: Number,
    activation_bits: Number, kv_bits: Number,
) -> Cost:  # fmt: skip
    """Scores of an indexer between queries and one key per entry (or per position), a ReLU, a weighted sum over heads,
    and the selection.

    batch [1], queries [token], pairs [1] of a query and a key per sequence, entries [1] whose keys are read, heads,
    head_dim [1] of the indexer, *_bits [bit]. Returns the Cost of one call.
    Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.3; 3 FLOP per head and pair after the product [convention].
    """
    return Cost(
        matmul_flops=2 * heads * head_dim * batch * pairs,
        vector_flops=3 * heads * batch * pairs,
        kv_read=batch * entries * head_dim * kv_bits / BITS_PER_BYTE,
        activations_read=batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
