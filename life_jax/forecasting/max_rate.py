"""The largest rate of requests at which a percentile of their times keeps within limits, by bisection."""

from functools import reduce
from typing import Any, Protocol

import numpy as np

from life_jax.core.dual_numbers import Dual, tangent
from life_jax.core.engine import Scheduler
from life_jax.core.numerics import Number, clip, constant, is_of_jax, iterate, larger, where
from life_jax.core.pytree import map_leaves
from life_jax.core.scenario import Load, RequestClass, Scenario
from life_jax.serving.classes import SeveralRequested
from life_jax.serving.percentiles import Spread, spread
from life_jax.serving.pooled_percentiles import pooled_spread
from life_jax.serving.pooled_steady import open_pools
from life_jax.serving.pools import Pools
from life_jax.serving.requested import Requested
from life_jax.serving.steady_state import NEAREST, open_loop
from life_jax.serving.step_law import Law, last_axis

PARTS, DIVISIONS = 4, 8  # of the range in which the rate lies
LEAST_PART = 1e-4  # of the capacity; below, no rate meets the limits
NUDGE = 1e-3  # of the rate, for the slope of a percentile
LEAST_SLOPE = 0.1  # of a single point, over the slope of all
INFINITE = float("inf")


class Served(Protocol):
    """What the largest rate of a scenario depends on (UnderLoad of forecasting/under_load.py)."""

    @property
    def scenario(self) -> Scenario:
        """Its load has the limits."""

    @property
    def law(self) -> Law:
        """Times of steps."""

    @property
    def requested(self) -> Requested:
        """Lengths of the requests."""

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler of a batch in flight."""

    @property
    def pools(self) -> Pools | None:
        """Pools that prefill and decode, where they are apart."""

    @property
    def arrivals(self) -> dict[str, Number]:
        """How requests arrive at a batch in flight."""

    @property
    def capacity(self) -> Number:
        """Largest rate that a group serves [1/s]."""

    @property
    def groups(self) -> Number:
        """Batches in flight [1]."""

    @property
    def fits(self) -> Any:
        """Whether the cache has room for a request."""

    def constant(self) -> "Served":
        """The same without derivatives."""


def max_rate(under: Served) -> Number:
    """Largest rate [1/s] at which the percentile of both times keeps within the limits; 0 where none does.

    The range to the capacity is divided into PARTS, again and again; one step of Newton's at the end changes
    next to nothing but carries the derivative of the implicit function.
    """
    most = under.capacity
    place = np.arange(1.0, PARTS) / PARTS

    def divided(ends: tuple[Number, Number]) -> tuple[Number, Number]:
        low, high = ends
        rates = last_axis(low) + last_axis(high - low) * place
        met = (1.0 * (excess(under, rates, more=True) <= 1)).sum(-1) / PARTS
        return low + (high - low) * met, low + (high - low) * (met + 1 / PARTS)

    low, high = iterate(divided, (0.0 * most, NEAREST * most), DIVISIONS)
    found = constant((low + high) / 2)
    limited = (found > LEAST_PART * most) & (found < (NEAREST - LEAST_PART) * most)
    rate = where(limited, found, most / 2)  # where nothing limits, the slope is not used
    above, below = excess(under, rate * (1 + NUDGE)), excess(under, rate * (1 - NUDGE))
    secant = where(limited, constant((above - below) / (2 * NUDGE * rate)), 1.0)
    slope = _slope(under, rate, secant)
    rises = (slope > 0) & (slope < INFINITE)  # a percentile may be flat there, and step beside it
    moved = where(rises, (excess(under, rate) - 1) / where(rises, slope, 1.0), 0.0)
    width = constant(high - low)
    moved = moved + clip(constant(moved), -width, width) - constant(moved)
    rate = where(limited, found - moved, where(found > LEAST_PART * most, most, 0.0))
    return where(under.fits, under.groups * rate, 0.0) + 0.0 * under.scenario.load.burst


def _slope(under: Served, rate: Number, secant: Number) -> Number:
    """Slope of `excess` by the rate, a constant: that of the point at the percentile, whose root this is, where it is
    steep enough; else, and where compiled, the secant, which other points share in."""
    if is_of_jax(secant, rate):
        return secant
    slope = tangent(excess(under.constant(), Dual(constant(rate), 1.0)))
    return where(slope > LEAST_SLOPE * secant, slope, secant)


def excess(under: Served, rate: Any, *, more: bool = False) -> Any:
    """The larger of both times over its limit [1] at a rate [1/s] of a batch in flight, or of pools; at most 1 where
    both are met.

    more: whether the rate has an axis more at its end.
    """
    capacity, load, pools, law = under.capacity, under.scenario.load, under.pools, under.law
    requested, scheduler = under.requested, under.scheduler
    arrivals = under.arrivals
    if more:
        requested, scheduler, load = (map_leaves(last_axis, x) for x in (requested, scheduler, load))
        law, capacity, pools = law.each(), last_axis(capacity), pools and pools.each()
        arrivals = {key: last_axis(x) for key, x in arrivals.items()}
    tagged: list[tuple[Any, Any]] = [(load, None)]
    if load.classes and isinstance(requested, SeveralRequested):
        tagged = list(zip(load.classes, requested.classes, strict=True))
    if pools is not None:
        both = open_pools(pools, requested, rate=rate, burst=load.burst, capacity=capacity)
        over = [_over(pooled_spread(pools, requested, both, tagged=of), c, load.percentile) for c, of in tagged]
        return reduce(larger, over)
    steady = open_loop(law, requested, scheduler, rate=rate, **arrivals, capacity=capacity)
    burst = arrivals["burst"]
    times = (spread(law, requested, scheduler, steady, burst=burst, tagged=of) for _, of in tagged)
    return reduce(larger, (_over(of, c, load.percentile) for of, (c, _) in zip(times, tagged, strict=True)))


def _over(times: Spread, limits: Load | RequestClass, percentile: float) -> Any:
    """The larger of both times over its limit [1]."""
    over = [times.at(name, percentile) for name in ("ttft", "tpot")]
    return larger(over[0] / limits.ttft_limit, over[1] / limits.tpot_limit)
