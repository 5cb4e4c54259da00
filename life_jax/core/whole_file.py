"""Files that stand under their final name whole, or not at all.

A result is written to a temporary file beside its final name, flushed to the disk and renamed, which replaces an
older file in one step; then the folder is flushed, so that the new name outlives a crash of the machine. Renaming
alone is not enough: after a crash, file systems have shown the new name with nothing in it.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

# what a system answers that cannot flush a folder: Windows opens none, some network file systems refuse the call
NO_FOLDER_SYNC = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


@contextlib.contextmanager
def whole_file(path: Path, *, locked: bool = False) -> Iterator[Path]:
    """Context in which a file is written that becomes `path` when the context ends without an error.

    path: final name, in a folder that exists; a file of this name is replaced. locked: whether the caller holds a
    lock, so that no other process writes the same `path` at the same time.

    Yields the temporary path to write to, in the same folder; a folder may be written there as well. Under a lock its
    name is always the same, and what a killed process left there is deleted. Without one it carries the number of
    this process, so that two processes never write to one file.

    After an error or an interrupt the temporary path is removed, and the error is raised again; `path` is as before,
    or whole already. Raises OSError where the file cannot be flushed or renamed.
    """
    temporary = path.with_name(f"{path.name}.new" if locked else f"{path.name}.{os.getpid()}.new")
    _remove(temporary)
    try:
        yield temporary
        publish(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def publish(temporary: Path, path: Path) -> None:
    """Flush a finished file, or a folder with all that is in it, to the disk and give it its final name.

    temporary: what was written, on the same file system as `path`. path: final name; what stood there is replaced.
    Only the replacement of a folder takes two steps, between which nothing has the final name.

    Raises OSError where it cannot be flushed or renamed.
    """
    for item in (*temporary.rglob("*"), temporary) if temporary.is_dir() else (temporary,):
        _sync(item)
    if path.is_dir():
        shutil.rmtree(path)
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Flush the bytes of a file, or the names in a folder where the system can do that."""
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if not is_folder or error.errno not in NO_FOLDER_SYNC:
            raise


def _remove(path: Path) -> None:
    """Delete a file, or a folder with all that is in it, if it is there and can be deleted."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
