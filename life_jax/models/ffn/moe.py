"""Mixture of gated experts: a router chooses num_experts_per_tok of num_experts; shared experts always run."""

from dataclasses import replace

from life_jax.graph import Op
from life_jax.models.ffn import gated
from life_jax.models.tensors import Tensor, project
from life_jax.numerics import Number
from life_jax.operators import elementwise, experts
from life_jax.schedule import Step
from life_jax.specs import Block, Precision

KEYS = (
    "num_experts",
    "num_experts_per_tok",
    "moe_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_expert_gate",
    "router_bias",
    "expert_bias",
)
SHARED = "shared_expert_"


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    f, n = block.ffn, block.repeats
    each = {"bias": f["expert_bias"], "repeats": n, "copies": f["num_experts"], "used": f["num_experts_per_tok"]}
    width = f["moe_intermediate_size"]
    return (
        Tensor("router", "router", hidden_size, f["num_experts"], f["router_bias"], n),
        Tensor("experts_gate_proj", "linear", hidden_size, width, **each),
        Tensor("experts_up_proj", "linear", hidden_size, width, **each),
        Tensor("experts_down_proj", "linear", width, hidden_size, **each),
        *(replace(t, name=SHARED + t.name) for t in gated.tensors(_shared(block), hidden_size)),
        Tensor(SHARED + "gate", "router", hidden_size, f["shared_expert_gate"], repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Router, choice, rows to experts, gate, up, activation, down, rows back; and the shared experts.

    Without shared experts their operators have no work, but they are in the graph: whether a number
    is 0 does not shape it. Their dispatches are then 0.
    """
    f, n = block.ffn, block.repeats
    router, gate, up, down, *_ = tensors(block, hidden_size)
    bits = {"activation_bits": precision.activation_bits}
    rows = step.tokens * f["num_experts_per_tok"]
    moved = {"tokens": step.tokens, "width": hidden_size, "chosen": f["num_experts_per_tok"], **bits}
    act = {"tokens": rows, "width": f["moe_intermediate_size"], **bits}
    choice = {"tokens": step.tokens, "experts": f["num_experts"], **bits}
    return (
        project(router, step.tokens, precision),
        Op("choose_experts", experts.choose_experts, choice, n),
        Op("shuffle", experts.shuffle, moved, n),
        _grouped(gate, step, precision),
        _grouped(up, step, precision),
        Op("experts_gate_multiply", elementwise.gate_multiply, act, n),
        _grouped(down, step, precision),
        Op("combine", experts.combine, moved, n),
        *_shared_operators(block, hidden_size, step, precision),
    )


def widest(block: Block) -> Number:
    """Elements per token of gate and up of the chosen experts together."""
    return 2 * block.ffn["num_experts_per_tok"] * block.ffn["moe_intermediate_size"]


def _grouped(tensor: Tensor, step: Step, precision: Precision) -> Op:
    plain = project(tensor, step.tokens, precision)
    args = {**plain.args, "experts": tensor.copies, "chosen": tensor.used}
    return replace(plain, formula=experts.grouped_linear, args=args)


def _shared(block: Block) -> Block:
    """The shared experts as a gated MLP of their width together."""
    shared = {"intermediate_size": block.ffn["shared_expert_intermediate_size"], "ffn_bias": 0.0}
    return replace(block, ffn=shared)


def _shared_operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    present = 1.0 * (block.ffn["shared_expert_intermediate_size"] > 0)
    ops = gated.operators(_shared(block), hidden_size, step, precision)
    return tuple(replace(op, name=SHARED + op.name, repeats=op.repeats * present) for op in ops)
