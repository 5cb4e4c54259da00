"""Scenarios under load side by side: each has the numbers that it has alone."""

import numpy as np
import pytest

import life_jax
from life_jax.core.pytree import set_leaf
from life_jax.forecasting.side_by_side import at_rates, groups, side_by_side
from life_jax.forecasting.under_load import UnderLoad

REQUESTS = ["prompt=500", "output=100", "rate=1"]
TOGETHER = [
    ["hw=h100_sxm", "model=llama3_8b", "engine=vllm"],
    ["hw=rtx_4090", "model=llama3_8b", "engine=vllm", "opt=int4"],
    ["hw=a100", "model=qwen3_30b_a3b", "engine=vllm"],
    ["hw=l40s", "model=llama3_3_70b", "engine=vllm"],  # which does not fit
]
PARTS = np.array([0.1, 0.5, 0.9, 1.2])  # of the capacity


def seen(words):
    return UnderLoad(life_jax.load([*words, *REQUESTS], primary="serve").scenario)


@pytest.fixture(scope="module")
def alone():
    with np.errstate(all="ignore"):
        return [seen(words) for words in TOGETHER]


def test_numbers_side_by_side_are_those_of_each_alone(alone):
    assert groups(alone) == [list(range(len(alone)))]
    rates = PARTS * float(alone[0].capacity)
    with np.errstate(all="ignore"):
        together = at_rates(side_by_side(alone), rates)
        for place, one in enumerate(alone):
            own = UnderLoad(set_leaf(one.scenario, ("load", "rate"), rates))
            assert float(together.capacity[place, 0]) == pytest.approx(float(own.capacity), rel=1e-12, nan_ok=True)
            for name in ("ttft", "tpot"):
                for percentile in (50.0, 99.0):
                    expected = own.time(name, percentile) + np.zeros(len(rates))
                    found = together.time(name, percentile)[place]
                    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
            for name in ("output_rate", "utilization", "concurrency"):
                expected = getattr(own, name) + np.zeros(len(rates))
                assert getattr(together, name)[place] == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert not np.ravel(together.fits)[-1]


def test_what_drafts_and_what_has_stages_stand_apart(alone):
    drafting = seen([*TOGETHER[0], "opt=ngram"])
    staged = seen([*TOGETHER[0], "pp=2"])
    assert groups([alone[0], drafting, alone[1], staged]) == [[0, 2], [1], [3]]
