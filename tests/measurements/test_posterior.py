"""The robust fit of factors: what groups, tails and bounds do, and what a further row would narrow."""

import numpy as np
import pytest

from life_jax.measurements.posterior import Errors, narrowing, posterior

NO_BOUND = np.full(2, np.inf)
PRIOR = np.array([0.3, 0.5])


def errors(n, *, groups=None, row=0.1, shared=0.1, tails=1e9):
    group = np.arange(n) if groups is None else np.array(groups)
    return Errors(np.full(n, row), np.full(n, shared), group, tails)


def linear(slopes, offset):
    return lambda x: (offset + slopes @ x, slopes)


def invented(n=6, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (n, 2)), random.normal(0, 0.3, n)


def covariance_of(slopes, e):
    noise = np.diag(e.row**2) + np.outer(e.shared, e.shared) * (e.group[:, None] == e.group)
    return np.linalg.inv(slopes.T @ np.linalg.solve(noise, slopes) + np.diag(PRIOR**-2.0)), noise


@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1, 1, 2]])
def test_without_tails_it_is_generalized_least_squares(groups):
    slopes, offset = invented()
    e = errors(6, groups=groups)
    found = posterior(linear(slopes, offset), PRIOR, NO_BOUND, e)
    covariance, noise = covariance_of(slopes, e)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-6)
    np.testing.assert_allclose(found.mean, -covariance @ slopes.T @ np.linalg.solve(noise, offset), atol=1e-7)


@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1, 1, 2]])
def test_a_row_left_out_is_off_as_by_a_fit_to_the_others(groups):
    slopes, offset = invented()
    found = posterior(linear(slopes, offset), PRIOR, NO_BOUND, errors(6, groups=groups))
    for i in range(6):
        rest = np.arange(6) != i
        kept = None if groups is None else np.unique(np.array(groups)[rest], return_inverse=True)[1]
        others = posterior(linear(slopes[rest], offset[rest]), PRIOR, NO_BOUND, errors(5, groups=kept))
        assert found.left_out[i] == pytest.approx(offset[i] + slopes[i] @ others.mean, rel=1e-6)


def test_rows_of_one_model_tell_less_than_as_many_of_several():
    slopes, offset = np.tile([1.0, 0.0], (8, 1)), np.full(8, 0.2)
    alone = posterior(linear(slopes, offset), PRIOR, NO_BOUND, errors(8))
    together = posterior(linear(slopes, offset), PRIOR, NO_BOUND, errors(8, groups=[0] * 8))
    assert together.covariance[0, 0] > 2 * alone.covariance[0, 0]
    assert abs(together.mean[0]) < abs(alone.mean[0])


def test_with_tails_an_odd_row_moves_the_fit_less_than_an_even_one():
    slopes = np.tile([1.0, 0.0], (4, 1))
    moved = [
        abs(posterior(linear(slopes, np.array([0, 0, 0, off])), PRIOR, NO_BOUND, errors(4, tails=3.0)).mean[0])
        for off in (0.3, 3.0)
    ]
    assert moved[1] < moved[0]


def test_what_would_pass_its_bound_is_held_there_and_the_others_follow():
    slopes, offset = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([-0.5, -0.5])
    most = np.array([0.1, np.inf])
    free = posterior(linear(slopes, offset), PRIOR, NO_BOUND, errors(2))
    held = posterior(linear(slopes, offset), PRIOR, most, errors(2))
    assert free.mean[0] > 0.1 and held.mean[0] == pytest.approx(0.1)
    assert held.mean[1] > free.mean[1]


def test_steps_find_factors_of_residuals_that_are_not_linear():
    true = np.array([0.3, -0.4])

    def curved(x):
        rows = np.array([np.exp(x[0]), np.exp(x[0] + x[1]), np.exp(2 * x[1])])
        slopes = np.array([[rows[0], 0], [rows[1], rows[1]], [0, 2 * rows[2]]])
        at_true = np.array([np.exp(true[0]), np.exp(true.sum()), np.exp(2 * true[1])])
        return np.log(rows / at_true), slopes / rows[:, None]

    found = posterior(curved, PRIOR, NO_BOUND, errors(3, row=1e-3, shared=1e-3))
    np.testing.assert_allclose(found.mean, true, atol=1e-3)


def test_a_further_row_narrows_as_much_as_was_said_before_it_was_measured():
    slopes, _ = invented()
    e = errors(6)
    before, _ = covariance_of(slopes[:5], errors(5))
    after, _ = covariance_of(slopes, e)
    said = narrowing(slopes[5:], slopes, before, e.variance[5:])[0]
    np.testing.assert_allclose(said, np.einsum("ij,jk,ik->i", slopes, after, slopes), rtol=1e-6)
