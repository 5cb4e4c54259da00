"""The interface of an effect: numbers, and what they change of a device or of an operator's work on it."""

from dataclasses import dataclass

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Device


@dataclass(frozen=True)
class Work:
    """Work of one execution of an operator, as effects see and change it.

    matrix, vector [FLOP]: on the matrix and on the vector units
    by_rows [FLOP]: all of its work on the vector units in a kernel that multiplies row by row, run where it is
    faster; None where there is no such kernel
    weights [byte]: moved, as the number of bytes of plain 16-bit weights that take the same time
    cache [byte]: of the KV cache moved, repeated reads included
    quality [1]: rate of the matrix kernel over that of a plain product
    occupied [1]: part of the device that works on an attention operator
    cache_quality [1]: bandwidth of the KV cache over that of weights
    """

    cost: Cost
    matrix: Number
    vector: Number
    weights: Number
    cache: Number
    by_rows: Number | None = None
    quality: Number = 1.0
    occupied: Number = 1.0
    cache_quality: Number = 1.0


class Effect:
    """A frozen dataclass of numbers, each with a neutral value at which the effect changes nothing.

    To add an effect: a file with the class, a line in the registry of this package, and a field of EngineFile for each
    number (config/schema/engine_file.py) whose `leaf` is engine.effects.NAME.NUMBER.
    """

    def on_device(self, device: Device) -> Device:
        """The device after this effect."""
        return device

    def on_work(self, op: Op, work: Work) -> Work:
        """The work of an operator after this effect."""
        return work
