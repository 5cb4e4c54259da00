"""Outer products of axes, cut into chunks of one shape and evaluated by one compiled function.

The last axes are flattened into one long inner axis, the others into rows. As all chunks have one shape, one
compilation serves them all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from life_jax.grid import structures
from life_jax.grid.ahead import Ahead
from life_jax.grid.function import Function, Sum

if TYPE_CHECKING:
    from life_jax.grid.kernel import Kernel, Results

POINTS_PER_CHUNK = 2**19
NUMBERS_PER_CHUNK = 2**22  # of all columns together, which bounds the memory
LONGEST_INNER = 2**17
# an inner axis takes no more axes than it needs to be so long: what depends on one is computed for each of its points
SHORTEST_INNER = 128
LAYOUT = 2  # version of how points are put into chunks: an unfinished result of another version is not resumed
RING = 3  # results in memory at once: the next is computed while a sink takes this and still writes the one before


class Axis(Protocol):
    """A dimension of the grid, along which one or several named numbers vary: `Values`, or `sampling.Points`."""

    def __len__(self) -> int: ...

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values [n] by name; index [n]: places along the axis, from 0."""


@dataclass(frozen=True)
class Values:
    """An axis along which one number takes given values [n]."""

    name: str
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values [n] by name; index [n]: places along the axis, from 0."""
        return {self.name: self.values[index]}


@dataclass(frozen=True)
class Signed:
    """A column that is the sum of a constant and of other columns [n], each with its sign (1 or -1).

    It is added up only where it is read, piece by piece, because a sink that keeps it copies it anyway.
    """

    columns: tuple[tuple[np.ndarray, int], ...]
    constant: float = 0.0

    @property
    def dtype(self) -> np.dtype:
        """dtype of the sum."""
        return self.columns[0][0].dtype

    def __len__(self) -> int:
        return len(self.columns[0][0])

    def __getitem__(self, at: Any) -> Any:
        (first, sign), *others = self.columns
        total = first[at] if sign == 1 else -first[at]
        for column, sign in others:
            total = total + column[at] if sign == 1 else total - column[at]
        return total + self.dtype.type(self.constant) if self.constant else total

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:]).astype(dtype or self.dtype, copy=False)


Column = np.ndarray | Signed


@dataclass(frozen=True)
class ResultBlock:
    """The results of one chunk: numbers [count] by column.

    chunk: number of the chunk. start, count: its points are [start, start + count) in the C order of cases and axes.
    Its arrays are written over once `RING - 1` further blocks have been requested.
    """

    chunk: int
    start: int
    count: int
    columns: Mapping[str, Column]


class Sink(Protocol):
    """A receiver of blocks, which keeps, writes or reduces them."""

    def put(self, block: ResultBlock) -> None:
        """Take a block; its arrays may be read until the next call has returned."""


@dataclass(frozen=True)
class Plan:
    """How a product of axes is cut into chunks of `rows` rows with `inner` points each.

    split: number of leading axes that are flattened into rows; the others are the inner axis. pieces: into how many
    chunks one row is cut because it is too long; the last of them may be short.
    """

    axes: tuple[Axis, ...]
    split: int
    inner: int
    pieces: int
    rows: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(len(axis) for axis in self.axes)

    @cached_property
    def points(self) -> int:
        """Number of points of the product."""
        return int(np.prod(self.shape, dtype=np.int64))

    @cached_property
    def outer(self) -> int:
        """Number of rows."""
        return int(np.prod(self.shape[: self.split], dtype=np.int64))

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return self.pieces * -(-self.outer // self.rows)

    def chunk(self, index: int) -> "Chunk":
        """Place of a chunk; index: its number, from 0."""
        row_points = self.points // self.outer
        block, piece = divmod(index, self.pieces)
        row, first = block * self.rows, piece * self.inner
        whole_rows = min(self.rows, self.outer - row) * row_points
        count = whole_rows if self.pieces == 1 else min(self.inner, row_points - first)
        return Chunk(row, piece, row * row_points + first, count)

    def rows_of(self, chunk: "Chunk", dtype: Any) -> dict[str, np.ndarray]:
        """Values [rows] of the outer axes by name; the last row is repeated where the chunk has fewer."""
        rows = np.minimum(chunk.row + np.arange(self.rows), self.outer - 1)
        return _gather(self.axes[: self.split], rows, dtype)

    def points_of(self, piece: int, dtype: Any) -> dict[str, np.ndarray]:
        """Values [inner] of the inner axes by name, for a piece of a row; the last is repeated where it has fewer."""
        points = np.minimum(piece * self.inner + np.arange(self.inner), self.points // self.outer - 1)
        return _gather(self.axes[self.split :], points, dtype)


@dataclass(frozen=True)
class Chunk:
    """Place of a chunk in the product of the axes.

    row: number of its first row. piece: which piece of the row it is. start, count: its points are
    [start, start + count) in C order; the padding of a short chunk does not count.
    """

    row: int
    piece: int
    start: int
    count: int


def plan(axes: Sequence[Axis], columns: int = 1) -> Plan:
    """The plan of a grid: its last axes, as few as are long enough together, become the inner axis.

    columns: number of results of a point, which bounds the size of chunks.
    """
    points = min(POINTS_PER_CHUNK, NUMBERS_PER_CHUNK // columns)
    longest = min(LONGEST_INNER, points)
    sizes = [len(axis) for axis in axes]
    split, inner = len(sizes), 1
    while split > 0 and inner < SHORTEST_INNER and inner * sizes[split - 1] <= longest:
        split -= 1
        inner *= sizes[split]
    pieces = 1
    if inner == 1 and split > 0:
        split -= 1
        pieces = -(-sizes[split] // longest)
        inner = min(longest, sizes[split])
    outer = int(np.prod(sizes[:split], dtype=np.int64))
    rows = 1 if pieces > 1 else max(1, min(outer, points // inner))
    return Plan(tuple(axes), split, inner, pieces, rows)


def flat(axes: Sequence[Axis], columns: int = 1) -> Plan:
    """A plan with all axes as one inner axis, in chunks whose length is a power of two.

    Grids of many sizes then share few shapes of chunks, so that small requests seldom compile anew. columns: number
    of results of a point.
    """
    points = int(np.prod([len(axis) for axis in axes], dtype=np.int64))
    longest = min(LONGEST_INNER, NUMBERS_PER_CHUNK // columns)
    inner = 1 << max(0, min(points, longest) - 1).bit_length()
    return Plan(tuple(axes), 0, inner, -(-points // inner), 1)


def _gather(axes: tuple[Axis, ...], places: np.ndarray, dtype: Any) -> dict[str, np.ndarray]:
    if not axes:
        return {"": np.zeros(len(places), dtype)}
    where = np.unravel_index(places, [len(axis) for axis in axes])
    return {
        name: values.astype(dtype)
        for axis, index in zip(axes, where, strict=True)
        for name, values in axis.at(index).items()
    }


@dataclass(frozen=True)
class Sweep:
    """Functions that are evaluated over one plan. It can be pickled if its functions can.

    cases: (function, base), where the base is a pytree of numbers; bases of one structure share a compilation. Chunks
    and points are numbered through all cases. outputs: dtype of every result of a point that is wanted. dtype: in
    which the function is evaluated.
    """

    cases: tuple[tuple[Function, Any], ...]
    plan: Plan
    outputs: Mapping[str, np.dtype]
    dtype: str = "float32"

    @property
    def chunks(self) -> int:
        """Number of chunks of all cases."""
        return len(self.cases) * self.plan.chunks

    def extent(self, index: int) -> tuple[int, int]:
        """Number of the first point of a chunk, and number of its points."""
        case, within = divmod(index, self.plan.chunks)
        chunk = self.plan.chunk(within)
        return case * self.plan.points + chunk.start, chunk.count

    def blocks(self, wanted: Iterable[int], begun: structures.Begun = structures.unwatched) -> Iterator[ResultBlock]:
        """Blocks of the wanted chunks, in their order; each is computed while the one before is being taken, and the
        next structure is compiled meanwhile. begun: told of every structure before its first chunk."""
        wanted = list(wanted)
        chunks = self.plan.chunks
        number_of = structures.numbered(self.cases, dict.fromkeys(index // chunks for index in wanted))
        with closing(Ahead(wanted, chunks, number_of, self._compile)) as ahead:
            yield from self._computed(structures.announced(wanted, chunks, number_of, begun), ahead.need)

    def _compile(self, index: int) -> None:
        """Compile what a chunk needs. index: number of the chunk."""
        import jax

        from life_jax.grid.kernel import kernel, packed

        case, within = divmod(index, self.plan.chunks)
        function, numbers = self.cases[case]
        of, chunk, shape = kernel(function), self.plan.chunk(within), (self.plan.rows, self.plan.inner)
        with jax.enable_x64(self.dtype == "float64"):
            piece = jax.device_put(self.plan.points_of(chunk.piece, self.dtype))
            spare = of.spare(shape, self.outputs, self.dtype)
            of.prepare(packed(numbers), self.plan.rows_of(chunk, self.dtype), piece, spare)

    def _computed(self, wanted: Iterable[int], need: Callable[[int], None]) -> Iterator[ResultBlock]:
        """need: called with the number of a case before its first chunk, returns when its structure is compiled."""
        import jax

        from life_jax.grid.kernel import kernel, packed

        spare: list[tuple[Kernel, Results]] = []
        pending: tuple[int, Kernel, Results] | None = None
        base_of, base = -1, None
        piece_of, piece = -1, None
        for index in wanted:
            case, within = divmod(index, self.plan.chunks)
            function, numbers = self.cases[case]
            of = kernel(function)
            with jax.enable_x64(self.dtype == "float64"):
                if case != base_of:  # once, not for every part of every chunk
                    need(case)
                    base_of, base = case, packed(numbers)
                # a buffer of another kernel may have other columns, and is let go
                old = spare.pop(0) if len(spare) == RING - 1 else None
                shape = (self.plan.rows, self.plan.inner)
                kept = old[1] if old is not None and old[0] is of else of.spare(shape, self.outputs, self.dtype)
                chunk = self.plan.chunk(within)
                if chunk.piece != piece_of:
                    piece_of, piece = chunk.piece, jax.device_put(self.plan.points_of(chunk.piece, self.dtype))
                results = of(base, self.plan.rows_of(chunk, self.dtype), piece, kept)
            if pending is not None:
                yield self._block(*pending)
                spare.append(pending[1:])
            pending = (index, of, results)
        if pending is not None:
            yield self._block(*pending)

    def _block(self, index: int, of: "Kernel", parts: "Results") -> ResultBlock:
        start, count = self.extent(index)
        results = {name: block for part in parts for name, block in part.items()}
        columns: dict[str, Column] = {}
        for name in self.outputs:
            total = of.aliases.get(name, Sum(((name, 1),)))
            # on a CPU views of the results, no copies; of a pair the first
            terms = tuple((np.asarray(results[c]).reshape(-1)[:count].real, sign) for c, sign in total.terms)
            plain = not total.constant and len(terms) == 1 and terms[0][1] == 1
            columns[name] = terms[0][0] if plain else Signed(terms, total.constant)
        return ResultBlock(index, start, count, columns)


Executor = Callable[[Sweep, Iterable[int]], Iterator[ResultBlock]]  # `Sweep.blocks` computes in this process


def run(
    sweep: Sweep,
    sink: Sink,
    wanted: Iterable[int] | None = None,
    done: Callable[[ResultBlock], None] = lambda block: None,
    executor: Executor = Sweep.blocks,
) -> None:
    """Evaluate chunks and give their blocks to a sink.

    wanted: numbers of the chunks, by default all. done: called with every block after the sink has taken it.
    executor: computes the chunks, by default in this process.
    """
    blocks = executor(sweep, range(sweep.chunks) if wanted is None else wanted)
    with closing(blocks):  # type: ignore[type-var]
        for block in blocks:
            sink.put(block)
            done(block)
