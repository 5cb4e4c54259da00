"""Continuous batching step by step: replicas behind a router that looks at them, groups in lockstep, batches in a
pipeline, a pool that prefills beside one that decodes.

A single scheduler is in serving/simulator.py too, which is a hundred times faster and makes the same run.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.serving import gaps
from life_jax.serving.replica import Replica, Request
from life_jax.serving.requests import Requests
from life_jax.serving.routing import LEAST_LOADED, ROUND_ROBIN, chosen
from life_jax.serving.scalar_law import seconds_of
from life_jax.serving.step_law import Law, StepLoad

Times = tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]


@dataclass(frozen=True)
class Fleet:
    """Replicas that serve one stream of requests, with a scheduler for each batch that is in flight.

    replicas [1]: their number; router: which scheduler gets a request: RANDOM, ROUND_ROBIN, or LEAST_LOADED, the one
    with the fewest. groups [1]: of each replica, each with a scheduler of its own; lockstep: whether those of a replica
    begin every step together. stages [1]: of a pipeline, each of which has a batch of its own in flight, that goes
    through all of them. seed: of the random router.
    """

    replicas: int = 1
    router: str = ROUND_ROBIN
    groups: int = 1
    lockstep: bool = False
    stages: int = 1
    seed: int = 0

    @property
    def schedulers(self) -> int:
        """Schedulers of all replicas [1]."""
        return self.replicas * self.groups * self.stages


@dataclass(frozen=True)
class Transfer:
    """How the cache of a prompt goes to the pool that decodes, over one link of each replica that prefills.

    latency [s]: in which the link may be used by others; token [s]: of the link, for each token of the prompt
    slows [1]: parts by which a step of the pool that prefills, and of the one that decodes, lasts longer where the
    other pool makes one as it begins
    """

    latency: float = 0.0
    token: float = 0.0
    slows: tuple[float, float] = (0.0, 0.0)


class _Pool:
    """The replicas of a fleet, in units that begin a step together."""

    def __init__(self, law: Law, scheduler: Scheduler, fleet: Fleet, total: int) -> None:
        self.seconds, self.fleet = seconds_of(law), fleet
        self.replicas = [Replica(scheduler) for _ in range(fleet.schedulers)]
        numbers = np.arange(fleet.schedulers).reshape(fleet.replicas, fleet.groups, fleet.stages)
        together = numbers.transpose(0, 2, 1).reshape(-1, fleet.groups) if fleet.lockstep else numbers.reshape(-1, 1)
        self.units = [tuple(unit) for unit in together.tolist()]
        pipelines = fleet.replicas * (1 if fleet.lockstep else fleet.groups)
        self.free = np.zeros((pipelines, fleet.stages))  # when each stage has ended what it has
        self.working = [False] * len(self.units)
        self.choices = chosen(fleet.router, fleet.schedulers, total, fleet.seed)
        self.met = 0  # requests so far

    def take(self, request: Request) -> None:
        """Send a request to the scheduler that the router chooses."""
        if self.fleet.router == LEAST_LOADED:
            replica = min(self.replicas, key=lambda each: each.requests)
        else:
            replica = self.replicas[self.choices[self.met]]
        replica.take(request)
        self.met += 1

    def begin(self, time: float, slower: float) -> Iterator[tuple[float, int]]:
        """Begin a step of every unit that has none and has requests, which takes `slower` [1] times as long as alone:
        when it ends, and of which unit."""
        for number, unit in enumerate(self.units):
            if self.working[number] or not any(self.replicas[index].requests for index in unit):
                continue
            loads = [self.replicas[index].plan() for index in unit]
            self.working[number] = True
            yield self._through(number, time, slower * self._seconds(loads)), number

    def _seconds(self, loads: list[StepLoad]) -> float:
        """Seconds [s] of a step: those of the scheduler with most to do."""
        if len(loads) == 1:
            return self.seconds(loads[0])
        tokens = [float(load.tokens) for load in loads]
        others = [(sum(tokens) - mine) / (len(loads) - 1) for mine in tokens]
        pairs = zip(loads, others, tokens, strict=True)
        return max(self.seconds(replace(load, others=other)) for load, other, mine in pairs if mine > 0)

    def _through(self, number: int, time: float, seconds: float) -> float:
        """When a step that begins at `time` and takes `seconds` has gone through all stages, each of which is then
        free."""
        stages = self.fleet.stages
        if stages == 1:
            return time + seconds
        free = self.free[number // stages]
        for stage in range(stages):
            time = max(time, float(free[stage])) + seconds / stages
            free[stage] = time
        return time


class _Run:
    """Times of requests as a run goes, through one pool, or through one that prefills and then one that decodes."""

    def __init__(
        self, pools: list[_Pool], transfer: Transfer, requests: Requests, concurrency: float | None, unseen: float
    ) -> None:
        total = len(requests.prompt)
        self.pools, self.transfer = pools, transfer
        self.requests, self.concurrency, self.unseen = requests, concurrency, unseen
        self.arrival = np.array(requests.arrival, float)
        self.first, self.last = np.full(total, np.nan), np.full(total, np.nan)
        self.arrived, self.done, self.steps, self.total = 0, 0, 0, total
        self.between: list[float] = []
        self.events: list[tuple[float, int, int, Any]] = []  # time, order, pool, its unit or a request that comes
        self.links = np.zeros(pools[0].fleet.replicas)  # when each link is free
        self.order = 0

    def go(self) -> None:
        """Run until all requests have ended."""
        time = 0.0
        while self.done < self.total:
            arrival = self._next_arrival(time)
            time = min(self.events[0][0], arrival) if self.events else arrival
            while self.events and self.events[0][0] <= time:
                _, _, pool, what = heapq.heappop(self.events)
                if isinstance(what, Request):
                    self.pools[pool].take(what)
                else:
                    self._end(pool, what, time)
            self._admit(time)
            for number, pool_of in enumerate(self.pools):
                for end, unit in pool_of.begin(time, self._slower(number)):
                    self._note(end, number, unit)
                    if number:
                        self._begin_decoding(pool_of, unit, time)

    def _slower(self, pool: int) -> float:
        """How many times [1] as long a step of a pool takes that begins now."""
        return 1 + self.transfer.slows[pool] if len(self.pools) > 1 and any(self.pools[1 - pool].working) else 1.0

    def _note(self, time: float, pool: int, what: Any) -> None:
        heapq.heappush(self.events, (time, self.order, pool, what))
        self.order += 1

    def _next_arrival(self, time: float) -> float:
        """When the next request arrives; infinite where none does before another ends."""
        if self.arrived == self.total:
            return np.inf
        if self.concurrency is None:
            return float(self.arrival[self.arrived])
        return time if self.arrived < self.concurrency + self.done else np.inf

    def _admit(self, time: float) -> None:
        """Send what has arrived to the first pool."""
        while self._next_arrival(time) <= time:
            index = self.arrived
            if self.concurrency is not None:
                self.arrival[index] = time
            r = self.requests
            output = float(r.output[index]) if len(self.pools) == 1 else 1.0
            self.pools[0].take(Request(index, float(r.prompt[index]), output, float(r.cached[index])))
            self.arrived += 1

    def _end(self, pool: int, unit: int, time: float) -> None:
        """Note the tokens that a step of a unit has made."""
        of = self.pools[pool]
        of.working[unit] = False
        for index in of.units[unit]:
            self.steps += 1
            counted = self.done >= self.unseen
            for r, is_last in of.replicas[index].end():
                if pool + 1 < len(self.pools) and self.requests.output[r.index] > 1:
                    self._hand_over(r, index // (of.fleet.groups * of.fleet.stages), time)
                    continue
                if np.isnan(self.first[r.index]):
                    self.first[r.index] = time
                if r.generated > 1 and counted:
                    self.between.append(time - r.token)
                r.token = time
                if is_last:
                    self.last[r.index] = time
                    self.done += 1

    def _hand_over(self, prefilled: Request, link: int, time: float) -> None:
        """Send the cache of a prompt to the pool that decodes, behind what the link has to send before."""
        sent = max(time, float(self.links[link])) + self.transfer.token * prefilled.prompt
        self.links[link] = sent
        output = float(self.requests.output[prefilled.index])
        request = Request(prefilled.index, prefilled.prompt, output, prefilled.prompt)
        request.generated = 1.0
        self._note(sent + self.transfer.latency, 1, request)

    def _begin_decoding(self, pool: _Pool, unit: int, time: float) -> None:
        """The first token of a request is seen when the pool that decodes begins with it."""
        for index in pool.units[unit]:
            for r in pool.replicas[index].decoding:
                if np.isnan(self.first[r.index]):
                    self.first[r.index] = r.token = time

    @property
    def times(self) -> Times:
        """Arrival, first and last token of each request [n] [s], steps [1], counted times between tokens [BINS]."""
        return self.arrival, self.first, self.last, float(self.steps), gaps.counted(np.array(self.between))


def simulate_steps(
    law: Law,
    requests: Requests,
    scheduler: Scheduler,
    concurrency: float | None = None,
    unseen: float = 0,
    fleet: Fleet = Fleet(),
) -> Times:
    """Arrival, first and last token of each request [n] [s], the number of steps [1], and times between two tokens,
    counted (serving/gaps.py) [BINS].

    scheduler: of each batch in flight. unseen [1]: requests that end before times between tokens are counted.
    """
    run = _Run([_Pool(law, scheduler, fleet, len(requests.prompt))], Transfer(), requests, concurrency, unseen)
    run.go()
    return run.times


def simulate_pools(
    prefill: tuple[Law, Scheduler, Fleet],
    decode: tuple[Law, Scheduler, Fleet],
    transfer: Transfer,
    requests: Requests,
    concurrency: float | None = None,
    unseen: float = 0,
) -> Times:
    """The same where one pool of replicas prefills prompts and hands their cache over to another, which decodes.

    The first token of a request is seen when the second pool begins to decode it. A request of a single token ends
    where it is prefilled.
    """
    pools = [_Pool(*of, len(requests.prompt)) for of in (prefill, decode)]
    run = _Run(pools, transfer, requests, concurrency, unseen)
    run.go()
    return run.times
