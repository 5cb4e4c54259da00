"""The few functions that formulas need beyond + - * /, for traced arrays and plain numbers alike.

Arguments that JAX owns go to jax.numpy and stay traceable; plain Python and NumPy numbers go to
NumPy, so that one formula serves the float32 sweep and the float64 tables that are reported.
"""

from typing import Any, Union

import jax
import jax.numpy as jnp
import numpy as np

TINY = 1e-37  # its root, 3e-19 seconds, is nothing
# what a formula takes and returns, tracers included; JAX is named, not needed, so the union is not written with |
Number = Union[float, np.ndarray, "jax.Array"]


class Static(float):
    """A number that is the same in every case of a compiled function: no leaf, but part of the structure.

    Formulas see its value while they are traced, so that a term which is absent (a bias of 0, a factor of 1) is left
    out. Arithmetic gives plain floats.
    """


jax.tree_util.register_pytree_node(Static, lambda number: ((), float(number)), lambda number, _: Static(number))


def is_fixed_at(number: Number, value: float) -> bool:
    """Whether a number is plain (neither traced nor an array) and equals `value`."""
    return isinstance(number, int | float) and number == value


def is_nothing(term: Number) -> bool:
    """Whether a term is a plain 0, which costs nothing to leave out."""
    return is_fixed_at(term, 0)


def _namespace(*values: Number) -> Any:
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def product(first: Number, *others: Number) -> Number:
    """The product, and a plain 0 where the first is one, so that what follows can leave it out."""
    if is_nothing(first):
        return 0.0
    for other in others:
        first = first * other
    return first


def where(condition: Number, a: Number, b: Number) -> Number:
    """a where the condition holds, else b."""
    if not any(isinstance(value, jax.Array) for value in (condition, a, b)):
        return np.where(condition, a, b)
    a, b = _alike(a, b)
    if isinstance(condition, jax.Array) and condition.shape == a.shape == b.shape and a.dtype == b.dtype:
        return jax.lax.select(condition, a, b)  # jnp.where is a nested jit, which traces and compiles longer
    return jnp.where(condition, a, b)


def _alike(a: Number, b: Number) -> "tuple[jax.Array, jax.Array]":
    """A plain number beside an array becomes an array of that shape and dtype."""
    if isinstance(a, jax.Array) and isinstance(b, int | float):
        return a, jnp.full_like(a, b)
    if isinstance(b, jax.Array) and isinstance(a, int | float):
        return jnp.full_like(b, a), b
    return jnp.asarray(a), jnp.asarray(b)


def larger(a: Number, b: Number) -> Number:
    """The larger of two; a compare-and-select, which XLA on CPU runs faster than maximum()."""
    return where(a > b, a, b)


def smaller(a: Number, b: Number) -> Number:
    return where(a < b, a, b)


def clip(value: Number, low: Number, high: Number) -> Number:
    return smaller(larger(value, low), high)


def power(base: Number, exponent: Number) -> Number:
    """base ** exponent for base >= 0; its gradient at base 0 is 0 instead of NaN (double where)."""
    positive = base > 0
    safe = where(positive, base, 1.0)
    return where(positive, safe**exponent, where(exponent > 0, 0.0, 1.0) + 0.0 * safe)


def ceil(value: Number) -> Number:
    return _namespace(value).ceil(value)


def floor(value: Number) -> Number:
    return _namespace(value).floor(value)


def sqrt(value: Number, more: Number = 0.0) -> Number:
    """Square root of value + more >= 0 whose gradient at 0 is finite: beside a zero tangent it counts nothing."""
    return _namespace(value, more).sqrt(value + (more + TINY))


def log2(value: Number) -> Number:
    return _namespace(value).log2(value)


def log(value: Number) -> Number:
    return _namespace(value).log(value)


def exp(value: Number) -> Number:
    return _namespace(value).exp(value)


def divide(a: Number, b: Number) -> Number:
    """a / b, and 0 where b is 0."""
    return where(b != 0, a, 0.0) / where(b != 0, b, 1.0)


def constant(value: Number) -> Number:
    """The value, through which nothing is differentiated."""
    return jax.lax.stop_gradient(value) if isinstance(value, jax.Array) else value
