"""Times at which requests arrive."""

import numpy as np


def arrivals(uniform: np.ndarray, rate: float, burst: float, seed: int) -> np.ndarray:
    """Times of arrival [n] [s] at a rate [1/s], with gaps of the coefficient of variation `burst` [1].

    uniform: numbers [n] in (0, 1), one for each gap, of which exponential gaps are made (Poisson arrivals, burst 1).
    Other gaps are gamma distributed, from a generator of their own; burst 0 is a regular beat.
    """
    if burst == 0:
        gaps = np.ones(len(uniform))
    elif burst == 1:
        gaps = -np.log1p(-uniform)
    else:
        shape = 1 / burst**2
        gaps = np.random.default_rng((seed, 1)).gamma(shape, 1 / shape, len(uniform))
    return np.cumsum(gaps) / rate
