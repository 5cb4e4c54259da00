"""A pool that prefills beside one that decodes: the formula, the simulation, and laws of both."""

import json

import numpy as np
import pytest
from serving.test_simulator import ORACLES, _generated

from life_jax.core.engine import Scheduler
from life_jax.serving.lengths import LogNormal
from life_jax.serving.pooled_percentiles import pooled_spread
from life_jax.serving.pooled_steady import closed_pools, open_pools, prefilling
from life_jax.serving.pools import Pool, Pools, capacities, capacity_of_pools, matched_rate
from life_jax.serving.requested import Requested
from life_jax.serving.requests import Requests
from life_jax.serving.step_by_step import Fleet, Transfer, simulate_pools, simulate_steps
from life_jax.serving.step_law import RooflineLaw, StepLoad

LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)
RULES = Scheduler(2048.0, 64.0)
REQUESTED = Requested(LogNormal(1000.0, 0.5), LogNormal(40.0, 0.5))


def pools(prefill: float = 1.0, decode: float = 1.0, token: float = 1e-6) -> Pools:
    return Pools(Pool(LAW, RULES, prefill, prefill), Pool(LAW, RULES, decode, decode), 1e-3, token, prefill)


def drawn(count: int, rate: float) -> Requests:
    draw = np.random.default_rng(0)
    normal = draw.normal(size=(2, count))
    spread = np.log(1.25)
    factor = np.exp(np.sqrt(spread) * normal - spread / 2)
    lengths = np.maximum(np.round(factor * np.array([[1000], [40]])), 2)
    return Requests(np.cumsum(draw.exponential(size=count)) / rate, *lengths, np.zeros(count))


@pytest.mark.data
def test_the_worked_number_of_rate_matching_comes_out_to_its_digits():
    if not ORACLES.exists():
        pytest.skip("needs ../shared/data")
    case = json.loads(ORACLES.read_text())["oracles"]["disagg_rate_match"]
    assert matched_rate((4.0, 3.0, 0.9), (2.2, 5.0, 0.92)) == pytest.approx(case["value"], rel=1e-12)


def test_a_request_alone_takes_its_prompt_the_transfer_and_its_steps():
    steady = open_pools(pools(), REQUESTED, rate=1e-6, burst=1.0, capacity=10.0)
    prompt, new, weights = REQUESTED.prompts
    chunks = np.maximum(np.ceil(new / 2048 - 1e-9), 1)
    one = LAW.each().seconds(StepLoad(0.0, 0.0, new / chunks, new / chunks * (prompt - new / 2)))
    assert steady.ttft == pytest.approx((weights * chunks * one).sum() + 1e-3 + 1e-6 * 1000, rel=1e-4)
    assert steady.gap == pytest.approx(LAW.seconds(StepLoad(1.0, REQUESTED.context)), rel=1e-4)


@pytest.mark.parametrize(("prefill", "decode", "part"), [(1.0, 1.0, 0.3), (2.0, 1.0, 0.6), (2.0, 4.0, 0.75)])
def test_formula_and_simulation_of_pools_agree(prefill, decode, part):
    of = pools(prefill, decode)
    capacity = capacity_of_pools(of, REQUESTED)
    steady = open_pools(of, REQUESTED, rate=part * capacity, burst=1.0, capacity=capacity)
    times, requests = pooled_spread(of, REQUESTED, steady), drawn(1500, part * capacity)
    fleets = Fleet(int(prefill), "random"), Fleet(int(decode), "random", seed=1)
    arrival, first, last, *_ = simulate_pools(
        *((LAW, RULES, fleet) for fleet in fleets), Transfer(1e-3, 1e-6), requests, unseen=200
    )
    seen = slice(200, None)
    ttft, tpot = (first - arrival)[seen], ((last - first) / (requests.output - 1))[seen]
    assert times.mean("ttft") == pytest.approx(ttft.mean(), rel=0.1 + 0.2 * part)
    assert times.mean("tpot") == pytest.approx(tpot.mean(), rel=0.04)
    assert times.at("ttft", 99) == pytest.approx(np.percentile(ttft, 99), rel=0.2 + 0.35 * part)


def test_formula_and_simulation_of_a_closed_loop_agree():
    of = pools(1.0, 2.0)
    steady = closed_pools(of, REQUESTED, concurrency=24.0, capacity=capacity_of_pools(of, REQUESTED))
    fleet = Fleet(1), Fleet(2, "random")
    requests = drawn(1000, 1.0)
    _, _, last, *_ = simulate_pools(*((LAW, RULES, f) for f in fleet), Transfer(1e-3, 1e-6), requests, 24.0)
    ends = np.sort(last)
    assert steady.rate == pytest.approx(500 / (ends[750] - ends[250]), rel=0.06)
    assert steady.rate * (steady.ttft + REQUESTED.decoded * steady.gap) == pytest.approx(24, rel=0.05)  # Little's law


def test_the_slowest_part_limits_the_system_and_more_replicas_of_another_do_nothing():
    def most(*numbers: float) -> float:
        return float(capacity_of_pools(pools(*numbers), REQUESTED))

    first, second, link = capacities(pools(1.0, 1.0, token=1e-6), REQUESTED)
    assert first < second < link
    assert most(1.0, 5.0) == pytest.approx(first) and most(2.0, 5.0) == pytest.approx(2 * first)
    assert most(1000.0, 1.0) == pytest.approx(second)
    slow = most(1.0, 1.0, 1e-4)  # 10 requests of 1000 tokens a second
    assert slow == pytest.approx(10.0)


def test_all_requests_pass_both_pools_once_and_a_single_token_ends_in_the_first():
    requests = drawn(200, 20.0)
    requests.output[::3] = 1.0
    run = simulate_pools((LAW, RULES, Fleet(2)), (LAW, RULES, Fleet(3)), Transfer(), requests)
    arrival, first, last = run[:3]
    assert (first > arrival).all() and (last >= first).all()
    assert (last == first)[::3].all() and (last > first)[1::3].all()


def test_pools_without_a_transfer_prefill_as_an_engine_of_single_tokens_does():
    requests = drawn(150, 25.0)
    alone = Requests(requests.arrival, requests.prompt, np.ones(150), requests.cached)
    ends = simulate_steps(LAW, alone, RULES)[1]
    first = simulate_pools((LAW, RULES, Fleet()), (LAW, RULES, Fleet()), Transfer(), requests)[1]
    assert (first >= ends - 1e-12).all()  # the first token is seen when decode begins
    assert np.median(first - ends) < 0.02


def test_a_cache_that_is_full_keeps_requests_between_the_pools():
    requests = _generated(60)
    waits = []
    for room in (4000.0, 1e9):
        rules = Scheduler(2048.0, 64.0, room)
        run = simulate_pools((LAW, RULES, Fleet()), (LAW, rules, Fleet()), Transfer(), requests)
        assert not np.isnan(run[2]).any()
        waits.append((run[1] - run[0]).mean())
    assert waits[0] > waits[1]


def test_waits_of_prefill_grow_with_the_rate_and_with_bursts():
    pool = Pool(LAW, RULES, 1.0, 1.0)
    waits = [prefilling(pool, REQUESTED, rate=rate, burst=1.0) for rate in (1.0, 10.0, 25.0)]
    means = [float(p.wait + p.residual + p.mine) for p in waits]
    assert means == sorted(means)
    assert prefilling(pool, REQUESTED, rate=25.0, burst=2.0).wait > waits[-1].wait
