"""Fixed points of two numbers: where they are, what they depend on, and where there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from life_jax.core.dual_numbers import Dual
from life_jax.core.numerics import exp, floor, in_order, sqrt
from life_jax.serving.fixed_point import solve


def queue(parameters, values):
    """Steps that grow with those that run, who are as many as arrive meanwhile: a load near 1 answers strongly."""
    rate, fixed = parameters
    seconds, duration = values
    return fixed * (1 + rate * duration), 10 * seconds * (1 + 0.1 * exp(-seconds))


@pytest.mark.parametrize("rate", [0.01, 0.5, 0.9, 0.99])
def test_the_function_gives_what_it_gets(rate):
    parameters = (rate / 10, 1.0)
    found = solve(queue, parameters, (1.0, 10.0)).values
    again = queue(parameters, found)
    assert np.log(again[0] / found[0]) == pytest.approx(0, abs=1e-9)
    assert np.log(again[1] / found[1]) == pytest.approx(0, abs=1e-9)


def test_scenarios_side_by_side_are_those_alone():
    rates = np.array([0.001, 0.02, 0.05, 0.08])
    together = solve(queue, (rates, 1.0), (np.ones(4), np.full(4, 10.0))).values[0]
    alone = [solve(queue, (rate, 1.0), (1.0, 10.0)).values[0] for rate in rates]
    np.testing.assert_allclose(together, alone, rtol=1e-9)


def test_derivatives_are_those_of_the_implicit_function():
    for place in (0, 1):
        tangents = [1.0 * (place == index) for index in range(2)]
        parameters = tuple(Dual(value, t) for value, t in zip((0.07, 1.3), tangents, strict=True))
        slope = solve(queue, parameters, (1.0, 10.0)).values[0].tangent
        up, down = (
            solve(queue, (0.07 + h * tangents[0], 1.3 + h * tangents[1]), (1.0, 10.0)).values[0] for h in (1e-5, -1e-5)
        )
        assert slope == pytest.approx((up - down) / 2e-5, rel=1e-5)


def test_a_point_nearby_is_known_to_the_first_order():
    found = solve(queue, (0.05, 1.0), (1.0, 10.0))
    exact = solve(queue, (0.0501, 1.0), (1.0, 10.0)).values
    moved = found.moved(queue, (0.0501, 1.0))
    np.testing.assert_allclose(moved, exact, rtol=1e-4)
    assert abs(moved[0] - exact[0]) < 0.1 * abs(found.values[0] - exact[0])


def test_where_the_function_jumps_over_its_argument_the_jump_is_found():
    """y = 1 + 2 (2 - x) falls through 2 only by its steps: no fixed point, but a place where it changes sides."""

    def stepped(parameters, values):
        seconds, other = values
        return 3.0 - 0.8 * floor(4 * seconds) / 4 + 0.0 * other, sqrt(other)

    found = solve(stepped, (), (1.0, 2.0)).values[0]
    assert np.isfinite(found)
    assert abs(np.log(stepped((), (found, 1.0))[0] / found)) < 0.2


def test_values_in_order_are_those_of_a_sort():
    draw = np.random.default_rng(2)
    values = draw.gamma(0.5, size=(6, 64))
    values[0], values[1, :40], values[2, 3], values[3] = 3.0, 0.0, np.nan, -values[3]
    with jax.enable_x64(True):
        for place in (0, 31, 62):
            for given, wanted in zip(in_order(jnp.asarray(values), place), in_order(values, place), strict=True):
                known = np.arange(6) != 2
                np.testing.assert_allclose(np.asarray(given)[known], wanted[known], rtol=1e-12)
                assert np.isnan(given[2])
        slope = jax.grad(lambda x: in_order(x, 31)[0].sum())(jnp.asarray(values[4:]))
    assert (np.asarray(slope) > 0).sum() == 2
    assert slope.sum() == 2
