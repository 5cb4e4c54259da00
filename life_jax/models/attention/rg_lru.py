"""Real-gated linear recurrence (RecurrentGemma): two branches, one of which is convolved and recurrent; then their
product.

The gates are products with block-diagonal matrices, a block for each head.
Reference: De et al. 2024, arXiv:2402.19427.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import gate_multiply
from life_jax.operators.recurrent import linear_recurrence

RECURRENT = True
KEYS = ("num_attention_heads", "lru_width", "conv_kernel_size", "conv_bias")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Projections to both branches; lru_gates: the blocks of two gates side by side; lru_scalars: their biases and the
    decay of each channel."""
    heads, width, *_ = (block.attention[key] for key in KEYS)
    n = block.repeats
    return (
        Tensor("in_proj_y", "linear", hidden_size, width, 1.0, n),
        Tensor("in_proj_x", "linear", hidden_size, width, 1.0, n),
        Tensor("lru_gates", "linear", width / heads, 2 * width, repeats=n),
        Tensor("out_proj", "linear", width, hidden_size, 1.0, n),
        recurrent.conv_tensor(block, width),
        Tensor("lru_scalars", "other", width, 3.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Both input projections, convolution of one branch, its gates by block-diagonal products, recurrence, product of
    both branches, output projection."""
    width = block.attention["lru_width"]
    y, x, gates, out, *_ = tensors(block, hidden_size)
    scan = {"batch": step.batch, "queries": step.new, "width": width, "activation_bits": precision.activation_bits}
    gate = {"tokens": step.tokens, "width": width, "activation_bits": precision.activation_bits}
    return (
        project(y, step.tokens, precision),
        project(x, step.tokens, precision),
        recurrent.conv(block, width, step, precision),
        # a block-diagonal product is a dense one with as many inputs as a block has
        project(gates, step.tokens, precision),
        Op("linear_recurrence", linear_recurrence, scan, block.repeats),
        Op("mixer_gate", gate_multiply, gate, block.repeats),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """An element for each of lru_width channels and the last inputs of the convolution [byte]; constant in `tokens`."""
    width = block.attention["lru_width"]
    return recurrent.cache_bytes(block, width, width, precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of both branches [1]."""
    return 2 * block.attention["lru_width"]
