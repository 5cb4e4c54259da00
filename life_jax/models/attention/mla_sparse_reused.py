"""Latent attention to the positions that an earlier layer's indexer selected (GLM-5.2): no indexer of its own."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import mla, mla_sparse
from life_jax.models.tensors import Tensor

KEYS = (*mla.KEYS, "index_topk")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return mla.tensors(block, hidden_size)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    return mla_sparse.selected_attention(block, hidden_size, step, precision)


def cache_bytes(block: Block, tokens: Number, precision: Precision) -> Number:
    """The latent cache alone."""
    return mla.cache_bytes(block, tokens, precision)


def widest(block: Block) -> Number:
    return mla.widest(block)
