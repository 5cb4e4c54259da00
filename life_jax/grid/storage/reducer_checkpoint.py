"""What a reduced sweep has found so far, saved now and then, so that an interrupted one goes on from there.

Knows nothing of language models.
"""

import contextlib
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from life_jax.core.whole_file import whole_file
from life_jax.grid.plan import Block
from life_jax.grid.reduction import Reducer, State
from life_jax.grid.storage.journal import Journal, StoreError, full_disk

SAVE_SECONDS = 5.0


class Checkpoint:
    """A reducer whose state is on the disk; a sink of blocks that come in order. Use `reducing` to get one.

    NAME.part holds one state, replaced as a whole; the journal beside it is the lock.
    """

    def __init__(self, path: Path, reducer: Reducer, identity: str, first: int) -> None:
        """first: the chunk that the work begins with."""
        self.path, self.reducer, self.identity, self.next = path, reducer, identity, first
        self.journal = Journal(path)
        self._saved = time.monotonic()
        self._torn = False  # an interrupt came while a block was half taken

    def put(self, block: Block) -> None:
        self._follows(block.chunk)
        self.reducer.put(block)
        self._passed(block.chunk)

    def merge(self, chunks: range, state: State) -> None:
        """The same of chunks that were reduced elsewhere."""
        self._follows(chunks.start)
        self.reducer.merge(state)
        self._passed(chunks[-1])

    def _follows(self, chunk: int) -> None:
        if chunk != self.next:
            raise RuntimeError(f"chunk {chunk} came where {self.next} was due")
        self._torn = True

    def _passed(self, chunk: int) -> None:
        self.next, self._torn = chunk + 1, False
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        with full_disk(self.journal.part):
            write_state(self.journal.part, self.reducer.state(), self.identity, self.next)
        self._saved = time.monotonic()

    def finish(self, end: int) -> None:
        """The state as the result itself, under its final name (what a shard leaves). end: the chunk after the last."""
        self.check(end)
        self.save()
        self.journal.publish(self.path)

    def check(self, end: int) -> None:
        """RuntimeError if a chunk before `end` was never put."""
        if self.next != end:
            raise RuntimeError(f"chunks {self.next} to {end - 1} are missing in {self.journal.part}")

    def drop(self) -> None:
        """The answer is written elsewhere."""
        self.journal.part.unlink(missing_ok=True)
        self.journal.path.unlink(missing_ok=True)

    def _open(self, overwrite: bool) -> None:
        self.journal.lock()
        if self.journal.resumed(self.identity, overwrite) is None:
            self.journal.clear()
            self.save()
            self.journal.begin(self.identity)
        else:
            _, self.next, state = read_state(self.journal.part)
            self.reducer.merge(state)


@contextlib.contextmanager
def reducing(
    path: Path, reducer: Reducer, identity: str, *, first: int = 0, overwrite: bool = False
) -> Iterator[Checkpoint]:
    """A checkpoint for the answer at `path`, resumed if an unfinished one of the same identity is there."""
    checkpoint = Checkpoint(path, reducer, identity, first)
    try:
        checkpoint._open(overwrite)
        try:
            yield checkpoint
        except BaseException:
            with contextlib.suppress(OSError):
                if not checkpoint._torn and checkpoint.journal.part.exists():
                    checkpoint.save()
            raise
    finally:
        checkpoint.journal.close()


def write_state(path: Path, state: State, identity: str, following: int) -> None:
    """All of it or nothing, safe on the disk. following: the chunk that comes next."""
    about = {"/identity": np.array(identity), "/next": np.array(following)}
    with whole_file(path, locked=True) as new, new.open("wb") as file:
        np.savez(file, allow_pickle=False, **about, **state)


def read_state(path: Path) -> tuple[str, int, State]:
    """(identity, chunk that comes next, state). Raises StoreError if it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
        return str(state.pop("/identity")), int(state.pop("/next")), state
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise StoreError(f"{path} is not the state of a reduced sweep") from None


def identity_of(path: Path) -> str | None:
    """The identity of a finished state, or None."""
    try:
        return read_state(path)[0]
    except StoreError:
        return None
