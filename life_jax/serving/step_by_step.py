"""Continuous batching step by step: a full cache, whose youngest request is thrown out and computed anew; several
replicas behind a router; groups in lockstep; batches in a pipeline.

Only there does this differ from serving/simulator.py, which is a hundred times faster.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from life_jax.core.engine import PREFILL_FIRST, RESERVE, Scheduler
from life_jax.serving import gaps
from life_jax.serving.requests import Requests
from life_jax.serving.routing import LEAST_LOADED, RANDOM, ROUND_ROBIN
from life_jax.serving.step_law import Law, StepLoad


class _Request:
    """A request on its way: computed tokens [token], those to compute before it decodes, and generated ones."""

    __slots__ = ("computed", "generated", "index", "needed", "output", "prompt", "token")

    def __init__(self, index: int, prompt: float, output: float, cached: float) -> None:
        self.index, self.prompt, self.output = index, prompt, output
        self.computed, self.needed, self.generated = cached, prompt, 0.0
        self.token = np.nan  # time of its last token

    @property
    def decodes(self) -> bool:
        return self.computed >= self.needed


class _Replica:
    """A scheduler with the requests that wait for it and those that run."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.waiting: deque[_Request] = deque()
        self.running: list[_Request] = []
        self.decoding: list[_Request] = []
        self.chunks: list[tuple[_Request, float]] = []

    @property
    def requests(self) -> int:
        """Requests that are there."""
        return len(self.waiting) + len(self.running)

    def plan(self) -> StepLoad:
        """Decide on the next step."""
        self.decoding, self.chunks = _step(self.running, self.waiting, self.scheduler)
        return StepLoad(
            decoding=float(len(self.decoding)),
            contexts=sum(r.computed + 1 for r in self.decoding),
            prompts=sum(chunk for _, chunk in self.chunks),
            pairs=sum(chunk * r.computed + chunk * (chunk + 1) / 2 for r, chunk in self.chunks),
            prefilling=float(len(self.chunks)),
            ended=float(sum(r.computed + chunk >= r.needed for r, chunk in self.chunks)),
        )

    def end(self) -> Iterator[tuple[_Request, bool]]:
        """End the step: requests that got a token, and whether it was their last."""
        for r in self.decoding:
            r.computed += 1
            r.generated += 1
        for r, chunk in self.chunks:
            r.computed += chunk
            r.generated += r.decodes
        for r in [*self.decoding, *(r for r, _ in self.chunks if r.decodes)]:
            yield r, r.generated >= r.output
        self.running = [r for r in self.running if r.generated < r.output]


@dataclass(frozen=True)
class Fleet:
    """Replicas that serve one stream of requests, each with a scheduler of its own.

    replicas [1]: their number; router: which of them gets a request: RANDOM, ROUND_ROBIN, or LEAST_LOADED, the one with
    the fewest. lockstep: whether all begin every step together. stages [1]: of a pipeline that all of them go through,
    one behind the other; 1 where each has devices of its own. seed: of the random router.
    """

    replicas: int = 1
    router: str = ROUND_ROBIN
    lockstep: bool = False
    stages: int = 1
    seed: int = 0


class _Run:
    """Times of requests as a run goes."""

    def __init__(self, requests: Requests, concurrency: float | None, unseen: float, fleet: Fleet) -> None:
        total = len(requests.prompt)
        self.requests, self.concurrency, self.unseen, self.fleet = requests, concurrency, unseen, fleet
        self.arrival = np.array(requests.arrival, float)
        self.first, self.last = np.full(total, np.nan), np.full(total, np.nan)
        self.arrived, self.done, self.steps, self.total = 0, 0, 0, total
        self.between: list[float] = []
        self.choices = np.random.default_rng((fleet.seed, 2)).integers(fleet.replicas, size=total)

    def next_arrival(self, time: float) -> float:
        """When the next request arrives; infinite where none does before another ends."""
        if self.arrived == self.total:
            return np.inf
        if self.concurrency is None:
            return float(self.arrival[self.arrived])
        return time if self.arrived < self.concurrency + self.done else np.inf

    def admit(self, time: float, replicas: list[_Replica]) -> list[_Replica]:
        """Send what has arrived to replicas, which are returned."""
        met = []
        while self.next_arrival(time) <= time:
            index = self.arrived
            if self.concurrency is not None:
                self.arrival[index] = time
            r = self.requests
            request = _Request(index, float(r.prompt[index]), float(r.output[index]), float(r.cached[index]))
            met.append(self._chosen(index, replicas))
            met[-1].waiting.append(request)
            self.arrived += 1
        return met

    def _chosen(self, index: int, replicas: list[_Replica]) -> _Replica:
        if self.fleet.router == LEAST_LOADED:
            return min(replicas, key=lambda replica: replica.requests)
        return replicas[self.choices[index] if self.fleet.router == RANDOM else index % len(replicas)]

    def end(self, replica: _Replica, time: float) -> None:
        """Note the tokens that the step of a replica has made."""
        counted = self.done >= self.unseen
        for r, is_last in replica.end():
            if np.isnan(self.first[r.index]):
                self.first[r.index] = time
            if r.generated > 1 and counted:
                self.between.append(time - r.token)
            r.token = time
            if is_last:
                self.last[r.index] = time
                self.done += 1
        self.steps += 1


