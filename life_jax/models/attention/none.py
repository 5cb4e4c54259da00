"""No mixer: a layer that consists of a feed-forward network only."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor

KEYS: tuple[str, ...] = ()


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """No tensor."""
    return ()


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """No operator: the decoder then leaves out this branch's residual too."""
    return ()


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """No bytes: nothing is kept per sequence."""
    return 0.0 * tokens


def widest(block: Block) -> Number:
    """0 [1]: no activation."""
    return 0.0
