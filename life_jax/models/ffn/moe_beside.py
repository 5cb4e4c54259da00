"""Mixture of gated experts beside a dense gated MLP (Gemma 4): both have their own norms; their outputs are added."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, larger
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import gated, mixture
from life_jax.models.tensors import Tensor
from life_jax.operators.elementwise import NORM_FLOPS, NORM_VECTORS, norm, residual_add

KEYS = (*gated.KEYS, *mixture.KEYS)
OPTIONAL = mixture.OPTIONAL
BEFORE, BEHIND = ("experts_input_norm",), ("mlp_branch_norm", "experts_output_norm")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of the dense MLP and of the mixture, three norms; router_scale: of the router's input, element by
    element, and of each expert."""
    weights, n = NORM_VECTORS[block.norm] * hidden_size, block.repeats
    return (
        *gated.tensors(block, hidden_size),
        *mixture.tensors(block, hidden_size, gated),
        Tensor("branch_norms", "other", len(BEFORE + BEHIND) * weights, 1.0, repeats=n),
        Tensor("router_scale", "other", hidden_size + block.ffn["num_experts"], 1.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Dense MLP, norms of the experts' and the router's input, mixture, norms of both outputs, their sum."""
    bits = {"tokens": step.tokens, "width": hidden_size, "activation_bits": precision.activation_bits}
    learned = {"flops": NORM_FLOPS[block.norm], "weight_bits": precision.other_bits}
    weights = NORM_VECTORS[block.norm] * hidden_size

    def norms(*names: str) -> tuple[Op, ...]:
        return tuple(Op(name, norm, {**bits, **learned, "weights": weights}, block.repeats) for name in names)

    return (
        *gated.operators(block, hidden_size, step, precision),
        *norms(*BEFORE, "router_norm"),
        *mixture.operators(block, hidden_size, step, precision, gated),
        *norms(*BEHIND),
        Op("branch_sum", residual_add, {**bits, "branches": 1.0}, block.repeats),
    )


def widest(block: Block) -> Number:
    """Elements per token of the wider of the two networks [1], since they run one after the other."""
    return larger(gated.widest(block), mixture.widest(block))
