"""Layouts of a space, fronts and regrets: counted by hand and by comparing all with all."""

import numpy as np
import pytest

from life_jax.planner import space
from life_jax.planner.front import Objectives, dominated_by, front
from life_jax.planner.regret import regrets
from life_jax.planner.times import GRID, _crossing


def test_layouts_are_all_that_multiply_to_a_count():
    found = space.layouts([4], groups=True, experts=False, fixed={})
    assert {(one.tp, one.pp, one.dp) for one in found} == {
        (4, 1, 1),
        (2, 2, 1),
        (1, 4, 1),
        (2, 1, 2),
        (1, 2, 2),
        (1, 1, 4),
    }
    assert all(one.devices == 4 for one in found)
    assert {one.ep for one in space.layouts([4], groups=False, experts=True, fixed={"pp": (1,)})} == {1, 4}
    assert {one.tp for one in space.layouts([1, 2, 4], groups=False, experts=False, fixed={"tp": (2,)})} == {2}


def test_regret_is_none_for_what_always_meets_at_the_least_price():
    fit = [("a", "x"), ("a", "x"), ("b", "x")]
    found = regrets(np.array([1.0, 2.0, 3.0]), np.array([np.inf, np.inf, np.inf]), fit)
    assert found.tolist() == [0, 1, 2]
    # half of the draws miss with the first: it costs what is needed then on top of its own price
    found = regrets(np.array([1.0, 2.0]), np.array([0.0, np.inf]), [("a", "x"), ("a", "x")])
    assert 0.3 < found[0] < 0.7
    assert 0.3 < found[1] < 0.7


def test_a_front_is_what_no_other_dominates():
    values = np.random.default_rng(3).integers(0, 6, (200, 4)).astype(float)
    values[5, 0] = np.inf
    expected = [not any((other <= mine).all() and (other < mine).any() for other in values) for mine in values]
    assert front(Objectives(values)).tolist() == expected
    best = Objectives(values[np.array(expected)])
    assert dominated_by(Objectives(values), best).tolist() == [not kept for kept in expected]


def test_equal_designs_stay_together():
    assert front(Objectives(np.ones((3, 4)))).all()


@pytest.mark.parametrize("at", [-1.7, 0.0, 0.45, 2.4])
def test_a_chance_ends_where_the_slack_does(at):
    assert _crossing(GRID, at - GRID) == pytest.approx(at)


def test_nothing_is_met_beyond_the_capacity():
    slack = np.where(GRID > 0.3, -np.inf, 1.0)
    assert _crossing(GRID, slack) == 0.3
    assert _crossing(GRID, np.full(len(GRID), -np.inf)) == -np.inf
    assert _crossing(GRID, np.ones(len(GRID))) == np.inf
