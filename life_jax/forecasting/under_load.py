"""What requests see of a scenario under load: times by percentile, rates, and the largest rate that meets targets.

The scenario's engine, model and device give the law of its steps (forecasting/step_law.py), its memory the room of the
cache; serving/ forecasts the rest.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number, constant, is_fixed_at, iterate, larger, smaller, where
from life_jax.core.places import APART
from life_jax.core.pytree import map_leaves
from life_jax.core.scenario import Load, Scenario
from life_jax.forecasting import speculation
from life_jax.forecasting.pools import pools_of
from life_jax.forecasting.scheduling import scheduler_of
from life_jax.forecasting.step_law import step_law
from life_jax.serving.benchmark import with_first_wave, with_first_wave_of_pools
from life_jax.serving.closed_loop import capacity, closed_steady
from life_jax.serving.lengths import LogNormal
from life_jax.serving.percentiles import Spread, spread
from life_jax.serving.pooled_percentiles import pooled_spread
from life_jax.serving.pools import PooledSteady, Pools, capacity_of_pools, closed_pools, open_pools
from life_jax.serving.routing import burst_of_one, crowd_of_one
from life_jax.serving.steady_state import NEAREST, Requested, Steady, open_loop
from life_jax.serving.step_law import Law, last_axis

INFINITE = float("inf")
NOTHING = float("nan")
PARTS, DIVISIONS = 16, 4  # of the range in which max_rate lies
LEAST_PART = 1e-4  # of the capacity; below, no rate meets the limits
NUDGE = 1e-3  # of the rate, for the slope of a percentile


@dataclass(frozen=True)
class UnderLoad:
    """A scenario that serves the requests of its load.

    Data-parallel groups have a scheduler each and an even part of the requests, at random, so that arrivals at a group
    are as bursty as all of them. So have the batches that are in the stages of a pipeline at the same time. Steady
    state, capacity and times are those of one of these.

    known_law, known_scheduler: those of the scenario, where they were made before; or of many scenarios that have
    nothing but their requests in common, side by side along the axes of a batch.
    """

    scenario: Scenario
    known_law: Law | None = None
    known_scheduler: Scheduler | None = None

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
        """Whether a request is a prompt and then a token in each step, so that requests can share steps; and no two
        processors slow each other down in one memory."""
        s = self.scenario
        apart = not s.handover.on or s.handover.memory == APART
        return apart and s.architecture.generation == "autoregressive" and s.engine.counting.scope == "op"

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
        return Requested(
            load.prompts[0] if load.prompts else LogNormal(w.prompt_tokens, load.prompt_cv),
            load.outputs[0] if load.outputs else LogNormal(w.output_tokens, load.output_cv),
            load.cached,
            load.hits,
            self.scenario.engine.scheduler.block,
            *self._drafts,
        )

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
        steady, load = self.steady, self.scenario.load
        if isinstance(steady, PooledSteady):
            return self._of_pools(steady)
        times = spread(self.law, self.requested, self.scheduler, steady, burst=self.arrivals["burst"])
        if self.is_closed and not is_fixed_at(load.requests, 0):
            return with_first_wave(
                times,
                self.law,
                self.requested,
                self.scheduler,
                steady,
                load.concurrency / self.active,
                load.requests / self.active,
            )
        return times

    def _of_pools(self, steady: PooledSteady) -> Spread:
        load, pools = self.scenario.load, self.pools
        assert pools is not None
        times = pooled_spread(pools, self.requested, steady)
        if not self.is_closed or is_fixed_at(load.requests, 0):
            return times
        return with_first_wave_of_pools(times, pools, self.requested, steady, load.concurrency, load.requests)

    def time(self, name: str, percentile: float | None) -> Number:
        """`ttft`, `tpot` or `itl` [s] at a percentile, or (None) the mean; infinite above the capacity."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        value = self.spread.mean(name) if percentile is None else self.spread.at(name, percentile)
        return where(self.is_served, value, INFINITE)

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
        return where(self.fits, self.active * smaller(self.steady.rate, self.steady.capacity), 0.0)

    @property
    def output_rate(self) -> Number:
        """Generated tokens [1/s]."""
        return self.request_rate * self.requested.output.average

    @property
    def concurrency(self) -> Number:
        """Requests that are there [1], mean (Little's law); infinite above the capacity."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        if self.is_closed:
            return self.scenario.load.concurrency
        alive = self.time("ttft", None) + self.requested.decoded * self.steady.gap
        return where(self.is_served, self.request_rate * alive, INFINITE)

    @property
    def utilization(self) -> Number:
        """Rate of requests over the capacity [1]."""
        if not (self.is_open or self.is_closed):
            return NOTHING
        return where(self.fits, self.request_rate / (self.groups * self.steady.capacity), 1.0)

    @property
    def goodput(self) -> Number:
        """Requests served within both limits [1/s]."""
        load = self.scenario.load
        if not (self.is_open or self.is_closed):
            return NOTHING
        part = self.spread.meeting(load.ttft_limit, load.tpot_limit)
        return self.request_rate * where(self.is_served, part, 0.0)

    @cached_property
    def max_rate(self) -> Number:
        """Largest rate [1/s] at which the percentile of both times keeps within the limits; 0 where none does.

        The range up to the capacity is divided into PARTS, again and again; one step of Newton's at the end changes
        next to nothing but carries the derivative of the implicit function.
        """
        if not (self.is_open or self.is_closed):
            return NOTHING
        load = self.scenario.load
        most = self.capacity
        place = np.arange(1.0, PARTS) / PARTS

        def halve(ends: tuple[Number, Number]) -> tuple[Number, Number]:
            low, high = ends
            rates = last_axis(low) + last_axis(high - low) * place
            met = (1.0 * (self._excess(rates, more=True) <= 1)).sum(-1) / PARTS
            return low + (high - low) * met, low + (high - low) * (met + 1 / PARTS)

        low, high = iterate(halve, (0.0 * most, NEAREST * most), DIVISIONS)
        found = constant((low + high) / 2)
        limited = (found > LEAST_PART * most) & (found < (NEAREST - LEAST_PART) * most)
        rate = where(limited, found, most / 2)  # where nothing limits, the slope is not used
        above, below = self._excess(rate * (1 + NUDGE)), self._excess(rate * (1 - NUDGE))
        slope = constant((above - below) / (2 * NUDGE * rate))
        moved = (self._excess(rate) - 1) / where(limited, slope, 1.0)
        rate = where(limited, found - moved, where(found > LEAST_PART * most, most, 0.0))
        return where(self.fits, self.groups * rate, 0.0) + 0.0 * load.burst

    @cached_property
    def capacity(self) -> Number:
        """Largest rate that a group serves [1/s], or pools together, whatever requests wait."""
        if self.pools is not None:
            return capacity_of_pools(self.pools, self.requested)
        return capacity(self.law, self.requested, self.scheduler)

    def _excess(self, rate: Any, *, more: bool = False) -> Any:
        """The larger of both times over its limit at a rate [1/s]; at most 1 where both are met.

        more: whether the rate has an axis more at its end.
        """
        capacity, load = self.capacity, self.scenario.load
        if self.pools is not None:
            return self._excess_of_pools(self.pools, rate, more=more)
        law = self.law
        numbers = (self.requested, self.scheduler, load)
        requested, scheduler, load = (map_leaves(last_axis, x) for x in numbers) if more else numbers
        law, capacity = (law.each(), last_axis(capacity)) if more else (law, capacity)
        arrivals = {key: last_axis(x) if more else x for key, x in self.arrivals.items()}
        steady = open_loop(law, requested, scheduler, rate=rate, **arrivals, capacity=capacity)
        times = spread(law, requested, scheduler, steady, burst=arrivals["burst"])
        return _over(times, load)

    def _excess_of_pools(self, pools: Pools, rate: Any, *, more: bool) -> Any:
        requested, load, capacity = self.requested, self.scenario.load, self.capacity
        if more:
            pools, requested, load = pools.each(), map_leaves(last_axis, requested), map_leaves(last_axis, load)
            capacity = last_axis(capacity)
        steady = open_pools(pools, requested, rate=rate, burst=load.burst, capacity=capacity)
        return _over(pooled_spread(pools, requested, steady), load)


def _over(times: Spread, load: Load) -> Any:
    """The larger of both times over its limit [1]."""
    over = [times.at(name, load.percentile) for name in ("ttft", "tpot")]
    return larger(over[0] / load.ttft_limit, over[1] / load.tpot_limit)
