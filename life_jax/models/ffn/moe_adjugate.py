"""Mixture of gated experts in groups, each group with a small adjugate expert (GroveMoE).

A token also runs the adjugate experts of the groups that its chosen experts are of, once each; their outputs are
scaled and added. At most as many as chosen experts: which groups coincide is not counted.

Reference: Wu et al. 2025, arXiv:2508.07785.
"""

from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import gated, mixture
from life_jax.models.tensors import Tensor
from life_jax.operators.elementwise import gate_multiply, residual_add

KEYS = (*mixture.KEYS, "adjugate_intermediate_size", "experts_per_adjugate")
OPTIONAL = mixture.OPTIONAL
NUMBERS = {
    "adjugate_intermediate_size": {"name": "width of the adjugate expert of a group of experts"},
    "experts_per_adjugate": {"name": "experts of a group that has an adjugate expert"},
}


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of the mixture, and three matrices for each group of experts."""
    return (*mixture.tensors(block, hidden_size, gated), *_adjugate(block, hidden_size))


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """The mixture, products of the touched adjugate experts on the rows that were chosen, the sum of both."""
    gate, up, down = (mixture.grouped(t, block, step, precision) for t in _adjugate(block, hidden_size))
    bits = {"activation_bits": precision.activation_bits}
    inside = {"tokens": step.tokens * _used(block), "width": block.ffn["adjugate_intermediate_size"], **bits}
    return (
        *mixture.operators(block, hidden_size, step, precision, gated),
        gate,
        up,
        Op("adjugate_gate_multiply", gate_multiply, inside, block.repeats),
        down,
        Op("branch_sum", residual_add, {"tokens": step.tokens, "width": hidden_size, "branches": 1.0, **bits},
           block.repeats),
    )  # fmt: skip


def widest(block: Block) -> Number:
    """Elements per token of the chosen experts [1], which run before the adjugate ones."""
    return mixture.widest(block)


def _used(block: Block) -> Number:
    """Adjugate experts of a token [1]."""
    return smaller(block.ffn["num_experts_per_tok"], _groups(block))


def _groups(block: Block) -> Number:
    return block.ffn["num_experts"] / block.ffn["experts_per_adjugate"]


def _adjugate(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    width = block.ffn["adjugate_intermediate_size"]
    each: dict[str, Any] = {"repeats": block.repeats, "of_experts": True, "copies": _groups(block)}
    each["used"] = _used(block)
    return (
        Tensor("adjugate_gate_proj", "linear", hidden_size, width, **each),
        Tensor("adjugate_up_proj", "linear", hidden_size, width, **each),
        Tensor("adjugate_down_proj", "linear", width, hidden_size, **each),
    )
