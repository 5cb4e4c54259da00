"""How times to the first token and between tokens spread over requests in steady state.

A fixed set of points, evenly spread over what differs between requests (lengths, the step that runs on arrival, the
queues, the prompts met while decoding, the number of neighbours), gives one time each; sorted, they are percentiles.
The same points serve every scenario, so that percentiles are smooth in its numbers and can be differentiated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from life_jax.core import normal
from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import Number, ceil, clip, exp, larger, log, smaller, sort_last, sqrt, where
from life_jax.serving.steady_state import Requested, Steady
from life_jax.serving.step_law import Law, StepLoad, last_axis

POINTS = 256
PROMPT, OUTPUT, RESIDUAL, QUEUE, SLOT, MET, NEIGHBOURS, STEP, BESIDE = range(9)
EDGE = 1e-6  # of probabilities, whose quantiles must be finite
LONGEST_WAIT = 1e-4  # probability of waits beyond the longest point


def _points() -> np.ndarray:
    """Points [POINTS, 9] in the unit cube: the additive recurrence of the generalised golden ratio (Roberts 2018, "The
    unreasonable effectiveness of quasirandom sequences"), whose first coordinate is made exactly uniform."""
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / 10)
    steps = (1 / root) ** np.arange(1, 10)
    points = (0.5 + np.outer(np.arange(1, POINTS + 1), steps)) % 1
    points[:, 0] = (np.argsort(np.argsort(points[:, 0])) + 0.5) / POINTS
    return points


UNIFORM = _points()
NORMAL = np.vectorize(NormalDist().inv_cdf)(np.clip(UNIFORM, EDGE, 1 - EDGE))


@dataclass(frozen=True)
class Spread:
    """Times of requests at POINTS, on a last axis.

    ttft, tpot [s]: to the first token, and mean time between the others; itl [s]: times between two tokens
    """

    ttft: Number
    tpot: Number
    itl: Number

    @cached_property
    def _sorted(self) -> dict[str, Number]:
        return {name: sort_last(getattr(self, name)) for name in ("ttft", "tpot", "itl")}

    def at(self, name: str, percentile: float) -> Number:
        """`ttft`, `tpot` or `itl` [s] that this percentage of requests, or of tokens, does not exceed."""
        return _at(self._sorted[name], percentile)

    def mean(self, name: str) -> Number:
        """Mean of `ttft` or `tpot` over requests, of `itl` over tokens [s]."""
        return getattr(self, name).mean(-1)

    def meeting(self, ttft: Number, tpot: Number) -> Number:
        """Part of the requests [1] whose times are at most these [s]."""
        good = (self.ttft <= last_axis(ttft)) & (self.tpot <= last_axis(tpot))
        return (1.0 * good).mean(-1)


def _at(ordered: Number, percentile: float) -> Number:
    place = percentile / 100 * POINTS - 0.5  # each point stands for the middle of its part
    low = int(np.clip(np.floor(place), 0, POINTS - 2))
    part = min(max(place - low, 0.0), 1.0)
    return ordered[..., low] * (1 - part) + ordered[..., low + 1] * part


