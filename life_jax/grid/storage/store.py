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

from life_jax.core.whole_file import whole_file
from life_jax.grid.labels import Template
from life_jax.grid.plan import Column, ResultBlock
from life_jax.grid.storage import compression
from life_jax.grid.storage.direct_io import BUFFER, PAGE, Pages
from life_jax.grid.storage.journal import FULL, Journal, StoreError, check_space, full_disk, why

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
        if compression.needs_packing(self.path, compress):
            compression.pack(self.part, self.path, compress)
            self.part.unlink()
            self.journal.path.unlink(missing_ok=True)
        else:
            self.journal.publish(self.path)

    def _open(self, overwrite: bool) -> None:
        if not self.journal.path.exists():
            check_space(self.path, self._need)
        self.journal.lock()
        done = self.journal.resumed(self.identity, overwrite)
        if done is None:
            self._begin()
        self.done = done or set()
        self._offsets = _offsets(self.part, self.template)
        self._pages = Pages(self.part, direct=self.template.bytes >= LARGE)

    @property
    def _need(self) -> int:
        return int(self.template.bytes * MARGIN) + HEADER

    def _begin(self) -> None:
        """Lay out a file without numbers, then begin the journal."""
        self.journal.clear()
        try:
            check_space(self.path, self._need)
            _lay_out(self.part, self.template)
            self.journal.begin(self.identity)
        except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
            self.part.unlink(missing_ok=True)
            self.journal.path.unlink(missing_ok=True)
            if isinstance(error, StoreError):
                raise
            raise StoreError(f"no space left for {self.path}: it needs {self.template.bytes / 1e9:.3g} GB") from None

    def _close(self) -> None:
        self._writers.shutdown()
        self._syncer.shutdown()
        if self._pages is not None:
            self._pages.close()
        self.journal.close()


@contextlib.contextmanager
def opened(path: Path, template: Template, identity: str, *, overwrite: bool = False) -> Iterator[Store]:
    """Context with the store of a result, which goes on with what an earlier run of the same identity has left.

    An error or an interrupt leaves the .part file and its journal; only `finish` makes the final name.

    path: final name. template: layout of the result. identity: of its question. overwrite: whether the unfinished
    result of another question may be replaced.

    Raises StoreError where the disk has not the room, another process writes the result, or the unfinished result of
    another question is there.
    """
    store = Store(path, template, identity)
    try:
        store._open(overwrite)
        try:
            yield store
        except BaseException:
            store._rescue()
            raise
    finally:
        store._close()


def save(ds: "xr.Dataset", path: Path, *, locked: bool = False) -> None:
    """Write a small xarray.Dataset, in memory, as a netCDF file that is whole or not there.

    path: final name; its folder is made if need be. locked: whether the caller holds the lock of the path's journal.

    Raises StoreError, in one line, where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path, locked=locked) as new:
            ds.to_netcdf(new, engine="netcdf4")
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
                labels = file.createVariable(name, str if is_text else np.float64, (name,))
                labels[:] = np.array(coordinate.values, dtype=object if is_text else np.float64)
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


def _offsets(path: Path, template: Template) -> dict[str, int]:
    """Byte offset of each variable's numbers in a file that is laid out; reserves their space on the disk."""
    import h5py

    with h5py.File(path, "r") as file:
        offsets = {name: file[name].id.get_offset() for name in template.variables}
    sizes = {name: v.dtype.itemsize * v.slabs * template.points for name, v in template.variables.items()}
    end = max(at + sizes[name] for name, at in offsets.items())
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.posix_fallocate(descriptor, 0, end)
    except OSError as error:
        if error.errno in FULL:
            raise StoreError(f"no space left for {path}: it needs {end / 1e9:.3g} GB") from None
    finally:
        os.close(descriptor)
    return offsets
