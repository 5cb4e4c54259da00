"""Times between two tokens of a sequence, counted in bins: there are too many of them to keep each."""

from typing import Any

import numpy as np

PER_DECADE = 256  # bins, whose width is 0.9 % of the time
LEAST, DECADES = 1e-6, 10  # s of the first bin's lower end, and the range of the bins
BINS = PER_DECADE * DECADES


def place(log10: Any) -> Any:
    """Bin, as a number that is yet to be made whole, of times whose logarithm to base ten (of seconds) is `log10`."""
    return (log10 - np.log10(LEAST)) * PER_DECADE


def counted(seconds: np.ndarray) -> np.ndarray:
    """How many of the times [n] [s] are in each bin [BINS] [1]."""
    bins = np.clip(place(np.log10(np.maximum(seconds, LEAST))), 0, BINS - 1).astype(int)
    return np.bincount(bins, minlength=BINS).astype(float)


def percentile(counts: np.ndarray, percent: float) -> float:
    """The time [s] that `percent` [1] of a hundred counted times do not exceed, to 0.9 %; NaN where there are none.

    counts [BINS]: of times in each bin, within which they are evenly spread on a logarithmic scale.
    """
    below = np.cumsum(counts)
    if not below[-1] > 0:
        return float("nan")
    wanted = percent / 100 * below[-1]
    index = int(np.searchsorted(below, wanted))
    inside = (wanted - (below[index] - counts[index])) / counts[index]
    return float(LEAST * 10 ** ((index + inside) / PER_DECADE))
