"""No mixer: a layer that is only a feed-forward network."""

from life_jax.graph import Op
from life_jax.models.tensors import Tensor
from life_jax.numerics import Number
from life_jax.schedule import Step
from life_jax.specs import Block, Precision

KEYS: tuple[str, ...] = ()


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return ()


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    return ()


def cache_bytes(block: Block, tokens: Number, precision: Precision) -> Number:
    return 0.0 * tokens


def widest(block: Block) -> Number:
    return 0.0
