"""What a grid evaluates: a function of a base and of the values of the axes, and the columns that it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# (base, values by axis name) -> scalars by name; hashable. Or an object with `calls`, and a method
# derive(scalars, base, values) -> the further scalars `derived`, and `aliases`, sums of other columns. Each is
# compiled apart: XLA stops fusing a long expression as soon as another output needs its result, which was measured
# to cost a factor of seven.
Function = Any


@dataclass(frozen=True)
class Sum:
    """A column that is `constant` and others added up, each with its sign (1 or -1); of pairs the first numbers."""

    terms: tuple[tuple[str, int], ...]
    constant: float = 0.0

    def negative(self) -> "Sum":
        return Sum(tuple((name, -sign) for name, sign in self.terms), -self.constant)


Aliases = Mapping[str, Sum]  # columns that follow from others by signs alone: whoever keeps them adds them up


@dataclass(frozen=True)
class Call:
    """A part of a function, (base, values, argument) -> its `outputs`: hashable, compiled once for all arguments.

    names: of the columns that this call gives. argument: a pytree of numbers. The part's `pairs` are those of its
    outputs that are complex.
    """

    part: Any
    names: tuple[str, ...]
    argument: tuple[float, ...] = ()
