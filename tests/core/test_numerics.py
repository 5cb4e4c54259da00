"""The few functions beyond + - * /: alike for plain numbers, NumPy and traced arrays, with slopes that are finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from life_jax.core import numerics
from life_jax.core.pytree import get_leaf, set_leaf

PAIRS = [(0.0, 2.0), (3.0, 2.0), (2.0, 2.0), (1.5, 0.0)]
OF_TWO = {
    "larger": max, "smaller": min, "divide": lambda a, b: a / b if b else 0.0, "power": lambda a, b: a**b,
    "product": lambda a, b: a * b,
}  # fmt: skip
OF_ONE = {"ceil": np.ceil, "floor": np.floor, "sqrt": np.sqrt, "log2": np.log2, "log": np.log, "exp": np.exp}


@pytest.mark.parametrize("name", OF_TWO)
def test_functions_of_two_numbers_are_the_same_for_every_kind_of_number(name):
    function = getattr(numerics, name)
    expected = [OF_TWO[name](a, b) for a, b in PAIRS]
    assert [float(function(a, b)) for a, b in PAIRS] == expected
    a, b = np.array(PAIRS).T
    np.testing.assert_array_equal(function(a, b), expected)
    np.testing.assert_allclose(function(jnp.asarray(a), jnp.asarray(b)), expected, rtol=1e-6)


@pytest.mark.parametrize("name", OF_ONE)
def test_functions_of_one_number_are_the_same_for_every_kind_of_number(name):
    function, values = getattr(numerics, name), np.array([0.25, 1.0, 2.5])
    np.testing.assert_allclose(function(values), OF_ONE[name](values), rtol=1e-15)
    np.testing.assert_allclose([function(float(x)) for x in values], OF_ONE[name](values), rtol=1e-15)
    np.testing.assert_allclose(function(jnp.asarray(values)), OF_ONE[name](values), rtol=1e-6)


def test_slopes_where_nothing_is_are_finite():
    for function in (numerics.sqrt, lambda x: numerics.power(x, 0.5), lambda x: numerics.divide(1.0, x)):
        assert jnp.isfinite(jax.grad(lambda x, f=function: 0.0 * f(x))(0.0))


def test_a_leaf_that_is_set_is_the_only_one_that_changes():
    tree = {"a": ({"b": 1.0, "c": 2.0}, 3.0), "d": 4.0}
    other = set_leaf(tree, ("a", "0", "c"), 7.0)
    assert get_leaf(other, ("a", "0", "c")) == 7.0
    assert set_leaf(other, ("a", "0", "c"), 2.0) == tree
