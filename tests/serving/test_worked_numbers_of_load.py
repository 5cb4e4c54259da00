"""Every worked number of queues, simulation, prefixes and pools beside the project, by its name.

Those of layouts, drafts and places are in other packages.
"""

import json
from typing import Any

import numpy as np
import pytest
from serving.test_simulator import ORACLES

from life_jax.core.engine import Scheduler
from life_jax.serving.closed_loop import closed_loop
from life_jax.serving.fixed_point import solve
from life_jax.serving.lengths import LogNormal
from life_jax.serving.percentiles import exponential_wait
from life_jax.serving.replica import Replica, Request
from life_jax.serving.requested import Requested
from life_jax.serving.requests import Requests
from life_jax.serving.runs import run_of
from life_jax.serving.steady_state import open_loop, slot_queue
from life_jax.serving.step_law import RooflineLaw, StepLoad

IN_TESTS_BELOW = {
    "mmc_wait_s_sakasegawa", "mg1_wait_p90_s_exponential_tail", "closed_fixed_point_N32", "prefix_hit_prefill_pairs",
}  # fmt: skip
LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)
ELSEWHERE = ("pp_", "ep_", "deepep_", "allreduce_", "a2a_", "kv_", "spec_", "offload_")  # of other packages
IN_OTHER_TESTS = {"disagg_rate_match"}  # test_pools; all of sim_... are in test_simulator
CUSTOMERS = 20_000


@pytest.fixture(scope="module")
def oracles() -> dict[str, Any]:
    """The worked numbers by name."""
    if not ORACLES.exists():
        pytest.skip("needs ../shared/data")
    return {name: case["value"] for name, case in json.loads(ORACLES.read_text())["oracles"].items()}


@pytest.mark.data
def test_no_worked_number_is_forgotten(oracles):
    mine = {name for name in oracles if not name.startswith((*ELSEWHERE, "sim_"))}
    assert mine == {*IN_TESTS_BELOW, *IN_OTHER_TESTS, *QUEUES, *SIMULATED, *BUDGETS}


QUEUES = {"md1_wait_s": 0.0, "mm1_wait_s": 1.0, "mg1_wait_s_cv2_0.25": 0.25}  # squared variation of the service


@pytest.mark.data
@pytest.mark.parametrize("name", QUEUES)
def test_prompts_wait_as_in_a_queue_with_one_server(oracles, name):
    """3 prompts a second whose tokens take 0.2 s, and outputs of one token."""
    law = RooflineLaw(0.0, 1e-4, 0.0, 0.0, 0.0, 1e-9, 0.0)
    requested = Requested(LogNormal(2000.0, QUEUES[name] ** 0.5), LogNormal(1.0 + 1e-9))
    with np.errstate(all="ignore"):
        state = open_loop(law, requested, Scheduler(1e7, 1e6), rate=3.0, capacity=5.0)
    assert float(state.prefill_wait) == pytest.approx(oracles[name], rel=1e-5)


SIMULATED = {  # slots, and whether the service is exponential
    "md1_wait_s_simulated": (1.0, False),
    "mmc_wait_s_4_3.2": (4.0, True),
    "mmc_erlang_c_4_3.2": (4.0, True),
}


@pytest.mark.data
@pytest.mark.parametrize("name", SIMULATED)
def test_the_simulation_is_a_queue_with_as_many_servers_as_slots(oracles, name):
    """Steps of 1 ms whatever is in them, and outputs of as many tokens as the service has steps."""
    slots, spread = SIMULATED[name]
    draw = np.random.default_rng(5)
    rate, service = (3.2, 1000.0) if spread else (3.0, 200.0)
    output = np.ceil(draw.exponential(service, CUSTOMERS)) if spread else np.full(CUSTOMERS, service)
    arrival = np.cumsum(draw.exponential(1 / rate, CUSTOMERS))
    requests = Requests(arrival, np.ones(CUSTOMERS), output, np.zeros(CUSTOMERS))
    law = RooflineLaw(0.0, 0.0, 0.0, 0.0, 0.0, 1e-3, 0.0)
    _, first, last, _, _ = run_of(law, requests, Scheduler(2048.0, slots), None, 0)
    assert last - first == pytest.approx((output - 1) * 1e-3, abs=1e-9)
    wait = first - arrival - 1.5e-3  # its own step, and half of the one that runs
    seen = np.mean(wait > 2e-3) if "erlang" in name else np.mean(wait)
    assert seen == pytest.approx(oracles[name], rel=0.08)  # three standard deviations of so many customers


