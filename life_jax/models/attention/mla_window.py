"""Latent attention to the last sliding_window positions; the cache holds no more latents than that (dots 3)."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import mla
from life_jax.models.tensors import Tensor
from life_jax.operators.attention import window_pairs, window_positions

KEYS = (*mla.KEYS, "sliding_window")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of latent attention."""
    return mla.tensors(block, hidden_size)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Operators of latent attention, with at most sliding_window positions for each query."""
    shape = {"queries": step.new, "past": step.past, "window": block.attention["sliding_window"]}
    return mla.latent_operators(
        block,
        hidden_size,
        step,
        precision,
        pairs=window_pairs(**shape),
        positions=window_positions(**shape),
        bend=block.attention["sliding_window"] - 1,
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """The latents of the last sliding_window positions [byte]."""
    return mla.cache_bytes(block, smaller(tokens, block.attention["sliding_window"]), precision, devices)


def widest(block: Block) -> Number:
    """Elements per token of q, and of K and V expanded [1], as in latent attention."""
    return mla.widest(block)
