"""Attention to compressed positions (DeepSeek-V4).

Every `rate` tokens make one compressed entry; a query attends the last positions one by one, and entries
that are complete: those of all tokens before it, or the best of them.
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
    return Shape(m=queries, heads=heads)


def entry_pairs(*, queries: Number, past: Number, rate: Number) -> Number:
    """(query, entry) pairs where query i sees floor((past + i) / rate) entries: exact where whole entries begin and
    end the step, else the mean over where they do."""
    pairs = causal_pairs(queries=queries, past=past)
    return larger((pairs - queries * (rate - 1) / 2) / rate, 0.0)


def best_entry_pairs(*, queries: Number, past: Number, rate: Number, best: Number) -> Number:
    """The same where a query attends at most `best` entries."""
    short = clip(best * rate - past, 0.0, queries)  # queries that see fewer
    pairs = window_pairs(queries=queries, past=past, window=best * rate)
    return larger((pairs - short * (rate - 1) / 2) / rate, 0.0)


@describe("other", shape=elements)
def compress(
    *, tokens: Number, width: Number, entry: Number, rate: Number, activation_bits: Number, kv_bits: Number
) -> Cost:
    """Values and gates of `width` each a token -> one entry of `entry` elements every `rate` tokens, cached."""
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
    """Scores of an indexer: `pairs` pairs of a query and one key per entry (or position), `entries` keys read;
    then a ReLU, a weighted sum over heads and the selection (3 FLOP per head and pair)."""
    return Cost(
        matmul_flops=2 * heads * head_dim * batch * pairs,
        vector_flops=3 * heads * batch * pairs,
        kv_read=batch * entries * head_dim * kv_bits / BITS_PER_BYTE,
        activations_read=batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
