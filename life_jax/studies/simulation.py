"""Requests under the load of a scenario, simulated one by one."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import PREEMPT, Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.core.scenario import Scenario
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving.arrivals import arrivals
from life_jax.serving.lengths import STANDARD
from life_jax.serving.preemption import simulate_with_preemption
from life_jax.serving.requests import Requests
from life_jax.serving.steady_state import Requested

REQUESTS = 4096  # of a run, unless a trace or a benchmark says how many
WARM_UP = 1 / 8  # of the requests of a steady state, which are not counted
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}


@dataclass(frozen=True)
class Simulated:
    """Times of the requests that count.

    ttft, tpot [n] [s]; output [n] [token]; start, end [s]: of the time in which they are counted; steps [1]: of the
    whole run.
    """

    ttft: np.ndarray
    tpot: np.ndarray
    output: np.ndarray
    start: float
    end: float
    steps: float

    def metrics(self, ttft_limit: float, tpot_limit: float) -> dict[str, float]:
        """Metrics by the names of forecasting.metrics; NaN for what a run cannot tell."""
        values = {}
        for name, times in (("ttft", self.ttft), ("tpot", self.tpot[~np.isnan(self.tpot)])):
            values[f"{name}_mean"] = float(times.mean()) if len(times) else float("nan")
            for which, percentile in PERCENTILES.items():
                values[f"{name}_{which}"] = float(np.percentile(times, percentile)) if len(times) else float("nan")
        rate = len(self.ttft) / (self.end - self.start)
        good = (self.ttft <= ttft_limit) & ~(self.tpot > tpot_limit)
        alive = self.ttft + np.where(np.isnan(self.tpot), 0.0, self.tpot * (self.output - 1))
        return {
            **values,
            "request_rate": rate,
            "output_rate": rate * float(self.output.mean()),
            "concurrency": rate * float(alive.mean()),
            "goodput": rate * float(good.mean()),
        }


def simulated(scenario: Scenario, *, seed: int = 0, trace: Requests | None = None) -> Simulated:
    """The requests of the scenario's load, or of a trace, one by one; the same for the same seed.

    Raises ConfigError where a request is longer than the cache, and for several data-parallel groups.
    """
    load, under = scenario.load, UnderLoad(scenario)
    if float(under.groups) > 1:
        raise ConfigError("method=simulate follows a single scheduler; give dp=1 and the part of the load of one group")
    count = len(trace.prompt) if trace is not None else int(load.requests or REQUESTS)
    requests = trace if trace is not None else _drawn(under.requested, under, count, seed)
    concurrency = float(load.concurrency) if under.is_closed else None
    scheduler = under.scheduler
    longest = float(np.max(requests.prompt + requests.output))
    if longest > float(scheduler.cache):
        raise ConfigError(f"a request of {longest:.0f} tokens is longer than the cache, {float(scheduler.cache):.0f}")
    arrival, first, last, steps = _run(under.law, requests, scheduler, concurrency)
    counted = slice(0 if trace is not None or load.requests else int(count * WARM_UP), None)
    between = np.where(requests.output > 1, (last - first) / np.maximum(requests.output - 1, 1), np.nan)
    return Simulated(
        ttft=(first - arrival)[counted],
        tpot=between[counted],
        output=requests.output[counted],
        start=float(arrival[counted][0]),
        end=float(last.max()),
        steps=steps,
    )


def _drawn(requested: Requested, under: UnderLoad, count: int, seed: int) -> Requests:
    """Requests with whole tokens, by one generator of random numbers whatever the load, so that loads compare."""
    draw = np.random.default_rng(seed)
    gaps, prompts, outputs = draw.random((3, count))
    load = under.scenario.load
    normal = np.vectorize(STANDARD.inv_cdf)
    prompt = np.maximum(np.round(np.ravel(requested.prompt.at(prompts, normal(prompts)))), 1.0)
    output = np.maximum(np.round(np.ravel(requested.output.at(outputs, normal(outputs)))), 1.0)
    prompt, output = (np.broadcast_to(x, (count,)) for x in (prompt, output))
    cached = np.minimum(np.floor(prompt * float(load.cached)), prompt - 1)
    times = np.zeros(count) if under.is_closed else arrivals(gaps, float(load.rate), float(load.burst), seed)
    return Requests(times, prompt, output, cached)


def _run(law: Any, requests: Requests, scheduler: Scheduler, concurrency: float | None) -> tuple[Any, ...]:
    """Arrival, first and last token of each request [s], and steps [1]."""
    import jax

    register_with_jax()
    ample = Scheduler(float(scheduler.budget), float(scheduler.slots), UNLIMITED, scheduler.mixing, scheduler.admission)
    kept = ample if scheduler.admission == PREEMPT else _with_cache(ample, float(scheduler.cache))
    window = 256
    with jax.enable_x64(True):
        while True:
            found = _compiled(min(window, len(requests.prompt)))(law, requests, kept, concurrency)
            if not bool(found.overflow):
                break
            window *= 2
        if scheduler.admission == PREEMPT and float(found.peak) > float(scheduler.cache):
            return simulate_with_preemption(law, requests, _with_cache(ample, float(scheduler.cache)), concurrency)
        return (*(np.asarray(x) for x in (found.arrival, found.first, found.last)), float(found.steps))


def _with_cache(scheduler: Scheduler, cache: float) -> Scheduler:
    return Scheduler(scheduler.budget, scheduler.slots, cache, scheduler.mixing, scheduler.admission)


@cache
def _compiled(window: int) -> Any:
    import jax

    from life_jax.serving.simulator import simulate

    def run(law: Any, requests: Requests, scheduler: Scheduler, concurrency: float | None) -> Any:
        return simulate(law, requests, scheduler, concurrency=concurrency, window=window)

    return jax.jit(run)
