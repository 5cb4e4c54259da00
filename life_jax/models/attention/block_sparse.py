"""Full attention in which queries attend the best blocks of positions, selected by a light indexer (MiniMax-M3).

The block of the query itself is always among them, and half full on average.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.attention import full
from life_jax.models.tensors import Tensor, project
from life_jax.operators.attention import causal_pairs, window_pairs
from life_jax.operators.compressed_attention import entry_scores
from life_jax.operators.latent_attention import latent_append

INDEXER = ("index_n_heads", "index_head_dim", "index_block_size", "index_topk_blocks")
KEYS = (*full.KEYS, *INDEXER)
OPTIONAL = full.OPTIONAL


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of full attention, and the indexer: queries of a few heads, a key per token, norms of both."""
    return (*full.tensors(block, hidden_size), *_indexer(block, hidden_size))


def _indexer(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Queries of a few heads, a key per token, and norms of both."""
    heads, size, *_ = (block.attention[key] for key in INDEXER)
    n = block.repeats
    return (
        Tensor("index_q_proj", "linear", hidden_size, heads * size, repeats=n, parts=1.0),
        Tensor("index_k_proj", "linear", hidden_size, size, repeats=n, parts=1.0),
        Tensor("index_norms", "other", 2 * size, 1.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Index queries and keys are projected and cached, the indexer scores every position, then full attention to the
    best blocks.

    A query attends index_topk_blocks blocks less half of its own on average, and never more positions than there are.
    """
    heads, size, length, best = (block.attention[key] for key in INDEXER)
    attended = best * length - (length - 1) / 2
    span = {"queries": step.new, "past": step.past}
    bits = {"activation_bits": precision.activation_bits, "kv_bits": precision.kv_bits}
    scores = {
        "batch": step.batch,
        "queries": step.new,
        "pairs": causal_pairs(**span),
        "entries": step.past + step.new,
        "heads": heads,
        "head_dim": size,
        **bits,
    }
    append = {"tokens": step.tokens, "width": size, "kv_scale_bits": 0.0, **bits}
    core = full.attention_core(
        block,
        step,
        precision,
        pairs=window_pairs(**span, window=attended),
        positions=smaller(step.past + step.new, attended * step.new),
        bend=attended - 1,
    )
    query, key, _ = _indexer(block, hidden_size)
    return (
        project(query, step.tokens, precision),
        project(key, step.tokens, precision),
        Op("index_append", latent_append, append, block.repeats),
        Op("index_scores", entry_scores, scores, block.repeats, "attention", grows=True),
        *full.around(block, full.tensors(block, hidden_size), step, precision, core),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Keys and values of every position, and an index key of index_head_dim elements for each [byte], which each of
    `devices` devices [1] keeps."""
    keys = block.repeats * tokens * block.attention["index_head_dim"] * precision.kv_bits / BITS_PER_BYTE
    return full.cache_bytes(block, tokens, precision, devices) + keys


def widest(block: Block) -> Number:
    """Elements per token of q, k and v [1], as in full attention: the indexer's are fewer."""
    return full.widest(block)