def simulate_steps(
    law: Law,
    requests: Requests,
    scheduler: Scheduler,
    concurrency: float | None = None,
    unseen: float = 0,
    fleet: Fleet = Fleet(),
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]:
    """Arrival, first and last token of each request [n] [s], the number of steps [1], and times between two tokens,
    counted (serving/gaps.py) [BINS].

    scheduler: of each replica. unseen [1]: requests that end before times between tokens are counted.
    """
    run = _Run(requests, concurrency, unseen, fleet)
    replicas = [_Replica(scheduler) for _ in range(fleet.replicas)]
    (_in_lockstep if fleet.lockstep else _each_by_itself)(run, law, replicas)
    return run.arrival, run.first, run.last, float(run.steps), gaps.counted(np.array(run.between))


def _in_lockstep(run: _Run, law: Law, replicas: list[_Replica]) -> None:
    """Replicas that begin every step together: it lasts as long as that of the one with most to do."""
    time = 0.0
    while run.done < run.total:
        run.admit(time, replicas)
        if not any(replica.requests for replica in replicas):
            time = run.next_arrival(time)
            continue
        loads = [replica.plan() for replica in replicas]
        tokens = sum(float(load.tokens) for load in loads)
        longest = 0.0
        for load in loads:
            mine = float(load.tokens)
            if mine > 0:
                others = (tokens - mine) / max(len(replicas) - 1, 1)
                longest = max(longest, float(law.seconds(_with_others(load, others))))
        time += longest
        for replica in replicas:
            run.end(replica, time)


def _with_others(load: StepLoad, others: float) -> StepLoad:
    return StepLoad(load.decoding, load.contexts, load.prompts, load.pairs, load.prefilling, load.ended, others)


def _each_by_itself(run: _Run, law: Law, replicas: list[_Replica]) -> None:
    """Replicas that begin a step when their last one has ended; in a pipeline also when a stage is free."""
    busy: list[tuple[float, int]] = []  # when a step ends, and of which replica
    working = [False] * len(replicas)
    free = np.zeros(run.fleet.stages)  # when each stage has ended what it has
    time = 0.0
    while run.done < run.total:
        arrival = run.next_arrival(time)
        time = min(busy[0][0], arrival) if busy else arrival
        while busy and busy[0][0] <= time:
            _, number = heapq.heappop(busy)
            run.end(replicas[number], time)
            working[number] = False
        run.admit(time, replicas)
        for number, replica in enumerate(replicas):
            if not working[number] and replica.requests:
                seconds = float(law.seconds(replica.plan()))
                working[number] = True
                heapq.heappush(busy, (_through(free, time, seconds), number))


def _through(free: np.ndarray, time: float, seconds: float) -> float:
    """When a step that begins at `time` and takes `seconds` has gone through all stages, each of which is then free."""
    if len(free) == 1:
        return time + seconds
    for stage in range(len(free)):
        time = max(time, float(free[stage])) + seconds / len(free)
        free[stage] = time
    return time


def _step(
    running: list[_Request], waiting: deque[_Request], scheduler: Scheduler
) -> tuple[list[_Request], list[tuple[_Request, float]]]:
    """The requests that decode in the next step, and those that are prefilled, with their tokens."""
    used = sum(r.computed for r in running)
    decoding = [r for r in running if r.decodes]
    thrown_out = False
    while decoding and used + len(decoding) > scheduler.cache:
        victim = running.pop()
        used -= victim.computed
        victim.computed, victim.needed = 0.0, victim.prompt + victim.generated
        if victim in decoding:
            decoding.remove(victim)
        waiting.appendleft(victim)
        thrown_out = True
    alone = scheduler.mixing == PREFILL_FIRST
    left: Any = scheduler.budget - (0 if alone else len(decoding))
    free: Any = scheduler.cache - used - len(decoding)
    chunks: list[tuple[_Request, Any]] = []
    for r in running:
        chunk = min(r.needed - r.computed, left, free)
        if not r.decodes and chunk > 0:
            chunks.append((r, chunk))
            left, free = left - chunk, free - chunk
    reserves = scheduler.admission == RESERVE
    unreserved = scheduler.cache - sum(r.prompt + r.output for r in running) if reserves else np.inf
    while waiting and not thrown_out and len(running) < scheduler.slots and left > 0:
        chunk = min(waiting[0].needed - waiting[0].computed, left)
        unreserved -= waiting[0].prompt + waiting[0].output
        if chunk > free or unreserved < 0:
            break
        running.append(waiting.popleft())
        chunks.append((running[-1], chunk))
        left, free = left - chunk, free - chunk
    return ([] if alone and chunks else decoding), chunks
