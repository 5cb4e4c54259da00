"""Fixed points of two positive numbers, for many scenarios side by side: Broyden's method on their logarithms.

The method begins as a damped iteration and learns from its own steps how the function answers (Broyden 1965, "A class
of methods for solving nonlinear simultaneous equations"). The point is kept at which the function changed least: where
it jumps, as it does with the whole number of steps that a prompt takes, there may be no fixed point. The solution has
the derivatives of the implicit function, whatever steps led to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from life_jax.core.numerics import Number, clip, constant, exp, is_of_jax, iterate, larger, log, where
from life_jax.core.pytree import map_leaves

Pair = tuple[Number, Number]
Function = Callable[[Any, Pair], Pair]  # parameters, and the numbers -> better numbers

ROUNDS = 20
DAMPING = 0.7  # of the first step
MOST = 1.0  # of a step, in natural logarithms
NEAR = 1e-22  # squared distance at which NumPy stops
LEAST = 1e-30
STEEPEST = 1e-4  # least determinant of the linear equations, and
SMALL = 1e-3  # distance up to which they correct a solution, which takes their derivatives in any case
FAR = 0.1  # distance up to which they foresee another one


@dataclass(frozen=True)
class Solved:
    """A fixed point.

    values: both numbers; at: their logarithms, without derivatives; inverse: of the unit matrix less the slopes of the
    function there, by rows
    """

    values: Pair
    at: Pair
    inverse: tuple[Pair, Pair]

    def moved(self, function: Function, parameters: Any) -> Pair:
        """Both numbers for other parameters nearby, to the first order."""
        f, g = (clip(way, -FAR, FAR) for way in _beyond(function, parameters, self.at))
        return _exp(_corrected(self.at, self.inverse, (f, g)))


class _State(NamedTuple):
    """Logarithms u, v; f, g: of the function over them; h..: what undoes the slopes of f and g; the best so far."""

    u: Number
    v: Number
    f: Number
    g: Number
    h00: Number
    h01: Number
    h10: Number
    h11: Number
    best_u: Number
    best_v: Number
    best_f: Number
    best_g: Number


def solve(function: Function, parameters: Any, start: Pair, *, rounds: int = ROUNDS) -> Solved:
    """Where the function gives what it gets.

    parameters: a pytree of all numbers that it depends on; start: both numbers, in the shape of the result.
    """
    still = map_leaves(constant, parameters)
    at = log(constant(start[0])), log(constant(start[1]))
    f, g = _beyond(function, still, at)
    same = 0.0 * (f + g)
    u, v = at[0] + same, at[1] + same
    fresh = (same - DAMPING, same, same, same - DAMPING)
    state = _State(u, v, f + same, g + same, *fresh, u, v, f + same, g + same)
    found = iterate(lambda state: tuple(_better(function, still, _State(*state))), state, rounds, done=_is_near)
    best = _State(*found)
    at = constant(best.best_u), constant(best.best_v)
    inverse = _inverse(function, still, at, (best.best_f, best.best_g))
    beyond = _beyond(function, parameters, at)
    rests: list[Any] = [constant(way) for way in beyond]
    f, g = (way - where(abs(rest) < SMALL, 0.0, rest) for way, rest in zip(beyond, rests, strict=True))
    return Solved(_exp(_corrected(at, inverse, (f, g))), at, inverse)


def _beyond(function: Function, parameters: Any, at: Pair) -> Pair:
    """Logarithms of what the function gives over what it gets."""
    first, second = function(parameters, _exp(at))
    return log(first) - at[0], log(second) - at[1]


def _exp(pair: Pair) -> Pair:
    return exp(pair[0]), exp(pair[1])


def _better(function: Function, parameters: Any, s: _State) -> _State:
    """One step of Broyden's method."""
    du = clip(-(s.h00 * s.f + s.h01 * s.g), -MOST, MOST)
    dv = clip(-(s.h10 * s.f + s.h11 * s.g), -MOST, MOST)
    u, v = s.u + du, s.v + dv
    f, g = _beyond(function, parameters, (u, v))
    df, dg = f - s.f, g - s.g
    by_row = s.h00 * df + s.h01 * dg, s.h10 * df + s.h11 * dg
    by_column = du * s.h00 + dv * s.h10, du * s.h01 + dv * s.h11
    scale: Any = du * by_row[0] + dv * by_row[1]
    known = abs(scale) > 1e-3 * (du * du + dv * dv) + LEAST
    gain = where(known, 1.0, 0.0) / where(known, scale, 1.0)
    e0, e1 = (du - by_row[0]) * gain, (dv - by_row[1]) * gain
    closer = f * f + g * g <= s.best_f * s.best_f + s.best_g * s.best_g
    return _State(
        u=u,
        v=v,
        f=f,
        g=g,
        h00=s.h00 + e0 * by_column[0],
        h01=s.h01 + e0 * by_column[1],
        h10=s.h10 + e1 * by_column[0],
        h11=s.h11 + e1 * by_column[1],
        best_u=where(closer, u, s.best_u),
        best_v=where(closer, v, s.best_v),
        best_f=where(closer, f, s.best_f),
        best_g=where(closer, g, s.best_g),
    )


def _is_near(state: Any) -> bool:
    best = _State(*state)
    return bool(np.all(best.best_f * best.best_f + best.best_g * best.best_g <= NEAR))


def _inverse(function: Function, parameters: Any, at: Pair, here: Pair) -> tuple[Pair, Pair]:
    """What turns a distance into the way to the fixed point, from differences to both sides of it."""
    kind = np.float64 if not is_of_jax(*at) else np.result_type(at[0].dtype)  # type: ignore[union-attr]
    nudge = float(np.finfo(kind).eps) ** 0.5
    one = _beyond(function, parameters, (at[0] + nudge, at[1]))
    two = _beyond(function, parameters, (at[0], at[1] + nudge))
    f_u, g_u = (constant((new - old) / nudge) for new, old in zip(one, here, strict=True))
    f_v, g_v = (constant((new - old) / nudge) for new, old in zip(two, here, strict=True))
    determinant = f_u * g_v - f_v * g_u  # positive where a damped iteration converges
    over = 1 / larger(determinant, STEEPEST)
    return (-g_v * over, f_v * over), (g_u * over, -f_u * over)


def _corrected(at: Pair, inverse: tuple[Pair, Pair], beyond: Pair) -> Pair:
    """Where the linear equations see the fixed point."""
    first, second = (row[0] * beyond[0] + row[1] * beyond[1] for row in inverse)
    return at[0] + first, at[1] + second
