"""Dual numbers: a value and its tangent, so that formulas on NumPy give their derivative along one direction.

A formula that is called with `Dual` in place of some numbers returns `Dual`, without JAX and without a compilation.
Steps, ceilings and choices have the derivatives that JAX gives them: 0, and that of the branch that is taken.
Reference: Griewank and Walther 2008, Evaluating Derivatives, chapter 3 (forward mode).
"""

from typing import Any

import numpy as np

Plain = float | np.ndarray


class Dual:
    """A number with its derivative along a direction.

    value [any unit]: number or array. tangent: d value / d direction, an array that broadcasts with the value.
    """

    __slots__ = ("tangent", "value")
    __array_ufunc__ = None  # NumPy's numbers and arrays leave arithmetic with it to the methods below
    __hash__ = None  # type: ignore[assignment]  # as arrays, it compares by element

    def __init__(self, value: Any, tangent: Any) -> None:
        self.value, self.tangent = value, tangent

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the value's axes."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """Number of the value's axes."""
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        """Number of the value's elements."""
        return int(np.size(self.value))

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """The value and the tangent as arrays of one shape."""
        return np.asarray(self.value), np.broadcast_to(self.tangent, np.shape(self.value))

    def __getitem__(self, index: Any) -> "Dual":
        value, moving = self.both
        return Dual(value[index], moving[index])

    def reshape(self, *shape: int) -> "Dual":
        """The same numbers along other axes."""
        return Dual(*(x.reshape(*shape) for x in self.both))

    def sum(self, axis: int) -> "Dual":
        """Sum over an axis."""
        return Dual(*(x.sum(axis) for x in self.both))

    def mean(self, axis: int) -> "Dual":
        """Mean over an axis."""
        return Dual(*(x.mean(axis) for x in self.both))

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.tangent)

    def __add__(self, other: Any) -> "Dual":
        if type(other) is Dual:
            return Dual(self.value + other.value, self.tangent + other.tangent)
        return Dual(self.value + other, self.tangent)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Dual":
        if type(other) is Dual:
            return Dual(self.value - other.value, self.tangent - other.tangent)
        return Dual(self.value - other, self.tangent)

    def __rsub__(self, other: Any) -> "Dual":
        return Dual(other - self.value, -self.tangent)

    def __mul__(self, other: Any) -> "Dual":
        if type(other) is Dual:
            return Dual(self.value * other.value, self.tangent * other.value + self.value * other.tangent)
        return Dual(self.value * other, self.tangent * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Dual":
        if type(other) is not Dual:
            return Dual(_over(self.value, other), _over(self.tangent, other))
        quotient = _over(self.value, other.value)
        return Dual(quotient, _over(self.tangent - quotient * other.tangent, other.value))

    def __rtruediv__(self, other: Any) -> "Dual":
        quotient = _over(other, self.value)
        return Dual(quotient, -_over(quotient * self.tangent, self.value))

    def __pow__(self, exponent: Any) -> "Dual":
        if type(exponent) is Dual:
            total = self.value**exponent.value
            by_base = exponent.value * self.value ** (exponent.value - 1) * self.tangent
            return Dual(total, by_base + np.log(self.value) * total * exponent.tangent)
        return Dual(self.value**exponent, exponent * self.value ** (exponent - 1) * self.tangent)

    def __rpow__(self, base: Any) -> "Dual":
        total = base**self.value
        return Dual(total, np.log(base) * total * self.tangent)

    def __lt__(self, other: Any) -> Any:
        return self.value < primal(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= primal(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > primal(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= primal(other)

    def __eq__(self, other: object) -> Any:
        return self.value == primal(other)

    def __ne__(self, other: object) -> Any:
        return self.value != primal(other)


def primal(number: Any) -> Any:
    """The value of a number, without its tangent if it has one."""
    return number.value if type(number) is Dual else number


def tangent(number: Any) -> Any:
    """The tangent of a number; 0 where it has none."""
    return number.tangent if type(number) is Dual else 0.0


def _over(a: Any, b: Any) -> Any:
    """a / b; a Python number divides as an array does, without an error at 0."""
    return np.divide(a, b)


# Functions as NumPy names them; each takes a Dual, or a plain number beside one.


def where(condition: Any, a: Any, b: Any) -> Dual:
    """`a` where the condition holds, else `b`; so with the tangents."""
    return Dual(np.where(condition, primal(a), primal(b)), np.where(condition, tangent(a), tangent(b)))


def ceil(number: Any) -> Plain:
    """The smallest whole number that is not below; its derivative is 0."""
    return np.ceil(primal(number))  # type: ignore[no-any-return]


def floor(number: Any) -> Plain:
    """The largest whole number that is not above; its derivative is 0."""
    return np.floor(primal(number))  # type: ignore[no-any-return]


def sort(number: Any, axis: int) -> Dual:
    """Values in increasing order along an axis, each with its tangent."""
    order = np.argsort(number.value, axis)
    moving = np.broadcast_to(number.tangent, np.shape(number.value))
    return Dual(np.take_along_axis(number.value, order, axis), np.take_along_axis(moving, order, axis))


def sqrt(number: Any) -> Dual:
    """Square root."""
    root = np.sqrt(primal(number))
    return Dual(root, 0.5 * tangent(number) / root)


def log(number: Any) -> Dual:
    """Natural logarithm."""
    return Dual(np.log(primal(number)), tangent(number) / primal(number))


def log2(number: Any) -> Dual:
    """Logarithm to base 2."""
    return Dual(np.log2(primal(number)), tangent(number) / (primal(number) * np.log(2.0)))


def exp(number: Any) -> Dual:
    """Exponential function."""
    power = np.exp(primal(number))
    return Dual(power, power * tangent(number))
