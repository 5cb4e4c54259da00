"""One matrix in the place of a feed-forward network (Puzzle's networks, such as Nemotron 51B).

Reference: Bercovich et al. 2024, arXiv:2411.19146.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import none
from life_jax.models.tensors import Tensor, project

KEYS: tuple[str, ...] = ()
widest = none.widest


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """A matrix of hidden_size x hidden_size, in the place of the last projection."""
    return (Tensor("down_proj", "linear", hidden_size, hidden_size, repeats=block.repeats),)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """The product of every token with the matrix."""
    return tuple(project(t, step.tokens, precision) for t in tensors(block, hidden_size))
