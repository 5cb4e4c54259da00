"""Small grids, evaluated by NumPy without a compilation, which would take longer than it saves.

Cases whose functions and structures are equal are stacked on a leading axis. The axes of the grid are an open mesh
behind it, so that what depends on few axes is computed for few points. Numbers are float64 until they are stored.
Functions are called as grid.kernel calls them, on arrays instead of scalars.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from life_jax.grid import trees
from life_jax.grid.function import Call, Sum
from life_jax.grid.plan import Axis, Column, ResultBlock, Signed, Sweep
from life_jax.grid.structures import Begun, Parts, unwatched

MOST_POINTS = 2**19  # of a study; beyond, a compilation is worth its time
MOST_COSTLY = 2**22  # of a study whose functions take minutes to compile
POINTS_AT_ONCE = 2**16  # of a case, which bounds the memory
STACKED = 2**13  # points of the cases of a stack, of which every number has its own place in memory


@dataclass(frozen=True)
class _Stack:
    """Cases of one function and one structure, which are computed together.

    cases: their numbers. base: of the first of them. parts: numbers of the parts of each case.
    """

    cases: tuple[int, ...]
    function: Any
    base: Any
    parts: tuple[tuple[int, ...], ...]

    def stacked(self, known: Parts, dimensions: int) -> Any:
        """One base for all cases: leaves are arrays [cases, 1, ..., 1], or plain numbers where all cases share them.

        NumPy's floats divide by zero as arrays do; a literal zero still leaves its work out. dimensions: of the grid.
        """
        columns: list[Any] = []
        for of_cases in zip(*self.parts, strict=True):
            if len(set(of_cases)) == 1:
                columns.extend(known.leaves[of_cases[0]])
                continue
            leaves = np.array([known.leaves[part] for part in of_cases])
            first = leaves[0]
            shared = ((leaves == first) | (np.isnan(leaves) & np.isnan(first))).all(0)
            columns += [
                number if alike else np.ascontiguousarray(column).reshape(-1, *(1,) * dimensions)
                for number, alike, column in zip(first, shared, leaves.T, strict=True)
            ]
        return trees.refilled(self.base, columns)


def blocks(sweep: Sweep, wanted: Iterable[int], begun: Begun = unwatched) -> Iterator[ResultBlock]:
    """Blocks of the wanted chunks, in their order, as `Sweep.blocks` gives them; cases are computed when needed.

    begun: told of every stack before it is computed.
    """
    wanted = list(wanted)
    last = {index // sweep.plan.chunks: index for index in wanted}
    known = Parts()
    stacks = list(_stacks(sweep, last, known))
    stack_of = {case: (stack, place) for stack in stacks for place, case in enumerate(stack.cases)}
    ready: dict[int, dict[str, Column]] = {}  # columns of all cases of a stack, by its first case
    left: dict[int, int] = {}
    points = sweep.plan.points
    for index in wanted:
        case, within = divmod(index, sweep.plan.chunks)
        stack, place = stack_of[case]
        first = stack.cases[0]
        if first not in ready:
            begun(len(left) + 1, len(stacks))
            ready[first] = _evaluated(sweep, stack, known)
            left[first] = len(stack.cases)
        chunk = sweep.plan.chunk(within)
        start, count = sweep.extent(index)
        at = slice(place * points + chunk.start, place * points + chunk.start + count)
        yield ResultBlock(index, start, count, {name: _part(column, at) for name, column in ready[first].items()})
        if index == last[case]:
            left[first] -= 1
            if not left[first]:
                del ready[first]


def _stacks(sweep: Sweep, cases: Iterable[int], known: Parts) -> Iterator[_Stack]:
    """Cases of one function and one structure, in stacks of as many as memory allows."""
    alike: dict[Any, list[int]] = {}
    parts_of: dict[int, tuple[int, ...]] = {}
    for case in cases:
        function, base = sweep.cases[case]
        kind, parts_of[case] = known.of(function, base)
        alike.setdefault(kind, []).append(case)
    at_once = max(1, STACKED // max(sweep.plan.points, 1))
    for members in alike.values():
        for first in range(0, len(members), at_once):
            together = tuple(members[first : first + at_once])
            yield _Stack(together, *sweep.cases[together[0]], tuple(parts_of[case] for case in together))


def _evaluated(sweep: Sweep, stack: _Stack, known: Parts) -> dict[str, Column]:
    """Columns of a stack by name: all points of its first case in the order of the grid, then those of the next."""
    axes = sweep.plan.axes
    base = stack.stacked(known, len(axes))
    cases = len(stack.cases)
    sizes = [len(axis) for axis in axes]
    longest = int(np.argmax(sizes)) if sizes else 0
    pieces = [
        _piece(stack.function, base, axes, longest, part, cases)
        for part in _parts(sizes[longest] if sizes else 1, cases * sweep.plan.points)
    ]
    whole = {
        name: (np.concatenate([piece[name] for piece in pieces], axis=longest + 1) if len(pieces) > 1 else column)
        for name, column in pieces[0].items()
    }
    return _columns(sweep, stack.function, whole)


def _parts(length: int, points: int) -> Iterator[slice]:
    """Parts of an axis, so many that none has more than POINTS_AT_ONCE of all points; length: of the axis."""
    count = min(length, -(-points // POINTS_AT_ONCE))
    edges = [length * part // count for part in range(count + 1)]
    yield from (slice(first, last) for first, last in pairwise(edges))


def _piece(
    function: Any, base: Any, axes: tuple[Axis, ...], longest: int, part: slice, cases: int
) -> dict[str, np.ndarray]:
    """Columns [cases, axes...] of the points whose place on the longest axis is in `part`."""
    places = [np.arange(len(axis)) for axis in axes]
    if places:
        places[longest] = places[longest][part]
    values = _mesh(axes, places)
    columns: dict[str, Any] = {}
    calls = getattr(function, "calls", None)
    with np.errstate(all="ignore"):
        if calls is None:
            columns.update(function(base, values))
        for call in calls or ():
            columns.update(_called(call, base, values))
        if getattr(function, "derived", ()):
            columns.update(function.derive(dict(columns), base, values))
    shape = (cases, *map(len, places))
    return {name: np.broadcast_to(column, shape) for name, column in columns.items()}


def _called(call: Call, base: Any, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    results = call.part(base, values, call.argument)
    return dict(zip(call.names, (results[output] for output in call.part.outputs), strict=True))


def _mesh(axes: tuple[Axis, ...], places: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Values by name at places of the axes, each along its own dimension behind that of the cases."""
    values: dict[str, np.ndarray] = {}
    for dimension, (axis, at) in enumerate(zip(axes, places, strict=True)):
        shape = [1] * (len(axes) + 1)
        shape[dimension + 1] = len(at)
        for name, numbers in axis.at(at).items():
            values[name] = np.asarray(numbers, np.float64).reshape(shape)
    return values


def _columns(sweep: Sweep, function: Any, results: Mapping[str, np.ndarray]) -> dict[str, Column]:
    """The columns that a study stores, flat and in their dtypes."""
    aliases = getattr(function, "aliases", {})
    columns: dict[str, Column] = {}
    for name, dtype in sweep.outputs.items():
        total = aliases.get(name, Sum(((name, 1),)))
        with np.errstate(over="ignore"):  # infinite in the smaller type, of which those who ask are warned before
            terms = tuple((results[column].real.astype(dtype).reshape(-1), sign) for column, sign in total.terms)
        plain = not total.constant and len(terms) == 1 and terms[0][1] == 1
        columns[name] = terms[0][0] if plain else Signed(terms, total.constant)
    return columns


def _part(column: Column, at: slice) -> Column:
    """Some points of a column."""
    if isinstance(column, np.ndarray):
        return column[at]
    return Signed(tuple((numbers[at], sign) for numbers, sign in column.columns), column.constant)
