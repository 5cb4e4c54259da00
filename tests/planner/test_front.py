"""Which designs are dominated, as its definition says it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from life_jax.planner.front import Objectives, dominated_by, front

NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.inf])
DESIGNS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=12)


def worse(one, than):
    return all(b <= a for a, b in zip(one, than, strict=True)) and any(b < a for a, b in zip(one, than, strict=True))


def objectives(designs):
    return Objectives(np.array(designs, float).reshape(-1, 4))


@given(DESIGNS, DESIGNS)
def test_dominated_is_no_better_in_anything_and_worse_in_something(designs, others):
    found = dominated_by(objectives(designs), objectives(others))
    assert found.tolist() == [any(worse(one, other) for other in others) for one in designs]


@given(DESIGNS)
def test_the_front_is_what_nothing_dominates(designs):
    found = front(objectives(designs))
    assert found.tolist() == [not any(worse(one, other) for other in designs) for one in designs]
