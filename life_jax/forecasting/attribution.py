"""Which number holds how many seconds of a time: the seconds that would go if it were infinitely good.

Roofs are homogeneous, so that the seconds of an operator are split exactly between its sides, and those between the
numbers that they are proportional to. A part over the time is the elasticity to that number, but for its sign: no
derivative is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number, divide, is_fixed_at, where
from life_jax.core.pytree import Leaf, set_leaf
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.schedule import Passes
from life_jax.forecasting import energy
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import host_seconds
from life_jax.parallelism import collectives
from life_jax.roofline import decode_mean
from life_jax.roofline.roofs import Sides, Terms, by_repeats, sides

BANDWIDTH: Leaf = ("device", "bandwidth")
INTERCONNECT: Leaf = ("device", "interconnect")
DISPATCH: Leaf = ("device", "dispatch")
CACHE: Leaf = ("engine", "effects", "cache_traffic", "efficiency")
HOST_TIME: tuple[Leaf, ...] = tuple(("engine", "host", field.name) for field in fields(HostTime))
ALLREDUCE: Leaf = ("engine", "parallelism", "allreduce_latency")
OF_SPLIT: tuple[Leaf, ...] = (("engine", "host", "split_step"), ALLREDUCE)
HOST: tuple[Leaf, ...] = (*HOST_TIME, ALLREDUCE)


RATES = frozenset(("device", "rates", pipe) for pipe in ("linear", "head", "attention", "vector"))
PRICED: Leaf = ("device", "rates", "datasheet")  # which nothing runs at
FIXED = frozenset((INTERCONNECT, DISPATCH, PRICED, *HOST))  # what they hold is under no roof
HELD = frozenset((*RATES, BANDWIDTH, CACHE, *FIXED))


@dataclass(frozen=True)
class Ledger:
    """total [s], and what each leaf of the scenario holds of it [s], without what holds nothing by structure."""

    total: Number = 0.0
    held: dict[Leaf, Number] = field(default_factory=dict)

    def of(self, leaves: Iterable[Leaf]) -> Number:
        return sum(self.held.get(leaf, 0.0) for leaf in leaves)

    def __add__(self, other: "Ledger") -> "Ledger":
        keys = {**self.held, **other.held}
        return Ledger(
            self.total + other.total, {key: self.held.get(key, 0.0) + other.held.get(key, 0.0) for key in keys}
        )

    def times(self, n: Number) -> "Ledger":
        return Ledger(self.total * n, {leaf: seconds * n for leaf, seconds in self.held.items()})


def known(scenario: Scenario) -> bool:
    """Whether the times of this scenario are sums of operators under roofs, which a ledger splits."""
    return scenario.engine.counting.scope == "op" and not energy.is_capped(scenario)


def ttft(run: Run) -> Ledger:
    """Of the time to first token; no number on a device without a published compute rate."""
    total = _fixed(("engine", "host", "request"), run.scenario.engine.host.request)
    for passes in run.prefill:
        total = total + _mean(run, passes).times(passes.count)
    published = run.scenario.device.rates["linear"] < UNPUBLISHED
    return total + Ledger(where(published, 0.0, float("nan")))


def tpot(run: Run) -> Ledger:
    """Of the time per output token; no number where there is no decode step."""
    return _mean(run, run.decode) + Ledger(where(run.decode_steps > 0, 0.0, float("nan")))


def e2e(run: Run) -> Ledger:
    return ttft(run) + _mean(run, run.decode).times(run.decode_steps)


def _mean(run: Run, passes: Passes) -> Ledger:
    """Of the mean of these passes."""
    constant, growing = run.executions(passes)
    total = _host(run.scenario, passes)
    for repeats, some in by_repeats(constant):
        total = total + _operators(some, [sides(t, run.smoothness) for t in some]).times(repeats)
    for one in growing:
        mean = decode_mean.mean_sides(one.first, one.last, one.count, run.smoothness)
        total = total + _operators([one.first], [mean]).times(one.first.repeats * divide(one.count, passes.count))
    return total


def _operators(each: list[Terms], found: list[Sides]) -> Ledger:
    """Of one execution of each."""
    dispatch = sum(t.dispatch for t in each)
    held: dict[Leaf, Number] = {DISPATCH: dispatch}
    for t, s in zip(each, found, strict=True):
        for leaf, seconds in (
            (("device", "rates", t.pipe), s.matmul),
            (("device", "rates", "vector"), s.vector),
            (BANDWIDTH, s.memory),
            (CACHE, s.cache),
        ):
            held[leaf] = held.get(leaf, 0.0) + seconds
    return Ledger(sum(s.seconds for s in found) + dispatch, held)


def _host(scenario: Scenario, passes: Passes) -> Ledger:
    total = Ledger()
    for name, seconds in host_seconds(scenario, passes.middle).items():
        total = total + _fixed(("engine", "host", name), seconds)
    if not is_fixed_at(scenario.engine.parallelism.tensor_parallel, 1):
        # affine in the latency and in 1 / interconnect, each of which is gone where the other holds alone
        links = collectives.collectives(set_leaf(scenario, ALLREDUCE, 0.0), passes.first)
        waits = collectives.collectives(scenario, passes.first) - links
        total = total + _fixed(INTERCONNECT, links) + _fixed(ALLREDUCE, waits)
    return total


def _fixed(path: Leaf, seconds: Number) -> Ledger:
    return Ledger(seconds, {path: seconds})
