"""The passes of a scenario and the seconds of each: operators under their roofs, host time, messages, places, power."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Self

from life_jax.core import schedule
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, ceil, clip, divide, is_fixed_at, is_nothing, larger, smaller, where
from life_jax.core.places import HOST
from life_jax.core.scenario import Scenario, Workload
from life_jax.core.schedule import Passes, Step
from life_jax.core.units import UNLIMITED
from life_jax.forecasting import energy, places, speculation
from life_jax.forecasting.step import (
    disk_seconds,
    hidden,
    host_seconds,
    launch_seconds,
    launch_wait,
    message_seconds,
    overhead,
    step_graph,
)
from life_jax.parallelism.layout import micro_batches
from life_jax.roofline import decode_mean
from life_jax.roofline.roofs import Shares, Terms, roof, shares, step_seconds


@dataclass(frozen=True)
class Growing:
    """Terms of an operator in the first and in the last of `count` passes [1]; they are affine between."""

    first: Terms
    last: Terms
    count: Number


@dataclass(frozen=True)
class PassTimes:
    """Passes of prefill and decode of one scenario, and how long each of them takes."""

    scenario: Scenario

    @property
    def smoothness(self) -> Number:
        """Smoothness of the roofs [1]; see roofline/roofs.py."""
        return self.scenario.engine.efficiency.roof_smoothness

    @cached_property
    def prefill(self) -> tuple[Passes, ...]:
        """Passes of prefill, of a micro-batch where there is a pipeline."""
        return schedule.prefill(self._micro_batch, self.scenario.engine, self.scenario.architecture.reading)

    @cached_property
    def decode(self) -> Passes:
        """Passes of decode, of a micro-batch where there is a pipeline."""
        model, drafts = self.scenario.architecture, self.scenario.speculation
        decode = schedule.decode(self._micro_batch, model.generation, model.steps_per_token, model.denoised)
        return decode if drafts.is_off else speculation.verifying(decode, drafts)

    @cached_property
    def micro_batches(self) -> Number:
        """Parts of the batch [1] that are in different stages of a pipeline at the same time."""
        return micro_batches(self.scenario.workload.batch, self.scenario.engine.parallelism)

    @property
    def _micro_batch(self) -> Workload:
        workload = self.scenario.workload
        if not self.scenario.engine.parallelism.in_pipeline:
            return workload
        return replace(workload, batch=workload.batch / self.micro_batches)

    def graph(self, step: Step) -> Graph:
        """Operators of a step after every rewrite; those of a whole prompt at once are made once."""
        return self._of_whole_prompt if step is self.prefill[-1].first else step_graph(self.scenario, step)

    @cached_property
    def _of_whole_prompt(self) -> Graph:
        return step_graph(self.scenario, self.prefill[-1].first)

    def mean_seconds(self, passes: Passes) -> Number:
        """Mean time of the passes [s]: operators one after another, host time and collectives, under the power
        limit."""
        seconds = self._mean_seconds(passes)
        if not energy.is_capped(self.scenario):
            return seconds
        least = energy.capped_seconds(self.scenario, self.dynamic(passes))
        return roof(seconds, least, self.smoothness)

    def power_wait(self, passes: Passes) -> Number:
        """Seconds [s] that the power limit adds to each of the passes."""
        if not energy.is_capped(self.scenario):
            return 0.0
        return self.mean_seconds(passes) - self._mean_seconds(passes)

    def dynamic(self, passes: Passes) -> Number:
        """Energy [J] of one of the passes of all micro-batches beyond idle power, at the middle of them."""
        middle = passes.middle
        joules = energy.dynamic(self.scenario, middle, self.graph(middle))
        if not is_fixed_at(self.scenario.engine.parallelism.two_batches, 0):
            half = halved(passes).middle
            joules = 2 * energy.dynamic(self.scenario, half, self.graph(half))
        return joules if not self.scenario.engine.parallelism.in_pipeline else joules * self.micro_batches

    def pass_time(self, passes: Passes, term: str) -> Number:
        terms = self.roofs(self.graph(passes.middle))
        return sum(t.repeats * getattr(t, term) for t in terms)

    @cached_property
    def here(self) -> Self:
        """The same with everything on the devices of the layout."""
        return replace(self, scenario=places.here(self.scenario))

    def streamed(self, passes: Passes) -> tuple[Number, Number]:
        """Mean seconds [s] of the passes where weights come over the link to the devices of the layout, and the part of
        it [s] in which they are waited for."""
        middle, scenario = passes.middle, self.scenario
        graph = self.here.graph(middle)
        there = [op for op in places.placed(graph, scenario) if op.place == HOST]
        part = step_seconds(self.here.roofs(there), self.smoothness)
        waited = places.waiting(scenario, part, places.streamed_bytes(scenario, graph) / scenario.offload.stream)
        besides = places.cache_read_seconds(scenario, middle) + disk_seconds(scenario, middle)
        return self.here.mean_seconds(passes) + besides + waited, waited

    def streams(self, passes: Passes) -> Number:
        """Whether weights come over the link in these passes: where there are tokens enough, and it takes less time."""
        if self.scenario.offload.is_off or is_fixed_at(self.scenario.offload.stream_tokens, UNLIMITED):
            return False
        enough = places.may_stream(self.scenario, passes.first)
        return 1.0 * enough * (self.streamed(passes)[0] < self._in_place(passes)) > 0

    def _mean_seconds(self, passes: Passes) -> Number:
        seconds, streams = self._in_place(passes), self.streams(passes)
        return seconds if streams is False else where(streams, self.streamed(passes)[0], seconds)

    def _in_place(self, passes: Passes) -> Number:
        together = self.one_after_another(passes)
        halves = self.scenario.engine.parallelism.two_batches
        if is_fixed_at(halves, 0):
            return together
        return where(halves > 0, self._in_two_batches(passes), together)

    def _in_two_batches(self, passes: Passes) -> Number:
        """Mean seconds [s] of two halves of the batch, of which one computes while the other sends; a layer of the
        shorter of both is not hidden. Each half reads the weights, and what messages of prompts take of the processor
        does not compute."""
        half, scenario = halved(passes), self.scenario
        sent = message_seconds(scenario, half.middle)
        host = sum(host_seconds(scenario, half.middle).values())
        computed = self._queued(half) - sent - host
        if not half.first.decoding:
            computed = computed + scenario.engine.parallelism.taken * sent
        layers = sum(block.repeats for block in scenario.architecture.blocks)
        both = larger(2 * computed, 2 * sent) + smaller(computed, sent) / layers
        started = launch_seconds(scenario, half.middle)
        return host + (both if is_nothing(started) else larger(both, 2 * started))

    def one_after_another(self, passes: Passes) -> Number:
        """Mean seconds [s] of the passes without a power limit, with one operator and one message after another."""
        seconds = self._queued(passes)
        return seconds + launch_wait(self.scenario, passes.middle, seconds)

    def launch_wait(self, passes: Passes) -> Number:
        """Mean seconds [s] of the passes in which the device waits for the host to start operators."""
        if is_nothing(launch_seconds(self.scenario, passes.middle)):
            return 0.0
        return launch_wait(self.scenario, passes.middle, self._queued(passes))

    def _queued(self, passes: Passes) -> Number:
        """The same where every operator has been started as the one before it ends."""
        constant, growing = self.executions(passes)
        seconds = step_seconds(constant, self.smoothness) + overhead(self.scenario, passes.middle)
        for operator in growing:
            mean = operator.first.dispatch + decode_mean.mean_roofed(
                operator.first, operator.last, operator.count, self.smoothness
            )
            seconds = seconds + operator.first.repeats * mean * divide(operator.count, passes.count)
        return seconds - hidden(self.scenario, passes.middle, seconds)

    def executions(self, passes: Passes) -> tuple[list[Terms], list[Growing]]:
        """Terms of the operators that are the same in every pass, and those of the operators that grow, between two
        bends."""
        if passes.single:
            return self.roofs(self.graph(passes.first)), []
        whole = (
            self.scenario.engine.counting.scope == "total"
        )  # then all operators are parts of a single sum, which grows
        first = self.graph(passes.at(0.0))
        growing = []
        cuts = [0.0, *_bends(first, passes, self.scenario.engine.chunks.graph), passes.count]
        for low, high in pairwise(cuts):
            ends = (first if low is cuts[0] else self.graph(passes.at(low)), self.graph(passes.at(high - 1)))
            both = (self.roofs(op for op in ops if op.grows or whole) for ops in ends)
            growing += [Growing(a, b, high - low) for a, b in zip(*both, strict=True)]
        return self.roofs(op for op in first if not (op.grows or whole)), growing

    def pass_shares(self, passes: Passes) -> Shares:
        middle = passes.middle
        operators = shares(self.roofs(self.graph(middle)), self.smoothness)
        host, link = sum(host_seconds(self.scenario, middle).values()), message_seconds(self.scenario, middle)
        if not is_nothing(link):
            total = operators.compute + operators.memory + operators.dispatch + host + link
            link = link - hidden(self.scenario, middle, total)
        host = host + self.launch_wait(passes)
        return operators + Shares(link=link, host=host)

    def roofs(self, ops: Iterable[Op]) -> list[Terms]:
        return places.terms(self.scenario, ops)


def halved(passes: Passes) -> Passes:
    """The same passes of half the sequences."""
    return replace(passes, first=replace(passes.first, batch=passes.first.batch / 2))


def _bends(ops: Graph, passes: Passes, graph: Number) -> list[Number]:
    """Indices of passes at which the cost of an operator bends, in order: for every kind of layer that has a window,
    and where the context outgrows the positions of a compiled program (graph [token], 0 where there is none).

    A pass of several tokens in which the window fills is on neither line; it is a piece for itself.
    """
    bends = {op.block: op.bend for op in ops if op.bend is not None}
    first = passes.first
    chunked = not (isinstance(first.new, float) and first.new == 1.0)
    cuts = []
    for bend in bends.values():
        full = ceil((bend - first.past) / passes.advance)
        cuts += [clip(full, 0.0, passes.count)]
        cuts += [clip(full - 1, 0.0, passes.count)] if chunked else []
    if not is_nothing(graph):
        cuts.append(clip(ceil((graph - first.new - first.past) / passes.advance), 0.0, passes.count))
    return decode_mean.sort(cuts)
