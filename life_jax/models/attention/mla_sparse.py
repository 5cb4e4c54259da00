"""Latent attention to the positions that a light indexer selects (DeepSeek V3.2's DSA)."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller, where
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.attention import mla
from life_jax.models.tensors import Tensor, project
from life_jax.operators.attention import window_pairs
from life_jax.operators.latent_attention import index_scores, latent_append

INDEXER = ("index_n_heads", "index_head_dim", "index_topk")
KEYS = (*mla.KEYS, *INDEXER)


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of latent attention, and the indexer: queries from the low-rank query, a key per token, a weight per
    head, a norm."""
    return (*mla.tensors(block, hidden_size), *_indexer(block, hidden_size))


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """The indexer projects and caches its keys and scores every position causally; latent attention then reads at most
    index_topk positions per query."""
    heads, width, _ = (block.attention[key] for key in INDEXER)
    query, key, weights, _ = _indexer(block, hidden_size)
    scores = {"batch": step.batch, "queries": step.new, "past": step.past, "heads": heads, "head_dim": width}
    bits = {"activation_bits": precision.activation_bits, "kv_bits": precision.kv_bits}
    append = {"tokens": step.tokens, "width": width, "kv_scale_bits": 0.0, **bits}
    return (
        *(project(t, step.tokens, precision) for t in (query, key, weights)),
        Op("index_append", latent_append, append, block.repeats),
        Op("index_scores", index_scores, {**scores, **bits}, block.repeats, "attention", grows=True),
        *selected_attention(block, hidden_size, step, precision),
    )


def selected_attention(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Latent attention of each query to at most index_topk positions."""
    selected = block.attention["index_topk"]
    return mla.latent_operators(
        block,
        hidden_size,
        step,
        precision,
        pairs=window_pairs(queries=step.new, past=step.past, window=selected),
        positions=smaller(step.past + step.new, selected * step.new),
        bend=selected - 1,
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """The latent cache of every position, and an index key of index_head_dim elements for each [byte], both whole on
    each of `devices` devices [1]."""
    keys = block.repeats * tokens * block.attention["index_head_dim"] * precision.kv_bits / BITS_PER_BYTE
    return mla.cache_bytes(block, tokens, precision, devices) + keys


def widest(block: Block) -> Number:
    """Elements per token of q, and of K and V expanded [1], as in latent attention."""
    return mla.widest(block)


def _indexer(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Queries from the low-rank query, or from the hidden state where there is none; a key per token, a weight per
    head; the norm of the key (LayerNorm)."""
    heads, width, _ = (block.attention[key] for key in INDEXER)
    n, low = block.repeats, block.attention["q_lora_rank"]
    return (
        Tensor("index_q_proj", "linear", where(low > 0, low, hidden_size), heads * width, repeats=n, parts=1.0),
        Tensor("index_k_proj", "linear", hidden_size, width, repeats=n, parts=1.0),
        Tensor("index_weights_proj", "router", hidden_size, heads, repeats=n),
        Tensor("index_k_norm", "other", 2 * width, 1.0, repeats=n),
    )
