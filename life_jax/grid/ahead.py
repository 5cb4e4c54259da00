"""Compiles the structures of a sweep one ahead of what is computed, in a thread beside it.

One ahead and no more, so that memory stays bounded. Results do not depend on it: the executables are the same.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor


class Ahead:
    """The compilations of a sweep of several structures; of a single one the first chunk is the compilation.

    wanted: chunks in the order in which they will be computed, so many of each case. number_of: number of the structure
    of each case. compiled: compiles what a chunk needs.
    """

    def __init__(
        self, wanted: Iterable[int], chunks: int, number_of: Mapping[int, int], compiled: Callable[[int], None]
    ) -> None:
        """Compile nothing yet."""
        self._number_of, self._compile = number_of, compiled
        first: dict[int, int] = {}
        for index in wanted:
            first.setdefault(number_of[index // chunks], index)
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
                self._compiled[number] = self._pool.submit(self._compile, self._first[number])
        self._compiled[self._order[at]].result()

    def close(self) -> None:
        """Wait for the compilation under way, and begin with no other."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
