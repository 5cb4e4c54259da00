"""Plain MLP: down(act(up x)), two matrices (GELU, ReLU)."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import activation

KEYS = ("intermediate_size", "ffn_bias")
OPTIONAL = ("activation_parameters",)


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Two matrices, up to intermediate_size and down from it, and the activation function's learned parameters where it
    has any."""
    width, bias = block.ffn["intermediate_size"], block.ffn["ffn_bias"]
    learned = block.ffn.get("activation_parameters", 0.0)
    return (
        Tensor("up_proj", "linear", hidden_size, width, bias, block.repeats),
        Tensor("down_proj", "linear", width, hidden_size, bias, block.repeats),
        Tensor("activation", "other", learned, 1.0, repeats=block.repeats),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Up, activation function, down."""
    up, down = (project(t, step.tokens, precision) for t in tensors(block, hidden_size)[:2])
    args = {
        "tokens": step.tokens,
        "width": block.ffn["intermediate_size"],
        "activation_bits": precision.activation_bits,
    }
    return (up, Op("activation", activation, args, block.repeats), down)


def widest(block: Block) -> Number:
    """Elements per token of the hidden layer, before and after the activation [1]."""
    return 2 * block.ffn["intermediate_size"]
