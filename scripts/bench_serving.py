"""Cost of forecasts under load: `python scripts/bench_serving.py`.

Prints scenarios a second of processor time by the formula, for means and with percentiles, on the law of seven numbers,
by NumPy in float64 and compiled in float32, and of the simulation, by the number of requests: its work should grow
linearly with them.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import absent_as_static, register_with_jax
from life_jax.serving.closed_loop import capacity
from life_jax.serving.lengths import LogNormal
from life_jax.serving.percentiles import spread
from life_jax.serving.requested import Requested
from life_jax.serving.requests import Requests
from life_jax.serving.simulator import enough_rounds, simulate
from life_jax.serving.steady_state import open_loop
from life_jax.serving.step_law import RooflineLaw

LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)
RULES = Scheduler(2048.0, 256.0)
FORMULAS, SIMULATIONS, SIZES = 4096, 64, (256, 1024, 4096)
SMALL = 20_000.0  # token of a cache


def seconds(job: Callable[[], Any]) -> float:
    """Least processor time [s] of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def formula() -> None:
    """Scenarios a second by the formula, on NumPy and compiled, for one kind of lengths and for spread ones."""
    draw = np.random.default_rng(0)
    prompt, output = draw.uniform(100, 4000, FORMULAS), draw.uniform(30, 500, FORMULAS)
    load = draw.uniform(0.1, 0.9, FORMULAS)
    for name, cv in (("equal lengths", 0.0), ("log-normal lengths", 1.0)):
        requested = Requested(LogNormal(prompt, cv), LogNormal(output, cv))
        once, twice = (seconds(partial(job, requested, load)) for job in (means, percentiles))
        print(f"formula, {name}, NumPy: {FORMULAS / once:,.0f} scenarios/s, {FORMULAS / twice:,.0f} with percentiles")
        compiled(name, requested, load)


def means(requested: Requested, load: Any) -> Any:
    """Mean time to first token and between tokens at a part of the largest rate, which is a result too."""
    most = capacity(LAW, requested, RULES)
    state = open_loop(LAW, requested, RULES, rate=load * most, capacity=most)
    return most, state.ttft, state.gap


def percentiles(requested: Requested, load: Any) -> Any:
    """The same, and p50 and p99 of the time to first token and p99 of that between tokens."""
    most = capacity(LAW, requested, RULES)
    state = open_loop(LAW, requested, RULES, rate=load * most, capacity=most)
    times = spread(LAW, requested, RULES, state)
    return most, state.ttft, state.gap, times.at("ttft", 50), times.at("ttft", 99), times.at("tpot", 99)


def compiled(name: str, requested: Requested, load: Any) -> None:
    """Scenarios a second by the formula in float32, compiled for scenarios side by side."""
    register_with_jax()
    shared = absent_as_static(requested)
    parts = jax.tree.map(lambda x: jax.numpy.asarray(x, "float32"), (shared, load))
    rates = []
    for job in (means, percentiles):
        run = jax.jit(job)
        jax.block_until_ready(run(*parts))
        rates.append(FORMULAS / seconds(lambda run=run: jax.block_until_ready(run(*parts))))
    print(f"formula, {name}, compiled: {rates[0]:,.0f} scenarios/s, {rates[1]:,.0f} with percentiles")


def simulation() -> None:
    """Scenarios and requests a second by simulation, side by side, with a cache that is never full and a small one."""
    register_with_jax()
    for name, rules, sizes in (("", RULES, SIZES), (" in a small cache", replace(RULES, cache=SMALL), SIZES[:1])):
        for size in sizes:
            requests, lanes = drawn(size), int(rules.slots)
            rounds = enough_rounds(requests, rules)
            run = jax.jit(partial(simulate, LAW, scheduler=rules, lanes=lanes, rounds=rounds))
            with jax.enable_x64(True):
                seen = jax.block_until_ready(run(requests=requests))
                assert not seen.overflow.any()
                job = partial(run, requests=requests)
                each = seconds(lambda job=job: jax.block_until_ready(job())) / SIMULATIONS
            print(f"simulation of {size} requests{name}: {1 / each:,.0f} scenarios/s, {size / each:,.0f} requests/s")
            if name:
                print(f"of which {seen.thrown.sum() / SIMULATIONS:.0f} in each lose their cache and are computed anew")


def drawn(size: int) -> Requests:
    """So many requests of each scenario."""
    draw = np.random.default_rng(0)
    shape = (SIMULATIONS, size)
    prompt, output = np.round(draw.uniform(64, 2000, shape)), np.round(draw.uniform(16, 300, shape))
    return Requests(np.cumsum(draw.exponential(size=shape), 1) / 8, prompt, output, 0 * prompt)


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        formula()
    simulation()
