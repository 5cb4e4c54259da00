"""Quantized weights that are written out at 16 bit before large products (engine.expand_rows)."""

from dataclasses import replace

from life_jax.graph import Graph, Op
from life_jax.numerics import where
from life_jax.operators.experts import distinct_experts
from life_jax.operators.linear import expand_weights
from life_jax.specs import PLAIN_BITS, Engine

PIPES = ("linear", "head")


def _is_plain(op: Op) -> bool:
    """Weights of 16 bit: nothing expands them."""
    flops = op.args.get("dequant_flops", 0.0)
    return isinstance(flops, float | int) and flops == 0


def expand(graph: Graph, engine: Engine) -> Graph:
    """Before each product whose weights are quantized one operator that expands them; the product then reads 16 bit.

    Up to `engine.expand_rows` rows the operator costs nothing, and the product reads what is stored.
    """
    if not engine.expands:
        return graph
    ops: list[Op] = []
    for op in graph:
        if op.pipe in PIPES and not _is_plain(op):
            a = op.args
            rows = a["tokens"]
            touched = (
                distinct_experts(tokens=rows, experts=a["experts"], chosen=a["chosen"]) if "experts" in a else 1.0
            )
            quantized = a["weight_bits"] < PLAIN_BITS
            limit = where(quantized, engine.expand_rows, float("inf"))
            ops.append(
                Op(
                    name=f"{op.name}_expand",
                    formula=expand_weights,
                    args={
                        "tokens": rows,
                        "d_in": a["d_in"],
                        "d_out": a["d_out"] * touched,
                        "weight_bits": a["weight_bits"],
                        "from_rows": limit,
                    },
                    repeats=op.repeats,
                    pipe=op.pipe,
                    block=op.block,
                )
            )
            large = rows > limit
            op = replace(
                op,
                args={
                    **a,
                    "weight_bits": where(large, float(PLAIN_BITS), a["weight_bits"]),
                    "dequant_flops": where(large, 0.0, a["dequant_flops"]),
                },
            )
        ops.append(op)
    return Graph(tuple(ops))
