"""Efficiencies by operator and shape, as LIFE has them: measured at a few shapes, interpolated between.

The logarithm of the efficiency is interpolated over the logarithms of the shape by multiquadrics, exact at measured
shapes. Outside the box of measured shapes the nearest point of the box counts, and no value leaves the range of the
measured efficiencies. Differentiable in the shape and in every number.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, clip, exp, log, sqrt
from life_jax.core.pytree import pytree

WIDE = ("gemm", "bmm")  # kinds that LIFE names by (m, k, n), the others by (rows, width)
ROOFS = ("compute", "memory")
SMOOTHING = 0.5  # of the multiquadrics, in units of the mean distance of the measured shapes


@pytree
class EfficiencyTable:
    """Efficiencies of a kind of operator on a roof, by shape.

    nodes: logarithms of the measured shapes; weights: of the multiquadrics at them; mean: of the logarithms of the
    efficiencies
    low, high: corners of the box of measured shapes, in logarithms; least, most [1]: range of the measured efficiencies
    width2: square of the smoothing of the multiquadrics, in squared logarithms
    """

    nodes: tuple[tuple[Number, ...], ...]
    weights: tuple[Number, ...]
    mean: Number
    low: tuple[Number, ...]
    high: tuple[Number, ...]
    least: Number
    most: Number
    width2: Number


def table_of(shapes: Sequence[Sequence[float]], values: Sequence[float]) -> EfficiencyTable:
    """The table through `values` [1] in (0, 1] at distinct `shapes` (sizes above 0). A single value holds
    everywhere."""
    nodes = np.log(np.asarray(shapes, float))
    logs = np.log(np.asarray(values, float))
    distances = np.linalg.norm(nodes[:, None] - nodes[None], axis=-1)
    width2 = float((SMOOTHING * distances.mean()) ** 2) if len(nodes) > 1 else 1.0
    matrix = np.sqrt(distances**2 + width2)
    weights = np.linalg.solve(matrix, logs - logs.mean()) if len(nodes) > 1 else np.zeros(1)
    return EfficiencyTable(
        nodes=tuple(tuple(row) for row in nodes.tolist()),
        weights=tuple(weights.tolist()),
        mean=float(logs.mean()),
        low=tuple(nodes.min(axis=0).tolist()),
        high=tuple(nodes.max(axis=0).tolist()),
        least=float(min(values)),
        most=float(max(values)),
        width2=width2,
    )


def interpolated(table: EfficiencyTable, shape: Sequence[Number]) -> Number:
    """The efficiency [1] at a shape."""
    point = [clip(log(size), a, b) for size, a, b in zip(shape, table.low, table.high, strict=True)]
    total = table.mean
    for node, weight in zip(table.nodes, table.weights, strict=True):
        apart = sum((x - y) * (x - y) for x, y in zip(point, node, strict=True))
        total = total + weight * sqrt(apart + table.width2)
    return clip(exp(total), table.least, table.most)


def shape_of(op: Op) -> tuple[Number, ...] | None:
    """(m, k, n) of a product, (rows, width) of any other operator; None where it has no such shape."""
    s = op.shape
    sizes = (s.m, s.k, s.n) if op.kind in WIDE else (s.m, s.n)
    return None if any(size is None for size in sizes) else sizes  # type: ignore[return-value]


def at(tables: Mapping[str, EfficiencyTable], op: Op, roof: str, otherwise: Number) -> Number:
    """The efficiency [1] of an operator on a roof (compute or memory) by its table; `otherwise` where there is no table
    for it."""
    table = tables.get(f"{op.kind}.{roof}")
    shape = None if table is None else shape_of(op)
    return otherwise if table is None or shape is None else interpolated(table, shape)


def outside(tables: Mapping[str, EfficiencyTable], ops: Sequence[Op]) -> list[str]:
    """Keys of the tables that have operators with shapes outside the measured box; for plain numbers only."""
    keys: dict[str, None] = {}
    for op in ops:
        for roof in ROOFS:
            key = f"{op.kind}.{roof}"
            shape = shape_of(op)
            if key not in tables or shape is None or len(tables[key].nodes) == 1:
                continue
            logs = [float(log(size)) for size in shape]
            table = tables[key]
            if any(x < a - 1e-9 or x > b + 1e-9 for x, a, b in zip(logs, table.low, table.high, strict=True)):
                keys[key] = None
    return list(keys)
