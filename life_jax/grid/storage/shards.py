"""Shards: parts of a sweep in files of their own, for machines on which one can only start processes.

The i-th of n shards has consecutive chunks, and so consecutive points: a slab of every column.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from life_jax.core.whole_file import StoreError
from life_jax.grid.labels import Coordinate, Template, Variable
from life_jax.grid.plan import ResultBlock, Sink, Sweep
from life_jax.grid.reduction import State
from life_jax.grid.storage.journal import same_question
from life_jax.grid.storage.reducer_checkpoint import read_state
from life_jax.grid.storage.store import identity_of

Shard = tuple[int, int]  # (i, n): the i-th of n, from 1
NAME = re.compile(r"\.shard-(\d+)-of-(\d+)\.(?:nc|npz)$")


def chunks_of(total: int, shard: Shard) -> range:
    """Numbers of the chunks of a shard, among `total` chunks; all n shards together have every chunk once."""
    i, n = shard
    return range(total * (i - 1) // n, total * i // n)


def path_of(path: Path, shard: Shard, *, reduced: bool) -> Path:
    """Path of a shard's file: NAME.shard-1-of-8.nc for the sweep NAME.nc, or .npz for the state of a reduced one."""
    return path.with_name(f"{path.stem}.shard-{shard[0]}-of-{shard[1]}.{'npz' if reduced else 'nc'}")


def identity(question: str, shard: Shard) -> str:
    """Identity of a shard's file; question: identity of the whole sweep."""
    return f"{question} shard {shard[0]}/{shard[1]}"


def template(whole: Template, sweep: Sweep, question: str, shard: Shard) -> Template:
    """Layout of a shard's file: one dimension, the points of the shard, and a variable for each column.

    whole: layout of the result. question: identity of the whole sweep.
    """
    first, count = _extent(sweep, shard)
    variables = {name: Variable(dtype, {}) for name, dtype in whole.outputs.items()}
    attributes = {
        **{key: value for key, value in whole.attributes.items() if key != "date"},
        "title": f"shard {shard[0]} of {shard[1]}: points from {first} on; life_jax.merge joins the shards",
        "identity": identity(question, shard),
    }
    return Template({"point": Coordinate(range(count), {})}, variables, attributes)


def _extent(sweep: Sweep, shard: Shard) -> tuple[int, int]:
    """First point of a shard, and number of its points."""
    own = chunks_of(sweep.chunks, shard)
    first, (last, count) = sweep.extent(own[0])[0], sweep.extent(own[-1])
    return first, last + count - first


class Shifted:
    """A sink that gives the blocks of a shard to the shard's own store, whose points begin at 0."""

    def __init__(self, sink: Sink, sweep: Sweep, shard: Shard) -> None:
        """sink: the shard's store. sweep: the whole sweep."""
        self._sink, self._first = sink, _extent(sweep, shard)[0]

    def put(self, block: ResultBlock) -> None:
        """Pass a block on, with its points counted from the first of the shard."""
        self._sink.put(replace(block, start=block.start - self._first))


def files_of(path: Path, question: str, *, reduced: bool) -> list[Path]:
    """Files of all shards of a sweep, in order.

    path: of the whole result. question: its identity. reduced: whether the files hold states of a reducer.

    Raises StoreError if a shard is missing or answers another question.
    """
    pattern = f"{path.stem}.shard-*-of-*.{'npz' if reduced else 'nc'}"
    there = {shard: file for file in path.parent.glob(pattern) if (shard := _shard(file)) is not None}
    if not there:
        raise StoreError(f"{path.with_name(pattern)}: no such files; the same words with shard=1/N write the first")
    counts = sorted({n for _, n in there})
    if len(counts) > 1:
        raise StoreError(f"{path.with_name(pattern)}: shards of {' and of '.join(map(str, counts))}; remove one kind")
    n = counts[0]
    missing = [i for i in range(1, n + 1) if (i, n) not in there]
    if missing:
        names = ", ".join(f"{i}/{n}" for i in missing[:8]) + (" ..." if len(missing) > 8 else "")
        raise StoreError(f"{path}: shards {names} are missing or not finished")
    files = [there[i, n] for i in range(1, n + 1)]
    for i, file in enumerate(files, start=1):
        written, own = read_state(file)[0] if reduced else identity_of(file) or "", identity(question, (i, n))
        if written != own:
            of = "was computed by other code" if same_question(written, own) else "answers another question"
            raise StoreError(f"{file} {of}")
    return files


def _shard(file: Path) -> Shard | None:
    match = NAME.search(file.name)
    return None if match is None else (int(match[1]), int(match[2]))


def blocks(files: Sequence[Path], sweep: Sweep, wanted: Sequence[int]) -> Iterator[ResultBlock]:
    """Blocks of the wanted chunks, read from the files of all shards, in order."""
    import netCDF4

    left = set(wanted)
    for i, file in enumerate(files, start=1):
        shard = (i, len(files))
        own = [chunk for chunk in chunks_of(sweep.chunks, shard) if chunk in left]
        first, _ = _extent(sweep, shard)
        with netCDF4.Dataset(file) as numbers:
            numbers.set_auto_maskandscale(False)
            for chunk in own:
                start, count = sweep.extent(chunk)
                at = slice(start - first, start - first + count)
                yield ResultBlock(chunk, start, count, {name: numbers[name][at] for name in sweep.outputs})


def states(files: Sequence[Path]) -> Iterator[State]:
    """States of the reducer of a sweep, read from the files of all shards, in order."""
    for file in files:
        yield read_state(file)[2]
