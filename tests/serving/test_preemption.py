"""A full cache: the youngest request is computed anew."""

import json

import numpy as np
import pytest
from serving.test_simulator import ORACLES, _generated, _law, reference  # noqa: F401 - a fixture

from life_jax.core.engine import Scheduler
from life_jax.serving.preemption import simulate_with_preemption
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
    arrival, first, last, steps = simulate_with_preemption(_law(oracles["law_numbers"]), requests, scheduler)
    assert steps == case["value"]["steps"]
    for name, times in {"ttft": first - arrival, "tpot": (last - first) / (requests.output - 1)}.items():
        assert times.mean() == pytest.approx(case["value"][f"{name}_mean"], rel=1e-9)
        assert np.percentile(times, 99) == pytest.approx(case["value"][f"{name}_p99"], rel=1e-9)


def test_more_room_never_serves_later():
    requests = _generated(60)
    ends = [
        simulate_with_preemption(LAW, requests, Scheduler(2048.0, 64.0, room))[2].max()
        for room in (4000.0, 8000.0, 1e9)
    ]
    assert ends[0] >= ends[1] >= ends[2]
