"""How times to the first token and between tokens spread over requests in steady state.

A fixed set of points, evenly spread over what differs between requests (lengths, the step that runs on arrival, the
queues, the prompts met while decoding, the number of neighbours), gives one time each; sorted, they are percentiles.
The same points serve every scenario, so that percentiles are smooth in its numbers and can be differentiated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from life_jax.core import normal
from life_jax.core.dual_numbers import primal
from life_jax.core.engine import PREFILL_FIRST, Scheduler
from life_jax.core.numerics import (
    Number,
    ceil,
    clip,
    exp,
    in_order,
    is_fixed_at,
    is_of_jax,
    larger,
    log,
    smaller,
    sort_last,
    sqrt,
    where,
)
from life_jax.serving.blocks import blocks
from life_jax.serving.mixed_steps import ROOM_KEPT, between_looks, of_others, planned
from life_jax.serving.prefix_cache import reused
from life_jax.serving.requested import Requested
from life_jax.serving.steady_state import Steady
from life_jax.serving.step_law import Law, StepLoad, last_axis

POINTS = 256
MOST = 512  # scenarios whose points are computed together
PROMPT, OUTPUT, RESIDUAL, QUEUE, SLOT, MET, NEIGHBOURS, STEP, BESIDE = range(9)
EDGE = 1e-6  # of probabilities, whose quantiles must be finite
LEAST_SWING = 0.3  # of a time per token, with few neighbours [assumption]
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
HIT = (np.arange(POINTS) * 0.5698402909980532 + 0.5) % 1  # unlike the other points of a request
NORMAL = np.vectorize(NormalDist().inv_cdf)(np.clip(UNIFORM, EDGE, 1 - EDGE))


@dataclass(frozen=True)
class Spread:
    """Times of requests at POINTS, on a last axis.

    ttft, tpot [s]: to the first token, and mean time between the others; itl [s]: times between two tokens
    """

    ttft: Any
    tpot: Any
    itl: Any

    _known: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # times in order, by name

    def at(self, name: str, percentile: float) -> Number:
        """`ttft`, `tpot` or `itl` [s] that this percentage of requests, or of tokens, does not exceed."""
        values = getattr(self, name)
        place = percentile / 100 * POINTS - 0.5  # each point stands for the middle of its part
        low = int(np.clip(np.floor(place), 0, POINTS - 2))
        part = min(max(place - low, 0.0), 1.0)
        if is_of_jax(values):
            first, second = in_order(values, low)
            return first * (1 - part) + second * part
        if name not in self._known:
            self._known[name] = sort_last(values)
        ordered = self._known[name]
        return ordered[..., low] * (1 - part) + ordered[..., low + 1] * part

    def mean(self, name: str) -> Any:
        """Mean of `ttft` or `tpot` over requests, of `itl` over tokens [s]."""
        return getattr(self, name).mean(-1)

    def meeting(self, ttft: Any, tpot: Any) -> Any:
        """Part of the requests [1] whose times are at most these [s]."""
        good = (self.ttft <= last_axis(ttft)) & (self.tpot <= last_axis(tpot))
        return (1.0 * good).mean(-1)


def spread(
    law: Law,
    requested: Requested,
    scheduler: Scheduler,
    steady: Steady,
    *,
    burst: Number = 1.0,
    tagged: Requested | None = None,
) -> Spread:
    """Times of requests in a steady state; burst [1]: coefficient of variation of the gaps between arrivals; tagged:
    the class of requests whose times they are, of those that are `requested`, or None for all."""
    mine = requested if tagged is None else tagged
    trees = law, requested, scheduler, steady, burst, mine
    shape = np.shape(primal(steady.rate + steady.ttft + steady.gap + burst))
    parts = [(place, _times(_Points(*tree), of_class=tagged is not None)) for place, tree in blocks(shape, trees, MOST)]
    if len(parts) == 1:
        return parts[0][1]
    whole = Spread(*(np.empty((*shape, POINTS)) for _ in range(3)))
    for place, times in parts:
        whole.ttft[place], whole.tpot[place], whole.itl[place] = times.ttft, times.tpot, times.itl
    return whole


def _times(points: "_Points", *, of_class: bool) -> Spread:
    """Times at POINTS; of_class: whether they are those of one class among others."""
    steady, requested = points.steady, points.requested
    ttft: Any = points.until_first + points.slot
    tpot: Any = points.tpot
    if steady.mean_ttft is not None and steady.mean_gap is not None:
        of_all = replace(points, tagged=requested) if of_class else points
        drawn_ttft: Any = of_all.until_first + of_all.slot
        drawn_tpot: Any = of_all.tpot
        ttft = ttft * last_axis(steady.mean_ttft / drawn_ttft.mean(-1))
        tpot = tpot * last_axis(steady.mean_gap / requested.kept / larger(drawn_tpot.mean(-1), EDGE * EDGE))
    return Spread(ttft, tpot, points.itl)


@dataclass(frozen=True)
class _Points:
    """What requests meet at POINTS; every number has a last axis of them, or of length 1."""

    law: Law
    requested: Requested
    scheduler: Scheduler
    steady: Steady
    burst: Number
    tagged: Requested

    @property
    def alone(self) -> bool:
        """Whether prompts have steps of their own."""
        return self.scheduler.mixing == PREFILL_FIRST

    @cached_property
    def rate(self) -> Number:
        """Requests that are served [1/s]."""
        return last_axis(smaller(self.steady.rate, self.steady.capacity))

    @cached_property
    def new(self) -> Number:
        """Mean prompt tokens to compute [token]."""
        return last_axis(self.requested.new)

    @cached_property
    def square(self) -> Number:
        """Variance of the prompt tokens that arrive over their mean [token]."""
        arrivals = (last_axis(self.burst) ** 2 + 1) / 2
        return self.new * (1 + last_axis(self.requested.prompt.variation)) * arrivals

    @cached_property
    def pairs(self) -> Number:
        """Positions [1] that a prompt token attends to, mean over tokens."""
        r = self.requested
        return last_axis(r.pairs(r.prompt.average * (1 + r.prompt.variation)))

    def seconds(self, tokens: Number, pairs: Number) -> Number:
        """Time of a step [s] with so many tokens of prompts, beside all others that decode."""
        others = 0.0 if self.alone else last_axis(self.steady.decoding) - 1
        s, decoding = self.steady.steps, last_axis(self.steady.decoding)
        beside = of_others(self.scheduler, decoding, last_axis(s.part * s.tokens))
        load = StepLoad(others, others * last_axis(self.requested.context), tokens, pairs, 1.0, 1.0, beside)
        return self.law.each().seconds(load)

    @cached_property
    def with_prompts(self) -> Number:
        """Time of a step with prompts [s], of which there is one at least and a Poisson number without this."""
        room, mean = last_axis(self.steady.steps.room), last_axis(self.steady.steps.tokens)
        prompts = self.rate * last_axis(self.steady.steps.seconds)
        several = larger(prompts / larger(1 - exp(-prompts), EDGE) - prompts, 0.0)  # less their number, where some are
        square = self.square - self.new * smaller(several, 1.0)
        tokens = smaller(gamma(mean, mean * smaller(larger(square, EDGE), room), NORMAL[:, STEP]), room)
        return self.seconds(tokens, tokens * self.pairs)

    @cached_property
    def on_arrival(self) -> tuple[Number, Number]:
        """The steps from one look for new requests to the next when a request arrives [s], 0 where nothing runs, and
        what is left of them [s]."""
        s, u = self.steady.steps, UNIFORM[:, RESIDUAL]
        busy = last_axis(s.busy)
        step = where(u < busy, self.with_prompts, last_axis(between_looks(self.scheduler, s.decode)))
        place = where(u < busy, u / larger(busy, EDGE), (u - busy) / larger(1 - busy, EDGE))
        duration = last_axis(self.requested.decoded * s.seconds + self.steady.after + s.service)
        present = larger(1 - exp(-self.rate * duration), EDGE)
        runs = 1.0 * (place < present)
        return runs * step, runs * step * place / present

    @cached_property
    def planned(self) -> Number:
        """Steps that are planned already as a request is known [s], of which those before it may be part."""
        if is_fixed_at(self.scheduler.ahead, 0):
            return self.wait
        steps = last_axis(self.scheduler.ahead * planned(self.scheduler, self.steady.steps))
        return larger(self.wait, where(self.on_arrival[0] > 0, steps, 0.0))

    @cached_property
    def own(self) -> Number:
        """Steps of a request's own prompt [s], whose last one is shared with prompts that arrived in the same step."""
        room = last_axis(self.steady.steps.room)
        prompt, new = prompts_at_points(self.tagged)
        pairs = prompt - new / 2
        arrived = self.rate * self.on_arrival[0] * self.new
        beside = gamma(arrived + EDGE, arrived * self.square + EDGE, NORMAL[:, BESIDE])
        chunks = larger(ceil(new / room - EDGE), 1.0)
        last = new - (chunks - 1) * room
        shared = smaller(last + beside, room)
        ends = self.seconds(shared, last * pairs + (shared - last) * self.pairs)
        if not is_of_jax(chunks) and not np.any(chunks > 1):
            return ends
        return (chunks - 1) / last_axis(self.scheduler.stages) * self.seconds(room, room * pairs) + ends

    @cached_property
    def wait(self) -> Number:
        """Wait for the prompts before [s]: none, or log-normal by the first two moments of the queue's (M/G/1)."""
        load = clip(self.rate * last_axis(self.steady.steps.service), EDGE, 1 - EDGE)
        mean = last_axis(self.steady.prefill_wait)
        third = last_axis(self.steady.steps.service3) / last_axis(self.scheduler.stages) ** 2
        second = (2 * mean * mean + self.rate * third / (3 * (1 - load))) / load
        mean = larger(mean / load, EDGE * EDGE)
        if self.steady.longest_wait is not None:
            second = self._limited(mean, second)
        return with_atom(load, UNIFORM[:, QUEUE], lambda q: log_normal(mean, second, normal.quantile(q)))

    def _limited(self, mean: Number, second: Number) -> Number:
        """Second moment [s^2] of the wait in a closed loop, where no more than all others are ahead: the more of them
        wait, the less it varies, down to the sum of their prompts' times."""
        s, most = self.steady.steps, last_axis(self.steady.longest_wait)
        free = larger(1 - mean / larger(most, EDGE * EDGE), 0.0)
        service, service2 = last_axis(s.service), last_axis(s.service2)
        others = most / service * larger(service2 - service * service, 0.0)
        return mean * mean * (1 + clip(second / (mean * mean) - 1, 0.0, 1.0) * free * free) + (1 - free) * others

    @cached_property
    def until_first(self) -> Number:
        """Time from the start in a slot to the first token [s]."""
        return self.on_arrival[1] + self.planned + self.own

    @cached_property
    def _mean_until_first(self) -> Number:
        times: Any = self.until_first
        return last_axis(times.mean(-1))

    @cached_property
    def slot(self) -> Number:
        """Wait for a slot [s]: none, or exponential."""
        waits, mean = last_axis(self.steady.slot_waits), last_axis(self.steady.slot_wait)
        return exponential_wait(waits, mean, UNIFORM[:, SLOT])

    @cached_property
    def tpot(self) -> Number:
        """Mean time between tokens [s]: steps without prompts, prompts met meanwhile, and the number of neighbours; 0
        where outputs are of one token."""
        s, steady = self.steady.steps, self.steady
        output = larger(self.tagged.output.at(UNIFORM[:, OUTPUT], NORMAL[:, OUTPUT]), 2.0)
        decode, mean = last_axis(s.decode), last_axis(s.seconds)
        rounds = (output - 1) / last_axis(self.requested.kept)
        base = rounds * decode
        each = last_axis(s.extra / s.tokens)
        slow = larger(1 - self.rate * self.new * each, ROOM_KEPT)
        behind, mean_behind = (self.rate * self.new * (base + t) for t in (self.until_first, self._mean_until_first))
        met = behind * larger(1 - last_axis(steady.left) / mean_behind, 0.0)
        more = larger(each * met / slow, EDGE * base)
        variance = each * each * self.rate * self.new * self.square * (base / slow**3 + self.until_first / slow**2)
        duration = base + gamma(more, variance, NORMAL[:, MET])
        beside = of_others(self.scheduler, steady.decoding, s.part * s.tokens)
        now, one_more = (
            self.law.seconds(StepLoad(n, n * self.requested.context, others=beside))
            for n in (steady.decoding, steady.decoding + 1)
        )
        step_up = last_axis(one_more - now) / slow
        held = duration / larger(last_axis(steady.relaxation), EDGE)
        kept = 2 / held * (1 - (1 - exp(-held)) / held)  # of the variance of a mean over this time
        swing = step_up * last_axis(steady.swing) * sqrt(smaller(kept, 1.0)) * NORMAL[:, NEIGHBOURS]
        tpot = duration / rounds * larger(1 + swing / mean, LEAST_SWING)
        tpot = smaller(tpot, larger(last_axis(s.full), mean)) / last_axis(self.requested.kept)  # every step a full one
        return where(last_axis(self.tagged.output.average) > 1, tpot, 0.0)

    @cached_property
    def itl(self) -> Number:
        """Times between two tokens [s]."""
        s = self.steady.steps
        decode = last_axis(s.decode)
        with_prompts = self.with_prompts + (decode if self.alone else 0.0)
        return where(UNIFORM[:, RESIDUAL] < last_axis(smaller(s.part, 1.0)), with_prompts, decode)