def spread(law: Law, requested: Requested, scheduler: Scheduler, steady: Steady, *, burst: Number = 1.0) -> Spread:
    """Times of requests in a steady state."""
    alone = scheduler.mixing == PREFILL_FIRST
    of_each = law.each()
    s, rate = steady.steps, last_axis(smaller(steady.rate, steady.capacity))
    room, budget_full = last_axis(s.room), last_axis(s.full)
    prompt = requested.prompt.at(UNIFORM[:, PROMPT], NORMAL[:, PROMPT])
    output = larger(requested.output.at(UNIFORM[:, OUTPUT], NORMAL[:, OUTPUT]), 2.0)
    cached = last_axis(requested.cached)
    new = larger(prompt * (1 - cached), 1.0)
    mean_new = last_axis(requested.new)
    square = mean_new * (1 + last_axis(requested.prompt.variation)) * (last_axis(burst) ** 2 + 1) / 2
    pairs = last_axis(requested.pairs(requested.prompt.average * (1 + requested.prompt.variation)))
    others = 0.0 if alone else last_axis(steady.decoding) - 1

    def seconds(tokens: Number, of_pairs: Number) -> Number:
        return of_each.seconds(StepLoad(others, others * last_axis(requested.context), tokens, of_pairs, 1.0, 1.0))

    # the step that runs on arrival, and what arrives beside the request while it ends
    busy, decode = last_axis(s.busy), last_axis(s.decode)
    tokens = smaller(_gamma(last_axis(s.tokens), last_axis(s.tokens) * smaller(square, room), NORMAL[:, STEP]), room)
    u = UNIFORM[:, RESIDUAL]
    in_prefill = u < busy
    step = where(in_prefill, seconds(tokens, tokens * pairs), decode)
    place = where(in_prefill, u / larger(busy, EDGE), (u - busy) / larger(1 - busy, EDGE))
    present = larger(1 - exp(-rate * last_axis(requested.decoded * s.seconds + steady.after + s.service)), EDGE)
    there = place < present
    residual = where(there, place / present, 0.0) * step
    window = where(there, step, 0.0)
    beside = _gamma(rate * window * mean_new + EDGE, rate * window * mean_new * square + EDGE, NORMAL[:, BESIDE])

    # its own prompt, whose last step is shared
    chunks = larger(ceil(new / room - EDGE), 1.0)
    last = new - (chunks - 1) * room
    shared = smaller(last + beside, room)
    own_pairs = prompt * ((1 - cached) / 2 + cached)
    own = (chunks - 1) * seconds(room, room * own_pairs) + seconds(shared, last * own_pairs + (shared - last) * pairs)

    # queues for prefill and for a slot
    load = clip(rate * last_axis(s.service), EDGE, 1 - EDGE)
    mean = last_axis(steady.prefill_wait)
    second = 2 * mean * mean + rate * last_axis(s.service3) / (3 * (1 - load))
    wait = _with_atom(load, UNIFORM[:, QUEUE], lambda q: _log_normal(mean / load, second / load, normal.quantile(q)))
    slot = _with_atom(
        last_axis(steady.slot_waits), UNIFORM[:, SLOT], lambda q: -last_axis(steady.slot_wait) * log(1 - q)
    )
    until_done = residual + wait + own

    # prompts met while decoding, and the number of neighbours
    base = (output - 1) * decode
    each = last_axis(s.extra / s.tokens)
    slow = larger(1 - rate * mean_new * each, 0.02)
    met = rate * mean_new * (base + until_done) - last_axis(steady.left)
    more = larger(each * met / slow, EDGE * base)
    variance = each * each * rate * mean_new * square * (base / slow**3 + until_done / slow**2)
    duration = base + _gamma(more, variance, NORMAL[:, MET])
    tpot = smaller(duration / (output - 1), larger(budget_full, last_axis(s.seconds)))
    step_up = law.seconds(StepLoad(steady.decoding + 1, (steady.decoding + 1) * requested.context)) - s.decode
    held = duration / larger(last_axis(steady.relaxation), EDGE)
    kept = 2 / held * (1 - (1 - exp(-held)) / held)
    swing = last_axis(step_up * steady.swing) / slow * sqrt(smaller(kept, 1.0)) * NORMAL[:, NEIGHBOURS]
    tpot = tpot * larger(1 + swing / last_axis(s.seconds), 0.3)
    ttft = until_done + slot
    if steady.mean_ttft is not None:
        ttft = ttft * last_axis(steady.mean_ttft / ttft.mean(-1))
    prefills = smaller(last_axis(s.part), 1.0)
    met_by_token = u < prefills
    itl = where(met_by_token, seconds(tokens, tokens * pairs) + (decode if alone else 0.0), decode)
    return Spread(ttft, tpot, itl)


def _with_atom(probability: Number, uniform: np.ndarray, quantile: Callable[[Number], Number]) -> Number:
    """0 with probability 1 - `probability`, else the quantile function of what is above."""
    above = (uniform - (1 - probability)) / larger(probability, EDGE)
    return where(above > 0, quantile(clip(above, LONGEST_WAIT, 1 - LONGEST_WAIT)), 0.0)


def _gamma(mean: Number, variance: Number, z: Number) -> Number:
    """The gamma distribution of this mean and variance where the normal one is z (Wilson and Hilferty 1931)."""
    shape = larger(mean * mean / larger(variance, 1e-30), 1e-3)
    root = larger(1 - 1 / (9 * shape) + z / (3 * sqrt(shape)), 0.0)
    return mean * root**3


def _log_normal(mean: Number, second: Number, z: Number) -> Number:
    """The log-normal distribution of this mean and second moment where the normal one is z."""
    mean = larger(mean, EDGE * EDGE)
    spread = log(larger(second / (mean * mean), 1.0))
    return mean * exp(sqrt(spread) * z - spread / 2)
