"""The whole pipe: scenario -> graph -> cost -> seconds. Scalar and pure: jit, vmap, differentiate."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from life_jax import context, schedule
from life_jax.graph import Graph, Op
from life_jax.models.decoder import decoder
from life_jax.numerics import Number, isfinite, where
from life_jax.optimizations.fusion import fuse
from life_jax.roofline import Shares, Terms, shares, step_seconds, step_terms
from life_jax.schedule import Step
from life_jax.specs import Scenario


def step_graph(scenario: Scenario, step: Step) -> Graph:
    """The operators of one step after every rewrite; fusion comes last, whatever the stack's order."""
    graph = decoder(scenario.architecture, step, scenario.precision)
    for rewrite in scenario.rewrites:
        graph = rewrite(graph)
    return fuse(graph, scenario.engine.fusion)


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
        seconds = step_seconds(self._terms(schedule.prefill(s.workload)), s.engine)
        return where(isfinite(s.device.rates["linear"]), seconds, float("nan"))

    @cached_property
    def decode_seconds(self) -> Number:
        """Mean seconds of the decode steps, each with one more token of context than the last."""
        engine, workload = self.scenario.engine, self.scenario.workload
        first = step_graph(self.scenario, schedule.decode(workload, 0.0))
        last = step_graph(self.scenario, schedule.decode(workload, self.decode_steps - 1))
        # with scope `total` every operator is part of one sum, which grows
        grows = [op.grows or engine.scope == "total" for op in first]
        seconds = step_seconds(self._roofs(op for op, g in zip(first, grows, strict=True) if not g), engine)
        ends = (self._roofs(op for op, g in zip(graph, grows, strict=True) if g) for graph in (first, last))
        for a, b in zip(*ends, strict=True):
            seconds = seconds + a.repeats * (a.dispatch + context.mean_roofed(a, b, self.decode_steps, engine))
        return seconds

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
        return shares(self._terms(schedule.prefill(self.scenario.workload)), self.scenario.engine)

    @cached_property
    def decode_shares(self) -> Shares:
        """At the middle of generation."""
        middle = schedule.decode(self.scenario.workload, (self.decode_steps - 1) / 2)
        return shares(self._terms(middle), self.scenario.engine)

    def _terms(self, step: Step) -> list[Terms]:
        return self._roofs(step_graph(self.scenario, step))

    def _roofs(self, ops: Iterable[Op]) -> list[Terms]:
        return step_terms(ops, self.scenario.device, self.scenario.engine)
