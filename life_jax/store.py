"""Chunks to disk so that nothing is lost: work goes to NAME.nc.part, the final name appears when complete.

Variables are contiguous in the netCDF-4 file; blocks are written at their byte offsets, which is
several times faster than through the library and lets a killed run go on where it stopped. A
journal beside the file lists the chunks that are safely on disk. Knows nothing of language models.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from life_jax.dataset import Template

MARGIN = 1.02  # a file is this much larger than its numbers, at most, plus HEADER
HEADER = 2**20
SYNC_SECONDS = 2.0


class StoreError(OSError):
    """The result cannot be written; one line that says why and what is kept."""


class Store:
    """An open, unfinished result; a Sink of grid.run. Use `opened` to get one."""

    def __init__(self, path: Path, template: Template, identity: str) -> None:
        self.path, self.template, self.identity = path, template, identity
        self.part = path.with_name(path.name + ".part")
        self._journal_path = path.with_name(path.name + ".part.journal")
        self.done: set[int] = set()
        self._unsynced: list[int] = []
        self._journal = -1
        self._file = -1
        self._offsets: dict[str, int] = {}
        self._last_sync = time.monotonic()

    def write(self, name: str, start: int, block: np.ndarray) -> None:
        """Points [start, start + len(block)) of a variable, in C order of all dimensions."""
        data = memoryview(np.ascontiguousarray(block).data).cast("B")
        variable, slab = self.template.columns[name]
        at = self._offsets[variable] + (slab + start) * block.dtype.itemsize
        with self._full_disk():
            while data:
                written = os.pwrite(self._file, data, at)
                data, at = data[written:], at + written

    def mark(self, chunk: int) -> None:
        """The chunk is written; it counts as done once it is synced, every few seconds."""
        self._unsynced.append(chunk)
        if time.monotonic() - self._last_sync > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Numbers first, then the journal that vouches for them."""
        with self._full_disk():
            os.fdatasync(self._file)
            os.write(self._journal, "".join(f"{chunk}\n" for chunk in self._unsynced).encode())
            os.fdatasync(self._journal)
        self.done.update(self._unsynced)
        self._unsynced.clear()
        self._last_sync = time.monotonic()

    def finish(self) -> None:
        """fsync, rename to the final name, remove the journal."""
        self.sync()
        os.fsync(self._file)
        self.part.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._journal_path.unlink(missing_ok=True)

    def _open(self, overwrite: bool) -> None:
        if not self._journal_path.exists():
            self._check_space()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock()
        if not self._resume(overwrite):
            self._begin()
        self._file = os.open(self.part, os.O_RDWR)
        self._offsets = _offsets(self.part, self.template)

    def _lock(self) -> None:
        """The journal is the lock: nothing of another writer is read or touched before it is ours."""
        while True:
            self._journal = os.open(self._journal_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"{self.part} is being written by another process") from None
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(self._journal).st_ino == self._journal_path.stat().st_ino:
                    return
            os.close(self._journal)  # its writer finished and removed it between our open and our lock

    def _resume(self, overwrite: bool) -> bool:
        """Whether an unfinished file of the same question is there; its finished chunks are then known."""
        text = os.pread(self._journal, os.fstat(self._journal).st_size, 0)
        whole = text.rfind(b"\n") + 1  # a line that a crash tore apart vouches for nothing
        lines = text[:whole].decode().split("\n")[:-1]
        if not lines or not self.part.exists():
            return False
        if json.loads(lines[0])["identity"] != self.identity:
            if overwrite:
                return False
            raise StoreError(f"{self.part} is the unfinished result of another question; overwrite=true replaces it")
        os.ftruncate(self._journal, whole)
        self.done = {int(line) for line in lines[1:]}
        return True

    def _check_space(self) -> None:
        """Before the first point, and before any file."""
        need = int(self.template.bytes * MARGIN) + HEADER
        folder = next(f for f in (self.path.absolute().parent, *self.path.absolute().parents) if f.is_dir())
        free = shutil.disk_usage(folder).free
        if need > free:
            raise StoreError(f"{self.path} needs {need / 1e9:.3g} GB; {free / 1e9:.3g} GB are free in {folder}")

    def _begin(self) -> None:
        """A file without numbers; the journal starts when it is laid out."""
        os.ftruncate(self._journal, 0)
        try:
            self._check_space()
            with self._full_disk():
                _lay_out(self.part, self.template)
                os.write(self._journal, (json.dumps({"identity": self.identity}) + "\n").encode())
                os.fsync(self._journal)
        except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
            self.part.unlink(missing_ok=True)
            self._journal_path.unlink(missing_ok=True)
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"no space left for {self.path}: it needs {self.template.bytes / 1e9:.3g} GB") from None

    def _close(self) -> None:
        for descriptor in (self._file, self._journal):
            if descriptor >= 0:
                os.close(descriptor)

    @contextlib.contextmanager
    def _full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise StoreError(
                f"no space left for {self.part}; finished chunks are kept and the same command goes on from there"
            ) from None


@contextlib.contextmanager
def opened(path: Path, template: Template, identity: str, *, overwrite: bool = False) -> Iterator[Store]:
    """A store for `path`, resumed if an unfinished one of the same identity is there.

    An interrupted block leaves the .part file with its journal; only `finish` makes the final name.
    """
    store = Store(path, template, identity)
    try:
        store._open(overwrite)
        try:
            yield store
        except BaseException:
            with contextlib.suppress(OSError):
                store.sync()
            raise
    finally:
        store._close()


def save(ds: Any, path: Path) -> None:
    """A small dataset that is complete, under its final name or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        ds.to_netcdf(part, engine="netcdf4")
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
        part.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def identity_of(path: Path) -> str | None:
    """The identity that a finished file was written with, or None."""
    import netCDF4

    try:
        with netCDF4.Dataset(path) as file:
            return str(file.getncattr("identity"))
    except (OSError, AttributeError):
        return None


def _lay_out(path: Path, template: Template) -> None:
    """A netCDF-4 file with every coordinate, attribute and (contiguous, allocated) variable, no numbers yet."""
    import netCDF4

    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for name, coordinate in template.all_coordinates.items():
            file.createDimension(name, len(coordinate))
            is_text = isinstance(coordinate.values, list)
            one = file.createVariable(name, str if is_text else np.float64, (name,))
            one[:] = np.array(coordinate.values, dtype=object if is_text else np.float64)
            one.setncatts(dict(coordinate.attributes))
        for name, variable in template.variables.items():
            dims = template.dimensions(name)
            one = file.createVariable(name, variable.dtype, dims, contiguous=True, fill_value=False)
            one.setncatts({**variable.attributes, **({"dtype": "bool"} if variable.is_flag else {})})
            one[(0,) * len(dims)] = 0  # allocates
        file.setncatts(dict(template.attributes))


def _offsets(path: Path, template: Template) -> dict[str, int]:
    """Byte offset of each variable's numbers, and their space reserved on the disk."""
    import h5py

    with h5py.File(path, "r") as file:
        found = {name: file[name].id.get_offset() for name in template.variables}
    sizes = {name: v.dtype.itemsize * v.slabs * template.points for name, v in template.variables.items()}
    end = max(at + sizes[name] for name, at in found.items())
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(descriptor, 0, end)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreError(f"no space left for {path}: it needs {end / 1e9:.3g} GB") from None
    finally:
        os.close(descriptor)
    return found
