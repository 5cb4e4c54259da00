"""Gated MLP: down(act(gate x) * up x), three matrices (SwiGLU, GeGLU)."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import gate_multiply

KEYS = ("intermediate_size", "ffn_bias")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Three matrices: gate and up to intermediate_size, down from it."""
    width, bias = block.ffn["intermediate_size"], block.ffn["ffn_bias"]
    return (
        Tensor("gate_proj", "linear", hidden_size, width, bias, block.repeats),
        Tensor("up_proj", "linear", hidden_size, width, bias, block.repeats),
        Tensor("down_proj", "linear", width, hidden_size, bias, block.repeats),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Gate, up, the product act(gate) * up, down."""
    gate, up, down = (project(t, step.tokens, precision) for t in tensors(block, hidden_size))
    args = {
        "tokens": step.tokens,
        "width": block.ffn["intermediate_size"],
        "activation_bits": precision.activation_bits,
    }
    return (gate, up, Op("gate_multiply", gate_multiply, args, block.repeats), down)


def widest(block: Block) -> Number:
    """Elements per token of gate and up together [1]."""
    return 2 * block.ffn["intermediate_size"]
