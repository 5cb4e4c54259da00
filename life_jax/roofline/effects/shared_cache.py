"""A KV cache that all sequences of a batch share, through all of which every query goes."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_nothing
from life_jax.core.pytree import neutral, pytree
from life_jax.roofline.effects.base import Effect, Work


@pytree
class SharedCache(Effect):
    """share [1]: part of the other sequences' positions that a query scores, only to mask the scores.

    llama.cpp kept the sequences of a batch in one cache until it got a stream for each (ggml-org/llama.cpp#14363, July
    2025): attention of a batch of B then takes B times the work, though every key is read once.
    """

    share: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the scores that are masked: matrix and vector work, and traffic of scores that are kept in memory."""
        heads, products = op.shape.heads, op.shape.batch
        if is_nothing(self.share) or heads is None or not (op.pipe == "attention" or op.kind == "softmax"):
            return work
        more = 1 + self.share * (products / heads - 1)
        cost = work.cost
        if op.pairs is not None or op.kind == "softmax":
            cost = replace(
                cost,
                activations_read=cost.activations_read * more,
                activations_written=cost.activations_written * more,
            )
        return replace(work, cost=cost, matrix=work.matrix * more, vector=work.vector * more)
