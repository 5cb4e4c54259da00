"""Traffic of the KV cache, and its conversion where the device has no units for its data type."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_nothing
from life_jax.core.pytree import neutral, pytree
from life_jax.roofline.effects.base import Effect, Work


@pytree
class CacheTraffic(Effect):
    """efficiency [1]: bandwidth of the cache over that of weights; reread [1]: part of the reads that each query head
    of a group repeats."""

    efficiency: Number = 1.0
    reread: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the repeated reads to the bytes of the cache, and reduce its bandwidth."""
        cache = work.cache
        if not is_nothing(self.reread) and not is_nothing(work.cost.kv_read):
            cache = cache + work.cost.kv_read * self.reread * op.shape.sharing
        return replace(work, cache=cache, cache_quality=work.cache_quality * self.efficiency)


@pytree
class CacheConversion(Effect):
    """Vector work to widen a cache in a data type that the device has no units for.

    flops [FLOP]: per element, of a byte; needed [1]: 1 where the cache is in such a type, else 0. Each query head of a
    group repeats the work: 50 FLOP reproduce all of twenty times of one A100 under vLLM (tests).
    """

    flops: Number = 0.0
    needed: Number = neutral(default=0.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Add the conversion to the vector work; nothing where the device has units for the type."""
        if is_nothing(self.needed) or is_nothing(work.cost.kv_read):
            return work
        return replace(
            work, vector=work.vector + work.cost.kv_read * (self.flops * self.needed) * (1 + op.shape.sharing)
        )
