"""Kimi delta attention: the delta rule with a separate decay for every channel of the keys.

Decay and output gate are made in two steps, through the width of a head (kda), in one (kda_full, Ling 3), or the decay
in two and the gate in one (kda_full_gate, Kimi K3).
Reference: Kimi team 2025, arXiv:2510.26692.
"""

from collections.abc import Collection
from functools import partial

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import recurrent
from life_jax.models.kind import Kind
from life_jax.models.tensors import Tensor, project
from life_jax.operators.recurrent import gated_delta

KEYS = ("linear_num_value_heads", "linear_value_head_dim", "conv_kernel_size", "conv_bias")


def tensors(block: Block, hidden_size: Number, full: Collection[str]) -> tuple[Tensor, ...]:
    """Separate q, k and v projections, decay and gate in two steps, those of `full` in one; write strength; output.

    ssm_scalars: time-step bias of every channel and decay rate of every head.
    """
    heads, size, *_ = (block.attention[key] for key in KEYS)
    width, n = heads * size, block.repeats

    def made(name: str) -> tuple[Tensor, ...]:
        if name in full:
            return (Tensor(f"{name}_proj", "linear", hidden_size, width, repeats=n),)
        into = Tensor(f"{name}_a_proj", "linear", hidden_size, size, repeats=n)
        return (into, Tensor(f"{name}_b_proj", "linear", size, width, repeats=n))

    return (
        Tensor("q_proj", "linear", hidden_size, width, repeats=n),
        Tensor("k_proj", "linear", hidden_size, width, repeats=n),
        Tensor("v_proj", "linear", hidden_size, width, repeats=n),
        *made("decay"),
        Tensor("in_proj_b", "linear", hidden_size, heads, repeats=n),
        *made("output_gate"),
        Tensor("out_proj", "linear", width, hidden_size, repeats=n),
        recurrent.conv_tensor(block, 3 * width),
        Tensor("ssm_scalars", "other", width + heads, 1.0, repeats=n),
        Tensor("mixer_norm", "other", size, 1.0, repeats=n),
    )


def operators(
    block: Block, hidden_size: Number, step: Step, precision: Precision, full: Collection[str]
) -> tuple[Op, ...]:
    """All input projections (q, k, v, decay, write strength, gate), convolution of q, k and v, the delta rule, gated
    norm, output projection."""
    heads, size, *_ = (block.attention[key] for key in KEYS)
    *into, out = (t for t in tensors(block, hidden_size, full) if t.name.endswith(("_proj", "in_proj_b")))
    rule = {
        "batch": step.batch,
        "queries": step.new,
        "key_heads": heads,
        "value_heads": heads,
        "key_dim": size,
        "value_dim": size,
        "activation_bits": precision.activation_bits,
    }
    return (
        *(project(tensor, step.tokens, precision) for tensor in into),
        recurrent.conv(block, 3 * heads * size, step, precision),
        Op("gated_delta", gated_delta, rule, block.repeats, "attention"),
        *recurrent.gated_norm(block, heads * size, size, step, precision),
        project(out, step.tokens, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """A square matrix of the head's size for each head, and the last inputs of the convolution of q, k and v [byte];
    constant in `tokens`."""
    heads, size, *_ = (block.attention[key] for key in KEYS)
    return recurrent.cache_bytes(block, heads * size * size, 3 * heads * size, precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of q, k, v and gate [1]."""
    return 4 * block.attention["linear_num_value_heads"] * block.attention["linear_value_head_dim"]


def _kind(*full: str) -> Kind:
    return Kind(KEYS, partial(tensors, full=full), partial(operators, full=full), widest, cache_bytes, RECURRENT=True)


kda, kda_full, kda_full_gate = _kind(), _kind("decay", "output_gate"), _kind("output_gate")
