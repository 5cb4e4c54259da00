"""What a device gives to the cores that compute: all that it has, unless a CPU runs fewer threads than it has cores."""

from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Device, Engine


def rate(pipe: str, device: Device, engine: Engine) -> Number:
    """FLOP/s of the cores that compute: all, unless the engine runs fewer threads."""
    peak = device.rates[pipe]
    return peak * _working(device, engine) if engine.threaded else peak


def bandwidth(device: Device, engine: Engine) -> Number:
    """Bytes a second that the cores which compute can draw: few of them more than their even part, and less than all.

    A part x of the cores draws x / (x + (1 - x) / g) of the bandwidth: a single core of many g times its even part.
    """
    if not engine.threaded:
        return device.bandwidth
    part = _working(device, engine)
    return device.bandwidth * (part / (part + (1 - part) / engine.core_bandwidth))


def _working(device: Device, engine: Engine) -> Number:
    """The part of the cores that compute."""
    return smaller(1.0, engine.threads / device.cores)
