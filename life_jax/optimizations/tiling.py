"""Matrix units that work on whole tiles: padded dimensions, and more dispatches where operands exceed the chip.

The paper states no rule for dispatches. Here: an operator whose operands and result together exceed the
on-chip memory is dispatched once per output tile.
"""

from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, ceil, larger, where
from life_jax.core.schedule import Step
from life_jax.optimizations.base import Optimization, Refused, Rewrite, below


def padded(size: Number, tile: Number) -> Number:
    """Executed over useful size: ceil(size / tile) tile / size."""
    return ceil(size / tile) * tile / size


def _tiled(graph: Graph, step: Step, *, tile: Number, on_chip_bytes: Number) -> Graph:
    return graph.replace(lambda op: _one(op, tile, on_chip_bytes))


def _one(op: Op, tile: Number, on_chip_bytes: Number) -> Op:
    dimensions = _dimensions(op)
    if dimensions is None:
        return op
    m, n, k, products = dimensions
    m, n, k = (larger(size, 1e-9) for size in (m, n, k))  # shared experts may have none
    tiles = products * ceil(m / tile) * ceil(n / tile)
    more = where(op.cost.bytes > on_chip_bytes, larger(tiles - 1, 0.0), 0.0)
    executed = padded(m, tile) * padded(n, tile) * padded(k, tile)
    return replace(op, executed=executed * op.executed, more_dispatches=op.more_dispatches + more)


def _dimensions(op: Op) -> tuple[Number, Number, Number, Number] | None:
    """m, n, k of a product, and how many products there are; attention's two have the same padding."""
    s = op.shape
    if op.kind not in ("gemm", "bmm") or s.experts is not None or s.m is None or s.n is None or s.k is None:
        return None
    return s.m, s.n, s.k, s.batch


def tiling(*, tile: float, on_chip_kb: float) -> Optimization:
    """tile [1] rows and columns of the matrix units; on_chip_kb [kB] of memory for operands and result.

    Linear layers and attention; grouped expert products have their own padding in `tile_rows`.
    Reference: Patwari et al. 2025, figure 8.
    """
    if below(tile, 1):
        raise Refused(f"tile is {tile:g}; at least 1 is needed")
    numbers = {"tile": tile, "on_chip_bytes": on_chip_kb * 1e3}
    return Optimization(rewrites=(Rewrite(numbers, _tiled, last=True),))
