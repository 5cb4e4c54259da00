"""Mixture of gated experts beside a dense gated MLP that reads the same input; their outputs are added (LongCat)."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, larger
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import gated, mixture
from life_jax.models.tensors import Tensor
from life_jax.operators.elementwise import residual_add

KEYS = (*gated.KEYS, *mixture.KEYS)
OPTIONAL = mixture.OPTIONAL


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of the dense MLP and of the mixture."""
    return (*gated.tensors(block, hidden_size), *mixture.tensors(block, hidden_size, gated))


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Dense MLP, mixture, the sum of both."""
    bits = {"tokens": step.tokens, "width": hidden_size, "activation_bits": precision.activation_bits}
    return (
        *gated.operators(block, hidden_size, step, precision),
        *mixture.operators(block, hidden_size, step, precision, gated),
        Op("branch_sum", residual_add, {**bits, "branches": 1.0}, block.repeats),
    )


def widest(block: Block) -> Number:
    """Elements per token of the wider of the two networks [1], since they run one after the other."""
    return larger(gated.widest(block), mixture.widest(block))
