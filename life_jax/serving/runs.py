"""Runs of the simulation: compiled once for each size, and made anew with more rounds where a run needs them."""

from functools import cache
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import absent_as_static, register_with_jax
from life_jax.serving.requests import Requests
from life_jax.serving.routing import LEAST_LOADED, chosen
from life_jax.serving.step_by_step import Fleet, Times, simulate_steps
from life_jax.serving.step_law import Law

ALONE = Fleet()


def run_of(
    law: Law, requests: Requests, scheduler: Scheduler, concurrency: float | None, unseen: float, fleet: Fleet = ALONE
) -> Times:
    """A run of requests [n], as simulate_steps (serving/step_by_step.py) would make it, of plain numbers.

    Schedulers that share nothing run side by side, each with the requests that its router sends it; then `unseen`
    requests are counted in equal parts at each of them. Others run step by step.
    """
    if fleet.schedulers == 1:
        timeline = _simulated(law, requests, scheduler, concurrency, float(unseen))
        times = (np.asarray(x) for x in (timeline.arrival, timeline.first, timeline.last))
        return (*times, float(timeline.steps), np.asarray(timeline.gaps))  # type: ignore[return-value]
    apart = fleet.stages == 1 and not fleet.lockstep and fleet.router != LEAST_LOADED
    if concurrency is not None or not apart:
        return simulate_steps(law, requests, scheduler, concurrency, unseen, fleet)
    return _side_by_side(law, requests, scheduler, float(unseen), fleet)


def _side_by_side(law: Law, requests: Requests, scheduler: Scheduler, unseen: float, fleet: Fleet) -> Times:
    """A run of schedulers that share nothing, of requests that arrive at their own times."""
    total = len(requests.prompt)
    sent = chosen(fleet.router, fleet.schedulers, total, fleet.seed)
    places = [np.flatnonzero(sent == number) for number in range(fleet.schedulers)]
    counts = np.array([len(mine) for mine in places])
    table = np.zeros((fleet.schedulers, counts.max()), int)
    for row, mine in zip(table, places, strict=True):
        row[: len(mine)] = mine
    inside = np.arange(table.shape[1]) < counts[:, None]
    parts = (requests.arrival, requests.prompt, requests.output, requests.cached)
    several = Requests(*(x[table] for x in parts))
    timeline = _simulated(law, several, scheduler, None, unseen / fleet.schedulers, counts)
    times = []
    for of_each in (timeline.arrival, timeline.first, timeline.last):
        whole = np.full(total, np.nan)
        whole[table[inside]] = np.asarray(of_each)[inside]
        times.append(whole)
    return (*times, float(np.asarray(timeline.steps).sum()), np.asarray(timeline.gaps).sum(0))  # type: ignore[return-value]


def _simulated(
    law: Law, requests: Requests, scheduler: Scheduler, concurrency: float | None, unseen: float, counts: Any = None
) -> Any:
    """The timeline of requests [n], or [B, n] of schedulers side by side."""
    import jax

    from life_jax.serving.simulator import enough_rounds

    register_with_jax()
    count = requests.prompt.shape[-1]
    lanes = _power_of_two(min(float(scheduler.slots), float(concurrency or np.inf), count))
    rounds = enough_rounds(requests, scheduler)
    scheduler = absent_as_static(scheduler)  # without looks for new requests, where it knows of all at once
    with jax.enable_x64(True):
        while True:
            timeline = _compiled(lanes, rounds)(law, requests, scheduler, concurrency, unseen, counts)
            if not np.any(timeline.overflow):
                return timeline
            rounds *= 4


def _power_of_two(least: float) -> int:
    return int(2 ** np.ceil(np.log2(max(least, 8.0))))


@cache
def _compiled(lanes: int, rounds: int) -> Any:
    import jax

    from life_jax.serving.simulator import simulate

    def of(law: Any, requests: Requests, scheduler: Scheduler, concurrency: Any, unseen: Any, counts: Any) -> Any:
        return simulate(
            law, requests, scheduler, lanes=lanes, rounds=rounds, concurrency=concurrency, counts=counts, unseen=unseen
        )

    return jax.jit(of)
