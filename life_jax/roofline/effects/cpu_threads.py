"""Rates and bandwidth of a CPU with fewer threads than it has cores."""

import dataclasses

from life_jax.core.numerics import Number, is_fixed_at, smaller
from life_jax.core.pytree import neutral, pytree
from life_jax.core.scenario import Device
from life_jax.core.units import UNLIMITED
from life_jax.roofline.effects.base import Effect


@pytree
class CpuThreads(Effect):
    """threads [1]: threads that compute, each on its own core; core_bandwidth [1]: bandwidth that a single core of many
    draws, over its even part of the whole.

    A part x of the cores has the part x of the rates, and draws x / (x + (1 - x) / core_bandwidth) of the bandwidth: a
    few cores draw more than their even part, and less than the whole.
    """

    threads: Number = neutral(default=UNLIMITED)
    core_bandwidth: Number = UNLIMITED

    def on_device(self, device: Device) -> Device:
        """A device with the rates and bandwidth of the cores that compute."""
        if is_fixed_at(self.threads, UNLIMITED):
            return device
        part = smaller(1.0, self.threads / device.cores)
        drawn = part / (part + (1 - part) / self.core_bandwidth)
        rates = {pipe: rate * part for pipe, rate in device.rates.items()}
        return dataclasses.replace(device, rates=rates, bandwidth=device.bandwidth * drawn)
