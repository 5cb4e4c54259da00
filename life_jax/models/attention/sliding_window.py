"""Causal attention to the last `sliding_window` positions; the cache keeps no more than those."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.tensors import Tensor
from life_jax.operators.attention import window_pairs, window_positions

KEYS = (*full.KEYS, "sliding_window")
OPTIONAL = full.OPTIONAL


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return full.tensors(block, hidden_size)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """As full attention, over the window."""
    span = {"queries": step.new, "past": step.past, "window": block.attention["sliding_window"]}
    core = full.attention_core(
        block,
        step,
        precision,
        pairs=window_pairs(**span),
        positions=window_positions(**span),
        bend=block.attention["sliding_window"] - 1,
    )
    return full.around(block, tensors(block, hidden_size), step, precision, core)


def cache_bytes(block: Block, tokens: Number, precision: Precision) -> Number:
    """A rolling buffer: `tokens` positions, at most the window."""
    return full.cache_bytes(block, smaller(tokens, block.attention["sliding_window"]), precision)


def widest(block: Block) -> Number:
    return full.widest(block)
