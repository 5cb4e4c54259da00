"""What a router makes of a stream of requests: how evenly each of its replicas gets them."""

import numpy as np

from life_jax.core.numerics import Number, is_fixed_at, sqrt

RANDOM, ROUND_ROBIN, LEAST_LOADED = "random", "round_robin", "least_loaded"
ROUTERS = (RANDOM, ROUND_ROBIN, LEAST_LOADED)


def chosen(router: str, schedulers: int, total: int, seed: int) -> np.ndarray:
    """The scheduler [total] to which each of so many requests goes, by a router that does not look at them."""
    if router == RANDOM:
        return np.random.default_rng((seed, 2)).integers(schedulers, size=total)
    return np.arange(total) % schedulers


def burst_of_one(burst: Number, replicas: Number, router: str, *, batches: Number = 1.0) -> Number:
    """Coefficient of variation [1] of the gaps between the arrivals at one of `replicas` [1].

    burst [1]: the same of all arrivals. A part p of them, drawn at random, has 1 + p (c^2 - 1); every n-th of them has
    gaps that are sums of n, c^2 / n, which is taken for the least loaded too. batches [1]: in flight in a pipeline,
    into which a replica's arrivals go at random.
    """
    if is_fixed_at(replicas, 1) and is_fixed_at(batches, 1):
        return burst
    square = burst * burst
    square = 1 + (square - 1) / replicas if router == RANDOM else square / replicas
    return sqrt(1 + (square - 1) / batches)


def crowd_of_one(replicas: Number, router: str) -> Number:
    """Variance over mean [1] of the number of requests at one of `replicas` [1], over that at a single server.

    Arrivals that are sums of n gaps make the number of those that are there (1 + 1/n) / 2 as variable (many servers,
    heavy traffic: Whitt 1992); where each goes to the least loaded, replicas have equal parts of all requests: 1 / n.
    """
    if is_fixed_at(replicas, 1) or router == RANDOM:
        return 1.0
    return (1 + 1 / replicas) / 2 if router == ROUND_ROBIN else 1 / replicas