BUDGETS = {"closed_decode_cap_by_budget": 1024.0, "closed_decode_cap_by_budget_4096": 4096.0}


@pytest.mark.data
@pytest.mark.parametrize("name", BUDGETS)
def test_decoding_sequences_leave_room_for_prompts_in_a_full_budget(oracles, name):
    requested = Requested(LogNormal(BUDGETS[name]), LogNormal(256.0, 1.0))
    loop = closed_loop(LAW, requested, Scheduler(2048.0, 5000.0), concurrency=5000.0)
    assert float(loop.decoding) == pytest.approx(oracles[name], rel=0.02)  # which sees itself beside the others


@pytest.mark.data
def test_a_cached_prefix_leaves_the_pairs_of_the_rest(oracles):
    expected = oracles["prefix_hit_prefill_pairs"]
    for cached, pairs in ((0.0, expected["full"]), (3072.0, expected["cached3072"])):
        replica = Replica(Scheduler(8192.0, 8.0))
        replica.waiting.append(Request(0, 4096.0, 8.0, cached))
        assert replica.plan().pairs == pairs


@pytest.mark.data
def test_the_tail_of_a_wait_is_exponential_above_the_part_that_waits(oracles):
    load, mean = 0.6, oracles["mg1_wait_s_cv2_0.25"]
    p90 = exponential_wait(load, mean / load, np.array([0.9]))
    assert float(p90[0]) == pytest.approx(oracles["mg1_wait_p90_s_exponential_tail"], rel=1e-12)


@pytest.mark.data
def test_waits_for_a_slot_are_nearer_to_the_exact_ones_than_a_power_of_the_load_is(oracles):
    """4 servers and 3.2 requests a second, which take a second each: all of them run but those above 4."""
    servers, rate = 4.0, 3.2
    load = rate / servers
    by_power = load ** np.sqrt(2 * (servers + 1)) / (servers * (1 - load))
    assert by_power == pytest.approx(oracles["mmc_wait_s_sakasegawa"], rel=1e-12)
    requested = Requested(LogNormal(1.0), LogNormal(1000.0, 1.0))
    queue, waits = slot_queue(
        requested, rate=rate, burst=1.0, capacity=servers, held=rate, swing=np.sqrt(rate), slots=servers
    )
    exact = oracles["mmc_wait_s_4_3.2"]
    assert abs(float(queue * waits / rate) - exact) < 0.7 * abs(by_power - exact)


@pytest.mark.data
def test_a_closed_loop_without_queues_is_the_fixed_point_of_the_worked_equations(oracles):
    """32 requests of 1024 and 256 tokens: prompts at random in steps of 2048 tokens, each as long as the next."""
    concurrency, prompt, output, budget = 32.0, 1024.0, 256.0, 2048.0
    held = prompt + output / 2

    def terms(step: Any, rate: Any) -> tuple[Any, Any]:
        """The mean step [s], and the time to first token [s], of which a part is spent in steps of others."""
        decoding = np.minimum(rate * (output - 1) * step, budget * (output - 1) / (prompt + output - 1))
        seen = 1 + (concurrency - 1) * decoding / concurrency
        part = np.maximum(1 - np.exp(-rate * step), rate * prompt * step / (budget - seen))
        tokens, contexts = rate * prompt * step / part, decoding * held
        decode = LAW.seconds(StepLoad(decoding, contexts))
        mixed = LAW.seconds(StepLoad(decoding, contexts, tokens, tokens * prompt / 2))
        own = LAW.seconds(StepLoad(decoding, contexts, prompt, prompt * prompt / 2))
        mean = (1 - part) * decode + part * mixed
        square = (1 - part) * decode**2 + part * mixed**2
        return mean, own + (concurrency - 1) / concurrency * square / (2 * mean)

    def improved(_: Any, values: tuple[Any, Any]) -> tuple[Any, Any]:
        mean, first = terms(*values)
        return mean, concurrency / (first + (output - 1) * mean)

    step, rate = (float(x) for x in solve(improved, (), (0.01, 10.0)).values)
    expected = oracles["closed_fixed_point_N32"]
    assert rate == pytest.approx(expected["X"], rel=1e-9)
    assert step == pytest.approx(expected["tpot"], rel=1e-9)
    assert float(terms(step, rate)[1]) == pytest.approx(expected["ttft"], rel=1e-9)
