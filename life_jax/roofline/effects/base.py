"""What an effect of software is: numbers, and what they change of a device or of an operator's work on it."""

from dataclasses import dataclass

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Device


@dataclass(frozen=True)
class Work:
    """What one execution of an operator asks of a device, as effects see and change it.

    matrix, vector [FLOP]: on the matrix and on the vector units. weights, cache [byte]: moved, each as many
    as would take their time at the bandwidth of plain 16-bit weights. quality [1]: rate of the matrix kernel over
    that of a plain product. occupied [1]: part of the device that works on an attention operator. cache_quality [1]:
    bandwidth that the KV cache gets over that of weights.
    """

    cost: Cost
    matrix: Number
    vector: Number
    weights: Number
    cache: Number
    quality: Number = 1.0
    occupied: Number = 1.0
    cache_quality: Number = 1.0


class Effect:
    """A frozen dataclass of numbers, each with a neutral value at which the effect changes nothing.

    Adding one: a file with the class, a line in the registry of this package, and a field of EngineFile for each number
    (config/schema/engine_file.py) whose `leaf` is engine.effects.NAME.NUMBER.
    """

    def on_device(self, device: Device) -> Device:
        """The device as the engine uses it."""
        return device

    def on_work(self, op: Op, work: Work) -> Work:
        """The work of an operator as the engine's kernels do it."""
        return work
