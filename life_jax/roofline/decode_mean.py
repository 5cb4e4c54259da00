"""Means over decode steps whose context grows by one token per step.

The seconds of a growing operator on each roof are affine in the step: a line. Under the hard roof their maximum is
piecewise linear, with exact sums between the crossings. Under the smooth roof it is smooth, with Gauss-Legendre on each
side of the bend. Where matrix and vector work grow in one proportion, their joined seconds are affine too, and two
lines are left.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from life_jax.core.numerics import Number, ceil, clip, constant, divide, is_nothing, larger, smaller, sqrt, where
from life_jax.roofline.roofs import Sides, Terms, joined, sides

Line = tuple[Number, Number]  # values at the first and at the last step
NODES, WEIGHTS = (array.tolist() for array in np.polynomial.legendre.leggauss(3))


def mean_roofed(first: Terms, last: Terms, steps: Number, smoothness: Number) -> Number:
    """Mean seconds [s] under the roofs over `steps` decode steps, from the terms of the first and of the last step."""
    ends = _simpler(first, last, smoothness)
    lines = _lines(*ends)
    if len(lines) == 2:
        a, b = lines.values()
        return _smooth_mean_of_two(a, b, steps, smoothness) if not is_nothing(smoothness) else _mean_of_two(a, b, steps)
    if not is_nothing(smoothness):
        total = sum(n * _between(*ends, u).roofed(smoothness) for u, n in _nodes(*_sides(*ends), steps))
    else:
        total = sum(n * _highest(lines, u) for u, n in _pieces(lines, steps))
    return divide(total, steps)


def mean_sides(first: Terms, last: Terms, steps: Number, smoothness: Number) -> Sides:
    """Mean seconds [s] as in `mean_roofed`, divided among the sides of the roofs."""
    ends = _simpler(first, last, smoothness)
    lines = _lines(*ends)
    if len(lines) == 2 and "memory" in lines:
        of_two = _smooth_sides_of_two if not is_nothing(smoothness) else _sides_of_two
        return of_two(first, last, lines, steps, smoothness)
    points = _nodes(*_sides(first, last), steps) if not is_nothing(smoothness) else _pieces(lines, steps)
    total = Sides()
    for u, n in points:
        total = total + sides(_between(first, last, u), smoothness).times(n)
    return total.times(divide(1.0, steps))


def _simpler(first: Terms, last: Terms, smoothness: Number) -> tuple[Terms, Terms]:
    """Join matrix and vector work that grow in one proportion to a single line, by a factor that no workload
    changes."""
    if first.mix is None:
        return first, last
    factor = joined((1.0, first.mix), smoothness)
    begin, end = (replace(t, matmul=t.matmul * factor, vector=0.0, mix=None) for t in (first, last))
    return begin, end


def _lines(first: Terms, last: Terms) -> dict[str, Line]:
    """Lines of matrix work, vector work and memory traffic, by name; those that are nothing at both ends are left
    out."""
    ends = {name: (getattr(first, name), getattr(last, name)) for name in ("matmul", "vector", "memory")}
    return {
        name: (a, b)
        for name, (a, b) in ends.items()
        if not (isinstance(a, float) and a == 0.0 and isinstance(b, float) and b == 0.0)
    }


def _sides(first: Terms, last: Terms) -> tuple[Line, Line]:
    """Lines of computation and of memory traffic."""
    return (first.compute, last.compute), (first.memory, last.memory)


def _crossing(a: Line, b: Line) -> Number:
    """Where in [0, 1] (first to last step) two lines cross; 0 where they do not cross."""
    start, end = a[0] - b[0], a[1] - b[1]
    return clip(divide(-start, end - start), 0.0, 1.0)


def _mean_of_two(a: Line, b: Line, steps: Number) -> Number:
    """Mean under the hard roof, exact: the mean of b, and of the excess of a over b, which changes its sign once."""
    before, after, _ = _excess(a, b, steps)
    return _mean(b, steps) + divide(larger(before, after), steps)


def _smooth_mean_of_two(a: Line, b: Line, steps: Number, smoothness: Number) -> Number:
    """Mean under the smooth roof: lines have their mean in the middle, the root has its mean by nodes."""
    roots = sum(n * sqrt(d * d, p) for _, n, d, p in _bent(a, b, steps, smoothness))
    return (_mean(a, steps) + _mean(b, steps) + divide(roots, steps)) / 2


def _bent(a: Line, b: Line, steps: Number, smoothness: Number) -> Iterator[tuple[Number, Number, Number, Number]]:
    """At each node: position in [0, 1], number of steps, d = a - b, and p = s^2 a b; the root is sqrt(d^2 + p).

    p is a parabola, with coefficients that most axes of a grid do not change.
    """
    s2 = smoothness * smoothness
    (a0, a1), (b0, b1) = a, (s2 * b[0], s2 * b[1])
    still, linear, square = b0 * a0, b0 * (a1 - a0) + (b1 - b0) * a0, (b1 - b0) * (a1 - a0)
    start, more = a0 - b[0], (a1 - a0) - (b[1] - b[0])
    for u, n in _nodes(a, b, steps):
        yield u, n, start + more * u, still + (linear + square * u) * u


def _smooth_sides_of_two(first: Terms, last: Terms, lines: dict[str, Line], steps: Number, smoothness: Number) -> Sides:
    """Mean under the smooth roof divided between two sides; computation is the first line.

    The part of a line x is x (1/2 + slope of the root / 2).
    """
    (name, a), (_, b) = lines.items()
    cache, s2 = (first.cache, last.cache), smoothness * smoothness
    roots: Number = 0.0
    by_compute: Number = 0.0
    by_cache: Number = 0.0
    for u, n, d, p in _bent(a, b, steps, smoothness):
        root = sqrt(d * d, p)
        roots = roots + n * root
        at = a[0] + (a[1] - a[0]) * u
        by_compute = by_compute + n * (2 * at * d + p) / root
        by_cache = by_cache + n * (cache[0] + (cache[1] - cache[0]) * u) * (s2 * at - 2 * d) / root
    seconds = (_mean(a, steps) + _mean(b, steps) + divide(roots, steps)) / 2
    compute, of_cache = (_mean(x, steps) / 2 + divide(by, steps) / 4 for x, by in ((a, by_compute), (cache, by_cache)))
    return _split(first, smoothness, name, seconds, compute, of_cache)


def _split(first: Terms, smoothness: Number, name: str, seconds: Number, compute: Number, cache: Number) -> Sides:
    """Sides from seconds of computation, which is divided between its two kinds of units.

    It is work of one kind only (`name`), or of both kinds in one proportion at every step (first.mix).
    """
    if first.mix is None:
        matmul, vector = (0.0, compute) if name == "vector" else (compute, 0.0)
    else:
        of_one = sides(Terms(1.0, first.mix, 0.0, 0.0), smoothness)
        matmul, vector = (compute * (part / of_one.seconds) for part in (of_one.matmul, of_one.vector))
    return Sides(seconds, matmul, vector, seconds - compute, cache)


def _sides_of_two(first: Terms, last: Terms, lines: dict[str, Line], steps: Number, smoothness: Number) -> Sides:
    """Mean under the hard roof divided between two sides; computation is the first line."""
    (name, a), (_, b) = lines.items()
    before, after, cut = _excess(a, b, steps)

    def above(line: Line) -> Number:
        """The part of a line's mean that falls on steps in which computation binds."""
        early = _sum(line, cut, steps)
        return divide(where(before > after, early, steps * _mean(line, steps) - early), steps)

    compute, cache = above(a), (first.cache, last.cache)
    seconds = _mean(b, steps) + divide(larger(before, after), steps)
    return _split(first, smoothness, name, seconds, compute, _mean(cache, steps) - above(cache))


