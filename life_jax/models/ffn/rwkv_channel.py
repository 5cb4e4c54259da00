"""Channel mixing of RWKV: a plain network on a blend with the token before; RWKV-6 also gates its output."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import plain
from life_jax.models.tensors import Tensor, project
from life_jax.operators.elementwise import gate_multiply
from life_jax.operators.recurrent import token_shift

KEYS = ("intermediate_size", "ffn_bias", "channel_receptance")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Up and down matrices, weights of the blends; with channel_receptance 1 (RWKV-6) a square matrix of the gate."""
    gated, n = block.ffn["channel_receptance"], block.repeats
    return (
        *plain.tensors(block, hidden_size)[:2],
        Tensor("receptance_proj", "linear", hidden_size, gated * hidden_size, repeats=n),
        Tensor("channel_mix", "other", (1 + gated) * hidden_size, 1.0, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Blends with the token before, receptance, the plain network, the gate; receptance and gate have no repeats
    without channel_receptance."""
    gated, bits = block.ffn["channel_receptance"], precision.activation_bits
    mix = {"batch": step.batch, "queries": step.new, "width": hidden_size, "mixes": 1 + gated, "activation_bits": bits}
    receptance = project(tensors(block, hidden_size)[2], step.tokens, precision)
    gate = {"tokens": step.tokens, "width": hidden_size, "activation_bits": bits}
    return (
        Op("channel_shift", token_shift, mix, block.repeats),
        replace(receptance, repeats=receptance.repeats * gated),
        *plain.operators(block, hidden_size, step, precision),
        Op("receptance_gate", gate_multiply, gate, block.repeats * gated),
    )


def widest(block: Block) -> Number:
    """Elements per token of the hidden layer, before and after the activation [1], as in the plain network."""
    return plain.widest(block)
