"""The simulator against a plain event simulator that nobody here wrote, and against laws of queues."""

import importlib.util
import json
import math
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from places import DATA

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.serving.requests import Requests
from life_jax.serving.simulator import Timeline, simulate
from life_jax.serving.step_law import RooflineLaw

ORACLES = DATA / "serving" / "oracles_serving.json"
REFERENCE = DATA.parent / "tools" / "serving_reference.py"
SEVEN = {"w": 0.0056, "c": 2.33e-5, "s": 0.56, "a_d": 5.59e-8, "a_p": 1.06e-9, "h0": 0.0005, "h1": 1e-5}
WINDOW = 320


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


@jax.jit
def _open(law: RooflineLaw, requests: Requests, scheduler: Scheduler) -> Timeline:
    return jax.vmap(lambda *one: simulate(*one, window=WINDOW))(law, requests, scheduler)


@jax.jit
def _closed(law: RooflineLaw, requests: Requests, scheduler: Scheduler, concurrency: Any) -> Timeline:
    return jax.vmap(lambda *one: simulate(*one[:3], concurrency=one[3], window=WINDOW))(
        law, requests, scheduler, concurrency
    )


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
    law = _law(oracles["law_numbers"])
    names = ["sim_open_10rps", "sim_open_10rps_slots8", "sim_open_10rps_reserve_6000"]
    cases = [oracles["oracles"][name] for name in names]
    requests = _generated()
    schedulers = [Scheduler(float(c["budget"]), float(c["slots"]), float(c["kv_cap"])) for c in cases]
    seen = _open(_batch([law] * 3), _batch([requests] * 3), _batch(schedulers))
    closed = oracles["oracles"]["sim_closed_16"]
    loop = _closed(_batch([law]), _batch([requests]), _batch([schedulers[0]]), jnp.array([16.0]))
    for index, (case, timeline) in enumerate([*((c, seen) for c in cases), (closed, loop)]):
        at = index if timeline is seen else 0
        ttft = np.asarray(timeline.first - timeline.arrival)[at]
        tpot = np.asarray(timeline.last - timeline.first)[at] / (requests.output - 1)
        for name, times in {"ttft": ttft, "tpot": tpot}.items():
            assert times.mean() == pytest.approx(case["value"][f"{name}_mean"], rel=1e-9)
            for percentile in (50, 90, 99):
                expected = case["value"][f"{name}_p{percentile}"]
                assert np.percentile(times, percentile) == pytest.approx(expected, rel=1e-9)
        assert float(timeline.steps[at]) == case["value"]["steps"]


@pytest.mark.data
def test_every_request_ends_when_a_plain_event_simulator_says(reference: ModuleType):
    """Light and heavy loads, long prompts, few slots, little room in the cache, closed loops."""
    draw = np.random.default_rng(3)
    count, size = 16, 60
    laws, traces, schedulers, numbers = [], [], [], []
    for _ in range(count):
        values = {key: value * math.exp(0.5 * draw.normal()) for key, value in SEVEN.items()}
        values["s"] = min(values["s"], 2.0)
        prompt = np.maximum(1, np.round(draw.exponential(draw.choice([50, 500, 4000]), size)))
        output = np.maximum(1, np.round(draw.exponential(draw.choice([3, 60, 300]), size)))
        arrival = np.cumsum(draw.exponential(draw.choice([0.01, 0.1, 1.0]), size))
        budget, slots = draw.choice([256.0, 2048.0]), draw.choice([1.0, 8.0, 64.0])
        cache = draw.choice([1e9, prompt.max() + output.max() + draw.choice([0, 5000])])
        numbers.append([values[key] for key in ("w", "c", "s", "a_d", "a_p", "h0", "h1")])
        laws.append(_law(values))
        traces.append(_requests(arrival, prompt, output))
        schedulers.append(Scheduler(budget, slots, cache))
    concurrency = [float(draw.choice([1, 4, 40])) for _ in range(count)]
    batch = (_batch(laws), _batch(traces), _batch(schedulers))
    for timeline, closed in ((_open(*batch), False), (_closed(*batch, jnp.array(concurrency)), True)):
        assert not np.any(timeline.overflow)
        for index in range(count):
            trace, rules = traces[index], schedulers[index]
            lists = [list(trace.arrival), [int(x) for x in trace.prompt], [int(x) for x in trace.output]]
            done, steps, _, _ = reference.simulate(
                *lists, numbers[index], rules.slots, rules.budget, rules.cache, "reserve",
                concurrency[index] if closed else None,
            )  # fmt: skip
            assert np.asarray(timeline.first[index]) == pytest.approx(np.array([r.first for r in done]), abs=1e-9)
            assert np.asarray(timeline.last[index]) == pytest.approx(np.array([r.fin for r in done]), abs=1e-9)
            assert float(timeline.steps[index]) == steps


def test_one_slot_is_a_queue_with_one_server():
    """The wait of a request is that of the one before, its service more, the gap between them less (Lindley)."""
    draw = np.random.default_rng(0)
    count, service = 300, 0.1
    law = RooflineLaw(0.0, 1e-3, 0.0, 0.0, 0.0, 0.0, 0.0)  # 1 ms a token
    arrival = np.cumsum(draw.exponential(service / 0.6, count))
    requests = _requests(arrival, np.full(count, 100.0), np.ones(count))
    seen = _open(_batch([law]), _batch([requests]), _batch([Scheduler(2048.0, 1.0)]))
    waits = [0.0]
    for gap in np.diff(arrival):
        waits.append(max(0.0, waits[-1] + service - gap))
    assert np.asarray(seen.first - seen.arrival)[0] - service == pytest.approx(np.array(waits), abs=1e-9)


def test_a_window_that_is_too_short_is_said():
    requests = _requests(np.zeros(400), np.full(400, 10.0), np.full(400, 50.0))
    law, rules = _law(SEVEN), Scheduler(8192.0, 512.0)
    seen = _open(_batch([law]), _batch([requests]), _batch([rules]))
    assert bool(seen.overflow[0]) and np.isnan(np.asarray(seen.last[0])).any()