def _excess(a: Line, b: Line, steps: Number) -> tuple[Number, Number, Number]:
    """Excess of a over b, summed until the step where they cross, and from that step on; and the index of that step."""
    more = (a[0] - b[0], a[1] - b[1])
    cut = divide(-more[0], _rise(more, steps))
    cut = smaller(clip(ceil(cut), 0.0, larger(steps - 1, 0.0) + 1), steps)
    before = _sum(more, cut, steps)
    return before, steps * _mean(more, steps) - before, cut


def _rise(line: Line, steps: Number) -> Number:
    """Change of a line per step."""
    return divide(line[1] - line[0], larger(steps - 1, 0.0))


def _sum(line: Line, end: Number, steps: Number) -> Number:
    """Sum of a line over the steps before `end`."""
    return end * (line[0] + _rise(line, steps) * (end - 1) / 2)


def _mean(line: Line, steps: Number) -> Number:
    """Mean of a line over all steps."""
    return line[0] + _rise(line, steps) * larger(steps - 1, 0.0) / 2


def _pieces(by_name: dict[str, Line], steps: Number) -> list[tuple[Number, Number]]:
    """Pieces between the crossings of lines: the position in [0, 1] of the middle of each, and its number of steps.

    Exact under the hard roof: between two crossings the same line is the maximum at every step, so that the middle has
    the mean.
    """
    span, lines = larger(steps - 1, 0.0), list(by_name.values())
    pairs = [(i, j) for i in range(len(lines)) for j in range(i + 1, len(lines))]
    cuts = sort([smaller(ceil(_crossing(lines[i], lines[j]) * span), steps) for i, j in pairs])
    return [
        (divide(clip((low + high - 1) / 2, 0.0, span), span), high - low)
        for low, high in zip([0.0, *cuts], [*cuts, steps], strict=True)
    ]


def _highest(lines: dict[str, Line], u: Number) -> Number:
    """The largest line at position u in [0, 1]."""
    values = [a + (b - a) * u for a, b in lines.values()]
    top = values[0]
    for value in values[1:]:
        top = larger(top, value)
    return top


def sort(values: list[Number]) -> list[Number]:
    """Three or fewer numbers in ascending order, by compare-and-select, without a sort that a sweep would pay for."""
    values = list(values)
    for end in range(len(values) - 1, 0, -1):
        for i in range(end):
            a, b = values[i], values[i + 1]
            values[i], values[i + 1] = smaller(a, b), larger(a, b)
    return values


def _nodes(a: Line, b: Line, steps: Number) -> list[tuple[Number, Number]]:
    """Nodes of the mean under the smooth roof: the position in [0, 1] of each, and its number of steps.

    The sum over steps 0..n-1 is close to the integral over [-1/2, n-1/2], which is split where computation meets memory
    traffic. The mean does not depend on where it is split, but for the error of the nodes, so that the split is
    constant in differentiation.
    """
    span = larger(steps - 1, 0.0)
    bend = _crossing(a, b) * span
    bend = constant(clip(bend, -0.5, steps - 0.5))
    nodes = []
    for low, high in ((-0.5, bend), (bend, steps - 0.5)):
        half = (high - low) / 2
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            nodes.append((divide(low + half * (1 + node), span), weight * half))
    return nodes


def _between(first: Terms, last: Terms, u: Number) -> Terms:
    """Terms at position u in [0, 1] between the first and the last step."""

    def line(a: Number, b: Number) -> Number:
        return a + (b - a) * u

    return Terms(
        matmul=line(first.matmul, last.matmul),
        vector=line(first.vector, last.vector),
        memory=line(first.memory, last.memory),
        cache=line(first.cache, last.cache),
        dispatch=first.dispatch,
    )
