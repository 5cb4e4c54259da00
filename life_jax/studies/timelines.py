"""A minute of the requests of a scenario under load, simulated: the queue, the batch and the cache over time."""

from dataclasses import dataclass

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.scenario import Scenario
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving.requests import Requests
from life_jax.studies.timed_requests import timed_requests

MINUTE = 60.0
POINTS = 1200  # of a picture
LEAST, MOST = 256, 20_000  # requests of a run


@dataclass(frozen=True)
class Minute:
    """What there is at each time [n] [s].

    waiting, decoding [n] [1]: requests that wait or are prefilled, and those that decode; cached [n] [token]: of the
    sequences that decode. slots [1], room [token]: of all batches in flight together
    """

    time: np.ndarray
    waiting: np.ndarray
    decoding: np.ndarray
    cached: np.ndarray
    slots: float
    room: float


def simulated_minute(scenario: Scenario, *, seed: int = 0, trace: Requests | None = None) -> Minute:
    """A minute of the scenario's load, or of a trace: of the steady state after a quarter of its run, of a benchmark,
    of a trace, and where more arrives than is served, from the beginning; less where the requests end before.

    Raises ConfigError without a load, and where a request cannot be simulated.
    """
    under = UnderLoad(scenario)
    if not (under.is_open or under.is_closed or trace is not None):
        raise ConfigError("plot=timeline needs a load: rate=, concurrency= or load.trace=")
    several = 2 * MINUTE * float(under.request_rate) + 4 * float(under.concurrency)  # infinite where it is saturated
    count = float(scenario.load.requests) or float(np.clip(several, LEAST, MOST))
    run = timed_requests(scenario, int(count), seed, trace)
    is_steady = trace is None and not scenario.load.requests and np.isfinite(several)
    start = float(np.quantile(run.arrival, 0.25)) if is_steady else 0.0
    time = np.linspace(start, min(start + MINUTE, float(run.last.max())), POINTS)
    arrived, begun, ended = (np.sort(x) for x in (run.arrival, run.first, run.last))
    counts = [np.searchsorted(x, time, side="right") for x in (arrived, begun, ended)]
    system = under.pools.decode if under.pools is not None else None
    scheduler, batches = (under.scheduler, under.groups) if system is None else (system.scheduler, system.batches)
    return Minute(
        time=time - start,
        waiting=counts[0] - counts[1],
        decoding=counts[1] - counts[2],
        cached=_cached(run.requests, run.first, run.last, time),
        slots=float(scheduler.slots * batches),
        room=float(scheduler.cache * batches),
    )


def _cached(requests: Requests, first: np.ndarray, last: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Tokens [n] in the cache at times [n] [s]: prompts and what was generated, evenly between first and last token."""
    ends = np.concatenate([first, last])
    order = np.argsort(ends)
    spans = np.maximum(last - first, 1e-12)
    slope = requests.output / spans
    steps = np.concatenate([requests.prompt - slope * first, -(requests.prompt - slope * first)])
    slopes = np.concatenate([slope, -slope])
    at = np.searchsorted(ends[order], time, side="right")
    offset, rising = (np.concatenate([[0.0], np.cumsum(x[order])]) for x in (steps, slopes))
    tokens: np.ndarray = np.maximum(offset[at] + rising[at] * time, 0.0)
    return tokens
