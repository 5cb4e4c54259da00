"""The simulator against a plain event simulator that nobody here wrote, and against laws of queues."""

import importlib.util
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import DATA

from life_jax.core.engine import MIXED, PREEMPT, PREFILL_FIRST, RESERVE, Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.serving import gaps
from life_jax.serving.event_log import Timeline
from life_jax.serving.requests import Requests
from life_jax.serving.simulator import enough_rounds, simulate
from life_jax.serving.step_by_step import simulate_steps
from life_jax.serving.step_law import RooflineLaw

ORACLES = DATA / "serving" / "oracles_serving.json"
REFERENCE = DATA.parent / "tools" / "serving_reference.py"
SEVEN = {"w": 0.0056, "c": 2.33e-5, "s": 0.56, "a_d": 5.59e-8, "a_p": 1.06e-9, "h0": 0.0005, "h1": 1e-5}


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    register_with_jax()
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The plain simulator that lies beside the project."""
    if not REFERENCE.exists():
        pytest.skip("needs ../shared/tools/serving_reference.py")
    spec = importlib.util.spec_from_file_location("serving_reference", REFERENCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@partial(jax.jit, static_argnames="rounds")
def _run(law: Any, requests: Requests, scheduler: Scheduler, concurrency: Any = None, rounds: int = 4096) -> Timeline:
    """Scenarios side by side."""
    return simulate(law, requests, scheduler, lanes=64, rounds=rounds, concurrency=concurrency)


def _law(numbers: dict[str, float]) -> RooflineLaw:
    return RooflineLaw(*(numbers[key] for key in ("w", "c", "s", "a_d", "a_p", "h0", "h1")))


def _batch(values: list[Any]) -> Any:
    """Scenarios side by side on a first axis."""
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf, float) for leaf in leaves]), *values)


def _requests(arrival: Any, prompt: Any, output: Any) -> Requests:
    return Requests(
        np.asarray(arrival, float), np.asarray(prompt, float), np.asarray(output, float), np.zeros(len(prompt))
    )


def _generated(count: int = 300) -> Requests:
    """The requests of the worked numbers: a linear congruential generator, 10 requests/s, exponential lengths."""
    state, time = 12345, 0.0
    rows = []

    def uniform() -> float:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return state / 2**31

    for _ in range(count):
        gap, prompt, output = (-math.log(1 - uniform()) for _ in range(3))
        time += gap / 10
        rows.append((time, max(1, round(512 * prompt)), max(2, round(128 * output))))
    return _requests(*zip(*rows, strict=True))


@pytest.mark.data
def test_worked_numbers_come_out_to_their_digits():
    if not ORACLES.exists():
        pytest.skip("needs ../shared/data")
    oracles = json.loads(ORACLES.read_text())
    requests, law = _generated(), _law(oracles["law_numbers"])
    for name, case in oracles["oracles"].items():
        if not name.startswith(("sim_open", "sim_closed")):
            continue
        admission = RESERVE if case.get("policy") == "reserve" else PREEMPT
        scheduler = Scheduler(float(case["budget"]), float(case["slots"]), float(case["kv_cap"]), admission=admission)
        seen = _run(law, requests, scheduler, case.get("concurrency"))
        times = {"ttft": seen.first - seen.arrival, "tpot": (seen.last - seen.first) / (requests.output - 1)}
        assert float(seen.steps) == case["value"]["steps"]
        assert float(seen.last.max()) == pytest.approx(case["value"]["end"], rel=1e-9)
        for metric, values in times.items():
            assert float(values.mean()) == pytest.approx(case["value"][f"{metric}_mean"], rel=1e-9)
            for percentile in (50, 90, 99):
                expected = case["value"][f"{metric}_p{percentile}"]
                assert np.percentile(values, percentile) == pytest.approx(expected, rel=1e-9)


@pytest.mark.data
def test_the_worked_trace_comes_out_to_its_digits():
    if not ORACLES.exists():
        pytest.skip("needs ../shared/data")
    oracles = json.loads(ORACLES.read_text())
    case = oracles["oracles"]["sim_tiny_trace"]
    trace = case["trace"]
    requests = _requests(trace["arrivals"], trace["inp"], trace["out"])
    seen = _run(_law(oracles["law_numbers"]), requests, Scheduler(2048.0, 8.0))
    assert float(seen.steps) == case["value"]["steps"]
    assert float(seen.last.max()) == pytest.approx(case["value"]["end"], rel=1e-12)
    assert np.asarray(seen.first - seen.arrival) == pytest.approx(np.array(case["value"]["ttft"]), rel=1e-12)
    assert np.asarray(seen.last - seen.arrival) == pytest.approx(np.array(case["value"]["e2e"]), rel=1e-12)


@pytest.mark.data
@pytest.mark.parametrize("admission", [RESERVE, PREEMPT])
@pytest.mark.parametrize("closed", [False, True])
def test_every_request_ends_when_a_plain_event_simulator_says(reference: ModuleType, admission, closed):
    """Light and heavy loads, long prompts, few slots, much and little room in the cache, open and closed loops: 200
    scenarios together."""
    draw = np.random.default_rng(3)
    count, size = 50, 60
    traces, schedulers, numbers = [], [], []
    for _ in range(count):
        values = {key: value * math.exp(0.5 * draw.normal()) for key, value in SEVEN.items()}
        values["s"] = min(values["s"], 2.0)
        prompt = np.maximum(1, np.round(draw.exponential(draw.choice([50, 500, 4000]), size)))
        output = np.maximum(1, np.round(draw.exponential(draw.choice([3, 60, 300]), size)))
        arrival = np.cumsum(draw.exponential(draw.choice([0.01, 0.1, 1.0]), size))
        budget, slots = draw.choice([256.0, 2048.0]), draw.choice([1.0, 8.0, 64.0])
        cache = draw.choice([1e9, (prompt + output).max() + draw.choice([0, 500, 5000])])
        numbers.append([values[key] for key in ("w", "c", "s", "a_d", "a_p", "h0", "h1")])
        traces.append(_requests(arrival, prompt, output))
        schedulers.append(Scheduler(budget, slots, cache, admission=admission))
    concurrency = draw.choice([1.0, 4.0, 40.0], count) if closed else None
    laws = [RooflineLaw(*of) for of in numbers]
    seen = _run(_batch(laws), _batch(traces), _batch(schedulers), concurrency)
    assert not np.any(seen.overflow)
    assert (np.asarray(seen.thrown).sum() > 100) == (admission == PREEMPT)
    for index, (trace, rules) in enumerate(zip(traces, schedulers, strict=True)):
        lists = [list(trace.arrival), [int(x) for x in trace.prompt], [int(x) for x in trace.output]]
        done, steps, _, _ = reference.simulate(
            *lists, numbers[index], rules.slots, rules.budget, rules.cache,
            "vllm" if admission == PREEMPT else "reserve", concurrency[index] if closed else None,
        )  # fmt: skip
        for mine, theirs in ((seen.arrival, "arr"), (seen.first, "first"), (seen.last, "fin")):
            expected = np.array([getattr(r, theirs) for r in done])
            assert np.asarray(mine[index]) == pytest.approx(expected, abs=1e-9)
        assert float(seen.steps[index]) == steps


@pytest.mark.parametrize("mixing", [MIXED, PREFILL_FIRST])
@pytest.mark.parametrize("room", [1e9, 6000.0])
def test_both_simulators_count_the_same_times_between_tokens(mixing, room):
    """One counts them in stretches of steps, the other notes the time of every token."""
    requests = _generated(60)
    requests = replace(requests, cached=np.floor(0.3 * requests.prompt))
    rules = Scheduler(512.0, 16.0, room, mixing=mixing)
    law = _law(SEVEN)
    stretches = jax.jit(lambda r: simulate(law, r, rules, lanes=16, rounds=2048, unseen=5.0))(requests)
    _, first, last, steps, of_tokens = simulate_steps(law, requests, rules, unseen=5.0)
    assert (float(stretches.thrown) > 0) == (room < 1e9)
    assert float(stretches.steps) == steps
    assert np.asarray(stretches.first) == pytest.approx(first, abs=1e-9)
    assert np.asarray(stretches.last) == pytest.approx(last, abs=1e-9)
    assert float(stretches.gaps.sum()) == of_tokens.sum() > 1000
    for percent in (10, 50, 90, 99, 99.9):
        once, again = gaps.percentile(np.asarray(stretches.gaps), percent), gaps.percentile(of_tokens, percent)
        assert once == pytest.approx(again, rel=2e-2)  # two bins: steps of a stretch are counted at their mean


@pytest.mark.parametrize("mixing", [MIXED, PREFILL_FIRST])
@pytest.mark.parametrize("concurrency", [None, 3.0, 12.0])
def test_both_simulators_know_of_a_request_at_the_same_step(mixing, concurrency):
    """Steps that are planned ahead, looks for new requests at every so many decode steps, much and little room: 16
    scenarios side by side."""
    requests, law = _generated(50), _law(SEVEN)
    rates = (1.0, 0.1)  # of what they arrive at, since a queue hides how late they are known
    traces, schedulers = [], []
    for ahead, interval in ((0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (0.0, 4.0), (1.0, 4.0), (1.0, 10.0), (2.0, 3.0)):
        for rate in rates:
            for room in (1e9, 6000.0):
                traces.append(replace(requests, arrival=requests.arrival / rate))
                schedulers.append(Scheduler(512.0, 16.0, room, ahead=ahead, interval=interval, mixing=mixing))
    seen = _run(_batch([law] * len(traces)), _batch(traces), _batch(schedulers), concurrency)
    assert not np.any(seen.overflow)
    late = []
    for index, (trace, rules) in enumerate(zip(traces, schedulers, strict=True)):
        arrival, first, last, steps, _ = simulate_steps(law, trace, rules, concurrency)
        assert np.asarray(seen.arrival[index]) == pytest.approx(arrival, abs=1e-9)
        assert np.asarray(seen.first[index]) == pytest.approx(first, abs=1e-9)
        assert np.asarray(seen.last[index]) == pytest.approx(last, abs=1e-9)
        assert float(seen.steps[index]) == steps
        late.append(np.mean(first - arrival))
    assert late[4] > late[0] and late[12] > late[0] and late[20] > late[12]  # mean waits, with much room


def test_one_slot_is_a_queue_with_one_server():
    """The wait of a request is that of the one before, its service more, the gap between them less (Lindley)."""
    draw = np.random.default_rng(0)
    count, service = 300, 0.1
    law = RooflineLaw(0.0, 1e-3, 0.0, 0.0, 0.0, 0.0, 0.0)  # 1 ms a token
    arrival = np.cumsum(draw.exponential(service / 0.6, count))
    requests = _requests(arrival, np.full(count, 100.0), np.ones(count))
    seen = _run(law, requests, Scheduler(2048.0, 1.0))
    waits = [0.0]
    for gap in np.diff(arrival):
        waits.append(max(0.0, waits[-1] + service - gap))
    assert np.asarray(seen.first - seen.arrival) - service == pytest.approx(np.array(waits), abs=1e-9)


def test_a_log_that_is_too_short_is_said():
    requests = _generated(60)
    seen = _run(_law(SEVEN), requests, Scheduler(8192.0, 64.0), rounds=64)
    assert bool(seen.overflow) and np.isnan(np.asarray(seen.last)).any()
    assert not bool(_run(_law(SEVEN), requests, Scheduler(8192.0, 64.0)).overflow)


def test_scenarios_side_by_side_are_what_each_is_alone():
    """One of them with fewer requests, as a replica has that its router sends fewer."""
    requests = _generated(40)
    several = _batch([requests, requests])
    seen = simulate(_law(SEVEN), several, Scheduler(512.0, 8.0), lanes=8, rounds=512, counts=np.array([40, 25]))
    for index, count in enumerate((40, 25)):
        fewer = Requests(*(x[:count] for x in (requests.arrival, requests.prompt, requests.output, requests.cached)))
        alone = simulate(_law(SEVEN), fewer, Scheduler(512.0, 8.0), lanes=8, rounds=512)
        assert np.asarray(seen.last)[index, :count] == pytest.approx(np.asarray(alone.last), abs=1e-12)


def test_a_log_has_the_rounds_that_requests_need_and_few_more():
    rules = Scheduler(2048.0, 64.0)
    for count in (1, 10, 257, 4096):
        requests = _requests(np.zeros(count), np.full(count, 100.0), np.full(count, 5.0))
        needed = 4 * count + 16  # an arrival, an end, a piece of a prompt and one that is cut by the budget
        assert needed <= enough_rounds(requests, rules) <= 1.25 * needed
