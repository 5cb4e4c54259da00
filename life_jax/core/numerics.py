"""Functions that formulas need beyond + - * /, for traced arrays and plain numbers alike.

JAX arrays go to jax.numpy and stay traceable; plain Python and NumPy numbers go to NumPy, so that the same formula
serves the float32 sweep and the float64 tables that are reported.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from life_jax.core import dual_numbers
from life_jax.core.dual_numbers import Dual

if TYPE_CHECKING:
    import jax

TINY = 1e-37  # added below square roots; its own root, 3e-19 seconds, does not change a time
# what a formula takes and returns, tracers included; JAX is named, not needed, so the union is not written with |
Number = Union[float, np.ndarray, "jax.Array"]  # or a Dual of NumPy, which formulas do not see either


class Static(float):
    """A number that is the same in every case of a compiled function: part of the tree's structure, not a leaf.

    Formulas see its value while they are traced, so that a term that is absent (a bias of 0, a factor of 1) is left
    out. Arithmetic returns plain floats.
    """


SCALARS = frozenset((float, np.float64))
PLAIN = frozenset((float, int, bool, np.float64, np.float32, np.bool_, np.ndarray, Static))  # and so not of JAX


def is_of_jax(*values: Any) -> bool:
    """Whether any value is an array or a tracer of JAX; answered without importing JAX."""
    jax = sys.modules.get("jax")
    if jax is None:
        return False
    for value in values:  # noqa: SIM110, any() of a generator takes three times as long, in what every formula calls
        if type(value) not in PLAIN and isinstance(value, jax.Array):
            return True
    return False


def is_fixed_at(number: Number, value: float) -> bool:
    """Whether a number is plain (neither traced nor an array) and equals `value`."""
    return isinstance(number, int | float) and number == value


def is_nothing(term: Number) -> bool:
    """Whether a term is a plain 0, which can be left out."""
    return is_fixed_at(term, 0)


def _namespace(*values: Any) -> Any:
    if is_of_jax(*values):
        return sys.modules["jax.numpy"]
    return dual_numbers if Dual in map(type, values) else np


def product(first: Number, *others: Number) -> Number:
    """The product of all arguments; a plain 0 where the first is a plain 0, so that later terms can be left out."""
    if is_nothing(first):
        return 0.0
    for other in others:
        first = first * other
    return first


def where(condition: Number, a: Number, b: Number) -> Number:
    """`a` where the condition holds, else `b`."""
    if type(condition) in (bool, np.bool_) and type(a) in SCALARS and type(b) in SCALARS:
        return np.float64(a if condition else b)  # as np.where, twenty times as fast
    if type(condition) in PLAIN and type(a) in PLAIN and type(b) in PLAIN:
        return np.where(condition, a, b)
    if not is_of_jax(condition, a, b):
        return _namespace(a, b).where(condition, a, b)
    import jax

    a, b = _alike(a, b)
    if isinstance(condition, jax.Array) and condition.shape == a.shape == b.shape and a.dtype == b.dtype:
        return jax.lax.select(condition, a, b)  # jnp.where is a nested jit, which traces and compiles longer
    return jax.numpy.where(condition, a, b)


def _alike(a: Number, b: Number) -> "tuple[jax.Array, jax.Array]":
    """Turn a plain number beside an array into an array of the same shape and dtype."""
    import jax
    import jax.numpy as jnp

    if isinstance(a, jax.Array) and isinstance(b, int | float):
        return a, jnp.full_like(a, b)
    if isinstance(b, jax.Array) and isinstance(a, int | float):
        return jnp.full_like(b, a), b
    return jnp.asarray(a), jnp.asarray(b)


def larger(a: Number, b: Number) -> Number:
    """The larger of two numbers, by compare-and-select, which XLA on CPU runs faster than maximum()."""
    return where(a > b, a, b)


def smaller(a: Number, b: Number) -> Number:
    """The smaller of two numbers, by compare-and-select (see `larger`)."""
    return where(a < b, a, b)


def clip(value: Number, low: Number, high: Number) -> Number:
    """`value` limited to the range from `low` to `high`."""
    return smaller(larger(value, low), high)


def power(base: Number, exponent: Number) -> Number:
    """base ** exponent for base >= 0; the gradient at base 0 is 0 instead of NaN (double where)."""
    positive = base > 0
    safe = where(positive, base, 1.0)
    return where(positive, safe**exponent, where(exponent > 0, 0.0, 1.0) + 0.0 * safe)


def ceil(value: Number) -> Number:
    """The smallest whole number that is not below `value`; its gradient is 0."""
    return _namespace(value).ceil(value)


def floor(value: Number) -> Number:
    """The largest whole number that is not above `value`; its gradient is 0."""
    return _namespace(value).floor(value)


def sqrt(value: Number, more: Number = 0.0) -> Number:
    """Square root of value + more >= 0. Its gradient at 0 is finite, so that its product with a zero tangent is
    zero."""
    return _namespace(value, more).sqrt(value + (more + TINY))


def log2(value: Number) -> Number:
    """Logarithm to base 2."""
    return _namespace(value).log2(value)


def log(value: Number) -> Number:
    """Natural logarithm."""
    return _namespace(value).log(value)


def exp(value: Number) -> Number:
    """Exponential function."""
    return _namespace(value).exp(value)


def iterate(function: Callable[[Any], Any], start: Any, rounds: int, done: Callable[[Any], bool] | None = None) -> Any:
    """`function` applied `rounds` times to a tuple of numbers, which JAX compiles once and differentiates in both
    directions. NumPy stops when the numbers are `done`, or else when nothing changes any more, but with tangents, which
    settle later."""
    if is_of_jax(*start):
        import jax
        import jax.numpy as jnp

        shapes = jax.eval_shape(function, tuple(map(jnp.asarray, start)))
        first = tuple(jnp.broadcast_to(x, like.shape).astype(like.dtype) for x, like in zip(start, shapes, strict=True))
        return jax.lax.scan(lambda state, _: (function(state), None), first, length=rounds)[0]
    state = start
    for _ in range(rounds):
        if done is not None and done(state):
            break
        before, state = state, function(state)
        if done is not None or any(type(number) is Dual for number in state):
            continue
        if all(np.allclose(old, new, rtol=1e-10, atol=0) for old, new in zip(before, state, strict=True)):
            break
    return state


def divide(a: Number, b: Number) -> Number:
    """a / b, and 0 where b is 0."""
    return where(b != 0, a, 0.0) / where(b != 0, b, 1.0)


def sort_last(values: Number) -> Number:
    """Values in increasing order along the last axis."""
    return _namespace(values).sort(values, -1)


def in_order(values: Any, place: int) -> tuple[Number, Number]:
    """The values at a place and at the next in increasing order along the last axis, counted from 0.

    JAX finds them by bisection, since XLA's sort on CPUs takes ten times as long; NumPy sorts.
    """
    if not is_of_jax(values):
        ordered: Any = sort_last(values)
        return ordered[..., place], ordered[..., place + 1]
    import jax.numpy as jnp

    fixed: Any = constant(values)

    def below(limit: Any) -> Any:
        return jnp.sum(fixed <= limit[..., None], -1)

    def halve(ends: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = ends
        middle = low + (high - low) / 2
        enough = below(middle) > place
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    least, most = fixed.min(-1), fixed.max(-1)
    kind: Any = jnp.finfo(values.dtype)  # type: ignore[no-untyped-call]
    start = least - (most - least) / values.shape[-1] - (4 * kind.eps * abs(least) + kind.tiny)
    low, _ = iterate(halve, (start, most), kind.nmant + 5)
    first = _least_above(values, low)
    second = _least_above(values, constant(first))
    second = jnp.where(below(constant(first)) > place + 1, first, second)
    unknown = jnp.isnan(most)  # where some value is
    return jnp.where(unknown, most, first), jnp.where(unknown, most, second)


def _least_above(values: Any, limit: Any) -> Any:
    import jax.numpy as jnp

    return jnp.where(values > limit[..., None], values, jnp.inf).min(-1)


def constant(value: Number) -> Number:
    """The value itself, treated as constant in differentiation."""
    return sys.modules["jax"].lax.stop_gradient(value) if is_of_jax(value) else dual_numbers.primal(value)


def current_trace(*values: Number) -> Any:
    """A value that differs (by ==) between traces of JAX; None where none of the arguments belongs to JAX."""
    if not is_of_jax(*values):
        return None
    from jax.extend.core import get_opaque_trace_state

    return get_opaque_trace_state(convention="nnx")  # type: ignore[no-untyped-call]


def paired(first: Number, second: Number) -> Number:
    """Two numbers as the real and the imaginary part of a complex number."""
    if not is_of_jax(first, second):
        return first + 1j * np.asarray(second)
    import jax
    import jax.numpy as jnp

    return jax.lax.complex(*jnp.broadcast_arrays(jnp.asarray(first), jnp.asarray(second)))


def real(value: Number) -> Number:
    """The first number of a pair, or the number itself where it is not a pair."""
    return _namespace(value).real(value)


def imag(value: Number) -> Number:
    """The second number of a pair."""
    return _namespace(value).imag(value)
