"""Means over decode steps whose context grows by one token each.

The seconds of a growing operator on each roof are affine in the step. Under the hard roof their
maximum is piecewise linear: exact sums between the crossings. Under the smooth roof it is
smooth: Gauss-Legendre on each side of the bend. Where matrix and vector work grow in one
proportion, their joined seconds are affine too, and two lines are left.
"""

from dataclasses import replace

import numpy as np

from life_jax.numerics import Number, ceil, clip, divide, larger, smaller
from life_jax.roofline import Terms, joined
from life_jax.specs import Engine

NODES, WEIGHTS = (array.tolist() for array in np.polynomial.legendre.leggauss(3))


def mean_roofed(first: Terms, last: Terms, steps: Number, engine: Engine) -> Number:
    """Mean over `steps` steps of the roofed seconds, given the terms of the first and of the last step."""
    if engine.smooth:  # joining first was measured to be slower: XLA keeps a root that is used many times in memory
        return _smooth_mean(first, last, steps, engine)
    if first.together:
        first, last = (replace(t, matmul=joined((t.matmul, t.vector), engine), vector=0.0) for t in (first, last))
    lines = _lines(first, last)
    return _mean_of_two(lines[0], lines[1], steps) if len(lines) == 2 else _hard_mean(lines, steps)


def _lines(first: Terms, last: Terms) -> list[tuple[Number, Number]]:
    ends = ((first.matmul, last.matmul), (first.vector, last.vector), (first.memory, last.memory))
    return [(a, b) for a, b in ends if not (isinstance(a, float) and a == 0.0 and isinstance(b, float) and b == 0.0)]


def _crossing(a: tuple[Number, Number], b: tuple[Number, Number]) -> Number:
    """Where in [0, 1] (first to last step) two lines cross; 0 where they do not."""
    start, end = a[0] - b[0], a[1] - b[1]
    return clip(divide(-start, end - start), 0.0, 1.0)


def _mean_of_two(a: tuple[Number, Number], b: tuple[Number, Number], steps: Number) -> Number:
    """Exact: the mean of b and of what a exceeds it by, which changes its sign once."""
    span = larger(steps - 1, 0.0)
    start = a[0] - b[0]
    rise, rise_b = divide(a[1] - b[1] - start, span), divide(b[1] - b[0], span)
    cut = smaller(clip(ceil(divide(-start, rise)), 0.0, span + 1), steps)
    before, whole = cut * (start + rise * (cut - 1) / 2), steps * (start + rise * span / 2)
    return b[0] + rise_b * span / 2 + divide(larger(before, whole - before), steps)


def _hard_mean(lines: list[tuple[Number, Number]], steps: Number) -> Number:
    """Exact: between two crossings one line is the maximum at every step, so the mean is its midpoint."""
    span = larger(steps - 1, 0.0)

    def maximum(t: Number) -> Number:
        u = divide(t, span)
        values = [a + (b - a) * u for a, b in lines]
        top = values[0]
        for value in values[1:]:
            top = larger(top, value)
        return top

    pairs = [(i, j) for i in range(len(lines)) for j in range(i + 1, len(lines))]
    cuts = sort([smaller(ceil(_crossing(lines[i], lines[j]) * span), steps) for i, j in pairs])
    total: Number = 0.0
    for low, high in zip([0.0, *cuts], [*cuts, steps], strict=True):
        total = total + (high - low) * maximum(clip((low + high - 1) / 2, 0.0, span))
    return divide(total, steps)


def sort(values: list[Number]) -> list[Number]:
    """Three or fewer numbers in order, without a sort that a sweep would pay for."""
    values = list(values)
    for end in range(len(values) - 1, 0, -1):
        for i in range(end):
            a, b = values[i], values[i + 1]
            values[i], values[i + 1] = smaller(a, b), larger(a, b)
    return values


def _smooth_mean(first: Terms, last: Terms, steps: Number, engine: Engine) -> Number:
    """The sum over steps 0..n-1 is close to the integral over [-1/2, n-1/2], split where compute meets memory."""
    span = larger(steps - 1, 0.0)
    bend = _crossing((first.compute, last.compute), (first.memory, last.memory)) * span
    bend = clip(bend, -0.5, steps - 0.5)
    total: Number = 0.0
    for low, high in ((-0.5, bend), (bend, steps - 0.5)):
        half = (high - low) / 2
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            u = divide(low + half * (1 + node), span)
            total = total + weight * half * _between(first, last, u).roofed(engine)
    return divide(total, steps)


def _between(first: Terms, last: Terms, u: Number) -> Terms:
    def line(a: Number, b: Number) -> Number:
        return a + (b - a) * u

    return Terms(
        matmul=line(first.matmul, last.matmul),
        vector=line(first.vector, last.vector),
        memory=line(first.memory, last.memory),
        dispatch=first.dispatch,
    )
