"""Continuous batching whose cache overflows: the youngest request is thrown out and computed anew. Step by step.

Only where the cache is full does this differ from serving/simulator.py, which is a hundred times faster.
"""

from collections import deque
from typing import Any

import numpy as np

from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.serving import gaps
from life_jax.serving.requests import Requests
from life_jax.serving.step_law import Law, StepLoad


class _Request:
    """A request on its way: computed tokens [token], those to compute before it decodes, and generated ones."""

    __slots__ = ("computed", "generated", "index", "needed", "output", "prompt")

    def __init__(self, index: int, prompt: float, output: float, cached: float) -> None:
        self.index, self.prompt, self.output = index, prompt, output
        self.computed, self.needed, self.generated = cached, prompt, 0.0

    @property
    def decodes(self) -> bool:
        return self.computed >= self.needed


def simulate_with_preemption(
    law: Law, requests: Requests, scheduler: Scheduler, concurrency: float | None = None, unseen: float = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]:
    """Arrival, first and last token of each request [n] [s], the number of steps [1], and times between two tokens,
    counted (serving/gaps.py) [BINS].

    unseen [1]: requests that end before times between tokens are counted.
    """
    total = len(requests.prompt)
    arrival = np.array(requests.arrival, float)
    first, last = np.full(total, np.nan), np.full(total, np.nan)
    waiting: deque[_Request] = deque()
    running: list[_Request] = []
    token = np.full(total, np.nan)  # time of the last token of a request
    between: list[float] = []
    time, arrived, done, steps = 0.0, 0, 0, 0
    while done < total:
        while arrived < total and (
            arrived < concurrency + done if concurrency is not None else arrival[arrived] <= time
        ):
            if concurrency is not None:
                arrival[arrived] = time
            lengths = (
                float(requests.prompt[arrived]),
                float(requests.output[arrived]),
                float(requests.cached[arrived]),
            )
            waiting.append(_Request(arrived, *lengths))
            arrived += 1
        if not running and not waiting:
            time = arrival[arrived]
            continue
        decoding, chunks = _step(running, waiting, scheduler)
        load = StepLoad(
            decoding=float(len(decoding)),
            contexts=sum(r.computed + 1 for r in decoding),
            prompts=sum(chunk for _, chunk in chunks),
            pairs=sum(chunk * r.computed + chunk * (chunk + 1) / 2 for r, chunk in chunks),
            prefilling=float(len(chunks)),
            ended=float(sum(r.computed + chunk >= r.needed for r, chunk in chunks)),
        )
        time += float(law.seconds(load))
        steps += 1
        for r in decoding:
            r.computed += 1
            r.generated += 1
        for r, chunk in chunks:
            r.computed += chunk
            if r.decodes:
                r.generated += 1
                if np.isnan(first[r.index]):
                    first[r.index] = time
        for r in [*decoding, *(r for r, _ in chunks if r.decodes)]:
            if r.generated > 1 and done >= unseen:
                between.append(time - token[r.index])
            token[r.index] = time
        for r in [r for r in running if r.generated >= r.output]:
            last[r.index] = time
            running.remove(r)
            done += 1
    return arrival, first, last, float(steps), gaps.counted(np.array(between))


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
    while waiting and not thrown_out and len(running) < scheduler.slots and left > 0:
        chunk = min(waiting[0].needed - waiting[0].computed, left)
        if chunk > free:
            break
        running.append(waiting.popleft())
        chunks.append((running[-1], chunk))
        left, free = left - chunk, free - chunk
    return ([] if alone and chunks else decoding), chunks
