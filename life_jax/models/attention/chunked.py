"""Chunked-local causal attention (Llama 4): a token attends its own chunk of attention_chunk_size positions."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, floor, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.tensors import Tensor
from life_jax.operators.attention import chunk_pairs, chunk_positions

KEYS = (*full.KEYS, "attention_chunk_size")
OPTIONAL = full.OPTIONAL


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return full.tensors(block, hidden_size)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """As full attention, over the chunk. Decode bends where the next chunk begins: one such bend is followed."""
    chunk = block.attention["attention_chunk_size"]
    span = {"queries": step.new, "past": step.past, "chunk": chunk}
    core = full.attention_core(
        block,
        step,
        precision,
        pairs=chunk_pairs(**span),
        positions=chunk_positions(**span),
        bend=chunk * (floor(step.past / chunk) + 1),
    )
    return full.around(block, tensors(block, hidden_size), step, precision, core)


def cache_bytes(block: Block, tokens: Number, precision: Precision) -> Number:
    """`tokens` positions, at most a chunk."""
    return full.cache_bytes(block, smaller(tokens, block.attention["attention_chunk_size"]), precision)


def widest(block: Block) -> Number:
    return full.widest(block)