def prompts_at_points(requested: Requested) -> tuple[Any, Any]:
    """Lengths [..., POINTS] of prompts [token], and tokens of them to compute [token]."""
    r = requested
    if hasattr(r, "at_points"):  # of several classes
        of_classes, new = r.at_points(UNIFORM[:, PROMPT], NORMAL[:, PROMPT])
        return of_classes, larger(new, 1.0)
    prompt: Any = r.prompt.at(UNIFORM[:, PROMPT], NORMAL[:, PROMPT])
    held = reused(prompt, last_axis(r.cached), last_axis(r.block))
    if not is_fixed_at(r.hits, 1):
        held = where(last_axis(r.hits) > HIT, held, 0.0)
    return prompt, larger(prompt - held, 1.0)


def with_atom(probability: Number, uniform: np.ndarray, quantile: Callable[[Number], Number]) -> Number:
    """0 with probability 1 - `probability`, else the quantile function of what is above."""
    above = (uniform - (1 - probability)) / larger(probability, EDGE)
    return where(above > 0, quantile(clip(above, LONGEST_WAIT, 1 - LONGEST_WAIT)), 0.0)


def exponential_wait(probability: Number, mean: Number, uniform: np.ndarray) -> Number:
    """Quantiles [s] of a wait that is none but with a probability [1], and exponential with a mean [s] then: that in an
    M/M/c queue, and in the tail of others (Kingman 1964)."""
    return with_atom(probability, uniform, lambda q: -mean * log(1 - q))


def gamma(mean: Number, variance: Number, z: Number) -> Number:
    """The gamma distribution of this mean and variance where the normal one is z (Wilson and Hilferty 1931)."""
    shape = larger(mean * mean / larger(variance, 1e-30), 1e-3)
    root = larger(1 - 1 / (9 * shape) + z / (3 * sqrt(shape)), 0.0)
    return mean * root * root * root


def log_normal(mean: Number, second: Number, z: Number) -> Number:
    """The log-normal distribution of this mean and second moment where the normal one is z."""
    mean = larger(mean, EDGE * EDGE)
    spread = log(larger(second / (mean * mean), 1.0))
    return mean * exp(sqrt(spread) * z - spread / 2)
