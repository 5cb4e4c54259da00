"""Operator fusion: several operators become one kernel that skips the traffic between them.

Fusion is the last rewrite of a graph, whatever the order of the stack: a projection that an
adapter or another rewrite has changed is no longer the plain one, and stays on its own.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from life_jax.core.cost import Cost
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, larger
from life_jax.core.scenario import Scenario, set_leaf
from life_jax.operators import attention, elementwise
from life_jax.operators.experts import grouped_linear
from life_jax.operators.linear import linear
from life_jax.optimizations.base import Optimization

WEIGHTED = ("weight_bits", "bits_per_channel", "bias", "dequant_flops")  # per weight or per output


def _linears(name: str, ops: tuple[Op, ...]) -> Op | None:
    """One projection to all outputs: the input is read once. Formats are averaged by outputs, so bytes stay exact."""
    if ops[0].formula not in (linear, grouped_linear) or any(op.formula is not ops[0].formula for op in ops):
        return None
    width = sum(op.args["d_out"] for op in ops)
    some = larger(width, 1.0)  # shared experts may have none
    mean = {key: sum(op.args["d_out"] * op.args[key] for op in ops) / some for key in WEIGHTED}
    return replace(ops[0], name=name, args={**ops[0].args, **mean, "d_out": width})


def _flash(ops: tuple[Op, ...]) -> Op:
    scores, soft, values = ops
    args = {**scores.args, "value_dim": values.args["head_dim"], "pairs": scores.pairs}
    args["bias_flops"] = soft.args["bias_flops"]
    return replace(scores, name="attention", formula=attention.flash_attention, args=args)


def rope_append(*, query_width: Number, key_width: Number, **append: Number) -> Cost:
    """Rotate q and k, and write k and v to the cache, in one kernel: the rotated k goes straight to the cache."""
    shape = {"tokens": append["tokens"], "activation_bits": append["activation_bits"]}
    rotary = elementwise.rope(query_width=query_width, key_width=key_width, **shape)
    queries = elementwise.rope(query_width=query_width, key_width=0.0, **shape)
    kv = attention.kv_append(**append)
    return replace(queries + kv, vector_flops=rotary.vector_flops, dispatches=1)


def _rope_append(ops: tuple[Op, ...]) -> Op | None:
    rotary, append = ops
    if append.formula is not attention.kv_append:
        return None
    args = {**append.args, "query_width": rotary.args["query_width"], "key_width": rotary.args["key_width"]}
    return replace(append, name="rope_kv_append", formula=rope_append, args=args)


def _add_norm(name: str, ops: tuple[Op, ...]) -> Op:
    add, norm = ops
    return replace(add, name=name, formula=elementwise.add_norm, args={**norm.args, "branches": add.args["branches"]})


# name -> what is merged, tried in this order; the first entry of a pattern that a layer has is used
PATTERNS: dict[str, tuple[tuple[tuple[str, ...], Callable[[tuple[Op, ...]], Op | None]], ...]] = {
    "attention": ((("attention_qk", "softmax", "attention_pv"), _flash),),
    "qkv": (
        (("q_proj", "k_proj", "v_proj"), partial(_linears, "qkv_proj")),
        (("q_proj", "k_proj"), partial(_linears, "qk_proj")),  # values are keys
    ),
    "gate_up": (
        (("gate_proj", "up_proj"), partial(_linears, "gate_up_proj")),
        (("experts_gate_proj", "experts_up_proj"), partial(_linears, "experts_gate_up_proj")),
        (("shared_expert_gate_proj", "shared_expert_up_proj"), partial(_linears, "shared_expert_gate_up_proj")),
    ),
    "add_norm": (
        (("attention_residual", "mlp_norm"), partial(_add_norm, "mlp_add_norm")),
        # the residual of one layer with the first norm of the next
        (("mlp_residual", "input_norm"), partial(_add_norm, "input_add_norm")),
    ),
    "rope_append": ((("rope", "kv_append"), _rope_append),),
}
ALL = tuple(PATTERNS)


def fuse(graph: Graph, patterns: tuple[str, ...]) -> Graph:
    """Every named pattern, in the order of PATTERNS."""
    for name, rules in PATTERNS.items():
        for names, make in rules if name in patterns else ():
            graph = graph.merge(names, make)
    return graph


def fusion(*, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Optimization:
    """Adds patterns to the engine's, or takes them away; `all` stands for every one.

    Reference: Patwari et al. 2025, section on fusion; fused attention: Dao et al. 2022.
    """
    more = ALL if "all" in add else tuple(add)
    less = ALL if "all" in remove else tuple(remove)

    def change(scenario: Scenario) -> Scenario:
        have = set(scenario.engine.fusion) - set(less) | set(more)
        return set_leaf(scenario, ("engine", "fusion"), tuple(name for name in ALL if name in have))

    return Optimization(transforms=(change,))
