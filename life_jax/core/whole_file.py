"""Files that stand under their final name whole, or not at all, each written by one process at a time.

A result is written to a temporary file beside its final name, flushed to the disk and renamed, which replaces an
older file in one step; then the folder is flushed, so that the new name outlives a crash of the machine. Renaming
alone is not enough: after a crash, file systems have shown the new name with nothing in it.

NAME.part.journal is the lock of NAME, of NAME.part and of NAME.new, whatever is written there. Its first line says
that this package writes: what lies under these names beside a lock without that line is somebody else's, and is not
touched unless it may be overwritten. Links are never followed, replaced or removed.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from life_jax.core import file_system

LOCK = ".part.journal"
OURS = "life_jax"  # key of the first line
FIRST = f'{{"{OURS}": 1'.encode()  # its beginning
MOST = 2**28  # bytes of a lock file that are read: the journal of 3e7 chunks
STORES = ("zarr.json", ".zgroup")  # a folder with one of them is a result, which overwrite=true may replace


class StoreError(OSError):
    """Error for a result that cannot be written or read; its one line says why and what is kept."""


class NameLock:
    """The lock of a name: only the process that has it writes a file of this name, NAME.part or NAME.new.

    name: the final name. path: of the lock file. ours: whether its first line says that this package writes there.
    is_empty: whether it said nothing when it was taken.
    """

    def __init__(self, name: Path) -> None:
        """Name the files, and touch none. name: final name of what is written."""
        self.name, self.path = name, name.with_name(name.name + LOCK)
        self.ours, self.is_empty = False, True
        self._descriptor = -1

    def take(self, *, overwrite: bool = False) -> None:
        """Take the lock, which `release` gives back; makes the lock file if need be.

        overwrite: whether a file of somebody else under its name may be overwritten.

        Raises StoreError if another process has it, or a file of somebody else, a link or a folder has its name.
        """
        while True:
            try:
                self._descriptor = file_system.open_file(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.EINVAL):
                    raise
                what = "is a link" if error.errno == errno.ELOOP else error.strerror
                raise StoreError(f"{self.path} {what}, where the lock of {self.name.name} would be") from None
            if not file_system.lock(self._descriptor):
                os.close(self._descriptor)
                self._descriptor = -1
                raise StoreError(f"{self.name} is being written by another process")
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._descriptor), os.lstat(self.path)):
                    break
            os.close(self._descriptor)  # its writer finished and removed it between our open and our lock
        first = self.lines()[:1]
        self.ours, self.is_empty = bool(first) and OURS in (said(first[0]) or {}), not first
        if first and not self.ours and not overwrite:
            self.release()
            raise StoreError(f"{self.path} is not ours; move it away, or overwrite=true replaces it")

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._descriptor >= 0

    def lines(self) -> list[str]:
        """The whole lines of the lock file; one that a crash has cut off does not count."""
        content = file_system.read_all(self._descriptor, MOST)
        whole, newline, _ = content.rpartition(b"\n")
        if newline:
            return whole.decode("utf-8", errors="replace").split("\n")
        is_torn = not content.strip(b"\0") or FIRST.startswith(content[: len(FIRST)])
        return [] if is_torn else [""]

    def note(self, **facts: Any) -> None:
        """Begin the lock file anew, with a first line that says that we write, and facts of that."""
        os.ftruncate(self._descriptor, 0)
        self.append(json.dumps({OURS: 1, **facts}) + "\n")
        self.ours = True

    def append(self, text: str) -> None:
        """Add lines, and flush them to the disk."""
        data = text.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]
        file_system.sync(self._descriptor)

    def remove(self, path: Path, *, overwrite: bool = False) -> None:
        """Remove what lies under a name that the lock is for, if it is ours or may be overwritten.

        Raises StoreError for a link, for what is no file, and for a file or folder of somebody else.
        """
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISREG(mode) and (self.ours or overwrite):
            path.unlink(missing_ok=True)
        elif stat.S_ISDIR(mode) and self.ours:
            shutil.rmtree(path)
        else:
            raise foreign(path)

    def release(self, *, remove: bool = False) -> None:
        """Give back the lock. remove: whether the lock file is not needed any more."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if remove:
            file_system.remove_open(self.path, descriptor)
        else:
            os.close(descriptor)


