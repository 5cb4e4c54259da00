"""What a simulation of continuous batching knows while it runs (serving/simulator.py)."""

from typing import Any, NamedTuple

import numpy as np

from life_jax.core.engine import PREEMPT, PREFILL_FIRST, Scheduler
from life_jax.core.numerics import is_fixed_at
from life_jax.core.units import UNLIMITED
from life_jax.serving.looks import Looks, are_plain
from life_jax.serving.requests import Requests
from life_jax.serving.step_law import Law

NEVER = np.int32(2**31 - 1)  # decode step in which nothing ends


class Prompt(NamedTuple):
    """The prompt that is prefilled, or is next [B].

    index; arrival [s]; needed, computed [token]: of its tokens; left, whole [token]: to generate, and at the end;
    begun: whether it runs; since [s]: last token of a request that had lost its cache
    """

    index: Any
    arrival: Any
    needed: Any
    computed: Any
    left: Any
    whole: Any
    begun: Any
    since: Any


class Plan(NamedTuple):
    """Prompts of the next step [B].

    tokens [token], pairs [1], prompts [1], ended [1]: as in StepLoad; whole [token]: sum of `whole` less the decode
    step of the end, over those that start to decode; held [token]: cached of the prompts that end
    """

    tokens: Any
    pairs: Any
    prompts: Any
    ended: Any
    whole: Any
    held: Any


class Lanes(NamedTuple):
    """Requests that decode, and those that lost their cache, in lanes [w, B].

    end: decode step in which it ends, NEVER where it does not decode; whole [token]: of the request at its end, 0 where
    the lane is free. Only where requests can lose their cache: index, left [token] and since [s] as in Prompt.
    """

    end: Any
    whole: Any
    index: Any = None
    left: Any = None
    since: Any = None


class State(NamedTuple):
    """Scenarios side by side [B].

    fresh: index of the first request that has not started to decode; sequences [1]: that decode, whole [token]: sum
    over them of their tokens at the end less the decode step of the end; reserved [token]: of all that run
    free: a lane; next_end: decode step; thrown_now: whether a request lost its cache before the step that is planned
    looks: None where every request is known as it arrives
    """

    time: Any
    decode_steps: Any
    done: Any
    fresh: Any
    sequences: Any
    whole: Any
    reserved: Any
    prompt: Prompt
    plan: Plan
    lanes: Lanes
    free: Any
    next_end: Any
    thrown_now: Any
    steps: Any
    busy: Any
    decoded: Any
    peak: Any
    thrown: Any
    looks: Looks | None = None


class Rules(NamedTuple):
    """What holds for all rounds.

    tables [n + 1, B]: requests, and one behind them that never arrives; counts [B] [1]: of them; concurrency [1]: of a
    closed loop, or None
    """

    law: Law
    scheduler: Scheduler
    tables: Requests
    counts: Any
    concurrency: Any

    @property
    def first_alone(self) -> bool:
        """Whether prompts have steps of their own."""
        return self.scheduler.mixing == PREFILL_FIRST

    @property
    def looks(self) -> bool:
        """Whether requests wait to be known."""
        return not are_plain(self.scheduler)

    @property
    def limited(self) -> bool:
        """Whether the cache has a limit."""
        return not is_fixed_at(self.scheduler.cache, UNLIMITED)

    @property
    def throws(self) -> bool:
        """Whether requests can lose their cache."""
        return self.limited and self.scheduler.admission == PREEMPT
