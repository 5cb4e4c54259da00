"""The state of a reduced sweep, saved every few seconds, so that an interrupted sweep goes on from there."""

import contextlib
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from life_jax.core.whole_file import NameLock, StoreError, foreign, whole_file
from life_jax.grid.plan import ResultBlock
from life_jax.grid.reduction import Reducer, State
from life_jax.grid.storage.journal import Journal, Say, full_disk, silent

SAVE_SECONDS = 5.0


class Checkpoint:
    """A sink of blocks that come in order, whose reducer has its state saved on the disk. `reducing` opens one.

    NAME.part holds the last state and is replaced as a whole; the journal beside it is the lock.
    """

    def __init__(self, path: Path, reducer: Reducer, identity: str, first: int) -> None:
        """path: final name of the result. identity: of its question. first: number of the first chunk of the work."""
        self.path, self.reducer, self.identity, self.next = path, reducer, identity, first
        self.overwrite = False
        self.journal = Journal(path)
        self._saved = time.monotonic()
        self._torn = False  # an interrupt came while a block was half taken

    def put(self, block: ResultBlock) -> None:
        """Reduce a block. Raises RuntimeError if it is not the next one."""
        self._follows(block.chunk)
        self.reducer.put(block)
        self._passed(block.chunk)

    def merge(self, chunks: range, state: State) -> None:
        """Add the state of chunks that were reduced elsewhere. Raises RuntimeError if they are not the next ones."""
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
        """Write the state to the disk. Raises StoreError where the disk is full."""
        with full_disk(self.journal.part):
            write_state(self.journal.part, self.reducer.state(), self.identity, self.next, self.journal)
        self._saved = time.monotonic()

    def finish(self, end: int) -> None:
        """Save the state under the final name, as the result itself, which is what a shard leaves.

        end: number of the chunk after the last. Raises RuntimeError if a chunk before it was never put.
        """
        self.check(end)
        self.save()
        self.journal.publish(overwrite=self.overwrite)

    def check(self, end: int) -> None:
        """Raise RuntimeError if a chunk before number `end` was never put."""
        if self.next != end:
            raise RuntimeError(f"chunks {self.next} to {end - 1} are missing in {self.journal.part}")

    def drop(self) -> None:
        """Delete the saved state and the journal, once the result has been written elsewhere."""
        self.journal.drop()

    def _open(self, overwrite: bool, say: Say) -> None:
        self.overwrite = overwrite
        self.journal.lock(overwrite=overwrite)
        if self.journal.resumed(self.identity, overwrite, identity_of) is not None and self._goes_on(say):
            return
        self.journal.begin(self.identity)
        try:
            self.save()
            self.journal.ready()
        except BaseException:
            self.journal.drop()
            raise

    def _goes_on(self, say: Say) -> bool:
        """Take the saved state; False, with a line, where a power cut has torn it."""
        part = self.journal.part
        try:
            identity, following, state = read_state(part)
        except StoreError:
            if not self.journal.is_torn():
                raise foreign(part) from None
            say(f"{part} is torn, as a power cut leaves a file; it is begun again")
            return False
        if identity != self.identity:
            raise foreign(part)
        self.next = following
        self.reducer.merge(state)
        return True


@contextlib.contextmanager
def reducing(
    path: Path, reducer: Reducer, identity: str, *, first: int = 0, overwrite: bool = False, say: Say = silent
) -> Iterator[Checkpoint]:
    """Context with the checkpoint of a reducer for a result at `path`.

    It goes on from the state that an earlier run of the same identity has left. An error or an interrupt saves the
    state first.

    path: final name of the result. identity: of its question. first: number of the first chunk. overwrite: whether
    a result, or the state of another question, may be replaced. say: called with a line where a state is torn.

    Raises StoreError where another process writes the result, its name is taken, or the state of another question is
    there.
    """
    checkpoint = Checkpoint(path, reducer, identity, first)
    try:
        checkpoint._open(overwrite, say)
        try:
            yield checkpoint
        except BaseException:
            with contextlib.suppress(OSError):
                if checkpoint.journal.held and not checkpoint._torn and checkpoint.journal.part.exists():
                    checkpoint.save()
            raise
    finally:
        checkpoint.journal.close()


def write_state(path: Path, state: State, identity: str, following: int, lock: NameLock) -> None:
    """Write the state of a reducer as a file that is whole or as it was before.

    identity: of the question. following: number of the chunk that comes next. lock: of the result, which the caller
    has.
    """
    about = {"/identity": np.array(identity), "/next": np.array(following)}
    with whole_file(path, overwrite=True, lock=lock) as new, new.open("wb") as file:
        np.savez(file, allow_pickle=False, **about, **state)


def read_state(path: Path) -> tuple[str, int, State]:
    """Identity of the question, number of the chunk that comes next, and state of the reducer.

    Raises StoreError if the file holds no such state: nothing in it is compressed, so that it takes no more memory than
    the file is long, nor is anything unpickled.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed")
        with np.load(path, allow_pickle=False) as file:
            state = {name: file[name] for name in file.files}
        return str(state.pop("/identity")), int(state.pop("/next")), state
    except (OSError, EOFError, ValueError, KeyError, MemoryError, NotImplementedError, zipfile.BadZipFile):
        raise StoreError(f"{path} is not the state of a reduced sweep") from None


def identity_of(path: Path) -> str | None:
    """The identity of the question whose state the file holds, or None if it holds none."""
    try:
        return read_state(path)[0]
    except StoreError:
        return None
