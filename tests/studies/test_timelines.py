"""A simulated minute: what it counts."""

from dataclasses import replace

import numpy as np
import pytest
from laws import scenario

from life_jax.config.schema.errors import ConfigError
from life_jax.forecasting.under_load import UnderLoad
from life_jax.studies.timelines import simulated_minute

S = scenario("hw=h100_sxm", "model=llama3_8b", "engine=vllm", "prompt=512", "output=128")


def test_a_minute_of_a_steady_state_has_the_requests_that_littles_law_says():
    load = replace(S, load=replace(S.load, rate=8.0))
    with np.errstate(all="ignore"):
        minute, under = simulated_minute(load), UnderLoad(load)
        there = (minute.waiting + minute.decoding).mean()
        assert there == pytest.approx(float(under.concurrency), rel=0.25)
    assert minute.time[-1] == pytest.approx(60) and minute.cached.min() >= 0
    per_sequence = minute.cached.sum() / minute.decoding.sum()
    assert per_sequence == pytest.approx(512 + 64, rel=0.05)


def test_a_closed_loop_never_has_more_requests_than_are_kept_up():
    load = replace(S, load=replace(S.load, concurrency=16.0))
    with np.errstate(all="ignore"):
        minute = simulated_minute(load)
    assert (minute.waiting + minute.decoding).max() <= 16 and minute.slots >= 16


def test_without_a_load_there_is_no_minute():
    with pytest.raises(ConfigError, match="plot=timeline needs a load"):
        simulated_minute(S)
