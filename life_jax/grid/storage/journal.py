"""The journal beside an unfinished result: whose it is, which chunks are safely on the disk, and that one writes.

Knows nothing of language models.
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


class StoreError(OSError):
    """The result cannot be written; one line that says why and what is kept."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


LITTLE = 2**16  # bytes; with fewer left on the disk, that is why a small write failed


def why(error: Exception, folder: Path) -> str:
    """What a library's error means: netCDF reports a full disk as "HDF error"."""
    full = isinstance(error, OSError) and error.errno in FULL
    return "no space left on the disk" if full or shutil.disk_usage(folder).free < LITTLE else str(error)


class Journal:
    """NAME.part.journal. It is the lock: nothing of another writer is read or touched before it is ours."""

    def __init__(self, path: Path) -> None:
        """path: of the final result."""
        self.part = path.with_name(path.name + ".part")
        self.path = path.with_name(path.name + ".part.journal")
        self._descriptor = -1

    def lock(self) -> None:
        """Raises StoreError if another process has it."""
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
        """The chunks that are safe, if an unfinished result of the same question is there; None if there is none.

        Raises StoreError if it is of another question, unless that may be overwritten.
        """
        text = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        whole = text.rfind(b"\n") + 1  # a line that a crash tore apart vouches for nothing
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
        os.ftruncate(self._descriptor, 0)

    def begin(self, identity: str) -> None:
        """After the unfinished result has been laid out."""
        self._append(json.dumps({"identity": identity}) + "\n")

    def add(self, chunks: Iterable[int]) -> None:
        """These chunks are on the disk."""
        self._append("".join(f"{chunk}\n" for chunk in chunks))

    def _append(self, text: str) -> None:
        os.write(self._descriptor, text.encode())
        os.fdatasync(self._descriptor)

    def publish(self, path: Path) -> None:
        """The part, which is synced, gets its final name; the journal goes."""
        publish(self.part, path)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def check_space(path: Path, need: int) -> None:
    """Before the first point, and before any file."""
    folder = next(f for f in (path.absolute().parent, *path.absolute().parents) if f.is_dir())
    free = shutil.disk_usage(folder).free
    if need > free:
        raise StoreError(f"{path} needs {need / 1e9:.3g} GB; {free / 1e9:.3g} GB are free in {folder}")


@contextlib.contextmanager
def full_disk(part: Path) -> Iterator[None]:
    """Says in one line that there is no space left, and what is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise StoreError(
            f"no space left for {part}; finished chunks are kept and the same command goes on from there"
        ) from None
