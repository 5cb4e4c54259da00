"""Quality of matrix kernels by the format of their weights, and in products with many experts."""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, divide, is_fixed_at, smaller, where
from life_jax.core.pytree import neutral, pytree
from life_jax.core.scenario import PLAIN_BITS
from life_jax.roofline.effects.base import Effect, Work

NARROW_BITS = 6.6  # below, kernels are those of 4-bit weights (Q6_K is 6.5625), from here on those of 8-bit ones


@pytree
class KernelQuality(Effect):
    """compute_8bit, compute_4bit [1]: rate of matrix kernels of quantized weights over that of 16-bit weights, of which
    the first counts at most as much as the second; experts [1]: rate of products with many experts over those with a
    single matrix; memory [1]: bandwidth of quantized weights over that of 16-bit weights."""

    compute_8bit: Number = neutral(default=1.0)
    compute_4bit: Number = neutral(default=1.0)
    experts: Number = neutral(default=1.0)
    memory: Number = neutral(default=1.0)

    def on_work(self, op: Op, work: Work) -> Work:
        """Scale the rate of the kernel and the bytes of its weights by their format.

        Bits may be an axis of a grid, so that the number of every format is selected point by point. Fewer bits are
        never slower: neither in kernels of quantized weights, nor to read than 16 bit are.
        """
        quality = work.quality
        if op.shape.experts is not None and op.pipe == "linear":
            quality = quality * self.experts
        stored = op.weights
        if stored is None:
            return replace(work, quality=quality)
        if not (is_fixed_at(self.compute_8bit, 1) and is_fixed_at(self.compute_4bit, 1)):
            wide = smaller(self.compute_8bit, self.compute_4bit)
            narrow = where(stored.bits < NARROW_BITS, self.compute_4bit, wide)
            quality = quality * where(stored.bits < PLAIN_BITS, narrow, 1.0)
        weights = work.weights
        if not is_fixed_at(self.memory, 1):
            slower = smaller(1 / self.memory, divide(PLAIN_BITS, stored.bits))  # 0 bits: nothing is stored
            weights = weights * where(stored.bits < PLAIN_BITS, slower, 1.0)
        return replace(work, quality=quality, weights=weights)
