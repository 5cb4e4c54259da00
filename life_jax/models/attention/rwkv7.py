"""Time mixing of RWKV-7: a delta rule whose decay, learning rate and gate are made through low ranks.

Reference: Peng et al. 2025, arXiv:2503.14456.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import rwkv
from life_jax.models.tensors import Tensor
from life_jax.operators.recurrent import gated_delta

RECURRENT = True
KEYS = ("num_attention_heads", "head_dim", "decay_rank", "gate_rank", "rate_rank", "value_rank")
MIXES, SCALES = 6.0, 3.0  # blends with the token before; scales of keys and of the bonus


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """r, k and v projections; decay, value, rate and gate through low ranks; time_mix: six blends, scales of keys and
    of the bonus."""
    heads, size, decay, gate, rate, value = (block.attention[key] for key in KEYS)
    d, width, n = hidden_size, heads * size, block.repeats
    return (
        *(Tensor(f"{name}_proj", "linear", d, width, repeats=n) for name in ("r", "k", "v")),
        *rwkv.low_rank("decay", d, decay, width, 1.0, n),
        *rwkv.low_rank("value", d, value, width, 1.0, n),
        *rwkv.low_rank("rate", d, rate, width, 1.0, n),
        *rwkv.low_rank("gate", d, gate, width, 0.0, n),
        Tensor("time_mix", "other", MIXES * d + SCALES * width, 1.0, repeats=n),
        Tensor("mixer_norm", "other", 2 * width, 1.0, repeats=n),
        Tensor("o_proj", "linear", width, d, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Six blends with the token before, all projections, the gated delta rule, gated norm, output projection."""
    heads, size, *_ = (block.attention[key] for key in KEYS)
    *into, out = tensors(block, hidden_size)
    rule = {"batch": step.batch, "queries": step.new, "key_heads": heads, "value_heads": heads, "key_dim": size,
            "value_dim": size, "activation_bits": precision.activation_bits}  # fmt: skip
    return (
        rwkv.shift(block, hidden_size, MIXES, step, precision),
        *rwkv.projected(tuple(into), step, precision),
        Op("gated_delta", gated_delta, rule, block.repeats, "attention"),
        *rwkv.gated_output(block, heads * size, out, step, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """A square matrix of head_dim for each head, and the last token of both mixings [byte]; constant in `tokens`."""
    heads, size, *_ = (block.attention[key] for key in KEYS)
    return rwkv.cache_bytes(block, heads, size, size, heads * size, precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of the six blends [1]."""
    heads, size, *_ = (block.attention[key] for key in KEYS)
    return MIXES * heads * size
