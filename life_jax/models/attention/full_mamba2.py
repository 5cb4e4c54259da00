"""Full attention and a Mamba 2 mixer side by side (Falcon-H1): both read the same input, their outputs are added."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full, mamba2
from life_jax.models.tensors import Tensor
from life_jax.operators.elementwise import residual_add

KEYS = (*full.KEYS, *mamba2.KEYS)
OPTIONAL = full.OPTIONAL


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of full attention, then those of Mamba 2; the sum of their outputs has none."""
    return (*full.tensors(block, hidden_size), *mamba2.tensors(block, hidden_size))


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """All operators of full attention, all of Mamba 2, then the sum of both outputs."""
    bits = {"branches": 1.0, "activation_bits": precision.activation_bits}
    add = {"tokens": step.tokens, "width": hidden_size, **bits}
    return (
        *full.operators(block, hidden_size, step, precision),
        *mamba2.operators(block, hidden_size, step, precision),
        Op("mixer_sum", residual_add, add, block.repeats),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Keys and values of every position, and Mamba 2's constant state [byte]."""
    return full.cache_bytes(block, tokens, precision, devices) + mamba2.cache_bytes(block, tokens, precision, devices)


def widest(block: Block) -> Number:
    """Elements per token of q, k and v and of Mamba 2's input projection together [1], since both branches are live."""
    return full.widest(block) + mamba2.widest(block)
