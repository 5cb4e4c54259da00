"""Results of sweeps as netCDF files: an unfinished one is NAME.nc.part, and NAME.nc appears when it is complete.

Variables are contiguous in the netCDF-4 file, and blocks are written at their byte offsets. This is several times
faster than writing through the library, and a killed run can go on where it stopped: a journal beside the file lists
the chunks that have been flushed to the disk.
"""

import contextlib
import os
import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from life_jax.core import file_system
from life_jax.core.whole_file import StoreError, foreign, whole_file
from life_jax.grid.labels import Template
from life_jax.grid.plan import Column, ResultBlock
from life_jax.grid.storage import compression
from life_jax.grid.storage.direct_io import BUFFER, PAGE, Pages
from life_jax.grid.storage.journal import Journal, Say, check_space, full_disk, silent, why

if TYPE_CHECKING:
    import xarray as xr

MARGIN = 1.02  # a file is this much larger than its numbers, at most, plus HEADER
HEADER = 2**20
SYNC_SECONDS = 0.5
WRITERS = 2
LARGE = 2**24  # bytes of a file from which it is written past the page cache
ALIGNED = 2**20  # bytes of a variable from which it begins at a page


class Store:
    """A sink of blocks that writes them to an unfinished result on the disk. `opened` opens one.

    done: numbers of the chunks that are flushed to the disk, which comes some time after they were put.
    """

    def __init__(self, path: Path, template: Template, identity: str) -> None:
        """path: final name of the result. template: its layout. identity: of its question."""
        self.path, self.template, self.identity = path, template, identity
        self.journal = Journal(path)
        self.part = self.journal.part
        self.done: set[int] = set()
        self._overwrite = False
        self._writers = ThreadPoolExecutor(WRITERS, "life_jax-write")
        self._syncer = ThreadPoolExecutor(1, "life_jax-sync")
        self._syncing: Future[None] | None = None
        self._writing: tuple[int, list[Future[None]]] | None = None
        self._written: list[int] = []
        self._pages: Pages | None = None
        self._offsets: dict[str, int] = {}
        self._last_sync = time.monotonic()

    def put(self, block: ResultBlock) -> None:
        """Start to write a block, and wait until the one before it is written.

        Raises StoreError where the disk is full.
        """
        futures = []
        for name, values in block.columns.items():
            variable, slab = self.template.columns[name]
            at = self._offsets[variable] + (slab + block.start) * values.dtype.itemsize
            futures.append(self._writers.submit(self._write, values, at))
        before, self._writing = self._writing, (block.chunk, futures)
        self._settle(before)
        if time.monotonic() - self._last_sync >= SYNC_SECONDS and (self._syncing is None or self._syncing.done()):
            self._collect()
            self._syncing = self._syncer.submit(self._sync, tuple(self._written))
            self._written.clear()
            self._last_sync = time.monotonic()

    def _write(self, values: Column, at: int) -> None:
        assert self._pages is not None
        if isinstance(values, np.ndarray) and values.flags.c_contiguous:
            self._pages.write(values, at)
            return
        size = values.dtype.itemsize
        step = BUFFER // size  # what is copied goes in pieces that stay in a cache and begin at a page
        for start, end in pairwise([0, *range((-at % PAGE) // size or step, len(values), step), len(values)]):
            self._pages.write(values[start:end], at + start * size)

    def _settle(self, writing: tuple[int, list[Future[None]]] | None) -> None:
        """Waits until a block has been written."""
        if writing is None:
            return
        wait(writing[1])
        with full_disk(self.part):
            for future in writing[1]:
                future.result()
        self._written.append(writing[0])

    def _collect(self) -> None:
        """Waits for the sync under way; its chunks are safe then."""
        if self._syncing is not None:
            syncing, self._syncing = self._syncing, None
            with full_disk(self.part):
                syncing.result()

    def _sync(self, chunks: tuple[int, ...]) -> None:
        """Flush the numbers, then note their chunks in the journal."""
        assert self._pages is not None
        self._pages.sync()
        self.journal.add(chunks)
        self.done.update(chunks)

    def sync(self) -> None:
        """Wait until every block that was put is flushed to the disk. Raises StoreError where the disk is full."""
        writing, self._writing = self._writing, None
        self._settle(writing)
        self._collect()
        if self._written:
            with full_disk(self.part):
                self._sync(tuple(self._written))
            self._written.clear()

    def _rescue(self) -> None:
        """Keep what can be kept after an error: all blocks but the one that failed."""
        with contextlib.suppress(OSError):
            writing, self._writing = self._writing, None
            self._settle(writing)
        with contextlib.suppress(OSError):
            self.sync()

    def finish(self, chunks: Collection[int], compress: str | None = None) -> None:
        """Give the complete result its final name and delete the journal.

        chunks: numbers of all chunks of the result. compress: name of a compression, or None; a compressed file or a
        zarr store is written from the plain file here.

        Raises RuntimeError if a chunk was never put, StoreError where the disk is full.
        """
        self.sync()
        if len(self.done) < len(chunks) or not self.done.issuperset(chunks):
            raise RuntimeError(f"{len(chunks) - len(self.done.intersection(chunks))} chunks are missing in {self.part}")
        assert self._pages is not None
        self._pages.close()  # some systems rename no open file
        self._pages = None
        if compression.needs_packing(self.path, compress):
            compression.pack(self.part, self.path, compress, self.journal, overwrite=self._overwrite)
            self.journal.drop()
        else:
            self.journal.publish(overwrite=self._overwrite)

    def _open(self, overwrite: bool, say: Say) -> None:
        self._overwrite = overwrite
        if not self.journal.path.exists():
            check_space(self.path, self._need)
        self.journal.lock(overwrite=overwrite)
        done = self.journal.resumed(self.identity, overwrite, identity_of)
        offsets = _offsets(self.part, self.template) if done is not None else None
        if done is not None and offsets is None:
            if not self.journal.is_torn():
                raise foreign(self.part)
            say(f"{self.part} is torn, as a power cut leaves a file; it is begun again")
        self._offsets = self._begin() if offsets is None else offsets
        self.done = (done or set()) if offsets is not None else set()
        self._pages = Pages(self.part, direct=self.template.bytes >= LARGE)

    @property
    def _need(self) -> int:
        return int(self.template.bytes * MARGIN) + HEADER

    def _begin(self) -> dict[str, int]:
        """Begin the journal, and lay out a file without numbers; the offsets of its variables [byte]."""
        check_space(self.path, self._need)
        self.journal.begin(self.identity)
        try:
            descriptor = file_system.open_file(self.part, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                _lay_out(self.part, self.template)
                offsets = _offsets(self.part, self.template, laid_out=True) or {}
                file_system.reserve(descriptor, _end(offsets, self.template))
                file_system.sync(descriptor)
            finally:
                os.close(descriptor)
            file_system.sync_path(self.part.parent)
            self.journal.ready()
        except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
            self.journal.drop()
            reason = f"{why(error, self.path.parent)}; it needs {self.template.bytes / 1e9:.3g} GB"
            raise StoreError(f"{self.path} cannot be written: {reason}") from None
        return offsets

    def _close(self) -> None:
        self._writers.shutdown()
        self._syncer.shutdown()
        if self._pages is not None:
            self._pages.close()
        self.journal.close()


@contextlib.contextmanager
def opened(
    path: Path, template: Template, identity: str, *, overwrite: bool = False, say: Say = silent
) -> Iterator[Store]:
    """Context with the store of a result, which goes on with what an earlier run of the same identity has left.

    An error or an interrupt leaves the .part file and its journal; only `finish` makes the final name.

    path: final name. template: layout of the result. identity: of its question. overwrite: whether a result, or the
    unfinished result of another question, may be replaced. say: called with a line where an unfinished result is torn.

    Raises StoreError where the disk has not the room, another process writes the result, its name is taken, or the
    unfinished result of another question is there.
    """
    store = Store(path, template, identity)
    try:
        store._open(overwrite, say)
        try:
            yield store
        except BaseException:
            store._rescue()
            raise
    finally:
        store._close()


def save(
    ds: "xr.Dataset", path: Path, identity: str, *, overwrite: bool = False, journal: Journal | None = None
) -> None:
    """Write a small xarray.Dataset, in memory, as a netCDF file that is whole or not there.

    path: final name; its folder is made if need be. identity: of its question. overwrite: whether a result, or the
    unfinished result of another question, may be replaced. journal: of the path, whose lock the caller has.

    Raises StoreError, in one line, where it cannot be written.
    """
    if journal is None:
        journal = Journal(path)
        try:
            journal.lock(overwrite=overwrite)
            journal.resumed(identity, overwrite, identity_of)
            journal.begin(identity)
            try:
                save(ds, path, identity, overwrite=overwrite, journal=journal)
            finally:
                journal.drop()
        finally:
            journal.close()
        return
    try:
        with whole_file(path, overwrite=overwrite, lock=journal) as new:
            ds.to_netcdf(new, engine="netcdf4")
    except StoreError:
        raise
    except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
        raise StoreError(f"{path} cannot be written: {why(error, path.parent)}") from None


def read(path: Path) -> "xr.Dataset":
    """Open a finished netCDF file or zarr store as an xarray.Dataset; its numbers are read when they are needed."""
    import xarray as xr

    return xr.open_zarr(path) if compression.is_zarr(path) else xr.open_dataset(path, engine="netcdf4")


def identity_of(path: Path) -> str | None:
    """The identity that a finished netCDF file or zarr store was written with, or None if it has none."""
    import netCDF4

    if compression.is_zarr(path):
        return compression.identity_of(path)
    try:
        with netCDF4.Dataset(path) as file:
            return str(file.getncattr("identity"))
    except (OSError, AttributeError):
        return None


def _lay_out(path: Path, template: Template) -> None:
    """Write a netCDF-4 file with all coordinates and attributes, and contiguous variables without their numbers."""
    import netCDF4

    usual = tuple(max(1, number) for number in netCDF4.get_alignment())  # which is 0 where nothing was set
    netCDF4.set_alignment(ALIGNED, PAGE)  # numbers of large variables begin at a page
    try:
        with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
            for name, coordinate in template.all_coordinates.items():
                file.createDimension(name, len(coordinate))
                if coordinate.numbered:
                    continue
                is_text = isinstance(coordinate.values, list)
                values = np.array(coordinate.values, dtype=object if is_text else None)
                labels = file.createVariable(name, str if is_text else values.dtype, (name,))
                labels[:] = values
                labels.setncatts(dict(coordinate.attributes))
            for name, listed in template.listed.items():
                own = (listed.dimension,)
                column = file.createVariable(name, listed.dtype, own, contiguous=True, fill_value=False)
                column.setncatts(dict(listed.attributes))
                for start, values in listed.pieces():
                    column[start : start + len(values)] = values
            for name, variable in template.variables.items():
                dims = template.dimensions(name)
                numbers = file.createVariable(name, variable.dtype, dims, contiguous=True, fill_value=False)
                along = " ".join(template.listed)
                numbers.setncatts({
                    **variable.attributes,
                    **({"dtype": "bool"} if variable.is_flag else {}),
                    **({"coordinates": along} if along else {}),
                })  # fmt: skip
                numbers[(0,) * len(dims)] = 0  # allocates
            file.setncatts(dict(template.attributes))
    finally:
        netCDF4.set_alignment(*usual)


def _offsets(path: Path, template: Template, *, laid_out: bool = False) -> dict[str, int] | None:
    """Byte offset of each variable's numbers in a file that is laid out; None if it is cut off or cannot be read.

    laid_out: whether it was laid out just now, so that it need not have its whole length. Raises StoreError for a file
    of something else.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            offsets = {name: file[name].id.get_offset() for name in template.variables if name in file}
    except OSError:
        return None
    if len(offsets) < len(template.variables):
        raise foreign(path)
    return offsets if laid_out or path.stat().st_size >= _end(offsets, template) else None


def _end(offsets: dict[str, int], template: Template) -> int:
    """Byte after the last number of a file."""
    sizes = {name: v.dtype.itemsize * v.slabs * template.points for name, v in template.variables.items()}
    return max(at + sizes[name] for name, at in offsets.items())
