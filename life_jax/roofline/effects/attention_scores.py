"""Attention of one query at a time, whose kernels spend more on each score than its softmax."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_nothing, larger, smaller
from life_jax.core.pytree import neutral, pytree
from life_jax.roofline.effects.base import Effect, Work

SOFTMAX_FLOPS = 5.0  # of a score, as operators.attention counts it; a test holds both equal


@pytree
class AttentionScores(Effect):
    """single [1]: vector work of a score of one query alone, over the FLOP of its softmax: a processor widens each key
    and value and calls a dot product anew for every query head, whatever its width; tiles of q queries share that.

    From decode of batches of 16 and 32 on servers (65 and 74 ns of a core for a score of heads of 64 and of 128).

    apart [1]: the same where scores stand in memory, on a GPU without matrix units. There a warp makes each score of a
    single query, whatever the width of the head, and few of them wait at once (mul_mat_vec of ggml-cuda).
    """

    single: Number = neutral(default=0.0)
    apart: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the work to that of the scores: a part 1 / q of it, where each sequence has q queries, one at least."""
        queries, of_one = op.shape.m, self.single
        if not is_nothing(self.apart) and op.kind == "softmax":
            of_one = of_one + self.apart
        if is_nothing(of_one) or is_nothing(work.cost.vector_flops) or queries is None or not has_scores(op):
            return work
        return replace(work, vector=work.vector + softmax_flops(op, work) * (of_one / larger(queries, 1.0)))


def softmax_flops(op: Op, work: Work) -> Number:
    """Work of the softmax of an operator [FLOP], without that of unpacking a quantized cache, which all queries of a
    pass share: of fused attention by its products, 4 k of them for each score of heads of k."""
    vector, width = work.cost.vector_flops, op.shape.k
    return vector if width is None else smaller(vector, work.cost.matmul_flops * (SOFTMAX_FLOPS / 4) / width)


def has_scores(op: Op) -> bool:
    """Whether an operator is attention or, where that is unfused, its softmax; a mixer that carries a state has no
    scores."""
    return op.shape.m is not None and (op.kind == "softmax" or (op.pipe == "attention" and op.kind == "bmm"))
