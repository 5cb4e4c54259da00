"""The journal beside an unfinished result: which question it answers and which of its chunks are on the disk.

The journal is also the lock that lets only one process write the result.
"""

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from life_jax.core.whole_file import NameLock, StoreError, foreign, publish, refuse_taken, said

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # codes of a write that found no room
LITTLE = 2**16  # bytes; with fewer left on the disk, that is why a small write failed
READY = "ready"  # line after the question, once NAME.part is laid out on the disk
MADE_BY = re.compile(r"@\w+")  # part of an identity that says which code it is of
MAGIC = (b"\x89HDF\r\n\x1a\n", b"PK\x03\x04")  # beginnings of unfinished results: netCDF-4, and the state of a reducer

Say = Callable[[str], None]  # called with a line about what was found


def silent(line: str) -> None:
    """Drops a line."""


def why(error: Exception, folder: Path) -> str:
    """Reason for an error of a library that wrote into `folder`, in words; netCDF calls a full disk "HDF error"."""
    full = isinstance(error, OSError) and error.errno in FULL
    if full or shutil.disk_usage(folder).free < LITTLE:
        return "no space left on the disk"
    return "no space left on the disk, or a limit of the system" if "HDF error" in str(error) else str(error)


def same_question(one: str, other: str) -> bool:
    """Whether two identities are of one question, whatever code answers it.

    An identity may hold @CODE, with a hash of the code that computes the result.
    """
    return MADE_BY.sub("", one) == MADE_BY.sub("", other)


class Journal(NameLock):
    """The file NAME.part.journal beside the unfinished result NAME.part.

    It has the identity of the question in its first line, READY in its second once NAME.part is laid out, and the
    number of a finished chunk in each further one. Nothing of another writer is read or changed before `lock` has
    returned.

    name: final name of the result. part: path of the unfinished one. path: path of the journal itself.
    """

    def __init__(self, path: Path) -> None:
        """Name the files, and touch none. path: final name of the result."""
        super().__init__(path)
        self.part = path.with_name(path.name + ".part")

    def lock(self, *, overwrite: bool = False) -> None:
        """Take the lock, which `close` gives back; makes the folder and the journal if need be.

        overwrite: whether what stands under the final name may be replaced.

        Raises StoreError if another process has it, or the final name is taken.
        """
        refuse_taken(self.name, overwrite=overwrite)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.take(overwrite=overwrite)
        if not self.ours:  # what is written last would find it when all is computed
            self.remove(self.name.with_name(f"{self.name.name}.new"), overwrite=overwrite)
        refuse_taken(self.name, overwrite=overwrite)  # another process may have finished before we had the lock

    def resumed(self, identity: str, overwrite: bool, identity_of: Callable[[Path], str | None]) -> set[int] | None:
        """Numbers of the chunks that an earlier run has left on the disk, or None if it has left no result.

        identity: of the question. overwrite: whether what else lies there is ignored. identity_of: reads the identity
        of an unfinished result, None if it is none.

        Raises StoreError if there is one of another question or of other code, or something that is not ours, unless
        that may be overwritten.
        """
        if not os.path.lexists(self.part):
            return None
        mode = os.lstat(self.part).st_mode
        if not stat.S_ISREG(mode):
            raise foreign(self.part)
        if not self.ours:  # a journal that got lost costs what was computed
            if overwrite or identity_of(self.part) == identity:
                return None
            raise foreign(self.part)
        lines = self.lines()
        written = str((said(lines[0]) or {}).get("identity", ""))
        if written != identity:
            if overwrite:
                return None
            of = (
                "begun by other code"
                if same_question(written, identity)
                else "the unfinished result of another question"
            )
            raise StoreError(f"{self.part} is {of}; overwrite=true begins anew")
        if READY not in lines[1:2]:
            return None
        done: set[int] = set()
        for line in lines[2:]:
            if not (line.isascii() and line.isdecimal() and len(line) < 19):
                break  # what a crash has torn vouches for nothing
            done.add(int(line))
        os.ftruncate(self._descriptor, sum(len(line) + 1 for line in lines[: len(done) + 2]))
        return done

    def is_torn(self) -> bool:
        """Whether the unfinished result may be what a power cut left of ours: empty, zeros, or the right beginning."""
        with self.part.open("rb") as file:
            start = file.read(4096)
        return not start.strip(b"\0") or any(start[: len(magic)] == magic[: len(start)] for magic in MAGIC)

    def begin(self, identity: str) -> None:
        """Note the question and forget all chunks, once `resumed` has found nothing to go on with; NAME.part goes."""
        self.remove(self.part, overwrite=True)
        self.note(identity=identity)

    def ready(self) -> None:
        """Note that the file of the unfinished result is laid out, and flushed to the disk."""
        self.append(f"{READY}\n")

    def add(self, chunks: Iterable[int]) -> None:
        """Note chunks whose numbers have been flushed to the disk."""
        self.append("".join(f"{chunk}\n" for chunk in chunks))

    def publish(self, *, overwrite: bool = False) -> None:
        """Flush the complete result, give it its final name, and delete the journal."""
        publish(self.part, self.name, overwrite=overwrite)
        self.release(remove=True)

    def drop(self) -> None:
        """Delete what is unfinished, and the journal, once the result has been written elsewhere."""
        self.remove(self.part)
        self.release(remove=True)

    def close(self) -> None:
        """Give back the lock, and delete a journal that says nothing."""
        if self._descriptor >= 0:
            self.release(remove=self.is_empty and not self.ours)


def check_space(path: Path, need: int) -> None:
    """Raise StoreError if a result at `path` of `need` bytes has no room on its disk; touches no file."""
    folder = next(f for f in (path.absolute().parent, *path.absolute().parents) if f.is_dir())
    free = shutil.disk_usage(folder).free
    if need > free:
        raise StoreError(f"{path} needs {need / 1e9:.3g} GB; {free / 1e9:.3g} GB are free in {folder}")


@contextlib.contextmanager
def full_disk(part: Path) -> Iterator[None]:
    """Context that turns the error of a full disk into a StoreError, which says that `part` is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise StoreError(
            f"no space left for {part}; finished chunks are kept and the same command goes on from there"
        ) from None
