"""Small grids, evaluated by NumPy without a compilation, which would take longer than it saves.

Cases whose functions and structures are equal are stacked on a leading axis. The axes of the grid are an open mesh
behind it, so that what depends on few axes is computed for few points. Numbers are float64 until they are stored.
Functions are called as grid.kernel calls them, on arrays instead of scalars.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from life_jax.grid import trees
from life_jax.grid.function import Call, Sum
from life_jax.grid.plan import Axis, Column, ResultBlock, Signed, Sweep

MOST_POINTS = 2**19  # of a study; beyond, a compilation is worth its time
POINTS_AT_ONCE = 2**16  # of a stack of cases, which bounds the memory


def blocks(sweep: Sweep, wanted: Iterable[int]) -> Iterator[ResultBlock]:
    """Blocks of the wanted chunks, in their order, as `Sweep.blocks` gives them; cases are computed when needed."""
    wanted = list(wanted)
    cases = list(dict.fromkeys(index // sweep.plan.chunks for index in wanted))
    last = {index // sweep.plan.chunks: index for index in wanted}
    group_of = {case: group for group in _groups(sweep, cases) for case in group}
    ready: dict[int, dict[str, np.ndarray]] = {}
    for index in wanted:
        case, within = divmod(index, sweep.plan.chunks)
        if case not in ready:
            ready.update(_evaluated(sweep, group_of[case]))
        chunk = sweep.plan.chunk(within)
        start, count = sweep.extent(index)
        part = slice(chunk.start, chunk.start + count)
        yield ResultBlock(index, start, count, _columns(sweep, case, ready[case], part))
        if index == last[case]:
            del ready[case]


def _groups(sweep: Sweep, cases: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Groups of cases of one function and one structure that are computed together, as many as memory allows."""
    alike: dict[Any, list[int]] = defaultdict(list)
    for case in cases:
        function, base = sweep.cases[case]
        alike[function, trees.structure(base)].append(case)
    at_once = max(1, POINTS_AT_ONCE // max(sweep.plan.points, 1))
    for members in alike.values():
        for first in range(0, len(members), at_once):
            yield tuple(members[first : first + at_once])


def _evaluated(sweep: Sweep, group: tuple[int, ...]) -> dict[int, dict[str, np.ndarray]]:
    """Columns by name of each case of a group, with all points of the grid in its order."""
    function = sweep.cases[group[0]][0]
    axes = sweep.plan.axes
    base = _stacked([sweep.cases[case][1] for case in group], len(axes))
    sizes = [len(axis) for axis in axes]
    longest = int(np.argmax(sizes)) if sizes else 0
    pieces = [
        _piece(function, base, axes, longest, part, len(group))
        for part in _parts(sizes[longest] if sizes else 1, len(group) * sweep.plan.points)
    ]
    whole = {
        name: np.concatenate([piece[name] for piece in pieces], axis=longest + 1) if len(pieces) > 1 else column
        for name, column in pieces[0].items()
    }
    return {
        case: {name: column[place].reshape(-1) for name, column in whole.items()} for place, case in enumerate(group)
    }


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


def _stacked(bases: list[Any], dimensions: int) -> Any:
    """One base for several cases: leaves are arrays [cases, 1, ..., 1], or plain numbers where all cases share them.

    NumPy's floats divide by zero as arrays do; a literal zero still leaves its work out.
    """

    def leaf(*numbers: Any) -> Any:
        first = numbers[0]
        if all(number == first or (number != number and first != first) for number in numbers):  # noqa: PLR0124 (NaN)
            return np.float64(first)
        return np.array(numbers, np.float64).reshape(-1, *(1,) * dimensions)

    return trees.mapped(leaf, *bases)


def _mesh(axes: tuple[Axis, ...], places: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Values by name at places of the axes, each along its own dimension behind that of the cases."""
    values: dict[str, np.ndarray] = {}
    for dimension, (axis, at) in enumerate(zip(axes, places, strict=True)):
        shape = [1] * (len(axes) + 1)
        shape[dimension + 1] = len(at)
        for name, numbers in axis.at(at).items():
            values[name] = np.asarray(numbers, np.float64).reshape(shape)
    return values


def _columns(sweep: Sweep, case: int, results: Mapping[str, np.ndarray], part: slice) -> dict[str, Column]:
    """Columns of a block, in the dtypes of the study."""
    aliases = getattr(sweep.cases[case][0], "aliases", {})
    columns: dict[str, Column] = {}
    for name, dtype in sweep.outputs.items():
        total = aliases.get(name, Sum(((name, 1),)))
        terms = tuple((results[column][part].real.astype(dtype), sign) for column, sign in total.terms)
        plain = not total.constant and len(terms) == 1 and terms[0][1] == 1
        columns[name] = terms[0][0] if plain else Signed(terms, total.constant)
    return columns
