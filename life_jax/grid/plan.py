"""Outer products of axes through one compiled function, chunk by chunk. Knows nothing of language models.

The last axes are flattened into one long inner axis, rows of the others are the outer one. Chunks have one shape,
so one compilation serves them all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from life_jax.grid.function import Function, Sum

if TYPE_CHECKING:
    from life_jax.grid.kernel import Found, Kernel

POINTS_PER_CHUNK = 2**19
NUMBERS_PER_CHUNK = 2**22  # of all columns together, which bounds the memory
LONGEST_INNER = 2**17
# an inner axis takes no more axes than it needs to be so long: what depends on one is computed for each of its points
SHORTEST_INNER = 128
LAYOUT = 2  # of points in chunks: an unfinished result of another one is not resumed
RING = 3  # results in memory at once: one is computed while one is taken and the one before is being written


class Axis(Protocol):
    """What a dimension of the grid is made of: `Values` or points that are listed (life_jax.grid.sampling)."""

    def __len__(self) -> int: ...

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values by name at these places of the axis."""


@dataclass(frozen=True)
class Values:
    """A named axis; values [n]."""

    name: str
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        return {self.name: self.values[index]}


@dataclass(frozen=True)
class Signed:
    """A constant and columns added up with their signs. Whoever keeps it copies it anyway, and adds up as it does."""

    columns: tuple[tuple[np.ndarray, int], ...]
    constant: float = 0.0

    @property
    def dtype(self) -> np.dtype:
        return self.columns[0][0].dtype

    def __len__(self) -> int:
        return len(self.columns[0][0])

    def __getitem__(self, at: Any) -> Any:
        (first, sign), *others = self.columns
        found = first[at] if sign == 1 else -first[at]
        for column, sign in others:
            found = found + column[at] if sign == 1 else found - column[at]
        return found + self.dtype.type(self.constant) if self.constant else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:]).astype(dtype or self.dtype, copy=False)


Column = np.ndarray | Signed


@dataclass(frozen=True)
class Block:
    """Points [start, start + count) in C order of cases and axes: numbers [count] by column.

    Its arrays are written over after the next `RING - 1` blocks have been asked for.
    """

    chunk: int
    start: int
    count: int
    columns: Mapping[str, Column]


class Sink(Protocol):
    """Takes blocks; may go on reading one until `put` has returned for the next one."""

    def put(self, block: Block) -> None: ...