def said(line: str) -> dict[str, Any] | None:
    """The mapping in a line of JSON, None if it is none."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def foreign(path: Path) -> StoreError:
    """The error for something that is not ours, under a name that we need."""
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        return StoreError(f"{path} is there and not ours; move it away, or overwrite=true replaces it")
    what = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no file"
    return StoreError(f"{path} is {what}, which is never replaced; give another out=, or move it away")


def refuse_taken(path: Path, *, overwrite: bool) -> None:
    """Raise StoreError if a final name is taken by what may not be replaced.

    overwrite: whether a file may be replaced, or a folder that is a zarr store. Links, other folders, pipes and devices
    never are.
    """
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISREG(mode) and overwrite:
        return
    if stat.S_ISREG(mode):
        raise StoreError(f"{path} exists; overwrite=true replaces it")
    if stat.S_ISDIR(mode) and any((path / mark).is_file() for mark in STORES):
        if overwrite:
            return
        raise StoreError(f"{path} exists; overwrite=true replaces it")
    raise foreign(path)


@contextlib.contextmanager
def whole_file(path: Path, *, overwrite: bool = False, lock: NameLock | None = None) -> Iterator[Path]:
    """Context in which a file is written that becomes `path` when the context ends without an error.

    path: final name, in a folder that exists. overwrite: whether an older file of this name is replaced. lock: what
    the caller holds of this name; otherwise it is taken, so that no other process writes it at the same time.

    Yields the temporary path to write to, in the same folder; a folder may be written there as well. What a killed
    process left there is deleted.

    After an error or an interrupt the temporary path is removed, and the error is raised again; `path` is as before,
    or whole already. Raises StoreError where a name is taken or another process writes it, OSError where the file
    cannot be flushed or renamed.
    """
    refuse_taken(path, overwrite=overwrite)
    held = NameLock(path) if lock is None else lock
    if lock is None:
        held.take(overwrite=overwrite)
    temporary = path.with_name(f"{path.name}.new")
    is_ours = False
    try:
        refuse_taken(path, overwrite=overwrite)  # another process may have finished before we had the lock
        held.remove(temporary, overwrite=overwrite)
        if lock is None:
            held.note()
        is_ours = True
        yield temporary
        publish(temporary, path, overwrite=overwrite)
    except BaseException:
        if is_ours:
            _remove(temporary)
        raise
    finally:
        if lock is None:
            held.release(remove=held.ours or held.is_empty)


def publish(temporary: Path, path: Path, *, overwrite: bool = False) -> None:
    """Flush a finished file, or a folder with all that is in it, to the disk and give it its final name.

    temporary: what was written, on the same file system as `path`. path: final name. overwrite: whether what stands
    there is replaced. Only the replacement of a folder, or by a folder, takes two steps, between which nothing has the
    final name.

    Raises StoreError where the name is taken, OSError where it cannot be flushed or renamed.
    """
    if temporary.is_symlink():
        raise foreign(temporary)
    for item in (*temporary.rglob("*"), temporary) if temporary.is_dir() else (temporary,):
        file_system.sync_path(item)
    refuse_taken(path, overwrite=overwrite)
    aside = path.exists() and (path.is_dir() or temporary.is_dir())  # what no rename replaces
    old = path.with_name(f"{path.name}.{secrets.token_hex(8)}.old") if aside else None
    if old is not None:
        path.replace(old)
    temporary.replace(path)
    file_system.sync_path(path.parent)
    if old is not None:
        _remove(old)


def _remove(path: Path) -> None:
    """Delete a file, or a folder with all that is in it, if it is there and can be deleted; of a link nothing."""
    with contextlib.suppress(OSError):
        if path.is_symlink():
            return
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
