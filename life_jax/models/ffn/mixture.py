"""Mixtures of experts: a router chooses num_experts_per_tok of num_experts; shared experts always run.

Experts are gated (gate, up and down matrices) or plain (up and down). With moe_latent_size the routed experts work in
that width, between two projections (Nemotron 3). With router_size the router is a network of that width (ZAYA).
"""

from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.ffn import gated
from life_jax.models.kind import Kind
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise, experts

KEYS = (
    "num_experts",
    "num_experts_per_tok",
    "routing_skew",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_expert_gate",
    "router_bias",
    "expert_bias",
)
OPTIONAL = ("moe_latent_size", "router_size", "expert_groups", "expert_groups_per_tok")
SHARED = "shared_expert_"


def tensors(block: Block, hidden_size: Number, expert: ModuleType) -> tuple[Tensor, ...]:
    """Router, num_experts copies of the expert's matrices, projections to and from the latent width, shared experts and
    their gate.

    expert: the module gated or plain, the network that each expert is.
    """
    f, n = block.ffn, block.repeats
    per_expert: dict[str, Any] = {"bias": f["expert_bias"], "repeats": n, "of_experts": True}
    per_expert.update(copies=f["num_experts"], used=f["num_experts_per_tok"])
    inside, width = f.get("moe_latent_size", hidden_size), f["moe_intermediate_size"]
    into = ("experts_gate_proj", "experts_up_proj") if expert is gated else ("experts_up_proj",)
    return (
        *_router(block, hidden_size),
        *(Tensor(name, "linear", inside, width, **per_expert) for name in into),
        Tensor("experts_down_proj", "linear", width, inside, **per_expert),
        *_latent(block, hidden_size),
        *(replace(t, name=SHARED + t.name) for t in expert.tensors(_shared(block), hidden_size)),
        Tensor(SHARED + "gate", "router", hidden_size, f["shared_expert_gate"], repeats=n),
    )


def operators(
    block: Block, hidden_size: Number, step: Step, precision: Precision, expert: ModuleType
) -> tuple[Op, ...]:
    """Router, choice, rows to experts, products of the touched experts, rows back; then the shared experts.

    Without shared experts their operators have no work, but they are in the graph, with repeats 0: whether a number is
    0 does not shape the graph.
    """
    f, n = block.ffn, block.repeats
    by_name = {t.name: t for t in tensors(block, hidden_size, expert)}
    bits = {"activation_bits": precision.activation_bits}
    moved = {"tokens": step.tokens, "chosen": f["num_experts_per_tok"], **bits}
    moved["width"] = f.get("moe_latent_size", hidden_size)
    act = {"tokens": step.tokens * f["num_experts_per_tok"], "width": f["moe_intermediate_size"], **bits}
    choice = {"tokens": step.tokens, "experts": f["num_experts"], **bits}
    into = [t for name, t in by_name.items() if name in ("experts_gate_proj", "experts_up_proj")]
    between = (
        Op("experts_gate_multiply", elementwise.gate_multiply, act, n)
        if expert is gated
        else Op("experts_activation", elementwise.activation, act, n)
    )
    latent = [project(t, step.tokens, precision) for t in _latent(block, hidden_size)]
    return (
        *(project(t, step.tokens, precision) for t in _router(block, hidden_size)),
        Op("choose_experts", experts.choose_experts, choice, n),
        *latent[:1],
        Op("shuffle", experts.shuffle, moved, n),
        *(grouped(t, block, step, precision) for t in into),
        between,
        grouped(by_name["experts_down_proj"], block, step, precision),
        Op("combine", experts.combine, moved, n),
        *latent[1:],
        *_shared_operators(block, hidden_size, step, precision, expert),
    )


def widest(block: Block) -> Number:
    """Elements per token of gate and up, or of the hidden layer before and after, of all chosen experts [1]."""
    return 2 * block.ffn["num_experts_per_tok"] * block.ffn["moe_intermediate_size"]


def _router(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """The product that scores the experts, behind three in a narrower width where there is one."""
    f, n = block.ffn, block.repeats
    if "router_size" not in f:
        return (Tensor("router", "router", hidden_size, f["num_experts"], f["router_bias"], n),)
    size = f["router_size"]
    return (
        Tensor("router_in_proj", "router", hidden_size, size, repeats=n),
        Tensor("router_hidden_proj", "router", size, 2 * size, repeats=n),
        Tensor("router", "router", size, f["num_experts"], f["router_bias"], n),
    )


def _latent(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    if "moe_latent_size" not in block.ffn:
        return ()
    inside, n = block.ffn["moe_latent_size"], block.repeats
    return (
        Tensor("experts_in_proj", "linear", hidden_size, inside, repeats=n),
        Tensor("experts_out_proj", "linear", inside, hidden_size, repeats=n),
    )


def grouped(tensor: Tensor, block: Block, step: Step, precision: Precision) -> Op:
    """The products of the rows of each expert that is touched with its copy of a matrix."""
    single = project(tensor, step.tokens, precision)
    chosen = {"experts": tensor.copies, "chosen": tensor.used, "skew": block.ffn["routing_skew"]}
    args = {**single.args, **chosen, "distinct": step.distinct}
    return replace(single, formula=experts.grouped_linear, args=args)


def _shared(block: Block) -> Block:
    """The shared experts as a single network of their width together."""
    shared = {"intermediate_size": block.ffn["shared_expert_intermediate_size"], "ffn_bias": 0.0}
    return replace(block, ffn=shared)


def _shared_operators(
    block: Block, hidden_size: Number, step: Step, precision: Precision, expert: ModuleType
) -> tuple[Op, ...]:
    present = 1.0 * (block.ffn["shared_expert_intermediate_size"] > 0)
    ops = expert.operators(_shared(block), hidden_size, step, precision)
    return tuple(replace(op, name=SHARED + op.name, repeats=op.repeats * present) for op in ops)


def of(expert: ModuleType) -> Kind:
    """The kind whose experts are the module gated (gate, up and down matrices each) or plain (up and down)."""
    return Kind(KEYS, partial(tensors, expert=expert), partial(operators, expert=expert), widest, OPTIONAL=OPTIONAL)
