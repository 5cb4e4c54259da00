"""No mixer: a layer that is only a feed-forward network."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor

KEYS: tuple[str, ...] = ()


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return ()


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    return ()


def cache_bytes(block: Block, tokens: Number, precision: Precision) -> Number:
    return 0.0 * tokens


def widest(block: Block) -> Number:
    return 0.0
