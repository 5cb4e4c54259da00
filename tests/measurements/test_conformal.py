"""Intervals from clusters hold what they say on clusters that they have not seen."""

import numpy as np
import pytest

from life_jax.measurements.conformal import half_width


def clustered(rng: np.random.Generator, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """Absolute residuals of 1 to 40 rows of each cluster, with a level of its own and heavy tails."""
    sizes = rng.integers(1, 41, clusters)
    level = rng.standard_t(3, clusters)
    label = np.repeat(np.arange(clusters), sizes)
    return np.abs(level[label] + 0.3 * rng.standard_t(3, len(label))), label


@pytest.mark.parametrize("clusters", [9, 40])
def test_a_row_of_a_new_cluster_is_held_as_often_as_it_is_said(clusters):
    rng, held = np.random.default_rng(0), []
    for _ in range(1500):
        residuals, label = clustered(rng, clusters + 1)
        seen = label < clusters
        held.append(np.mean(residuals[~seen] <= half_width(residuals[seen], label[seen], 0.8)))
    assert 0.8 - 0.02 < np.mean(held) < 0.8 + 1 / (clusters + 1) + 0.02  # standard error: 0.01


def test_rows_of_one_cluster_count_once_however_many_they_are():
    residuals = np.array([1.0, 2.0, 3.0, 4.0])
    many = np.concatenate([residuals, np.full(1000, 4.0)])
    label = np.concatenate([np.arange(4), np.full(1000, 3)])
    assert half_width(many, label, 0.6) == half_width(residuals, np.arange(4), 0.6) == 3.0


def test_too_few_clusters_hold_nothing():
    assert half_width(np.array([1.0, 2.0, 3.0]), np.arange(3), 0.8) == np.inf
    assert half_width(np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4), 0.8) == 4.0


def test_a_factor_from_clusters_left_out_on_purpose_holds_new_ones_of_their_kind():
    """Half-widths of a class, times the conformal quantile of residuals over them where nothing like a row was seen."""
    rng, held = np.random.default_rng(1), []
    for _ in range(800):
        residuals, label = clustered(rng, 40)
        usual = half_width(residuals, label, 0.8)
        beyond, of = clustered(rng, 13)
        beyond = 2.5 * beyond  # further off, by a factor that nobody knows
        factor = half_width(beyond[of < 12] / usual, of[of < 12], 0.8)
        held.append(np.mean(beyond[of == 12] <= max(1.0, factor) * usual))
    assert 0.8 - 0.02 < np.mean(held) < 0.8 + 1 / 13 + 0.02
