"""Attention whose heads are distributed over parts of the device, each of which takes whole heads."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_nothing, smaller
from life_jax.core.pytree import neutral, pytree
from life_jax.roofline.effects.base import Effect, Work


@pytree
class AttentionLanes(Effect):
    """lanes [1]: parts of the device that take whole heads. Fewer heads than lanes leave some parts idle."""

    lanes: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Reduce the occupied part of matrix work by query heads, and the bandwidth of the cache by heads of keys and
        values."""
        if is_nothing(self.lanes) or op.pipe != "attention":
            return work
        shape = op.shape
        return replace(
            work,
            occupied=work.occupied * self._used(shape.heads),
            cache_quality=work.cache_quality * self._used(shape.kv_heads),
        )

    def _used(self, heads: Number | None) -> Number:
        return 1.0 if heads is None else smaller(1.0, heads / self.lanes)
