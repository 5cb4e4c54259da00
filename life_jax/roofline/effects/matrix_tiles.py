"""Kernels of products with weights: matrix kernels compute whole tiles, matrix-vector kernels multiply few rows."""

from dataclasses import replace
from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_nothing, larger, smaller, where
from life_jax.core.pytree import neutral, pytree
from life_jax.roofline.effects.base import Effect, Work

TILE_OF_TOKENS = 1 / 4  # rows in vain, at most, over a step's tokens (16 to 128 of them in ggml-org/llama.cpp#22298)
VECTOR_ROWS = 8  # the most rows that software multiplies as vectors (llama.cpp's limit; others switch near it)
PIPES = ("linear", "head")


@pytree
class MatrixTiles(Effect):
    """rows [1]: rows that a matrix kernel computes in vain; vector_rows [1]: products of up to so many rows run on the
    vector units; expert_vector_tokens [token]: products with experts do so up to so many tokens in a step."""

    rows: Number = neutral(default=0.0)
    vector_rows: Number = neutral(default=0.0)
    expert_vector_tokens: Number = 1.0

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the rows that fill the last tile, or move the work of few rows to the vector units.

        Matrix-vector kernels multiply on the vector units, as those of llama.cpp do for a few rows, and unpack the
        matrix for each row.
        """
        if not is_product(op):
            return work
        matrix = work.matrix * self.padding(op)
        if is_nothing(self.vector_rows):
            return replace(work, matrix=matrix)
        few = self.is_few(op)
        times = 1.0 if op.shape.experts is not None else where(few, larger(rows_of(op), 1.0), 1.0)
        vector = work.vector * times + where(few, work.matrix, 0.0)
        return replace(work, matrix=where(few, 0.0, matrix), vector=vector)

    def padding(self, op: Op) -> Number:
        """Executed over useful matrix work [1]; 1 in matrix-vector kernels of few rows."""
        if is_nothing(self.rows) or not is_product(op):
            return 1.0
        per_row, most = self.tiles(op)
        return 1 + (self.rows if most is None else smaller(self.rows, most)) * per_row

    def tiles(self, op: Op) -> tuple[Number, Number | None]:
        """What a row in vain adds to useful matrix work [1], and the largest number of such rows [1], None where
        nothing limits it.

        Kernels that cannot know how many rows each expert has choose their tile by the tokens of the step.
        """
        rows, few = rows_of(op), self.is_few(op)
        by_token = op.shape.experts is not None and not is_nothing(self.vector_rows)
        return where(few, 0.0, 1 / rows), op.shape.m * TILE_OF_TOKENS if by_token else None  # type: ignore[operator]

    def is_few(self, op: Op) -> Number:
        """Whether matrix-vector kernels execute a product with weights."""
        if is_nothing(self.vector_rows):
            return rows_of(op) <= VECTOR_ROWS
        if op.shape.experts is not None:
            return op.shape.m <= self.expert_vector_tokens  # type: ignore[operator]
        return rows_of(op) <= self.vector_rows


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
