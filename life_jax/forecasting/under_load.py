"""What requests see of a scenario under load: times by percentile, rates, and the largest rate that meets targets.

The scenario's engine, model and device give the law of its steps (forecasting/step_law.py), its memory the room of the
cache; serving/ forecasts the rest.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number, constant, is_fixed_at, smaller, where
from life_jax.core.pytree import map_leaves
from life_jax.core.scenario import Scenario
from life_jax.forecasting import speculation
from life_jax.forecasting.max_rate import max_rate
from life_jax.forecasting.pools import pools_of
from life_jax.forecasting.scheduling import scheduler_of
from life_jax.forecasting.step_law import step_law
from life_jax.serving.benchmark import with_first_wave, with_first_wave_of_pools
from life_jax.serving.classes import SeveralRequested
from life_jax.serving.closed_loop import capacity, closed_steady
from life_jax.serving.lengths import Lengths, LogNormal
from life_jax.serving.percentiles import Spread, spread
from life_jax.serving.pooled_percentiles import pooled_spread
from life_jax.serving.pooled_steady import PooledSteady, closed_pools, open_pools
from life_jax.serving.pools import Pools, capacity_of_pools
from life_jax.serving.requested import Requested
from life_jax.serving.routing import burst_of_one, crowd_of_one
from life_jax.serving.steady_state import Steady, open_loop
from life_jax.serving.step_law import Law

INFINITE = float("inf")
NOTHING = float("nan")


@dataclass(frozen=True)
class UnderLoad:
    """A scenario that serves the requests of its load.

    Data-parallel groups have a scheduler each and an even part of the requests, at random, so that arrivals at a group
    are as bursty as all of them. So have the batches that are in the stages of a pipeline at the same time. Steady
    state, capacity and times are those of one of these.

    known_law, known_scheduler, known_capacity: those of the scenario, where they were made before; or of many scenarios
    that have nothing but their requests in common, side by side along the axes of a batch.
    """

    scenario: Scenario
    known_law: Law | None = None
    known_scheduler: Scheduler | None = None
    known_capacity: Number | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests arrive at a rate."""
        return not is_fixed_at(self.scenario.load.rate, 0) and self._is_steps

    @property
    def is_closed(self) -> bool:
        """Whether a number of requests is kept up."""
        return not is_fixed_at(self.scenario.load.concurrency, 0) and self._is_steps

    @property
    def _is_steps(self) -> bool:
        """Whether a request is a prompt and then a token in each step, so that requests can share steps."""
        s = self.scenario
        return s.architecture.generation == "autoregressive" and s.engine.counting.scope == "op"

    @cached_property
    def law(self) -> Law:
        """Times of steps."""
        return step_law(self.scenario) if self.known_law is None else self.known_law

    @cached_property
    def pools(self) -> Pools | None:
        """A pool that prefills and one that decodes, which serve the requests together as one system; None where every
        replica does both."""
        return pools_of(self.scenario) if self.scenario.handover.on else None

    @property
    def groups(self) -> Number:
        """Batches [1] that are in flight, each with a scheduler's part of the requests: of replicas, of data-parallel
        groups, and of the stages of a pipeline; 1 for pools, which are a system as a whole."""
        if self.pools is not None:
            return 1.0
        return self._routed * self.scenario.engine.parallelism.pipeline_parallel

    @property
    def _routed(self) -> Number:
        """Schedulers [1] that a router sends requests to: replicas and their data-parallel groups."""
        return self.scenario.load.replicas * self.scenario.engine.parallelism.data_parallel

    @cached_property
    def arrivals(self) -> dict[str, Number]:
        """How requests arrive at a batch in flight."""
        load, layout = self.scenario.load, self.scenario.engine.parallelism
        return {
            "burst": burst_of_one(load.burst, self._routed, load.router, batches=layout.pipeline_parallel),
            "crowd": crowd_of_one(self._routed, load.router),
        }

    @property
    def active(self) -> Number:
        """Those of them [1] that have requests."""
        return smaller(self.groups, self.scenario.load.concurrency) if self.is_closed else self.groups

    @cached_property
    def requested(self) -> Requested:
        """Lengths of the requests."""
        w, load = self.scenario.workload, self.scenario.load
        if load.classes:
            return self._of_classes  # type: ignore[return-value]  # which offers the same
        return Requested(
            load.prompts[0] if load.prompts else LogNormal(w.prompt_tokens, load.prompt_cv),
            load.outputs[0] if load.outputs else LogNormal(w.output_tokens, load.output_cv),
            load.cached,
            load.hits,
            self.scenario.engine.scheduler.block,
            *self._drafts,
        )

    @cached_property
    def _of_classes(self) -> SeveralRequested:
        block = self.scenario.engine.scheduler.block
        classes = self.scenario.load.classes
        return SeveralRequested(
            tuple(Requested(c.prompt, c.output, c.cached, 1.0, block, *self._drafts) for c in classes),
            tuple(c.share for c in classes),
        )

    @property
    def _observed(self) -> int | None:
        """Place of the class whose times are forecast; None for all requests."""
        load = self.scenario.load
        return [c.name for c in load.classes].index(load.observed) if load.observed else None

    @property
    def _share(self) -> Number:
        """Part of the requests [1] that is observed."""
        return 1.0 if self._observed is None else self.scenario.load.classes[self._observed].share

    @property
    def _drafts(self) -> tuple[Number, Number]:
        """Tokens [token] that a step computes of each decoding sequence, and those of them that stay."""
        drafts = self.scenario.speculation
        return (1.0, 1.0) if drafts.is_off else (speculation.verified(drafts), speculation.accepted(drafts))

    @cached_property
    def scheduler(self) -> Scheduler:
        """The scheduler of a batch in flight, with the room of the KV cache in tokens."""
        if self.known_scheduler is not None:
            return self.known_scheduler
        return scheduler_of(self.scenario)

    @cached_property
    def steady(self) -> Steady | PooledSteady:
        """The steady state."""
        load = self.scenario.load
        if self.pools is not None and self.is_closed:
            return closed_pools(self.pools, self.requested, concurrency=load.concurrency, capacity=self.capacity)
        if self.is_closed:
            return closed_steady(self.law, self.requested, self.scheduler, concurrency=load.concurrency / self.active)
        rate = load.rate / self.groups
        if self.pools is not None:
            return open_pools(self.pools, self.requested, rate=rate, burst=load.burst, capacity=self.capacity)
        return open_loop(self.law, self.requested, self.scheduler, rate=rate, **self.arrivals, capacity=self.capacity)

    @cached_property
    def spread(self) -> Spread:
        """Times by request, of a batch in flight that is not saturated."""
        place = self._observed
        return self._spread(None if place is None else self._of_classes.classes[place])

    def _spread(self, tagged: Requested | None) -> Spread:
        """Times of a class of requests, or (None) of all."""
        steady, load = self.steady, self.scenario.load
        wave = self.is_closed and not is_fixed_at(load.requests, 0)
        if isinstance(steady, PooledSteady):
            assert self.pools is not None
            times = pooled_spread(self.pools, self.requested, steady, tagged=tagged)
            if not wave:
                return times
            return with_first_wave_of_pools(times, self.pools, self.requested, steady, load.concurrency, load.requests)
        burst = self.arrivals["burst"]
        times = spread(self.law, self.requested, self.scheduler, steady, burst=burst, tagged=tagged)
        if not wave:
            return times
        numbers = load.concurrency / self.active, load.requests / self.active
        return with_first_wave(times, self.law, self.requested, self.scheduler, steady, *numbers)

    def time(self, name: str, percentile: float | None) -> Number:
        """`ttft`, `tpot` or `itl` [s] at a percentile, or (None) the mean; infinite above the capacity, NaN without."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        value = self._mean(name) if percentile is None else self.spread.at(name, percentile)
        value = where(self.is_served, value, INFINITE)
        return value if name == "ttft" else where(self._output.average > 1, value, NOTHING)

    def _mean(self, name: str) -> Number:
        """`ttft`, `tpot` or `itl` [s], mean: of the steady state where it has one, of a class in proportion."""
        steady, load = self.steady, self.scenario.load
        wave = self.is_closed and not is_fixed_at(load.requests, 0)
        if isinstance(steady, PooledSteady) or wave or name == "itl":
            return self.spread.mean(name)
        of_all = steady.ttft if name == "ttft" else steady.gap / self.requested.kept
        if self._observed is None:
            return of_all
        return of_all * self.spread.mean(name) / self._spread(None).mean(name)

    @property
    def _output(self) -> Lengths:
        """Lengths of the outputs that are observed."""
        place = self._observed
        return self.requested.output if place is None else self._of_classes.classes[place].output

    @property
    def is_served(self) -> Number:
        """Whether all requests are served: no more arrive than the engine can serve, and the memory has room for
        one."""
        return (self.steady.saturated <= 0) & self.fits

    @cached_property
    def fits(self) -> Any:
        """Whether the KV cache has room for a request of mean lengths."""
        longest = self.requested.prompt.average + self.requested.output.average
        if self.pools is None:
            return self.scheduler.cache >= longest
        rooms = self.pools.prefill.scheduler.cache, self.pools.decode.scheduler.cache
        return (rooms[0] >= self.requested.prompt.average) & (rooms[1] >= longest)

    @property
    def request_rate(self) -> Number:
        """Requests served [1/s]: those that arrive, or the capacity where more arrive."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        return self._share * self._served

    @property
    def _served(self) -> Number:
        """Requests of all classes that are served [1/s]."""
        return where(self.fits, self.active * smaller(self.steady.rate, self.steady.capacity), 0.0)

    @property
    def output_rate(self) -> Number:
        """Generated tokens [1/s]."""
        return self.request_rate * self._output.average

    @property
    def concurrency(self) -> Number:
        """Requests that are there [1], mean (Little's law); infinite above the capacity."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        if self.is_closed:
            return self.scenario.load.concurrency
        alive = self._ttft_of_all + self.requested.decoded * self.steady.gap
        return where(self.is_served, self._served * alive, INFINITE)

    @property
    def _ttft_of_all(self) -> Number:
        """Mean time to first token of all requests [s], whatever class is observed."""
        steady, wave = self.steady, self.is_closed and not is_fixed_at(self.scenario.load.requests, 0)
        return self._spread(None).mean("ttft") if isinstance(steady, PooledSteady) or wave else steady.ttft

    @property
    def utilization(self) -> Number:
        """Rate of requests over the capacity [1]."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        return where(self.fits, self._served / (self.groups * self.steady.capacity), 1.0)

    @property
    def goodput(self) -> Number:
        """Requests served within both limits [1/s]."""
        load = self.scenario.load
        if not (self.is_open or self.is_closed):
            return NOTHING
        if not load.classes:
            part = self.spread.meeting(load.ttft_limit, load.tpot_limit)
            return self.request_rate * where(self.is_served, part, 0.0)
        pairs = zip(load.classes, self._of_classes.classes, strict=True)
        parts = [c.share * self._spread(of).meeting(c.ttft_limit, c.tpot_limit) for c, of in pairs]
        part = sum(parts) if self._observed is None else parts[self._observed]
        return self._served * where(self.is_served, part, 0.0)

    @cached_property
    def max_rate(self) -> Number:
        """Largest rate [1/s] at which the percentile of both times keeps within the limits; 0 where none does."""
        return max_rate(self) if self.is_open or self.is_closed else NOTHING

    def constant(self) -> "UnderLoad":
        """The same without derivatives."""
        return UnderLoad(*(map_leaves(constant, x) for x in (self.scenario, self.law, self.scheduler, self.capacity)))

    @cached_property
    def capacity(self) -> Number:
        """Largest rate that a group serves [1/s], or pools together, whatever requests wait."""
        if self.known_capacity is not None:
            return self.known_capacity
        if self.pools is not None:
            return capacity_of_pools(self.pools, self.requested)
        return capacity(self.law, self.requested, self.scheduler)
