"""Kernels of products with weights: matrix kernels compute whole tiles, matrix-vector kernels multiply row by row."""

from dataclasses import replace
from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, divide, is_nothing, larger, smaller, where
from life_jax.core.pytree import neutral, pytree
from life_jax.core.scenario import PLAIN_BITS
from life_jax.roofline.effects.base import Effect, Work

TILE_OF_TOKENS = 1 / 4  # rows in vain, at most, over a step's tokens (16 to 128 of them in ggml-org/llama.cpp#22298)
FEW_ROWS = 8  # rows from which on a matrix kernel's tile is whole, where software has kernels for every number of rows
PIPES = ("linear", "head")


@pytree
class MatrixTiles(Effect):
    """rows [1]: rows that a matrix kernel computes in vain; vector_rows [1]: rows that a kernel on the vector units
    takes at once, 0 where there is none; expert_vector_tokens [token]: of a step, that such a kernel of experts takes
    at once; block_work [1]: FLOP on the vector units for each FLOP of quantized weights on the matrix units."""

    rows: Number = neutral(default=0.0)
    vector_rows: Number = neutral(default=0.0, switch=True)
    expert_vector_tokens: Number = 1.0
    block_work: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the rows that fill the last tile, what scales its blocks, and what a kernel of few rows would do
        instead."""
        if not is_product(op):
            return work
        matrix = work.matrix * self.padding(op)
        return replace(
            work, matrix=matrix, vector=self._scaled(op, matrix) + work.vector, by_rows=self.by_rows(op, work)
        )

    def _scaled(self, op: Op, matrix: Number) -> Number:
        """Work beside products of blocks [FLOP]: the sums of a block are widened, scaled and added on the vector units,
        which also load and unpack the next one."""
        if is_nothing(self.block_work) or op.weights is None:
            return 0.0
        return matrix * self.block_work * where(op.weights.bits < PLAIN_BITS, 1.0, 0.0)

    def padding(self, op: Op) -> Number:
        """Executed over useful work of the matrix kernel [1]."""
        if is_nothing(self.rows) or not is_product(op):
            return 1.0
        per_row, most = self.tiles(op)
        vain = self.rows if most is None else smaller(self.rows, most)
        # over what whole tiles (`tiled`) execute already, so that rows are not padded twice
        return 1 + vain * per_row / op.executed

    def tiles(self, op: Op) -> tuple[Number, Number | None]:
        """What a row in vain adds to useful matrix work [1], and the largest number of such rows [1], None where
        nothing limits it.

        Kernels that cannot know how many rows each expert has choose their tile by the tokens of the step. Software
        without kernels on the vector units has tiles of every size up to the largest, so that a single row has no row
        in vain and FEW_ROWS more have all.
        """
        rows = rows_of(op)
        if is_nothing(self.vector_rows):
            return divide(smaller(larger(rows - 1, 0.0) / FEW_ROWS, 1.0), rows), None
        by_token = op.shape.experts is not None
        return divide(1.0, rows), op.shape.m * TILE_OF_TOKENS if by_token else None  # type: ignore[operator]

    def by_rows(self, op: Op, work: Work) -> Number | None:
        """Work of a matrix-vector kernel [FLOP], on the vector units; None where there is no such kernel.

        Such kernels, as those of llama.cpp for a few rows, unpack the matrix for each row. Beyond `vector_rows` they
        run out of registers: their work for a row grows with the rows [assumption], so that they end without a step.
        """
        if is_nothing(self.vector_rows):
            return None
        if op.shape.experts is None:
            taken, most = rows_of(op), self.vector_rows
        else:
            taken, most = op.shape.m, self.expert_vector_tokens  # type: ignore[assignment]
        beyond = larger(taken / larger(most, LEAST), 1.0)
        return (work.vector * larger(rows_of(op), 1.0) + work.matrix) * beyond


LEAST = 1e-6  # rows; an axis of vector_rows may start at 0, where no kernel is ever chosen


def is_product(op: Op) -> bool:
    """Whether an operator multiplies rows by weights."""
    return op.pipe in PIPES and op.has_rows


def rows_of(op: Op) -> Number:
    """Rows that are multiplied by the same weights [1]: tokens, or those of an expert where tokens are spread evenly
    over experts."""
    tokens: Any  # a product with weights has rows
    tokens, experts = op.shape.m, op.shape.experts
    if experts is None:
        return tokens
    return tokens * experts.chosen / smaller(experts.count, smaller(tokens, experts.distinct) * experts.chosen)
