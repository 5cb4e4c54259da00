"""Outer products of axes through one compiled function, chunk by chunk. Knows nothing of language models.

The scalar function is vmapped on two levels: the last axes, flattened into one long inner axis,
and rows of the others. Chunks have one shape, so one compilation serves them all; output buffers
are donated back, because touching fresh memory costs more than computing. See README, "Speed".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

POINTS_PER_CHUNK = 2**19
NUMBERS_PER_CHUNK = 2**22  # of all columns together, which bounds the memory
LONGEST_INNER = 2**17

# (base, values by axis name) -> scalars by name; hashable. Or an object with `parts`, such functions with
# `outputs`, and a method derive(scalars) -> the further scalars `derived`, and `aliases`, columns that are
# equal to another. Each is compiled apart: XLA stops
# fusing a long expression as soon as another output needs its result, which was measured to cost a factor of seven.
Function = Any


@dataclass(frozen=True)
class Axis:
    """A named axis; values [n]."""

    name: str
    values: np.ndarray


class Sink(Protocol):
    """Takes the points [start, start + len(block)) of a variable, in C order of the axes."""

    def write(self, name: str, start: int, block: np.ndarray) -> None: ...


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
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def points(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def outer(self) -> int:
        return int(np.prod(self.shape[: self.split], dtype=np.int64))

    @property
    def chunks(self) -> int:
        return self.pieces * -(-self.outer // self.rows)


def plan(axes: Sequence[Axis], columns: int = 1) -> Plan:
    """The longest suffix of axes that stays short enough is the inner axis. columns: scalars of a point."""
    points = min(POINTS_PER_CHUNK, NUMBERS_PER_CHUNK // columns)
    longest = min(LONGEST_INNER, points)
    sizes = [len(axis.values) for axis in axes]
    split, inner = len(sizes), 1
    while split > 0 and inner * sizes[split - 1] <= longest:
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


@dataclass(frozen=True)
class Chunk:
    """Points [start, start + count) of the grid; the computed block is longer where it is padded."""

    index: int
    row: int
    piece: int
    start: int
    count: int


def chunks(p: Plan) -> Iterator[Chunk]:
    row_points = p.points // p.outer
    for index in range(p.chunks):
        block, piece = divmod(index, p.pieces)
        row = block * p.rows
        first = piece * p.inner
        count = min(p.rows, p.outer - row) * row_points if p.pieces == 1 else min(p.inner, row_points - first)
        yield Chunk(index, row, piece, row * row_points + first, count)


def run(
    function: Function,
    base: Any,
    p: Plan,
    sink: Sink,
    outputs: Mapping[str, Any],
    *,
    offset: int = 0,
    skip: Callable[[int], bool] = lambda index: False,
    done: Callable[[Chunk], None] = lambda chunk: None,
) -> None:
    """Evaluates every chunk that is not skipped and gives it to `sink`, shifted by `offset` points.

    base: pytree of numbers, traced, so that another base of the same structure is not compiled again.
    outputs: dtype of every scalar to be written, of the function or derived.
    done: called after a chunk has been written.
    """
    kernel = _kernel(function)
    base = jax.device_put(base)  # once, not for every part of every chunk
    dtype = jnp.zeros(()).dtype
    spare: list[Any] = [kernel.spare(p, outputs, dtype) for _ in range(2)]
    pending: tuple[Chunk, Any, Mapping[str, str]] | None = None
    turn = 0
    for chunk in chunks(p):
        if skip(chunk.index):
            continue
        outer, inner = jax.device_put(_values(p, chunk, dtype))
        block = kernel(base, outer, inner, spare[turn])
        if pending is not None:
            _flush(pending, sink, outputs, offset, done)
        pending, spare[turn] = (chunk, block, kernel.aliases), block
        turn = 1 - turn
    if pending is not None:
        _flush(pending, sink, outputs, offset, done)


def _flush(
    pending: tuple[Chunk, Any, Mapping[str, str]],
    sink: Sink,
    outputs: Mapping[str, Any],
    offset: int,
    done: Callable[[Chunk], None],
) -> None:
    chunk, blocks, aliases = pending
    found = {name: block for one in blocks for name, block in one.items()}
    for name in outputs:
        sink.write(name, offset + chunk.start, np.asarray(found[aliases.get(name, name)]).reshape(-1)[: chunk.count])
    done(chunk)


def _values(p: Plan, chunk: Chunk, dtype: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Values of the outer axes for the chunk's rows and of the inner axes for its points, padded at the end."""
    rows = np.minimum(chunk.row + np.arange(p.rows), p.outer - 1)
    points = np.minimum(chunk.piece * p.inner + np.arange(p.inner), p.points // p.outer - 1)
    outer_axes, inner_axes = p.axes[: p.split], p.axes[p.split :]
    return _gather(outer_axes, rows, dtype), _gather(inner_axes, points, dtype)


def _gather(axes: tuple[Axis, ...], flat: np.ndarray, dtype: Any) -> dict[str, np.ndarray]:
    if not axes:
        return {"": np.zeros(len(flat), dtype)}
    where = np.unravel_index(flat, [len(axis.values) for axis in axes])
    return {axis.name: axis.values[index].astype(dtype) for axis, index in zip(axes, where, strict=True)}


class _Kernel:
    """The parts of a function over rows x points, and what derives from them, each jitted apart.

    Each writes over `spare`, an earlier result: XLA reuses donated buffers of the outputs' shapes.
    """

    def __init__(self, function: Function) -> None:
        self._outputs = [getattr(part, "outputs", None) for part in getattr(function, "parts", (function,))]
        self._parts = [_jitted(part) for part in getattr(function, "parts", (function,))]
        derive: Callable[..., Mapping[str, Any]] = getattr(function, "derive", lambda found: {})
        self.derived: tuple[str, ...] = tuple(getattr(function, "derived", ()))
        self.aliases: Mapping[str, str] = getattr(function, "aliases", {})
        self._derive = jax.jit(lambda found, spare: dict(derive(found)), donate_argnums=1, keep_unused=True)

    def __call__(self, base: Any, outer: Any, inner: Any, spare: Any) -> tuple[Any, ...]:
        blocks = [part(base, outer, inner, old) for part, old in zip(self._parts, spare, strict=False)]
        found = {name: block for one in blocks for name, block in one.items()}
        return (*blocks, self._derive(found, spare[-1]) if self.derived else {})

    def spare(self, p: Plan, outputs: Mapping[str, Any], dtype: Any) -> tuple[Any, ...]:
        """Buffers to be written over by the first chunks."""
        names = [tuple(outputs) if part is None else part for part in self._outputs]
        return tuple(
            {name: jnp.empty((p.rows, p.inner), outputs.get(name, dtype)) for name in one}
            for one in (*names, self.derived)
        )

    @property
    def compilations(self) -> int:
        return max(int(part._cache_size()) for part in self._parts)


def _jitted(part: Callable[..., Mapping[str, Any]]) -> Any:
    def point(base: Any, outer: dict[str, Any], inner: dict[str, Any]) -> Mapping[str, Any]:
        values = {name: value for name, value in {**outer, **inner}.items() if name}
        return {name: _storable(value) for name, value in part(base, values).items()}

    both = jax.vmap(jax.vmap(point, in_axes=(None, None, 0)), in_axes=(None, 0, None))
    return jax.jit(lambda base, outer, inner, spare: both(base, outer, inner), donate_argnums=3, keep_unused=True)


def _storable(value: Any) -> Any:
    """Flags and small integers are stored as int8."""
    value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(jnp.int8)


@lru_cache(maxsize=64)
def _kernel(function: Function) -> _Kernel:
    return _Kernel(function)


def compilations(function: Function) -> int:
    """How often the function has been compiled (one for each structure of base and shape of chunk)."""
    return _kernel(function).compilations
