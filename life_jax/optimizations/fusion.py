"""Operator fusion: several operators become a single kernel without the traffic between them.

Fusion is the last rewrite of a graph, whatever the order of the stack: a projection that an adapter or another rewrite
has changed is no longer the plain one, and is not fused.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from life_jax.core.graph import Graph, Op
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario
from life_jax.operators import attention, elementwise
from life_jax.operators.experts import grouped_linear
from life_jax.operators.linear import linear, side_by_side
from life_jax.operators.rope_append import rope_append, rope_append_arguments
from life_jax.optimizations.base import Optimization


def _linears(name: str, ops: tuple[Op, ...]) -> Op | None:
    """A single projection to all outputs, which reads the input once; None where the operators are not plain
    projections."""
    if ops[0].formula not in (linear, grouped_linear) or any(op.formula is not ops[0].formula for op in ops):
        return None
    return replace(ops[0], name=name, args=side_by_side([op.args for op in ops]))


def _flash(name: str, ops: tuple[Op, ...]) -> Op:
    scores, soft, values = ops
    args = attention.fused_arguments(scores.args, soft.args, values.args, scores.pairs)  # type: ignore[arg-type]
    return replace(scores, name=name, formula=attention.flash_attention, args=args)


def _rope_append(ops: tuple[Op, ...]) -> Op | None:
    rotary, append = ops
    if append.formula is not attention.kv_append:
        return None
    args = rope_append_arguments(rotary.args, append.args)
    return replace(append, name="rope_kv_append", formula=rope_append, args=args)


def _add_norm(name: str, ops: tuple[Op, ...]) -> Op:
    add, norm = ops
    args = elementwise.add_norm_arguments(add.args, norm.args)
    return replace(add, name=name, formula=elementwise.add_norm, args=args)


def _in_product(ops: tuple[Op, ...]) -> Op | None:
    """The experts' first product, which applies the activation to what it has in registers and writes it once, in the
    format of the next product. Its own output is counted in the width before that [conservative]."""
    return replace(ops[0]) if ops[0].formula is grouped_linear else None


def _in_router(ops: tuple[Op, ...]) -> Op:
    """The choice of experts, which writes where each token goes: the product fetches tokens from there."""
    return replace(ops[0])


# name -> what is merged, tried in this order; the first entry of a pattern that a layer has is used
PATTERNS: dict[str, tuple[tuple[tuple[str, ...], Callable[[tuple[Op, ...]], Op | None]], ...]] = {
    "attention": (
        (("attention_qk", "softmax", "attention_pv"), partial(_flash, "attention")),
        (("cross_attention_qk", "cross_softmax", "cross_attention_pv"), partial(_flash, "cross_attention")),
    ),
    "qkv": (
        (("q_proj", "k_proj", "v_proj"), partial(_linears, "qkv_proj")),
        (("q_proj", "k_proj"), partial(_linears, "qk_proj")),  # values are keys
        (("cross_k_proj", "cross_v_proj"), partial(_linears, "cross_kv_proj")),
    ),
    "gate_up": (
        (("gate_proj", "up_proj"), partial(_linears, "gate_up_proj")),
        (("experts_gate_proj", "experts_up_proj"), partial(_linears, "experts_gate_up_proj")),
        (("shared_expert_gate_proj", "shared_expert_up_proj"), partial(_linears, "shared_expert_gate_up_proj")),
    ),
    "add_norm": (
        (("self_residual", "cross_norm"), partial(_add_norm, "cross_add_norm")),
        (("attention_residual", "mlp_norm"), partial(_add_norm, "mlp_add_norm")),
        # the residual of one layer with the first norm of the next
        (("mlp_residual", "input_norm"), partial(_add_norm, "input_add_norm")),
    ),
    "rope_append": ((("rope", "kv_append"), _rope_append),),
    "experts": (
        (("choose_experts", "shuffle"), _in_router),
        (("experts_gate_up_proj", "experts_gate_multiply", "quantize_experts_down_proj_input"), _in_product),
        (("experts_gate_up_proj", "experts_gate_multiply"), _in_product),
    ),
}
ALL = tuple(PATTERNS)


def fuse(graph: Graph, patterns: tuple[str, ...]) -> Graph:
    """The graph after every named pattern, in the order of PATTERNS."""
    for name, rules in PATTERNS.items():
        for names, make in rules if name in patterns else ():
            graph = graph.merge(names, make)
    return graph


def fusion(*, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Optimization:
    """Add patterns to those of the engine, or remove them; `all` stands for every pattern.

    Reference: Patwari et al. 2025, section on fusion; fused attention: Dao et al. 2022.
    """
    more = ALL if "all" in add else tuple(add)
    less = ALL if "all" in remove else tuple(remove)

    def change(scenario: Scenario) -> Scenario:
        have = set(scenario.engine.counting.fusion) - set(less) | set(more)
        return set_leaf(scenario, ("engine", "counting", "fusion"), tuple(name for name in ALL if name in have))

    return Optimization(transforms=(change,))
