"""Matrix units that work on whole tiles: padded dimensions, and more dispatches where operands exceed the chip.

The LIFE paper prints no rule for dispatches. Here an operator whose operands and result together exceed the on-chip
memory is dispatched once per output tile [assumption].
"""

from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, ceil, larger, where
from life_jax.core.schedule import Step
from life_jax.optimizations.base import Optimization, Refused, Rewrite, below


def padded(size: Number, tile: Number) -> Number:
    """Executed over useful size [1]: ceil(size / tile) tile / size."""
    return ceil(size / tile) * tile / size


def _tiled(graph: Graph, step: Step, *, tile: Number, on_chip_bytes: Number) -> Graph:
    return graph.replace(lambda op: _in_tiles(op, tile, on_chip_bytes))


def _in_tiles(op: Op, tile: Number, on_chip_bytes: Number) -> Op:
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
    """m, n, k of a product, and the number of products; None for other operators. Attention's two products have the
    same padding."""
    s = op.shape
    if op.kind not in ("gemm", "bmm") or s.experts is not None or s.m is None or s.n is None or s.k is None:
        return None
    return s.m, s.n, s.k, s.batch


def tiling(*, tile: float, on_chip_kb: float) -> Optimization:
    """Compute linear layers and attention in whole tiles.

    tile [1]: rows and columns of the matrix units; on_chip_kb [kB]: memory for operands and result.
    Grouped products of experts are not tiled here: their padding is `tile_rows`. Raises Refused for a tile below 1.
    Reference: Patwari et al. 2025, figure 8.
    """
    if below(tile, 1):
        raise Refused(f"tile is {tile:g}; at least 1 is needed")
    numbers = {"tile": tile, "on_chip_bytes": on_chip_kb * 1e3}
    return Optimization(rewrites=(Rewrite(numbers, _tiled, last=True),))
