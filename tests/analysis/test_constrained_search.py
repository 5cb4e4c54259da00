"""The search for the least of a function, on functions that are no forecasts, against all points of a fine grid."""

import jax.numpy as jnp
import numpy as np
import pytest

from life_jax.analysis.constrained_search import Search, sampled
from life_jax.analysis.oracle import Oracle


def search(function, low, high, whole, limits):
    low, high, whole = np.array(low, float), np.array(high, float), np.array(whole)
    oracle = Oracle(function)
    return Search(oracle, sampled(oracle, low, high, whole), low, high, whole, np.array(limits, float))


def valleys(x):
    """Two valleys, the deeper one far from the middle, and a limit that cuts its floor off."""
    a, b = x
    depth = -2 * jnp.exp(-4 * ((a - 2.2) ** 2 + (b - 0.4) ** 2)) - jnp.exp(-((a - 0.5) ** 2 + (b - 2) ** 2))
    return jnp.stack([depth, a + b])


def kinks(x):
    """Rises and falls with corners: no slope leads to the least."""
    a, b = x
    return jnp.stack([jnp.abs(a - 1.3) + jnp.abs(a + b - 2.1) + 0.3 * jnp.maximum(b, 0.5), a - b])


@pytest.mark.parametrize(("function", "limit"), [(valleys, 2.4), (valleys, 10.0), (kinks, 0.2), (kinks, 9.0)])
@pytest.mark.parametrize(
    "whole", [(False, False), *(pytest.param((True, w), marks=pytest.mark.slow) for w in (False, True))]
)
def test_nothing_of_a_fine_grid_is_less(function, limit, whole):
    low, high = (0.0, 0.0), (3.0, 3.0)
    s = search(function, low, high, whole, [limit])
    found = s.cheapest()
    assert s.worst(found) <= 1e-6
    axes = [np.log(np.arange(1, 21)) if w else np.linspace(0, 3, 601) for w in whole]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    values = s.oracle.batch(grid)
    least = np.where(values[:, 1] <= limit, values[:, 0], np.inf).min()
    assert s.cost(found) <= least + 1e-6
    counts = np.exp(found[list(whole)])
    np.testing.assert_allclose(counts, np.round(counts), rtol=1e-5)


def test_where_nothing_meets_the_limits_the_largest_miss_is_as_small_as_it_can_be():
    s = search(valleys, (0.0, 0.0), (3.0, 3.0), (False, False), [-0.5])
    assert s.cheapest() is None
    nearest = s.nearest(np.array([False]))
    np.testing.assert_allclose(nearest, [0.0, 0.0], atol=1e-5)  # a + b >= 0 there
