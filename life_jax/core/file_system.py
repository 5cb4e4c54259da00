"""What an operating system offers for files: opening without links, locks, flushing, reserved room, writes at a place.

Linux has all of it. macOS has neither fdatasync nor posix_fallocate nor O_DIRECT; Windows has none of these, no flock,
no pwrite, no owners, opens no folder, and keeps files that are open from being renamed or removed. Everything that
differs is asked here, when it is used, so that a test can hide what a system has not.
"""

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:  # all others
    msvcrt = None  # type: ignore[assignment]

# what a system answers that cannot flush a folder: Windows opens none, some network file systems refuse the call
NO_FOLDER_SYNC = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
NO_RESERVING = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # codes of a file system that cannot
LOCKED_BYTE = 2**40  # Windows locks bytes, which nobody else may then read: one beyond the end of any journal
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

_moving = threading.Lock()  # of the place of a descriptor, where a system has no pwrite


def open_file(path: Path, flags: int, mode: int = 0o666) -> int:
    """Descriptor of a regular file that has this one name and is no link; binary, and not inherited by processes.

    flags: of os.open. Raises OSError, with ELOOP for a link, and with EINVAL for a folder, pipe or device, which is
    not waited for, and for a file that has further names (hard links).
    """
    extra = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        raise OSError(errno.ELOOP, "is a link", os.fspath(path))
    try:
        descriptor = os.open(path, flags | extra, mode)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EISDIR):
            raise OSError(errno.EINVAL, "is no file", os.fspath(path)) from None
        raise
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        os.close(descriptor)
        what = "has further names (hard links)" if stat.S_ISREG(facts.st_mode) else "is no file"
        raise OSError(errno.EINVAL, what, os.fspath(path))
    return descriptor


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file; a link to one is followed.

    Raises OSError: with EINVAL for a folder, pipe or device, which is not waited for, with EFBIG beyond `most` bytes.
    """
    extra = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
    descriptor = os.open(path, os.O_RDONLY | extra)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no file", os.fspath(path))
        return read_all(descriptor, most)
    finally:
        os.close(descriptor)


def open_direct(path: Path) -> int:
    """Descriptor of a file that is written past the page cache, -1 where the system or the file system cannot do it."""
    if not hasattr(os, "O_DIRECT"):
        return -1
    try:
        return open_file(path, os.O_RDWR | os.O_DIRECT)
    except OSError:
        return -1


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False where another process has it. Raises OSError where none can."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            with _Place(descriptor, LOCKED_BYTE):
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            raise OSError(errno.ENOLCK, "this system has no locks of files")
    except OSError as error:
        # Windows says that a byte is locked as "permission denied"
        if isinstance(error, BlockingIOError) or (fcntl is None and error.errno in (errno.EACCES, errno.EDEADLK)):
            return False
        raise
    return True


class _Place:
    """Context in which a descriptor stands at a place, one thread at a time."""

    def __init__(self, descriptor: int, place: int) -> None:
        self._descriptor, self._place = descriptor, place

    def __enter__(self) -> None:
        _moving.acquire()
        os.lseek(self._descriptor, self._place, os.SEEK_SET)

    def __exit__(self, *_: object) -> None:
        _moving.release()


def write_at(descriptor: int, data: Any, at: int) -> int:
    """Write bytes at an offset [byte]; the number of bytes that were written, which may be fewer."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, at)
    with _Place(descriptor, at):
        return os.write(descriptor, data)


def read_all(descriptor: int, most: int) -> bytes:
    """The content of an open file. Raises OSError with EFBIG if it has more than `most` bytes."""
    if os.fstat(descriptor).st_size > most:
        raise OSError(errno.EFBIG, f"is larger than {most / 2**20:.0f} MiB")
    pieces = []
    with _Place(descriptor, 0):
        while piece := os.read(descriptor, 2**24):
            pieces.append(piece)
    return b"".join(pieces)


def sync(descriptor: int) -> None:
    """Flush the bytes of an open file to the disk, so that they outlive a power cut. Raises OSError."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, where fsync leaves them in the cache of the disk
        with contextlib.suppress(OSError):  # a file system that has no such thing
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_path(path: Path) -> None:
    """Flush a file, or the names in a folder where the system can do that. Raises OSError."""
    is_folder = path.is_dir()
    flags = os.O_RDONLY if is_folder else os.O_RDWR | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
            if not is_folder and hasattr(fcntl, "F_FULLFSYNC"):
                sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if not is_folder or error.errno not in NO_FOLDER_SYNC:
            raise


def reserve(descriptor: int, size: int) -> None:
    """Make an open file at least `size` bytes long, with room on the disk where the system can promise it.

    Raises OSError where the disk is full.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in NO_RESERVING:
                raise
    if os.fstat(descriptor).st_size < size:
        os.ftruncate(descriptor, size)


def remove_open(path: Path, descriptor: int) -> None:
    """Remove the name of an open file, and close it: in this order, unless the system keeps open files."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        os.close(descriptor)
        with contextlib.suppress(OSError):  # another process has opened it meanwhile
            path.unlink(missing_ok=True)
    else:
        os.close(descriptor)


def has_owners() -> bool:
    """Whether files have owners and modes that say who may write them."""
    return hasattr(os, "geteuid")


def is_private(facts: os.stat_result) -> bool:
    """Whether a file or folder is this user's, and nobody else (but root) may write it. facts: of os.fstat."""
    return has_owners() and facts.st_uid == os.geteuid() and not facts.st_mode & WRITABLE_BY_OTHERS


def not_private(folder: Path) -> Path | None:
    """The first of a folder and those above it in which somebody else could put a folder of his own; None if none.

    The folder itself must be private. One above must be this user's or root's, and nobody else may write it unless it
    keeps everybody's names apart (sticky, as /tmp). Raises OSError for a folder that is not there.
    """
    facts = os.lstat(folder)
    if not stat.S_ISDIR(facts.st_mode) or not is_private(facts):
        return folder
    for above in folder.resolve().parents:
        facts = os.lstat(above)
        safe = not facts.st_mode & WRITABLE_BY_OTHERS or facts.st_mode & stat.S_ISVTX
        if facts.st_uid not in (0, os.geteuid()) or not safe:
            return above
    return None
