"""Compiles the structures of a sweep one ahead of what is computed, in a thread beside it.

One ahead and no more, so that memory stays bounded. Results do not depend on it: the executables are the same.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from life_jax.grid.kernel import kernel, packed

if TYPE_CHECKING:
    from life_jax.grid.plan import Sweep


class Ahead:
    """The compilations of a sweep of several structures; of a single one the first chunk is the compilation.

    number_of: number of the structure of each case; wanted: chunks in the order in which they will be computed.
    """

    def __init__(self, sweep: "Sweep", wanted: Iterable[int], number_of: Mapping[int, int]) -> None:
        """Compile nothing yet."""
        self._sweep, self._number_of = sweep, number_of
        first: dict[int, int] = {}
        for index in wanted:
            first.setdefault(number_of[index // sweep.plan.chunks], index)
        self._first, self._order = first, list(first)
        self._pool = ThreadPoolExecutor(1, "life_jax-compile") if len(first) > 1 else None
        self._compiled: dict[int, Future[None]] = {}

    def need(self, case: int) -> None:
        """Wait until the structure of a case is compiled, and begin with the structure that comes after it."""
        if self._pool is None:
            return
        at = self._order.index(self._number_of[case])
        for number in self._order[at : at + 2]:
            if number not in self._compiled:
                self._compiled[number] = self._pool.submit(_compile, self._sweep, self._first[number])
        self._compiled[self._order[at]].result()

    def close(self) -> None:
        """Wait for the compilation under way, and begin with no other."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _compile(sweep: "Sweep", index: int) -> None:
    """Compile what a chunk needs. index: of the chunk."""
    import jax

    case, within = divmod(index, sweep.plan.chunks)
    function, numbers = sweep.cases[case]
    of, chunk = kernel(function), sweep.plan.chunk(within)
    with jax.enable_x64(sweep.dtype == "float64"):
        shape = (sweep.plan.rows, sweep.plan.inner)
        rows, points = sweep.plan.rows_of(chunk, sweep.dtype), sweep.plan.points_of(chunk.piece, sweep.dtype)
        buffers = of.spare(shape, sweep.outputs, sweep.dtype)
        of.prepare(packed(numbers), rows, jax.device_put(points), buffers)
