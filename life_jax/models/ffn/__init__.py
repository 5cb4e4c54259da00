"""Kinds of feed-forward networks by name.

A kind is a module (or a Kind) with `tensors`, `operators` and `widest`, and with `cache_bytes` where it keeps a state.
KEYS: the numbers of a model's file that it needs; OPTIONAL: numbers that it uses where the file has them. NUMBERS:
facts of numbers that only this kind has, by key (see models/numbers.py).
"""

from types import ModuleType

from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Block
from life_jax.models.ffn import (
    gated,
    linear,
    mixture,
    moe_adjugate,
    moe_and_dense,
    moe_beside,
    none,
    plain,
    rwkv_channel,
)
from life_jax.models.kind import Kind

INDEX: dict[str, ModuleType | Kind] = {
    "gated": gated,
    "linear": linear,
    "moe": mixture.of(gated),
    "moe_adjugate": moe_adjugate,
    "moe_and_dense": moe_and_dense,
    "moe_beside": moe_beside,
    "moe_plain": mixture.of(plain),
    "none": none,
    "plain": plain,
    "rwkv_channel": rwkv_channel,
}


def experts(model: Architecture) -> tuple[Number, ...]:
    """Experts [1] of each kind of layer that has some."""
    return tuple(b.ffn["num_experts"] for b in model.blocks if "num_experts" in INDEX[b.ffn_kind].KEYS)


WIDTHS = {"intermediate_size": False, "shared_expert_intermediate_size": False, "moe_intermediate_size": True}


def widths(block: Block) -> tuple[tuple[str, Number, bool], ...]:
    """Widths [1] that devices divide among themselves: key of the model's file, number, whether it is an expert's."""
    keys = INDEX[block.ffn_kind].KEYS
    return tuple((key, block.ffn[key], of_expert) for key, of_expert in WIDTHS.items() if key in keys)
