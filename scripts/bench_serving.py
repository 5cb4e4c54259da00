"""Cost of forecasts under load: `python scripts/bench_serving.py`.

Prints scenarios a second of processor time by the formula, for means and with percentiles, on NumPy and on the law of
seven numbers, and of the simulation, by the number of requests: its work should grow linearly with them.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.serving.closed_loop import capacity
from life_jax.serving.lengths import LogNormal
from life_jax.serving.percentiles import spread
from life_jax.serving.requests import Requests
from life_jax.serving.simulator import simulate
from life_jax.serving.steady_state import Requested, open_loop
from life_jax.serving.step_law import RooflineLaw

LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)
RULES = Scheduler(2048.0, 256.0)
FORMULAS, SIMULATIONS, SIZES = 4096, 64, (256, 1024, 4096)


def seconds(job: Callable[[], Any]) -> float:
    """Least processor time [s] of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def formula() -> None:
    """Scenarios a second by the formula."""
    draw = np.random.default_rng(0)
    prompt, output = draw.uniform(100, 4000, FORMULAS), draw.uniform(30, 500, FORMULAS)
    requested = Requested(LogNormal(prompt, 1.0), LogNormal(output, 1.0))
    most = capacity(LAW, requested, RULES)
    rate = 0.5 * most

    def means() -> Any:
        return open_loop(LAW, requested, RULES, rate=rate, capacity=capacity(LAW, requested, RULES))

    state = means()
    once, times = seconds(means), seconds(lambda: spread(LAW, requested, RULES, state).at("ttft", 99))
    print(f"formula, means: {FORMULAS / once:,.0f} scenarios/s; with percentiles: {FORMULAS / (once + times):,.0f}")


def simulation() -> None:
    """Scenarios and requests a second by simulation, side by side."""
    register_with_jax()
    run = jax.jit(jax.vmap(lambda requests: simulate(LAW, requests, RULES, window=256)))
    draw = np.random.default_rng(0)
    for size in SIZES:
        shape = (SIMULATIONS, size)
        prompt, output = np.round(draw.uniform(64, 2000, shape)), np.round(draw.uniform(16, 300, shape))
        arrival = np.cumsum(draw.exponential(size=shape), 1) / 8
        with jax.enable_x64(True):
            requests = Requests(*(jax.numpy.asarray(x) for x in (arrival, prompt, output, 0 * prompt)))
            jax.block_until_ready(run(requests))
            each = seconds(lambda requests=requests: jax.block_until_ready(run(requests))) / SIMULATIONS
        print(f"simulation of {size} requests: {1 / each:,.0f} scenarios/s, {size / each:,.0f} requests/s")


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        formula()
    simulation()
