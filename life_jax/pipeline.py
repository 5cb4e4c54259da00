"""The whole pipe: scenario -> graph -> cost -> seconds. Scalar and pure: jit, vmap, differentiate."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from life_jax import context, parallel, schedule
from life_jax.graph import Graph, Op
from life_jax.models.decoder import decoder
from life_jax.numerics import Number, ceil, clip, divide, where
from life_jax.optimizations.fusion import fuse
from life_jax.roofline import Shares, Terms, shares, step_seconds, step_terms
from life_jax.schedule import Step
from life_jax.specs import UNPUBLISHED, Scenario


def step_graph(scenario: Scenario, step: Step) -> Graph:
    """The operators of one step after every rewrite; fusion comes last, whatever the stack's order."""
    graph = decoder(scenario.architecture, step, scenario.precision)
    for rewrite in scenario.rewrites:
        graph = rewrite(graph)
    return fuse(graph, scenario.engine.fusion)


def overhead(scenario: Scenario, step: Step) -> Number:
    """Seconds of a step that no operator takes: the host's, and collectives."""
    engine = scenario.engine
    return engine.step + engine.sequence * step.batch + parallel.collectives(scenario, step)


@dataclass(frozen=True)
class Run:
    """The times of one scenario; every metric is a function of it."""

    scenario: Scenario

    @cached_property
    def decode_steps(self) -> Number:
        return schedule.decode_steps(self.scenario.workload)

    @cached_property
    def ttft(self) -> Number:
        """Seconds to the first token: prefill. NaN on a device without a published compute rate."""
        s = self.scenario
        step = schedule.prefill(s.workload)
        seconds = step_seconds(self._terms(step), s.engine) + overhead(s, step) + s.engine.request
        return where(s.device.rates["linear"] < UNPUBLISHED, seconds, float("nan"))

    @cached_property
    def decode_seconds(self) -> Number:
        """Mean seconds of the decode steps, each with one more token of context than the last."""
        whole = self.scenario.engine.scope == "total"  # then every operator is part of one sum, which grows
        first = self._decode_ops(0.0)
        constant = [op for op in first if not (op.grows or whole)]
        seconds = step_seconds(self._roofs(constant), self.scenario.engine)
        seconds = seconds + overhead(self.scenario, schedule.decode(self.scenario.workload, 0.0))
        cuts = [0.0, *self._bends(first), self.decode_steps]
        for low, high in pairwise(cuts):
            ends = (first if low is cuts[0] else self._decode_ops(low), self._decode_ops(high - 1))
            growing = (self._roofs(op for op in ops if op.grows or whole) for ops in ends)
            for a, b in zip(*growing, strict=True):
                one = a.dispatch + context.mean_roofed(a, b, high - low, self.scenario.engine)
                seconds = seconds + a.repeats * one * divide(high - low, self.decode_steps)
        return seconds

    def _bends(self, ops: Graph) -> list[Number]:
        """Steps at which the cost of an operator bends, in order; one for each kind of layer that has a window."""
        w = self.scenario.workload
        bends = {op.block: op.bend for op in ops if op.bend is not None}
        cached = w.past_tokens + w.prompt_tokens
        return context.sort([clip(ceil(bend - cached), 0.0, self.decode_steps) for bend in bends.values()])

    def _decode_ops(self, generated: Number) -> Graph:
        return step_graph(self.scenario, schedule.decode(self.scenario.workload, generated))

    @cached_property
    def tpot(self) -> Number:
        """The same, and NaN where there is no decode step: one generated token has no TPOT."""
        return where(self.decode_steps > 0, self.decode_seconds, float("nan"))

    @cached_property
    def e2e(self) -> Number:
        """Seconds from request to last token; one generated token needs no decode step."""
        return self.ttft + self.decode_steps * self.decode_seconds

    @cached_property
    def prefill_shares(self) -> Shares:
        step = schedule.prefill(self.scenario.workload)
        host = overhead(self.scenario, step) + self.scenario.engine.request
        return shares(self._terms(step), self.scenario.engine) + Shares(0.0, 0.0, host)

    @cached_property
    def decode_shares(self) -> Shares:
        """At the middle of generation."""
        middle = schedule.decode(self.scenario.workload, (self.decode_steps - 1) / 2)
        host = overhead(self.scenario, middle)
        return shares(self._terms(middle), self.scenario.engine) + Shares(0.0, 0.0, host)

    def _terms(self, step: Step) -> list[Terms]:
        return self._roofs(step_graph(self.scenario, step))

    def _roofs(self, ops: Iterable[Op]) -> list[Terms]:
        return step_terms(ops, self.scenario.device, self.scenario.engine)
