"""The whole pipe: scenario -> graph -> cost -> seconds. Scalar and pure: jit, vmap, differentiate."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from life_jax.core import schedule
from life_jax.core.cost import Cost
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, ceil, clip, divide, where
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.schedule import Passes, Step
from life_jax.forecasting import energy
from life_jax.forecasting.step import overhead, step_graph
from life_jax.roofline import decode_mean
from life_jax.roofline.roofs import Shares, Terms, roof, shares, step_seconds
from life_jax.roofline.terms import step_terms


@dataclass(frozen=True)
class Growing:
    """An operator in `count` passes, of which these are the first and the last; its terms are affine in between."""

    first: Terms
    last: Terms
    count: Number


@dataclass(frozen=True)
class Run:
    """The times of one scenario; every metric is a function of it."""

    scenario: Scenario

    @property
    def smoothness(self) -> Number:
        """Of the roofs; see roofline/roofs.py."""
        return self.scenario.engine.efficiency.roof_smoothness

    @cached_property
    def prefill(self) -> tuple[Passes, ...]:
        return schedule.prefill(self.scenario.workload, self.scenario.engine)

    @cached_property
    def decode(self) -> Passes:
        return schedule.decode(self.scenario.workload)

    @property
    def decode_steps(self) -> Number:
        return self.decode.count

    @cached_property
    def ttft(self) -> Number:
        """Seconds to the first token: prefill. NaN on a device without a published compute rate."""
        seconds = sum(passes.count * self.mean_seconds(passes) for passes in self.prefill)
        seconds = seconds + self.scenario.engine.host.request
        return where(self.scenario.device.rates["linear"] < UNPUBLISHED, seconds, float("nan"))

    @cached_property
    def decode_seconds(self) -> Number:
        """Mean seconds of the decode steps, each with one more token of context than the last."""
        return self.mean_seconds(self.decode)

    @cached_property
    def tpot(self) -> Number:
        """The same, and NaN where there is no decode step: one generated token has no TPOT."""
        return where(self.decode_steps > 0, self.decode_seconds, float("nan"))

    @cached_property
    def e2e(self) -> Number:
        """Seconds from request to last token; one generated token needs no decode step."""
        return self.ttft + self.decode_steps * self.decode_seconds

    @cached_property
    def prefill_cost(self) -> Cost:
        """Counts of the whole prefill."""
        total = Cost()
        for passes in self.prefill:
            total = total + self.graph(passes.middle).cost.times(passes.count)
        return total

    def prefill_time(self, term: str) -> Number:
        """Seconds of prefill on one roof alone: matmul, vector, memory or dispatch (LIFE's t_c and t_m)."""
        return sum(passes.count * self._time(passes, term) for passes in self.prefill)

    def decode_time(self, term: str) -> Number:
        """The same of a decode step, at the middle of generation."""
        return self._time(self.decode, term)

    def _time(self, passes: Passes, term: str) -> Number:
        each = self._roofs(self.graph(passes.middle))
        return sum(t.repeats * getattr(t, term) for t in each)

    @cached_property
    def decode_cost(self) -> Cost:
        """Counts of the first decode step."""
        return self.graph(self.decode.at(0.0)).cost

    @cached_property
    def prefill_shares(self) -> Shares:
        total = Shares(0.0, 0.0, self.scenario.engine.host.request)
        for passes in self.prefill:
            total = total + self._shares(passes).times(passes.count)
        return total

    @cached_property
    def decode_shares(self) -> Shares:
        """At the middle of generation."""
        return self._shares(self.decode)

    def graph(self, step: Step) -> Graph:
        return step_graph(self.scenario, step)

    def mean_seconds(self, passes: Passes) -> Number:
        """Mean seconds of the passes: operators run one after another, host time and collectives."""
        seconds = self._mean_seconds(passes)
        if not energy.is_capped(self.scenario):
            return seconds
        least = energy.capped_seconds(self.scenario, self.dynamic(passes))
        return roof(seconds, least, self.smoothness)

    def power_wait(self, passes: Passes) -> Number:
        """Seconds that the power limit adds to each of the passes."""
        if not energy.is_capped(self.scenario):
            return 0.0
        return self.mean_seconds(passes) - self._mean_seconds(passes)

    def dynamic(self, passes: Passes) -> Number:
        """Joules of one of the passes beyond what idle devices draw, at the middle of them."""
        middle = passes.middle
        return energy.dynamic(self.scenario, middle, self.graph(middle))

    @cached_property
    def prefill_energy(self) -> Number:
        """Joules of prefill, idle power included."""
        joules = sum(passes.count * self.dynamic(passes) for passes in self.prefill)
        return joules + energy.idle_power(self.scenario) * self.ttft

    @cached_property
    def decode_energy(self) -> Number:
        """Joules of a decode step, mean over generation."""
        return self.dynamic(self.decode) + energy.idle_power(self.scenario) * self.tpot

    @cached_property
    def energy(self) -> Number:
        """Joules from request to last token, of the whole batch."""
        steps = where(self.decode_steps > 0, self.decode_steps, 0.0)
        each = self.dynamic(self.decode) + energy.idle_power(self.scenario) * self.decode_seconds
        return self.prefill_energy + steps * each

    def _mean_seconds(self, passes: Passes) -> Number:
        constant, growing = self.executions(passes)
        seconds = step_seconds(constant, self.smoothness) + overhead(self.scenario, passes.middle)
        for one in growing:
            mean = one.first.dispatch + decode_mean.mean_roofed(one.first, one.last, one.count, self.smoothness)
            seconds = seconds + one.first.repeats * mean * divide(one.count, passes.count)
        return seconds

    def executions(self, passes: Passes) -> tuple[list[Terms], list[Growing]]:
        """Operators whose terms are the same in every pass, and those whose terms grow, between two bends."""
        if passes.single:
            return self._roofs(self.graph(passes.first)), []
        whole = self.scenario.engine.counting.scope == "total"  # then every operator is part of one sum, which grows
        first = self.graph(passes.at(0.0))
        growing = []
        cuts = [0.0, *_bends(first, passes), passes.count]
        for low, high in pairwise(cuts):
            ends = (first if low is cuts[0] else self.graph(passes.at(low)), self.graph(passes.at(high - 1)))
            both = (self._roofs(op for op in ops if op.grows or whole) for ops in ends)
            growing += [Growing(a, b, high - low) for a, b in zip(*both, strict=True)]
        return self._roofs(op for op in first if not (op.grows or whole)), growing

    def _shares(self, passes: Passes) -> Shares:
        middle = passes.middle
        host = overhead(self.scenario, middle)
        return shares(self._roofs(self.graph(middle)), self.smoothness) + Shares(0.0, 0.0, host)

    def _roofs(self, ops: Iterable[Op]) -> list[Terms]:
        return step_terms(ops, self.scenario.device, self.scenario.engine)


def _bends(ops: Graph, passes: Passes) -> list[Number]:
    """Passes at which the cost of an operator bends, in order; one for each kind of layer that has a window.

    A pass of several tokens in which the window fills is on neither line; it gets a piece of its own.
    """
    bends = {op.block: op.bend for op in ops if op.bend is not None}
    first = passes.first
    chunked = not (isinstance(first.new, float) and first.new == 1.0)
    found = []
    for bend in bends.values():
        full = ceil((bend - first.past) / first.new)
        found += [clip(full, 0.0, passes.count)]
        found += [clip(full - 1, 0.0, passes.count)] if chunked else []
    return decode_mean.sort(found)
