"""Time mixing of RWKV-4: for every channel a mean over the past with a fixed decay, and a receptance that gates it.

Reference: Peng et al. 2023, arXiv:2305.13048.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import rwkv
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import gate_multiply
from life_jax.operators.recurrent import linear_recurrence

RECURRENT = True
KEYS = ("lru_width",)
MIXES = 3.0  # blends with the token before, of key, value and receptance
STATES = 3.0  # of a channel: numerator, denominator, largest exponent


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Key, value, receptance and output projections; time_mix: weights of the blends, decay and bonus of channels."""
    width, n = block.attention["lru_width"], block.repeats
    return (
        Tensor("k_proj", "linear", hidden_size, width, repeats=n),
        Tensor("v_proj", "linear", hidden_size, width, repeats=n),
        Tensor("r_proj", "linear", hidden_size, width, repeats=n),
        Tensor("o_proj", "linear", width, hidden_size, repeats=n),
        Tensor("time_mix", "other", MIXES * hidden_size + 2 * width, 1.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Three blends with the token before, three projections, the recurrence, its gate, output projection."""
    width, bits = block.attention["lru_width"], precision.activation_bits
    *into, out, _ = tensors(block, hidden_size)
    rule = {"batch": step.batch, "queries": step.new, "width": STATES * width, "activation_bits": bits}
    gate = {"tokens": step.tokens, "width": width, "activation_bits": bits}
    return (
        rwkv.shift(block, hidden_size, MIXES, step, precision),
        *(project(tensor, step.tokens, precision) for tensor in into),
        Op("linear_recurrence", linear_recurrence, rule, block.repeats),
        Op("receptance_gate", gate_multiply, gate, block.repeats),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Three numbers for each channel, and the last token of both mixings [byte]; constant in `tokens`."""
    width = block.attention["lru_width"]
    return rwkv.cache_bytes(block, width, STATES, 1.0, width, precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of key, value and receptance [1]."""
    return MIXES * block.attention["lru_width"]
