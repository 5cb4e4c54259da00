"""What is done to weights before they are multiplied: quantized ones are written out at 16 bit before large products
(engine.expand_rows), and kernels that rearrange them at every call do so (engine.repack_flops)."""

from collections.abc import Iterator
from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import where
from life_jax.core.scenario import PLAIN_BITS, Engine
from life_jax.operators.linear import expand_weights

PIPES = ("linear", "head")


def expand(graph: Graph, engine: Engine) -> Graph:
    """Before each product of quantized weights an operator that expands them; the product then reads 16 bit.

    Up to `engine.expand_rows` rows that operator costs nothing, and the product reads what is stored. Experts are
    expanded on the fly in any case: each of them has few rows.
    """
    return Graph(tuple(new for op in graph for new in _expanded(op, engine))) if engine.expands else graph


def repack(graph: Graph, engine: Engine) -> Graph:
    """Products whose weights cost `engine.unpack_work` times what their format says to unpack, and
    `engine.repack_flops` more for each of them, once for every tile of rows."""
    return graph.replace(lambda op: _repacked(op, engine)) if engine.repacks else graph


def _repacked(op: Op, engine: Engine) -> Op:
    if op.pipe not in PIPES or "dequant_flops" not in op.args:
        return op
    return op.with_args(dequant_flops=op.args["dequant_flops"] * engine.unpack_work + engine.repack_flops)


def _expanded(op: Op, engine: Engine) -> Iterator[Op]:
    if op.pipe in PIPES and not _is_plain(op) and "experts" not in op.args:
        a = op.args
        from_rows = where(a["weight_bits"] < PLAIN_BITS, engine.expand_rows, float("inf"))
        large = a["tokens"] > from_rows
        yield Op(
            name=f"{op.name}_expand",
            formula=expand_weights,
            args={
                "tokens": a["tokens"],
                "d_in": a["d_in"],
                "d_out": a["d_out"],
                "weight_bits": a["weight_bits"],
                "from_rows": from_rows,
            },
            repeats=op.repeats,
            pipe=op.pipe,
            block=op.block,
        )
        bits, flops = where(large, float(PLAIN_BITS), a["weight_bits"]), where(large, 0.0, a["dequant_flops"])
        op = replace(op, args={**a, "weight_bits": bits, "dequant_flops": flops})
    yield op


def _is_plain(op: Op) -> bool:
    """Weights of 16 bit: nothing expands them."""
    flops = op.args.get("dequant_flops", 0.0)
    return isinstance(flops, float | int) and flops == 0
