"""The functions that a grid evaluates, of a base and of the values of the axes, and the columns that they give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A hashable function (base, values by axis name) -> scalars by name. Or an object that has `calls`, whose method
# derive(scalars, base, values) gives the further scalars `derived`, and whose `aliases` are sums of other columns.
# Each call is compiled by itself: XLA stops fusing a long expression as soon as another output needs its result,
# which was measured to cost a factor of seven.
Function = Any


@dataclass(frozen=True)
class Sum:
    """A column that is the sum of a constant and of other columns.

    terms: (column, sign), with sign 1 or -1; of complex columns the real parts are added.
    """

    terms: tuple[tuple[str, int], ...]
    constant: float = 0.0

    def negative(self) -> "Sum":
        """The sum with the other sign."""
        return Sum(tuple((name, -sign) for name, sign in self.terms), -self.constant)


Aliases = Mapping[str, Sum]  # columns that are not computed, but added up from others where they are read


@dataclass(frozen=True)
class Call:
    """One call of a part of a function, with an argument of its own.

    part: a hashable function (base, values, argument) -> scalars by name, compiled once for all its calls; it has
    the names of its `outputs`, and in `pairs` of those that are complex. names: columns that take the outputs of this
    call, in the same order. argument: a pytree of numbers.
    """

    part: Any
    names: tuple[str, ...]
    argument: tuple[float, ...] = ()
