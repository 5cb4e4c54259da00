"""Lightning attention (MiniMax-01): linear attention with a fixed decay for each head, normed and gated.

Reference: Qin et al. 2024, arXiv:2401.04658; MiniMax 2025, arXiv:2501.08313.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, on_one, project
from life_jax.operators.recurrent import STATE_BITS, linear_attention

RECURRENT = True
KEYS = ("num_attention_heads", "head_dim")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Fused q, k and v, a gate as wide, the output projection and a norm over all heads; the fixed decay is not
    learned."""
    heads, size = (block.attention[key] for key in KEYS)
    width, n = heads * size, block.repeats
    return (
        Tensor("in_proj_qkv", "linear", hidden_size, 3 * width, repeats=n),
        Tensor("gate_proj_z", "linear", hidden_size, width, repeats=n),
        Tensor("out_proj", "linear", width, hidden_size, repeats=n),
        Tensor("mixer_norm", "other", width, 1.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """q, k and v, gate, linear attention without convolution or rotary, gated norm, output projection."""
    heads, size = (block.attention[key] for key in KEYS)
    qkv, gate, out, _ = tensors(block, hidden_size)
    rule = {"batch": step.batch, "queries": step.new, "heads": heads, "key_dim": size, "value_dim": size}
    rule["activation_bits"] = precision.activation_bits
    return (
        project(qkv, step.tokens, precision),
        project(gate, step.tokens, precision),
        Op("linear_attention", linear_attention, rule, block.repeats, "attention"),
        *recurrent.gated_norm(block, heads * size, heads * size, step, precision),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """A matrix of head_dim x head_dim for each head [byte]; constant in `tokens`."""
    heads, size = (block.attention[key] for key in KEYS)
    return on_one(block.repeats * heads * size * size * STATE_BITS / BITS_PER_BYTE, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of q, k, v and gate [1]."""
    heads, size = (block.attention[key] for key in KEYS)
    return 4 * heads * size
