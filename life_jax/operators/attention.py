"""Scaled dot-product attention over a KV cache, fused and unfused, and the cache append.

`queries` new tokens per sequence attend `past` cached ones and, causally, each other:
the new token attends to itself, so T = past + queries positions are cached afterwards.
"""

from life_jax.cost import Cost
from life_jax.numerics import Number
from life_jax.units import BITS_PER_BYTE

SOFTMAX_FLOPS = 5  # per score: max, subtract, exp, sum, divide (modelling.md 0)


def causal_pairs(*, queries: Number, past: Number) -> Number:
    """(query, key) pairs of a causal step: query i attends past + i keys. Chunks sum to the whole."""
    return queries * past + queries * (queries + 1) / 2


def kv_bytes(*, tokens: Number, kv_heads: Number, head_dim: Number, kv_bits: Number, kv_scale_bits: Number) -> Number:
    """Bytes of keys and values of `tokens` positions in one layer; one scale per head vector."""
    return 2 * tokens * kv_heads * (head_dim * kv_bits + kv_scale_bits) / BITS_PER_BYTE


def flash_attention(
    *,
    batch: Number,
    queries: Number,
    past: Number,
    heads: Number,
    kv_heads: Number,
    head_dim: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
    kv_dequant_flops: Number,
    bias_flops: Number,
) -> Cost:
    """Fused attention: causal pairs only, scores never leave the chip, K and V read once.

    Reference: Dao et al. 2022 (traffic of Q, K, V and O); bias_flops: ALiBi adds 1 per score.
    """
    pairs = batch * heads * causal_pairs(queries=queries, past=past)
    cached = 2 * batch * (past + queries) * kv_heads * head_dim
    vectors = batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=4 * head_dim * pairs,
        vector_flops=(SOFTMAX_FLOPS + bias_flops) * pairs + kv_dequant_flops * cached,
        kv_read=batch
        * kv_bytes(
            tokens=past + queries, kv_heads=kv_heads, head_dim=head_dim, kv_bits=kv_bits, kv_scale_bits=kv_scale_bits
        ),
        activations_read=vectors,
        activations_written=vectors,
        dispatches=1,
    )


def _half(
    *,
    batch: Number,
    queries: Number,
    past: Number,
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
    cached = batch * (past + queries) * kv_heads
    return Cost(
        matmul_flops=2 * head_dim * batch * heads * queries * (past + queries),
        vector_flops=kv_dequant_flops * cached * head_dim,
        kv_read=cached * (head_dim * kv_bits + kv_scale_bits) / BITS_PER_BYTE,
        activations_read=read,
        activations_written=written,
        dispatches=1,
    )


def attention_scores(
    *,
    batch: Number,
    queries: Number,
    past: Number,
    heads: Number,
    head_dim: Number,
    activation_bits: Number,
    **kv: Number,
) -> Cost:
    """Q K^T of unfused attention: reads Q and K, writes the score rectangle."""
    shape = {"batch": batch, "queries": queries, "past": past, "heads": heads, "head_dim": head_dim}
    vectors = batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE
    scores = batch * heads * queries * (past + queries) * activation_bits / BITS_PER_BYTE
    return _half(read=vectors, written=scores, **shape, **kv)


def attention_values(
    *,
    batch: Number,
    queries: Number,
    past: Number,
    heads: Number,
    head_dim: Number,
    activation_bits: Number,
    **kv: Number,
) -> Cost:
    """P V of unfused attention: reads the score rectangle and V, writes the output vectors."""
    shape = {"batch": batch, "queries": queries, "past": past, "heads": heads, "head_dim": head_dim}
    vectors = batch * queries * heads * head_dim * activation_bits / BITS_PER_BYTE
    scores = batch * heads * queries * (past + queries) * activation_bits / BITS_PER_BYTE
    return _half(read=scores, written=vectors, **shape, **kv)


def softmax(
    *, batch: Number, queries: Number, past: Number, heads: Number, activation_bits: Number, bias_flops: Number
) -> Cost:
    """Softmax over the rows of the unfused score rectangle: read once, written once."""
    rectangle = batch * heads * queries * (past + queries)
    return Cost(
        vector_flops=(SOFTMAX_FLOPS + bias_flops) * rectangle,
        activations_read=rectangle * activation_bits / BITS_PER_BYTE,
        activations_written=rectangle * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def kv_append(
    *,
    tokens: Number,
    kv_heads: Number,
    head_dim: Number,
    activation_bits: Number,
    kv_bits: Number,
    kv_scale_bits: Number,
) -> Cost:
    """New keys and values into the cache, at the cache's precision."""
    return Cost(
        activations_read=2 * tokens * kv_heads * head_dim * activation_bits / BITS_PER_BYTE,
        kv_written=kv_bytes(
            tokens=tokens, kv_heads=kv_heads, head_dim=head_dim, kv_bits=kv_bits, kv_scale_bits=kv_scale_bits
        ),
        dispatches=1,
    )
