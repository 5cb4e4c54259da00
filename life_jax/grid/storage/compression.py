"""Compressed netCDF files and zarr stores, written from a finished plain netCDF file.

Numbers are computed into a plain file first, which a killed run can resume, and are packed when all of them are
there. For a while this needs the room of both files, and it takes time: compressed numbers are written several times
slower than plain ones.
"""

import contextlib
import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from life_jax.core.whole_file import NameLock, StoreError, whole_file
from life_jax.grid.storage.journal import why

PER_CHUNK = 2**18  # numbers that are compressed together
LEVEL: Any = 1


def is_zarr(path: Path) -> bool:
    """Whether a result of this name is a zarr store (a folder) instead of a netCDF file."""
    return path.suffix == ".zarr"


def needs_packing(path: Path, compress: str | None) -> bool:
    """Whether the result is not the plain netCDF file itself; compress: name of a compression, or None."""
    return compress is not None or is_zarr(path)


def pack(plain: Path, path: Path, compress: str | None, lock: NameLock, *, overwrite: bool = False) -> None:
    """Write a finished netCDF file again, compressed or as a zarr store; `path` is whole, or as it was before.

    plain: the finished netCDF file. path: final name; a zarr store if it ends in .zarr. compress: name of a compression
    that netCDF knows, or None. lock: of the final name, which the caller has. overwrite: whether what stands under the
    final name may be replaced.

    Raises StoreError, in one line, where it cannot be written.
    """
    try:
        with whole_file(path, overwrite=overwrite, lock=lock) as new:
            (_pack_zarr if is_zarr(path) else _pack_netcdf)(plain, new, compress)
    except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
        reason = why(error, path.parent)
        raise StoreError(f"{path} cannot be written: {reason}; {plain} is complete and kept") from None


def identity_of(path: Path) -> str | None:
    """The identity that a finished zarr store was written with; None where `path` is no such store."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads((path / "zarr.json").read_text())["attributes"]["identity"])
    return None


def chunk_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the pieces that are compressed together: at most PER_CHUNK numbers, contiguous in an array of `shape`.

    The last dimensions are taken whole, the one before them in part, those in front one index at a time.
    """
    room, lengths = PER_CHUNK, []
    for size in reversed(shape):
        lengths.append(max(1, min(size, room)))
        room //= lengths[-1]
    return tuple(reversed(lengths))


def _slabs(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    starts = (range(0, size, chunk) for size, chunk in zip(shape, chunks, strict=True))
    for start in itertools.product(*starts):
        yield tuple(slice(a, min(a + c, n)) for a, c, n in zip(start, chunks, shape, strict=True))


def _attributes(variable: Any) -> dict[str, Any]:
    return {name: variable.getncattr(name) for name in variable.ncattrs()}


def _pack_netcdf(plain: Path, path: Path, compress: Any) -> None:
    import netCDF4

    if not netCDF4.__has_zstandard_support__:
        raise StoreError("compress=zstd needs a netCDF library with Zstandard, which this installation has not")
    with netCDF4.Dataset(plain) as old, netCDF4.Dataset(path, "w", format="NETCDF4") as new:
        old.set_auto_maskandscale(False)
        new.setncatts(_attributes(old))
        for name, dimension in old.dimensions.items():
            new.createDimension(name, len(dimension))
        for name, variable in old.variables.items():
            if variable.dtype is str:
                copy = new.createVariable(name, str, variable.dimensions)
                copy[:] = variable[:]
            else:
                chunks = chunk_shape(variable.shape)
                copy = new.createVariable(
                    name, variable.dtype, variable.dimensions, compression=compress, complevel=LEVEL, shuffle=True,
                    chunksizes=chunks, fill_value=False,
                )  # fmt: skip
                copy.set_auto_maskandscale(False)
                for slab in _slabs(variable.shape, chunks):
                    copy[slab] = variable[slab]
            copy.setncatts(_attributes(variable))


def _pack_zarr(plain: Path, path: Path, compress: str | None) -> None:
    try:
        import zarr
        from zarr.codecs import ZstdCodec
    except ImportError:
        raise StoreError("a .zarr result needs zarr: pip install 'life_jax[zarr]'") from None
    import netCDF4

    codec = ZstdCodec(level=LEVEL) if compress else None
    with netCDF4.Dataset(plain) as old, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr warns of strings and of metadata that xarray reads
        old.set_auto_maskandscale(False)
        group = zarr.create_group(path, attributes=_plain(_attributes(old)))
        for name, variable in old.variables.items():
            text = variable.dtype is str
            chunks = chunk_shape(variable.shape)
            copy = group.create_array(
                name, shape=variable.shape, dtype=str if text else variable.dtype, chunks=chunks,
                compressors=codec, dimension_names=variable.dimensions, attributes=_plain(_attributes(variable)),
            )  # fmt: skip
            for slab in _slabs(variable.shape, chunks):
                copy[slab] = variable[slab]
        zarr.consolidate_metadata(group.store)


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes with lists and Python numbers in place of NumPy's, as JSON takes them."""
    return {name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
            for name, value in attributes.items()}  # fmt: skip
