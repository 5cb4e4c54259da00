"""A transformer block whose weights several layers share, in front of a state space (Zamba).

It reads the layer's input and the embedding side by side (twice the width), attends, and runs a gated MLP; its output
goes through a projection that each layer has for itself. Each layer may have its own adapters on the shared
projections. Shared weights are stored once for each of shared_blocks, and read by every layer.
Reference: Glorioso et al. 2024, arXiv:2405.16712 (Zamba) and arXiv:2411.15242 (Zamba 2).
"""

from dataclasses import replace
from functools import partial
from types import ModuleType

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.ffn import gated
from life_jax.models.kind import Kind
from life_jax.models.tensors import Tensor, project
from life_jax.operators.attention import causal_pairs
from life_jax.operators.elementwise import NORM_FLOPS, norm, residual_add

KEYS = (*full.KEYS, "shared_blocks", "shared_width", "adapter_rank", "attention_adapters")
INPUTS = 2.0  # the layer's input and the embedding


def tensors(block: Block, hidden_size: Number, state_space: ModuleType) -> tuple[Tensor, ...]:
    """Shared block and its norms, stored shared_blocks times; adapters and output projection of every layer; the state
    space's tensors.

    state_space: the module mamba1 or mamba2.
    """
    stored = smaller(block.attention["shared_blocks"], block.repeats)
    return (
        *_shared(replace(block, repeats=stored), hidden_size),
        Tensor("shared_norms", "other", (1 + INPUTS) * hidden_size, 1.0, repeats=stored),
        *_own(block, hidden_size),
        *state_space.tensors(block, hidden_size),
    )


def _shared(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Projections of attention, whose output is as wide as the model; the MLP."""
    attention = [
        replace(t, d_out=hidden_size) if t.name == "o_proj" else t for t in full.tensors(block, INPUTS * hidden_size)
    ]
    return (*attention, *gated.tensors(_mlp(block), hidden_size))


def _own(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors that every layer has for itself: adapters, and the projection behind the shared block."""
    a, n = block.attention, block.repeats
    rank = a["adapter_rank"]
    low = rank * a["attention_adapters"]
    widths = {
        "q": a["num_attention_heads"] * a["head_dim"],
        "k": a["num_key_value_heads"] * a["head_dim"],
        "v": a["num_key_value_heads"] * a["head_dim"],
    }
    return (
        *(Tensor(f"{name}_adapter_in", "linear", INPUTS * hidden_size, low, repeats=n) for name in widths),
        *(Tensor(f"{name}_adapter_out", "linear", low, width, repeats=n) for name, width in widths.items()),
        Tensor("gate_up_adapter_in", "linear", hidden_size, rank, repeats=n),
        Tensor("gate_up_adapter_out", "linear", rank, 2 * a["shared_width"], repeats=n),
        Tensor("shared_out_proj", "linear", hidden_size, hidden_size, repeats=n),
    )


def _mlp(block: Block) -> Block:
    return replace(block, ffn={"intermediate_size": block.attention["shared_width"], "ffn_bias": 0.0})


def operators(
    block: Block, hidden_size: Number, step: Step, precision: Precision, state_space: ModuleType
) -> tuple[Op, ...]:
    """Norm, attention, norm, MLP, adapters and projection, sum; then the operators of the state space."""
    pairs = causal_pairs(queries=step.new, past=step.past)
    core = full.attention_core(block, step, precision, pairs=pairs, positions=step.past + step.new)
    own = [_if_any(block, project(t, step.tokens, precision), t) for t in _own(block, hidden_size)]
    add = {"tokens": step.tokens, "width": hidden_size, "branches": 1.0, "activation_bits": precision.activation_bits}
    return (
        _norm("shared_input_norm", block, INPUTS * hidden_size, step, precision),
        *full.around(block, _shared(block, hidden_size), step, precision, core),
        _norm("shared_mlp_norm", block, hidden_size, step, precision),
        *gated.operators(_mlp(block), hidden_size, step, precision),
        *own,
        Op("shared_sum", residual_add, add, block.repeats),
        *state_space.operators(block, hidden_size, step, precision),
    )


def cache_bytes(
    block: Block, tokens: Number, precision: Precision, devices: Number = 1.0, *, state_space: ModuleType
) -> Number:
    """Keys and values of every layer, though their weights are shared, and the state space's constant state [byte]."""
    attended = full.cache_bytes(block, tokens, precision, devices)
    return attended + state_space.cache_bytes(block, tokens, precision, devices)


def widest(block: Block, state_space: ModuleType) -> Number:
    """Elements per token of q, k and v and of the state space's widest activation together [1]."""
    return full.widest(block) + state_space.widest(block)


def _if_any(block: Block, op: Op, tensor: Tensor) -> Op:
    """The operator with repeats 0, so without a dispatch, where there is no adapter."""
    return replace(op, repeats=op.repeats * (tensor.d_in * tensor.d_out > 0))


def _norm(name: str, block: Block, width: Number, step: Step, precision: Precision) -> Op:
    args = {
        "tokens": step.tokens,
        "width": width,
        "weights": width,
        "flops": NORM_FLOPS[block.norm],
        "weight_bits": precision.other_bits,
        "activation_bits": precision.activation_bits,
    }
    return Op(name, norm, args, block.repeats)


def over(state_space: ModuleType) -> Kind:
    """The kind with the shared block in front of a state space: mamba1 (Zamba 1) or mamba2 (Zamba 2)."""
    return Kind(
        KEYS=tuple(dict.fromkeys((*KEYS, *state_space.KEYS))),
        tensors=partial(tensors, state_space=state_space),
        operators=partial(operators, state_space=state_space),
        widest=partial(widest, state_space=state_space),
        cache_bytes=partial(cache_bytes, state_space=state_space),
    )
