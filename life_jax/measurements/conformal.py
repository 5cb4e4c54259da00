"""Half-widths of intervals from residuals that come in clusters: hierarchical split conformal prediction."""

import numpy as np


def half_width(residuals: np.ndarray, clusters: np.ndarray, level: float) -> float:
    """Half-width that holds a row of a new cluster with probability `level`, whatever the distribution of residuals.

    residuals: absolute values of rows that were held out [the row's unit]; clusters: label of each row's cluster, rows
    of which are alike; level: in (0, 1). Every cluster weighs the same, its rows share its weight, and the new cluster
    counts as one more whose residuals are endless. inf where there are too few clusters for the level.
    Reference: Lee, Barber, Willett 2023, arXiv:2306.06342 (exchangeable clusters).
    """
    _, cluster, size = np.unique(clusters, return_inverse=True, return_counts=True)
    order = np.argsort(residuals)
    weight = np.cumsum((1 / size[cluster])[order]) / (len(size) + 1)
    enough = np.flatnonzero(weight >= level - 1e-12)
    return float(residuals[order][enough[0]]) if enough.size else float("inf")
