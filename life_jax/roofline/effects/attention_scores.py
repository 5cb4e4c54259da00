"""Attention of one query at a time, whose kernels spend more on each score than its softmax."""

from dataclasses import replace

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_nothing, smaller
from life_jax.core.pytree import neutral, pytree
from life_jax.roofline.effects.base import Effect, Work

SOFTMAX_FLOPS = 5  # per score, as operators/attention.py counts it


@pytree
class AttentionScores(Effect):
    """single [1]: vector work of a score of one query alone, over the FLOP of its softmax: a processor widens each key
    and value and calls a dot product anew for every query head, whatever its width; tiles of q queries share that.

    From decode of batches of 16 and 32 on servers (65 and 74 ns of a core for a score of heads of 64 and of 128).
    """

    single: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the work to that of the scores: single / q of it, where each sequence has q queries."""
        queries = op.shape.m
        if is_nothing(self.single) or is_nothing(work.cost.vector_flops) or queries is None or not has_scores(op):
            return work
        return replace(work, vector=work.vector + softmax_flops(op, work.cost) * (self.single / queries))


def softmax_flops(op: Op, cost: Cost) -> Number:
    """Vector FLOP [FLOP] of an operator that are of its scores; the rest of them widens the cache, which is read once
    however many queries there are, so that the share of a query falls with them."""
    width, matrix = op.shape.k, cost.matmul_flops
    if width is None or is_nothing(matrix):
        return cost.vector_flops
    # a score is a product with a key and one with a value
    return smaller(cost.vector_flops, matrix * (SOFTMAX_FLOPS / (4 * width)))


def has_scores(op: Op) -> bool:
    """Whether an operator is attention or, where that is unfused, its softmax; a mixer that carries a state has no
    scores."""
    return op.shape.m is not None and (op.kind == "softmax" or (op.pipe == "attention" and op.kind == "bmm"))
