"""Latent attention to the positions that an earlier layer's indexer selected (GLM-5.2), without an indexer."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import mla, mla_sparse
from life_jax.models.tensors import Tensor

KEYS = (*mla.KEYS, "index_topk")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of latent attention alone: no indexer."""
    return mla.tensors(block, hidden_size)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Latent attention to at most index_topk positions per query, without any scoring before it."""
    return mla_sparse.selected_attention(block, hidden_size, step, precision)


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """The latent cache of every position; no index keys [byte]."""
    return mla.cache_bytes(block, tokens, precision, devices)


def widest(block: Block) -> Number:
    """Elements per token of q, and of K and V expanded [1], as in latent attention."""
    return mla.widest(block)
