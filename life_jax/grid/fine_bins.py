"""How many values lie in each of many narrow bins, from which quantiles and histograms are read."""

from functools import lru_cache

import numpy as np

FINE = 12  # bins are float32 values without their last 12 bits: 2^-11 (0.05 %) wide


@lru_cache(maxsize=1)
def centres() -> np.ndarray:
    """The value [bins] in the middle of each bin, in the order of values."""
    bits = (np.arange(0x7F800000 >> FINE, dtype=np.uint32) << FINE) | (1 << (FINE - 1))
    return bits.astype(np.uint32).view(np.float32).astype(float)


class FineBins:
    """Numbers of values in fine bins.

    Only bins between the least and the greatest in use are in memory, since a grid may have thousands of groups, each
    with bins of its own.

    first: number of the first bin in memory. counts: values [bins] in it and those behind it. NaN and values below 0
    have no bin.
    """

    def __init__(self) -> None:
        """No value yet."""
        self.first, self.counts = 0, np.zeros(0, np.int64)

    def count(self, values: np.ndarray) -> None:
        """Add values [n], float32."""
        at = (np.ascontiguousarray(values, np.float32).view(np.uint32) >> FINE).astype(np.int64)
        if len(at) and at.max() >= len(centres()):
            at = at[at < len(centres())]
        if len(at):
            low = int(at.min())
            self.add(low, np.bincount(at - low))

    def add(self, first: int, counts: np.ndarray) -> None:
        """Add numbers of values [n] to the bins from `first` on."""
        if not len(self.counts):
            self.first, self.counts = first, np.asarray(counts, np.int64).copy()
            return
        low = min(first, self.first)
        high = max(first + len(counts), self.first + len(self.counts))
        if (low, high) != (self.first, self.first + len(self.counts)):
            wider = np.zeros(high - low, np.int64)
            wider[self.first - low :][: len(self.counts)] = self.counts
            self.first, self.counts = low, wider
        self.counts[first - low :][: len(counts)] += counts

    def filled(self) -> np.ndarray:
        """Numbers of the bins in use, and how many values each has: [2, bins]."""
        at = np.flatnonzero(self.counts)
        return np.stack([self.first + at, self.counts[at]])

    def quantile(self, part: float) -> float:
        """The value below which a part of the values lies, with a relative error of at most 2^-12; NaN without any."""
        if not self.counts.any():
            return float("nan")
        upto = np.cumsum(self.counts)
        return float(centres()[self.first + np.searchsorted(upto, max(part * upto[-1], 1))])
