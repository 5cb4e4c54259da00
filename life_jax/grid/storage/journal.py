"""The journal beside an unfinished result: which question it answers and which of its chunks are on the disk.

The journal is also the lock that lets only one process write the result.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from life_jax.core.whole_file import publish

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # codes of a write that found no room
LITTLE = 2**16  # bytes; with fewer left on the disk, that is why a small write failed


class StoreError(OSError):
    """Error for a result that cannot be written or read; its one line says why and what is kept."""


def why(error: Exception, folder: Path) -> str:
    """Reason for an error of a library that wrote into `folder`, in words; netCDF calls a full disk "HDF error"."""
    full = isinstance(error, OSError) and error.errno in FULL
    return "no space left on the disk" if full or shutil.disk_usage(folder).free < LITTLE else str(error)


class Journal:
    """The file NAME.part.journal beside the unfinished result NAME.part.

    It has the identity of the question in its first line and the number of a finished chunk in each further one.
    Nothing of another writer is read or changed before `lock` has returned.

    part: path of the unfinished result. path: path of the journal itself.
    """

    def __init__(self, path: Path) -> None:
        """Name the files, and touch none. path: final name of the result."""
        self.part = path.with_name(path.name + ".part")
        self.path = path.with_name(path.name + ".part.journal")
        self._descriptor = -1

    def lock(self) -> None:
        """Take the lock, which `close` gives back; makes the folder and the journal if need be.

        Raises StoreError if another process has it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"{self.part} is being written by another process") from None
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(self._descriptor).st_ino == self.path.stat().st_ino:
                    return
            os.close(self._descriptor)  # its writer finished and removed it between our open and our lock

    def resumed(self, identity: str, overwrite: bool) -> set[int] | None:
        """Numbers of the chunks that an earlier run has left on the disk, or None if it has left no result.

        identity: of the question. overwrite: whether the unfinished result of another question is ignored.

        Raises StoreError if there is one of another question, unless that may be overwritten.
        """
        text = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        whole = text.rfind(b"\n") + 1  # a line that a crash has cut off does not count
        lines = text[:whole].decode().split("\n")[:-1]
        if not lines or not self.part.exists():
            return None
        if json.loads(lines[0])["identity"] != identity:
            if overwrite:
                return None
            raise StoreError(f"{self.part} is the unfinished result of another question; overwrite=true replaces it")
        os.ftruncate(self._descriptor, whole)
        return {int(line) for line in lines[1:]}

    def clear(self) -> None:
        """Forget the question and all chunks."""
        os.ftruncate(self._descriptor, 0)

    def begin(self, identity: str) -> None:
        """Note the question, once the file of the unfinished result is laid out."""
        self._append(json.dumps({"identity": identity}) + "\n")

    def add(self, chunks: Iterable[int]) -> None:
        """Note chunks whose numbers have been flushed to the disk."""
        self._append("".join(f"{chunk}\n" for chunk in chunks))

    def _append(self, text: str) -> None:
        os.write(self._descriptor, text.encode())
        os.fdatasync(self._descriptor)

    def publish(self, path: Path) -> None:
        """Flush the complete result, give it its final name `path`, and delete the journal."""
        publish(self.part, path)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give back the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)


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
