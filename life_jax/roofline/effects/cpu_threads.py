"""Rates and bandwidth of a CPU with fewer threads than it has cores."""

import dataclasses

from life_jax.core.numerics import Number, is_fixed_at, is_nothing, larger, smaller
from life_jax.core.pytree import neutral, pytree
from life_jax.core.scenario import Device
from life_jax.core.units import UNLIMITED
from life_jax.roofline.effects.base import Effect


@pytree
class CpuThreads(Effect):
    """threads [1]: threads that compute, each on its own core; core_bandwidth [1]: bandwidth that a single core of many
    draws, over its even part of the whole; serial_part [1]: part of the work of a single thread that more threads do
    not divide; meeting [s]: time in which several threads meet before a kernel, beside its dispatch.

    A part x of the cores has the part x of the rates, and draws x / (x + (1 - x) / core_bandwidth) of the bandwidth: a
    few cores draw more than their even part, and less than the whole. n threads reach n / (1 + serial_part (n - 1))
    times the rates of one. Reference: Amdahl 1967, doi:10.1145/1465482.1465560.
    """

    threads: Number = neutral(default=UNLIMITED)
    core_bandwidth: Number = UNLIMITED
    serial_part: Number = neutral(default=0.0)
    meeting: Number = neutral(default=0.0)

    def on_device(self, device: Device) -> Device:
        """A device with the rates and bandwidth of the cores that compute."""
        rates, bandwidth, dispatch = device.rates, device.bandwidth, device.dispatch
        if not is_fixed_at(self.threads, UNLIMITED):
            part = smaller(1.0, self.threads / device.cores)
            rates = {pipe: rate * part for pipe, rate in rates.items()}
            bandwidth = bandwidth * drawn(part, self.core_bandwidth)
        others = larger(smaller(self.threads, device.cores) - 1, 0.0)
        if not is_nothing(self.serial_part):
            rates = {pipe: rate / (1 + self.serial_part * others) for pipe, rate in rates.items()}
        if not is_nothing(self.meeting):
            dispatch = dispatch + self.meeting * smaller(others, 1.0)
        return dataclasses.replace(device, rates=rates, bandwidth=bandwidth, dispatch=dispatch)


def drawn(part: Number, core_bandwidth: Number) -> Number:
    """Part of the bandwidth [1] that a part of the cores [1] draws, where one of many draws core_bandwidth [1] times
    its even part."""
    return part / (part + (1 - part) / core_bandwidth)
