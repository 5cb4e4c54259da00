"""A full cache: the youngest request is computed anew."""

import json

import numpy as np
import pytest
from serving.test_simulator import ORACLES, _generated, _law, reference  # noqa: F401 - a fixture

from life_jax.core.engine import Scheduler
from life_jax.serving import gaps
from life_jax.serving.requests import Requests
from life_jax.serving.routing import LEAST_LOADED, RANDOM, ROUND_ROBIN, burst_of_one, crowd_of_one
from life_jax.serving.runs import run_of
from life_jax.serving.step_by_step import Fleet, simulate_steps
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
    arrival, first, last, steps, _ = simulate_steps(_law(oracles["law_numbers"]), requests, scheduler)
    assert steps == case["value"]["steps"]
    for name, times in {"ttft": first - arrival, "tpot": (last - first) / (requests.output - 1)}.items():
        assert times.mean() == pytest.approx(case["value"][f"{name}_mean"], rel=1e-9)
        assert np.percentile(times, 99) == pytest.approx(case["value"][f"{name}_p99"], rel=1e-9)


def test_percentiles_of_counted_times_are_those_of_the_times():
    times = np.exp(np.random.default_rng(0).normal(-4, 1, 20_000))
    for percent in (1, 50, 99):
        assert gaps.percentile(gaps.counted(times), percent) == pytest.approx(np.percentile(times, percent), rel=0.01)
    assert np.isnan(gaps.percentile(np.zeros(gaps.BINS), 50))


def test_more_room_never_serves_later():
    requests = _generated(60)
    ends = [simulate_steps(LAW, requests, Scheduler(2048.0, 64.0, room))[2].max() for room in (4000.0, 8000.0, 1e9)]
    assert ends[0] >= ends[1] >= ends[2]


def test_routers_differ_as_queues_do():
    """The less chance sends to a replica, the less requests wait there."""
    requests, rules = _generated(120), Scheduler(2048.0, 2.0)
    waits = []
    for router in (RANDOM, ROUND_ROBIN, LEAST_LOADED):
        run = simulate_steps(LAW, requests, rules, fleet=Fleet(4, router))
        assert not np.isnan(run[2]).any()
        waits.append((run[1] - run[0]).mean())
    assert waits[0] > waits[1] > waits[2]


def test_replicas_without_neighbours_are_single_ones():
    """Two replicas in turn, each with every other request, do what two engines with these requests would."""
    requests, rules = _generated(40), Scheduler(2048.0, 4.0)
    first = simulate_steps(LAW, requests, rules, fleet=Fleet(2, ROUND_ROBIN))[1]
    for start in (0, 1):
        half = Requests(*(x[start::2] for x in (requests.arrival, requests.prompt, requests.output, requests.cached)))
        assert first[start::2] == pytest.approx(simulate_steps(LAW, half, rules)[1], abs=1e-9)


@pytest.mark.parametrize("router", [RANDOM, ROUND_ROBIN])
def test_replicas_side_by_side_serve_as_step_by_step(router):
    requests, rules, fleet = _generated(60), Scheduler(512.0, 4.0, 6000.0), Fleet(3, router, seed=1)
    mine = run_of(LAW, requests, rules, None, 0, fleet)
    theirs = simulate_steps(LAW, requests, rules, fleet=fleet)
    for one, other in zip(mine[:3], theirs[:3], strict=True):
        assert one == pytest.approx(other, abs=1e-9)
    assert mine[3] == theirs[3]
    assert mine[4].sum() == theirs[4].sum()


def test_lockstep_and_a_shared_pipeline_never_serve_earlier():
    requests, rules = _generated(80), Scheduler(2048.0, 16.0)
    free, together, piped = (
        simulate_steps(LAW, requests, rules, fleet=fleet)
        for fleet in (Fleet(2), Fleet(groups=2, lockstep=True), Fleet(stages=2))
    )
    for slower in (together, piped):
        assert (slower[2] - slower[0]).mean() > (free[2] - free[0]).mean()


@pytest.mark.parametrize("burst", [0.5, 1.0, 2.0])
def test_gaps_at_one_replica_vary_as_queueing_theory_says(burst):
    draw = np.random.default_rng(0)
    gaps_of_all = draw.gamma(1 / burst**2, burst**2, 200_000)
    times = np.cumsum(gaps_of_all)
    for router, mine in ((ROUND_ROBIN, times[::4]), (RANDOM, times[draw.random(len(times)) < 0.25])):
        gap = np.diff(mine)
        assert gap.std() / gap.mean() == pytest.approx(burst_of_one(burst, 4.0, router), rel=0.02)
    assert crowd_of_one(4.0, LEAST_LOADED) < crowd_of_one(4.0, ROUND_ROBIN) < crowd_of_one(4.0, RANDOM) == 1
