"""A full cache: the youngest request is computed anew."""

import json

import jax
import numpy as np
import pytest
from serving.test_simulator import ORACLES, _generated, _law, reference  # noqa: F401 - a fixture

from life_jax.core.engine import MIXED, PREFILL_FIRST, Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.serving import gaps
from life_jax.serving.preemption import simulate_with_preemption
from life_jax.serving.simulator import simulate
from life_jax.serving.step_law import RooflineLaw

LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)


@pytest.mark.data
def test_worked_numbers_of_a_full_cache_come_out_to_their_digits():
    if not ORACLES.exists():
        pytest.skip("needs ../shared/data")
    oracles = json.loads(ORACLES.read_text())
    case = oracles["oracles"]["sim_open_10rps_preempt_6000"]
    requests = _generated()
    scheduler = Scheduler(float(case["budget"]), float(case["slots"]), float(case["kv_cap"]))
    arrival, first, last, steps, _ = simulate_with_preemption(_law(oracles["law_numbers"]), requests, scheduler)
    assert steps == case["value"]["steps"]
    for name, times in {"ttft": first - arrival, "tpot": (last - first) / (requests.output - 1)}.items():
        assert times.mean() == pytest.approx(case["value"][f"{name}_mean"], rel=1e-9)
        assert np.percentile(times, 99) == pytest.approx(case["value"][f"{name}_p99"], rel=1e-9)


@pytest.mark.parametrize("mixing", [MIXED, PREFILL_FIRST])
def test_both_simulators_count_the_same_times_between_tokens(mixing):
    """One counts them in stretches of steps, the other notes the time of every token."""
    requests = _generated(60)
    rules = Scheduler(512.0, 16.0, mixing=mixing)
    register_with_jax()
    with jax.enable_x64(True):
        stretches = simulate(LAW, requests, rules, unseen=5.0)
    of_tokens = simulate_with_preemption(LAW, requests, rules, unseen=5.0)[4]
    assert float(stretches.gaps.sum()) == of_tokens.sum() > 1000
    for percent in (10, 50, 90, 99, 99.9):
        once, again = gaps.percentile(np.asarray(stretches.gaps), percent), gaps.percentile(of_tokens, percent)
        assert once == pytest.approx(again, rel=2e-2)  # two bins: steps of a stretch are counted at their mean


def test_percentiles_of_counted_times_are_those_of_the_times():
    times = np.exp(np.random.default_rng(0).normal(-4, 1, 20_000))
    for percent in (1, 50, 99):
        assert gaps.percentile(gaps.counted(times), percent) == pytest.approx(np.percentile(times, percent), rel=0.01)
    assert np.isnan(gaps.percentile(np.zeros(gaps.BINS), 50))


def test_more_room_never_serves_later():
    requests = _generated(60)
    ends = [
        simulate_with_preemption(LAW, requests, Scheduler(2048.0, 64.0, room))[2].max()
        for room in (4000.0, 8000.0, 1e9)
    ]
    assert ends[0] >= ends[1] >= ends[2]
