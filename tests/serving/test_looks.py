"""A request that waits until its scheduler knows of it: the formula beside the simulation."""

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from life_jax.core.engine import MIXED, PREFILL_FIRST, Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.serving.closed_loop import capacity, closed_steady
from life_jax.serving.lengths import LogNormal
from life_jax.serving.percentiles import spread
from life_jax.serving.requested import Requested
from life_jax.serving.requests import Requests
from life_jax.serving.runs import run_of
from life_jax.serving.steady_state import open_loop
from life_jax.serving.step_law import RooflineLaw

LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)
REQUESTED = Requested(LogNormal(500.0), LogNormal(200.0, 0.5))


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    register_with_jax()
    with jax.enable_x64(True), np.errstate(all="ignore"):
        yield


def _requests(count: int, rate: float | None) -> Requests:
    draw = np.random.default_rng(1)
    output = np.maximum(np.round(REQUESTED.output.at(np.zeros(count), draw.normal(size=count))), 2.0)
    arrival = np.zeros(count) if rate is None else np.cumsum(draw.exponential(1 / rate, count))
    return Requests(arrival, np.full(count, 500.0), output, np.zeros(count))


@pytest.mark.parametrize("mixing", [MIXED, PREFILL_FIRST])
@pytest.mark.parametrize(("ahead", "interval"), [(1.0, 1.0), (0.0, 20.0), (1.0, 20.0)])
def test_a_request_waits_for_the_next_look_and_for_steps_that_are_planned(mixing, ahead, interval):
    """At half of the capacity."""
    late, at_once = (
        Scheduler(2048.0, 64.0, ahead=a, interval=i, mixing=mixing) for a, i in ((ahead, interval), (0.0, 1.0))
    )
    means = []
    for rules in (late, at_once):
        most = capacity(LAW, REQUESTED, at_once)
        steady = open_loop(LAW, REQUESTED, rules, rate=most / 2, capacity=most)
        means.append(float(spread(LAW, REQUESTED, rules, steady).mean("ttft")))
        arrival, first, *_ = run_of(LAW, _requests(1500, float(most) / 2), rules, None, 0)
        assert means[-1] == pytest.approx(np.mean(first - arrival), rel=0.1)
    step = float(steady.steps.decode)
    assert means[0] - means[1] > 0.6 * (ahead + (interval - 1) / 2) * step


def test_a_closed_loop_knows_of_its_requests_late():
    rules = Scheduler(2048.0, 64.0, ahead=1.0, interval=20.0, mixing=PREFILL_FIRST)
    steady = closed_steady(LAW, REQUESTED, rules, concurrency=16.0)
    arrival, first, last, *_ = run_of(LAW, _requests(1500, None), rules, 16.0, 0)
    assert float(steady.mean_ttft) == pytest.approx(np.mean((first - arrival)[100:]), rel=0.1)
    assert float(steady.rate) == pytest.approx(1500 / last.max(), rel=0.05)
