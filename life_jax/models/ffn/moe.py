"""Mixture of gated experts (gate, up and down matrices each), shared experts among them."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import gated, mixture
from life_jax.models.tensors import Tensor

KEYS, OPTIONAL = mixture.KEYS, mixture.OPTIONAL


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    return mixture.tensors(block, hidden_size, gated)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    return mixture.operators(block, hidden_size, step, precision, gated)


def widest(block: Block) -> Number:
    return mixture.widest(block)
