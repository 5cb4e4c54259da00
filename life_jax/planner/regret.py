"""What a choice costs where the forecast is wrong: its price, and that of the design that would have been needed."""

import numpy as np

DRAWS = 64
MOST = 100  # designs that are weighed


def regrets(price: np.ndarray, limit: np.ndarray, fit: list[tuple[str, str]], seed: int = 0) -> np.ndarray:
    """Mean regret [n] of choosing each design, in the unit of the price.

    price [n]. limit [n]: largest number of spreads by which its times may be off before it misses a target. fit [n]:
    designs of one fit are off together.

    In each draw a design costs its price, and where it misses a target, that of the cheapest that does not on top; its
    regret is what it costs beyond the cheapest that meets the targets then. Where none does, a draw says nothing.
    """
    names = list(dict.fromkeys(fit))
    draws = np.random.default_rng(seed).standard_normal((DRAWS, len(names)))
    off = draws[:, [names.index(name) for name in fit]]
    met = off <= limit
    needed = np.where(met, price, np.inf).min(1)
    tells = np.isfinite(needed)
    if not tells.any():
        return np.full(len(price), np.nan)
    met, needed = met[tells], needed[tells, None]
    return np.asarray((price + np.where(met, 0.0, needed) - needed).mean(0))
