"""A scheduler of an engine, step by step: which of its requests decode in a step, and which prompts are prefilled."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from life_jax.core.engine import PREFILL_FIRST, RESERVE, Scheduler
from life_jax.serving.step_law import StepLoad


class Request:
    """A request on its way: computed tokens [token], those to compute before it decodes, and generated ones."""

    __slots__ = ("cached", "computed", "generated", "index", "needed", "output", "prompt", "token")

    def __init__(self, index: int, prompt: float, output: float, cached: float) -> None:
        self.index, self.prompt, self.output = index, prompt, output
        self.cached = cached  # of the prompt, that the prefix cache holds
        self.computed, self.needed, self.generated = cached, prompt, 0.0
        self.token = np.nan  # time of its last token

    @property
    def decodes(self) -> bool:
        return self.computed >= self.needed


class Replica:
    """A scheduler with the requests that wait for it and those that run.

    What it has not looked at yet is `unseen`; what it has, but was too late for the steps that were planned already, is
    `late`, in the order of those steps.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.decoding: list[Request] = []
        self.chunks: list[tuple[Request, float]] = []
        self.unseen: list[Request] = []
        self.late: deque[list[Request]] = deque([] for _ in range(int(scheduler.ahead)))
        self.since: float = 0.0  # decode steps from the last look

    @property
    def requests(self) -> int:
        """Requests that are there."""
        return len(self.waiting) + len(self.running) + len(self.unseen) + sum(map(len, self.late))

    def take(self, request: Request) -> None:
        """Send it a request."""
        self.unseen.append(request)

    def _look(self) -> None:
        """Get to know of requests before the next step."""
        looks = bool(self.chunks) or self.since + 1 >= self.scheduler.interval
        self.since = 0.0 if looks else self.since + 1
        self.late.append(self.unseen if looks else [])
        self.unseen = [] if looks else self.unseen
        self.waiting.extend(self.late.popleft())
        if not self.running:
            self.waiting.extend(r for seen in (*self.late, self.unseen) for r in seen)
            self.late, self.unseen, self.since = deque([] for _ in self.late), [], 0.0

    def plan(self) -> StepLoad:
        """Decide on the next step."""
        self._look()
        self.decoding, self.chunks = _step(self.running, self.waiting, self.scheduler)
        return StepLoad(
            decoding=float(len(self.decoding)),
            contexts=sum(r.computed + 1 for r in self.decoding),
            prompts=sum(chunk for _, chunk in self.chunks),
            pairs=sum(chunk * r.computed + chunk * (chunk + 1) / 2 for r, chunk in self.chunks),
            prefilling=float(len(self.chunks)),
            ended=float(sum(r.computed + chunk >= r.needed for r, chunk in self.chunks)),
        )

    def end(self) -> Iterator[tuple[Request, bool]]:
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


def _step(
    running: list[Request], waiting: deque[Request], scheduler: Scheduler
) -> tuple[list[Request], list[tuple[Request, float]]]:
    """The requests that decode in the next step, and those that are prefilled, with their tokens."""
    used = sum(r.computed for r in running)
    decoding = [r for r in running if r.decodes]
    thrown_out = False
    while decoding and used + len(decoding) > scheduler.cache:
        victim = running.pop()
        used -= victim.computed
        victim.computed, victim.needed = victim.cached, victim.prompt + victim.generated
        if victim in decoding:
            decoding.remove(victim)
        waiting.appendleft(victim)
        thrown_out = True
    alone = scheduler.mixing == PREFILL_FIRST
    left: Any = scheduler.budget - (0 if alone else len(decoding))
    free: Any = scheduler.cache - used - len(decoding)
    chunks: list[tuple[Request, Any]] = []
    for r in running:
        chunk = min(r.needed - r.computed, left, free)
        if not r.decodes and chunk > 0:
            chunks.append((r, chunk))
            left, free = left - chunk, free - chunk
    reserves = scheduler.admission == RESERVE
    unreserved = scheduler.cache - sum(r.prompt + r.output for r in running) if reserves else np.inf
    while waiting and not thrown_out and len(running) < scheduler.slots and left > 0:
        if waiting[0].decodes:  # whose cache another pool has handed over
            if waiting[0].computed + 1 > free:
                break
            running.append(waiting.popleft())
            decoding.append(running[-1])
            left, free = left - (0 if alone else 1), free - running[-1].computed - 1
            continue
        chunk = min(waiting[0].needed - waiting[0].computed, left)
        unreserved -= waiting[0].prompt + waiting[0].output
        if waiting[0].computed + chunk > free or unreserved < 0:
            break
        running.append(waiting.popleft())
        chunks.append((running[-1], chunk))
        left, free = left - chunk, free - running[-1].computed - chunk
    return ([] if alone and chunks else decoding), chunks
