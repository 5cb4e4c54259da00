"""The structures of a sweep: cases that one compilation, or one stack of NumPy's arrays, serves together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from life_jax.grid import trees

Case = tuple[Any, Any]  # a function and its base
Begun = Callable[[int, int], None]  # called with the number of a structure, from 1, and how many there are


def unwatched(number: int, count: int) -> None:
    """Drops a report of progress."""


class Parts:
    """What the bases of many cases are made of: devices and models are in many of them, and are taken apart once.

    kinds: number of the structure of each part. leaves: of each part, arrays [n].
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.kinds: list[int] = []
        self.leaves: list[np.ndarray] = []
        self._numbers: dict[Any, int] = {}
        self._known: dict[int, tuple[int, Any]] = {}  # parts are kept, so that no other gets their id

    def number(self, thing: Any) -> int:
        """A number that is the same for equal things."""
        return self._numbers.setdefault(thing, len(self._numbers))

    def of(self, function: Any, base: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The structure of a case, equal for cases that can be computed together, and the numbers of its parts."""
        head, below = trees.node(base)
        parts = tuple([self.part(part) for part in (below or (base,))])
        return (self.number(function), self.number(head), *(self.kinds[part] for part in parts)), parts

    def part(self, tree: Any) -> int:
        """The number of a part."""
        if id(tree) not in self._known:
            structure, leaves = trees.flattened(tree)
            self._known[id(tree)] = len(self.kinds), tree
            self.kinds.append(self.number((structure,)))
            self.leaves.append(np.array(leaves, np.float64))
        return self._known[id(tree)][0]


def numbered(cases: Sequence[Case], met: Iterable[int]) -> dict[int, int]:
    """Number of the structure of each case, from 1 in the order in which they are met.

    cases: all of a sweep. met: numbers of those that are computed, in order.
    """
    parts = Parts()
    numbers: dict[tuple[int, ...], int] = {}
    return {case: numbers.setdefault(parts.of(*cases[case])[0], len(numbers) + 1) for case in met}


def by_structure(cases: Sequence[Case], wanted: Iterable[int], chunks: int) -> list[int]:
    """The wanted chunks with those of one structure behind each other, so that each is compiled, used and let go.

    chunks: of each case.
    """
    wanted = list(wanted)
    met = list(dict.fromkeys(index // chunks for index in wanted))
    if len(met) < 2:
        return wanted
    number_of = numbered(cases, met)
    return sorted(wanted, key=lambda index: number_of[index // chunks])


def announced(wanted: Iterable[int], chunks: int, number_of: Mapping[int, int], begun: Begun) -> Iterator[int]:
    """The wanted chunks; before the first of each structure it is told.

    chunks: of each case. number_of: of the structure of each case.
    """
    count, told = max(number_of.values(), default=0), set[int]()
    for index in wanted:
        number = number_of[index // chunks]
        if number not in told:
            told.add(number)
            begun(number, count)
        yield index
