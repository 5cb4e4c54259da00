"""Places at which a law of steps is tabulated, and where a number lies between them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from life_jax.core.dual_numbers import primal
from life_jax.core.numerics import Number, clip, floor, is_of_jax, larger, log2, smaller, where

# Tokens of a step, in intervals whose ends are those of the tiles of matrix units, so that a step of padding lies
# between two intervals: (first interval's start, length, number of intervals)
INTERVALS = ((0, 1, 64), (64, 32, 30), (1024, 128, 56), (8192, 512, 112))
STARTS = np.concatenate([start + length * np.arange(count) for start, length, count in INTERVALS]).astype(float)
LENGTHS = np.concatenate([np.full(count, length) for _, length, count in INTERVALS]).astype(float)
# an interval of one token goes from the whole number before it, since a mean number of sequences is one of whole ones
LOW_ENDS, HIGH_ENDS = np.where((LENGTHS == 1) & (STARTS > 0), STARTS, STARTS + 1), STARTS + LENGTHS
SPANS = np.maximum(HIGH_ENDS - LOW_ENDS, 1.0)
# index of the interval by whole tokens, since a search among unsorted numbers takes thirty times as long
MOST_TOKENS = int(STARTS[-1]) + 1
INTERVAL_OF = np.maximum(STARTS.searchsorted(np.arange(MOST_TOKENS + 1), side="left") - 1, 0)


FEW = 64  # numbers, of which a search takes less time than arithmetic


@dataclass(frozen=True)
class Nodes:
    """Places at which attention is tabulated: `below`, and from `first` on `count` more, so many `each` doubling."""

    below: tuple[float, ...]
    first: float
    each: int
    count: int

    @cached_property
    def values(self) -> np.ndarray:
        """All places, in order."""
        return np.concatenate([self.below, self.first * 2 ** (np.arange(self.count) / self.each)])

    @cached_property
    def spans(self) -> np.ndarray:
        """From each place to the next."""
        return np.diff(self.values)

    def bracket(self, value: Number) -> tuple[Any, Number]:
        """Index of the place at or below a value, and the part of the way to the next; the last part goes on."""
        index = self._index(value)
        return index, larger((value - pick(self.values, index)) / pick(self.spans, index), 0.0)

    def _index(self, value: Number) -> Any:
        """Index of the place at or below a value; beside a place, where rounding decides, that of either side."""
        if not is_of_jax(value):
            number = primal(value)
            if np.size(number) < FEW:
                place = self.values.searchsorted(number, side="right") - 1
                return np.minimum(np.maximum(place, 0), len(self.values) - 2)  # np.clip takes three times as long
            doublings = np.log2(np.fmax(number, self.first) * (1 / self.first))
            first = len(self.below)
            place = np.fmin(self.each * doublings, self.count - 2.0).astype(np.int64) + first
            for start in (*self.below[1:], self.first)[:first]:
                place -= number < start
            return place
        doublings = log2(larger(value / self.first, 1.0))
        index = len(self.below) + smaller(floor(self.each * doublings), self.count - 2.0)
        for place, start in reversed(list(enumerate((*self.below[1:], self.first)))):
            index = where(value < start, 1.0 * place, index)
        return whole_number(index)


SEQUENCES = Nodes((), 1.0, 1, 11)  # that decode, up to 1024
POSITIONS = Nodes((0.0, 32.0), 64.0, 4, 49)  # tokens cached, up to a quarter of a million
CHUNKS = Nodes((), 1.0, 2, 31)  # tokens of a prompt in a step, up to 32768


def interval(tokens: Number) -> Any:
    """Index of the interval that holds a number of tokens; the last one for more than there are."""
    if not is_of_jax(tokens):
        whole = np.fmin(np.fmax(np.ceil(primal(tokens)), 0.0), MOST_TOKENS)
        return INTERVAL_OF[whole.astype(np.int64)]
    index: Any = 0.0 * tokens
    before = 0
    for start, length, count in INTERVALS:
        inside = tokens > start
        index = where(inside, before + clip(_ceil_below((tokens - start) / length), 0.0, count - 1.0), index)
        before += count
    return whole_number(index)


def _ceil_below(value: Number) -> Number:
    """The largest whole number below a positive value."""
    return -floor(-value) - 1


def pick(nodes: np.ndarray, index: Any) -> Any:
    if not is_of_jax(index):
        return nodes[index]
    import jax.numpy as jnp

    return jnp.asarray(nodes)[index]


def whole_number(number: Number) -> Any:
    return number.astype("int32")  # type: ignore[union-attr]
