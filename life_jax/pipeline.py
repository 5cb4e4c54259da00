"""The whole pipe: scenario -> graph -> cost -> seconds. Scalar and pure: jit, vmap, differentiate."""

from dataclasses import dataclass
from functools import cached_property

from life_jax import context, schedule
from life_jax.graph import Graph
from life_jax.models.decoder import decoder
from life_jax.numerics import Number, isfinite, where
from life_jax.optimizations.fusion import fuse
from life_jax.roofline import Shares, shares, step_seconds, step_terms
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
        first = self._terms(schedule.decode(workload, 0.0))
        last = self._terms(schedule.decode(workload, self.decode_steps - 1))
        seconds: Number = 0.0
        for a, b in zip(first, last, strict=True):
            one = context.mean_roofed(a, b, self.decode_steps, engine) if a.grows else a.roofed(engine)
            seconds = seconds + a.repeats * (a.dispatch + one)
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

    def _terms(self, step: Step) -> list:
        return step_terms(step_graph(self.scenario, step), self.scenario.device, self.scenario.engine)
