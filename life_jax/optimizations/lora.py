"""LoRA adapters: computed beside the base layers, or merged into them."""

from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.adapter import beside, low_rank_adapter
from life_jax.operators.linear import linear
from life_jax.optimizations.base import Optimization, Refused, Rewrite, below

ADAPTER_BITS = 16
ONCE = {"adapters": "merged ones are no longer apart, and one number says how many lie beside the layers"}
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def _with_adapters(graph: Graph, step: Step, *, rank: Number, adapters: Number, **chosen: Number) -> Graph:
    """Add an adapter behind every target; `chosen` has a 1 for each target by name."""
    ops: list[Op] = []
    for op in graph:
        ops.append(op)
        if op.name in chosen and op.formula is linear:
            ops.append(_adapter(op, step.batch, rank, adapters))
    return Graph(tuple(ops))


def _adapter(op: Op, batch: Number, rank: Number, adapters: Number) -> Op:
    args = beside(op.args, batch=batch, rank=rank, adapters=adapters, weight_bits=ADAPTER_BITS)
    sizes = op.shape.k + op.shape.n  # type: ignore[operator]
    resident = adapters * rank * sizes * ADAPTER_BITS / BITS_PER_BYTE
    return replace(op, name=f"{op.name}_lora", formula=low_rank_adapter, args=args, pipe="head", resident=resident)


def lora(*, rank: float, adapters: float = 1, targets: tuple[str, ...] = TARGETS) -> Optimization:
    """Adapters beside linear layers.

    rank [1]; adapters [1]: loaded adapters, of which each sequence uses one; targets: names of linear layers.
    Raises Refused for another target, and for less than an adapter.
    Reference: Hu et al. 2021, arXiv:2106.09685.
    """
    for name in targets:
        if name not in TARGETS:
            raise Refused(f"targets has '{name}'; adapters go beside {', '.join(TARGETS)}")
    if below(adapters, 1):
        raise Refused(f"adapters is {adapters:g}; at least 1 is needed")
    numbers = {"rank": rank, "adapters": adapters, **dict.fromkeys(targets, 1.0)}
    return Optimization(rewrites=(Rewrite(numbers, _with_adapters),), once=ONCE)


def lora_merged(*, adapters: float = 1) -> Optimization:
    """A single adapter that was added to the weights beforehand: inference is that of the base model.

    Raises Refused for several adapters.
    """
    if adapters > 1:
        raise Refused(f"{adapters:g} adapters cannot all be merged into one set of weights; use lora")
    return Optimization(once=ONCE)
