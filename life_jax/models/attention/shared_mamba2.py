"""A shared transformer block in front of Mamba 2 (Zamba 2's hybrid layers)."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import mamba2, shared_block
from life_jax.models.tensors import Tensor

KEYS = tuple(dict.fromkeys((*shared_block.KEYS, *mamba2.KEYS)))


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return shared_block.tensors(block, hidden_size, mamba2)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    return shared_block.operators(block, hidden_size, step, precision, mamba2)


def cache_bytes(block: Block, tokens: Number, precision: Precision) -> Number:
    return shared_block.cache_bytes(block, tokens, precision, mamba2)


def widest(block: Block) -> Number:
    return shared_block.widest(block, mamba2)
