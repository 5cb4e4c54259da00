"""Dual numbers against the complex step, which is exact to rounding, and against what a choice or a step must give."""

import operator

import numpy as np
import pytest

from life_jax.core import numerics
from life_jax.core.dual_numbers import Dual, primal, tangent

SMOOTH = {
    "sum": lambda x, y: (x + y) - (2.0 - x) + (x - 0.5) + (np.float64(3.0) - y) + -x,
    "product": lambda x, y: x * y * 3.0 + np.float64(2.0) * x,
    "quotient": lambda x, y: x / y + y / 3.0 + 2.0 / (x * y) + np.float64(2.0) / x,
    "power": lambda x, y: x**y + x**3 + 0.3**y,
    "root": lambda x, y: numerics.sqrt(x * x + y, y),
    "logarithm": lambda x, y: numerics.log(x) * numerics.log2(x + y),
    "exponential": lambda x, y: numerics.exp(-x / y),
}
STEP = 1e-30j
COMPARED = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_have_the_derivative_of_the_complex_step(name):
    function = SMOOTH[name]
    x, y = np.array([0.3, 1.0, 7.0])[:, None], np.array([0.5, 2.0])
    for dx, dy in ((1.0, 0.0), (0.0, 1.0), (0.7, -2.0)):
        got = function(Dual(x, dx) if dx else x, Dual(y, dy) if dy else y)
        exact = function(x + dx * STEP, y + dy * STEP)
        np.testing.assert_array_equal(got.value, function(x, y))
        np.testing.assert_allclose(np.broadcast_to(got.tangent, exact.shape), exact.imag / STEP.imag, rtol=1e-13)


def test_choices_have_the_derivative_of_what_is_taken():
    x = Dual(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(numerics.larger(x, 2.0).tangent, [0, 0, 1])
    np.testing.assert_array_equal(numerics.smaller(x, 2.0 * x).tangent, [1, 1, 1])
    np.testing.assert_array_equal(numerics.clip(x, 1.5, 2.5).tangent, [0, 1, 0])
    taken = numerics.where(x > 1.5, numerics.log(x - 0.5), 5.0)
    np.testing.assert_allclose(taken.value, [5, np.log(1.5), np.log(2.5)], rtol=1e-15)
    np.testing.assert_allclose(taken.tangent, [0, 1 / 1.5, 1 / 2.5])


def test_steps_are_flat_and_constants_do_not_move():
    x = Dual(2.5, 1.0)
    for flat in (numerics.ceil(x), numerics.floor(x), numerics.constant(x)):
        assert tangent(flat) == 0
    assert (numerics.ceil(x), numerics.floor(x), numerics.constant(x)) == (3, 2, 2.5)
    assert tangent(7.0) == 0 and primal(7.0) == 7


@pytest.mark.parametrize("compare", COMPARED, ids=lambda one: one.__name__)
def test_dual_numbers_compare_as_their_values(compare):
    values = np.array([1.0, 2.0, 3.0])
    expected = compare(values, 2.0)
    for right in (2.0, np.float64(2.0), Dual(2.0, 9.0), np.array(2.0)):
        np.testing.assert_array_equal(compare(Dual(values, 1.0), right), expected)
    np.testing.assert_array_equal(compare(values, Dual(2.0, 9.0)), expected)


def test_slopes_where_nothing_is_are_finite():
    zero = Dual(0.0, 1.0)
    with np.errstate(all="raise"):
        for function in (numerics.sqrt, lambda x: numerics.power(x, 0.5), lambda x: numerics.divide(1.0, x)):
            assert np.isfinite(tangent(0.0 * function(zero)))
