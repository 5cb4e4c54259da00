"""Numbers to a file at given places, past the page cache where the system lets us. Knows nothing of language models.

Copying into the page cache and writing it back later costs more than computing the numbers. Whole pages therefore
go to the disk from aligned buffers (O_DIRECT, measured: 4.8 GB/s with two threads against 2 GB/s and a second
of fsync); what is left of a page at the ends goes the usual way.
"""

import contextlib
import errno
import mmap
import os
from pathlib import Path
from queue import SimpleQueue

import numpy as np

PAGE = 4096
BUFFER = 2**20
BUFFERS = 4


class Pages:
    """A file open for writing; `write` may be called from several threads."""

    def __init__(self, path: Path, direct: bool = True) -> None:
        self._plain = os.open(path, os.O_RDWR)
        self._direct = -1
        if direct and hasattr(os, "O_DIRECT"):
            with contextlib.suppress(OSError):  # a file system that has no such thing
                self._direct = os.open(path, os.O_RDWR | os.O_DIRECT)
        self._free: SimpleQueue[mmap.mmap] = SimpleQueue()  # anonymous maps begin at a page
        for _ in range(BUFFERS if self._direct >= 0 else 0):
            self._free.put(mmap.mmap(-1, BUFFER))

    def write(self, block: np.ndarray, at: int) -> None:
        """The bytes of a contiguous array at this place of the file."""
        data = memoryview(np.ascontiguousarray(block).data).cast("B")
        head = min(-at % PAGE, len(data))
        whole = (len(data) - head) // PAGE * PAGE
        if self._direct < 0 or not whole:
            self._write_plain(data, at)
            return
        self._write_plain(data[:head], at)
        self._write_plain(data[head + whole :], at + head + whole)
        for start in range(head, head + whole, BUFFER):
            self._write_pages(data[start : min(start + BUFFER, head + whole)], at + start)

    def _write_pages(self, data: memoryview, at: int) -> None:
        buffer = self._free.get()
        try:
            room = np.frombuffer(buffer, np.uint8, len(data))
            np.copyto(room, np.frombuffer(data, np.uint8))
            with memoryview(buffer)[: len(data)] as pages:
                written = os.pwrite(self._direct, pages, at)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            written = 0  # the device has larger sectors than a page
        finally:
            self._free.put(buffer)
        self._write_plain(data[written:], at + written)

    def _write_plain(self, data: memoryview, at: int) -> None:
        while data:
            written = os.pwrite(self._plain, data, at)
            data, at = data[written:], at + written

    def sync(self) -> None:
        os.fdatasync(self._plain)

    def close(self) -> None:
        for descriptor in (self._plain, self._direct):
            if descriptor >= 0:
                os.close(descriptor)