@dataclass(frozen=True)
class Plan:
    """How a product of axes is cut: rows of `inner` points each; `rows` of them in a chunk.

    An axis too long for one inner row is cut into `pieces`, the last of which may be short.
    """

    axes: tuple[Axis, ...]
    split: int
    inner: int
    pieces: int
    rows: int

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    @cached_property
    def points(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @cached_property
    def outer(self) -> int:
        return int(np.prod(self.shape[: self.split], dtype=np.int64))

    @property
    def chunks(self) -> int:
        return self.pieces * -(-self.outer // self.rows)

    def chunk(self, index: int) -> "Chunk":
        row_points = self.points // self.outer
        block, piece = divmod(index, self.pieces)
        row, first = block * self.rows, piece * self.inner
        several = min(self.rows, self.outer - row) * row_points
        count = several if self.pieces == 1 else min(self.inner, row_points - first)
        return Chunk(row, piece, row * row_points + first, count)

    def rows_of(self, chunk: "Chunk", dtype: Any) -> dict[str, np.ndarray]:
        """Values of the outer axes for the chunk's rows, padded at the end."""
        rows = np.minimum(chunk.row + np.arange(self.rows), self.outer - 1)
        return _gather(self.axes[: self.split], rows, dtype)

    def points_of(self, piece: int, dtype: Any) -> dict[str, np.ndarray]:
        """Values of the inner axes for the points of a row, or of this piece of it, padded at the end."""
        points = np.minimum(piece * self.inner + np.arange(self.inner), self.points // self.outer - 1)
        return _gather(self.axes[self.split :], points, dtype)


@dataclass(frozen=True)
class Chunk:
    """Points [start, start + count) of one case; the computed block is longer where it is padded."""

    row: int
    piece: int
    start: int
    count: int


def plan(axes: Sequence[Axis], columns: int = 1) -> Plan:
    """The shortest suffix of axes that is long enough is the inner axis. columns: scalars of a point."""
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
    """All axes as one, in chunks whose length is a power of two: few shapes, so that odd grids compile seldom."""
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
    """Cases, each a function with its base (a pytree of numbers), over one plan; pickles if its functions do.

    Chunks and points are numbered through all cases. Bases of one structure share a compilation.
    outputs: dtype of every scalar that is wanted, of the function or derived.
    """

    cases: tuple[tuple[Function, Any], ...]
    plan: Plan
    outputs: Mapping[str, np.dtype]
    dtype: str = "float32"

    @property
    def chunks(self) -> int:
        return len(self.cases) * self.plan.chunks

    def extent(self, index: int) -> tuple[int, int]:
        """First point of a chunk, and how many it has."""
        case, within = divmod(index, self.plan.chunks)
        chunk = self.plan.chunk(within)
        return case * self.plan.points + chunk.start, chunk.count

    def blocks(self, wanted: Iterable[int]) -> Iterator[Block]:
        """The blocks of these chunks, in this order; each is computed while the one before is being taken."""
        import jax

        from life_jax.grid.kernel import kernel, packed

        spare: list[tuple[Kernel, Found]] = []
        pending: tuple[int, Kernel, Found] | None = None
        base_of, base = -1, None
        piece_of, piece = -1, None
        for index in wanted:
            case, within = divmod(index, self.plan.chunks)
            function, numbers = self.cases[case]
            of = kernel(function)
            with jax.enable_x64(self.dtype == "float64"):
                if case != base_of:  # once, not for every part of every chunk
                    base_of, base = case, packed(numbers)
                # a buffer of another kernel may have other columns, and is let go
                old = spare.pop(0) if len(spare) == RING - 1 else None
                shape = (self.plan.rows, self.plan.inner)
                kept = old[1] if old is not None and old[0] is of else of.spare(shape, self.outputs, self.dtype)
                chunk = self.plan.chunk(within)
                if chunk.piece != piece_of:
                    piece_of, piece = chunk.piece, jax.device_put(self.plan.points_of(chunk.piece, self.dtype))
                found = of(base, self.plan.rows_of(chunk, self.dtype), piece, kept)
            if pending is not None:
                yield self._block(*pending)
                spare.append(pending[1:])
            pending = (index, of, found)
        if pending is not None:
            yield self._block(*pending)

    def _block(self, index: int, of: "Kernel", parts: "Found") -> Block:
        start, count = self.extent(index)
        found = {name: block for part in parts for name, block in part.items()}
        columns: dict[str, Column] = {}
        for name in self.outputs:
            total = of.aliases.get(name, Sum(((name, 1),)))
            # on a CPU views of the results, no copies; of a pair the first
            terms = tuple((np.asarray(found[c]).reshape(-1)[:count].real, sign) for c, sign in total.terms)
            plain = not total.constant and len(terms) == 1 and terms[0][1] == 1
            columns[name] = terms[0][0] if plain else Signed(terms, total.constant)
        return Block(index, start, count, columns)


Executor = Callable[[Sweep, Iterable[int]], Iterator[Block]]  # where chunks are computed: Sweep.blocks is here


def run(
    sweep: Sweep,
    sink: Sink,
    wanted: Iterable[int] | None = None,
    done: Callable[[Block], None] = lambda block: None,
    executor: Executor = Sweep.blocks,
) -> None:
    """Evaluates the wanted chunks (all of them unless said) and gives them to `sink`. done: called after each."""
    blocks = executor(sweep, range(sweep.chunks) if wanted is None else wanted)
    with closing(blocks):  # type: ignore[type-var]
        for block in blocks:
            sink.put(block)
            done(block)
