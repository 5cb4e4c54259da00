"""Attribution of a time to the leaves of a scenario: the seconds that a leaf would save if it were infinitely good.

The seconds of every operator under its roofs are attributed to the rate of its matrix work, to the rate of vector work,
and to the bandwidth; those of starting kernels to the device's dispatch; those of the host and of collectives to the
engine's host times, the latency and the interconnect. Roofs are homogeneous, so that the parts of an operator add up to
its seconds exactly. A part over the whole is the elasticity to that leaf but for its sign, and no derivative is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number, divide, is_fixed_at, is_nothing, where
from life_jax.core.pytree import Leaf
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.schedule import Passes
from life_jax.forecasting import energy, messages
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import host_seconds, launch_seconds
from life_jax.roofline import decode_mean
from life_jax.roofline.roofs import Sides, Terms, by_repeats, sides

BANDWIDTH: Leaf = ("device", "bandwidth")
INTERCONNECT: Leaf = ("device", "interconnect")
DISPATCH: Leaf = ("device", "dispatch")
CACHE: Leaf = ("engine", "effects", "cache_traffic", "efficiency")
HOST_TIME: frozenset[Leaf] = frozenset(("engine", "host", field.name) for field in fields(HostTime))
LAUNCH: Leaf = ("engine", "host", "launch")
ALLREDUCE: Leaf = ("engine", "parallelism", "allreduce_latency")
NETWORK: Leaf = ("device", "network")
NETWORK_LATENCY: Leaf = ("engine", "parallelism", "network_latency")
OF_SPLIT: tuple[Leaf, ...] = (("engine", "host", "split_step"), ALLREDUCE)
HOST: tuple[Leaf, ...] = (*(("engine", "host", field.name) for field in fields(HostTime)), ALLREDUCE)


RATES = frozenset(("device", "rates", pipe) for pipe in ("linear", "head", "attention", "vector"))
PRICED: Leaf = ("device", "rates", "datasheet")  # decides prices only: nothing runs at this rate
FIXED = frozenset((INTERCONNECT, NETWORK, NETWORK_LATENCY, DISPATCH, PRICED, *HOST))  # their seconds are under no roof
HELD = frozenset((*RATES, BANDWIDTH, CACHE, *FIXED))


@dataclass(frozen=True)
class Ledger:
    """A time, and its attribution to leaves of the scenario.

    total [s]: the time; held [s]: the seconds attributed to each leaf. Leaves to which nothing can be attributed by the
    structure of the step are left out. The seconds of CACHE, traffic of the KV cache, are also part of those of
    BANDWIDTH.
    """

    total: Number = 0.0
    held: dict[Leaf, Number] = field(default_factory=dict)

    def of(self, leaves: Iterable[Leaf]) -> Number:
        """Seconds [s] attributed to these leaves together."""
        return sum(self.held.get(leaf, 0.0) for leaf in leaves)

    def __add__(self, other: "Ledger") -> "Ledger":
        keys = {**self.held, **other.held}
        return Ledger(
            self.total + other.total, {key: self.held.get(key, 0.0) + other.held.get(key, 0.0) for key in keys}
        )

    def times(self, n: Number) -> "Ledger":
        """The attribution of `n` such times [1]."""
        return Ledger(self.total * n, {leaf: seconds * n for leaf, seconds in self.held.items()})


def known(scenario: Scenario) -> bool:
    """Whether times of this scenario are sums of operators under roofs, which can be attributed: no roof over totals,
    no power limit, no layout but tensor parallelism, no messages behind computation, no drafts."""
    layout = scenario.engine.parallelism
    summed = layout.only_tensor and is_fixed_at(layout.overlap, 0) and scenario.speculation.is_off
    summed = summed and is_fixed_at(layout.two_batches, 0)
    summed = summed and scenario.offload.is_off and not scenario.handover.on and not scenario.disk.on
    return scenario.engine.counting.scope == "op" and summed and not energy.is_capped(scenario)


def ttft(run: Run) -> Ledger:
    """Attribution of the time to first token; NaN on a device without a published compute rate."""
    total = _fixed(("engine", "host", "request"), run.scenario.engine.host.request)
    for passes in run.prefill:
        total = total + _mean(run, passes).times(passes.count)
    published = run.scenario.device.rates["linear"] < UNPUBLISHED
    return total + Ledger(where(published, 0.0, float("nan"))) + _nowhere(run)


def tpot(run: Run) -> Ledger:
    """Attribution of the time per output token; NaN where there is no decode step."""
    step, nowhere = _mean(run, run.decode), Ledger(where(run.decode_steps > 0, 0.0, float("nan")))
    steps = run.scenario.architecture.steps_per_token
    return (step if is_fixed_at(steps, 1) else step.times(steps)) + nowhere + _nowhere(run)


def e2e(run: Run) -> Ledger:
    """Attribution of the time from request to last token: of prefill and of all decode steps."""
    return ttft(run) + _mean(run, run.decode).times(run.decode_steps)


def _nowhere(run: Run) -> Ledger:
    """A time of NaN where the layout over devices is impossible, else nothing."""
    return Ledger() if run.possible is None else Ledger(where(run.possible, 0.0, float("nan")))


def _mean(run: Run, passes: Passes) -> Ledger:
    """Attribution of the mean time of these passes."""
    constant, growing = run.executions(passes)
    total = _host(run.scenario, passes)
    for repeats, some in by_repeats(constant):
        total = total + _operators(some, [sides(t, run.smoothness) for t in some]).times(repeats)
    for operator in growing:
        mean = decode_mean.mean_sides(operator.first, operator.last, operator.count, run.smoothness)
        total = total + _operators([operator.first], [mean]).times(
            operator.first.repeats * divide(operator.count, passes.count)
        )
    return _started(run.scenario, passes, total)


def _started(scenario: Scenario, passes: Passes, total: Ledger) -> Ledger:
    """The attribution of a pass whose operators the host starts one by one: all of it to the host where that takes
    longer than they do."""
    started, host = launch_seconds(scenario, passes.middle), sum(host_seconds(scenario, passes.middle).values())
    if is_nothing(started):
        return total
    waits = started + host > total.total
    held = {leaf: s if leaf in HOST_TIME else where(waits, 0.0, s) for leaf, s in total.held.items()}
    return Ledger(where(waits, started + host, total.total), {**held, LAUNCH: where(waits, started, 0.0)})


def _operators(terms: list[Terms], parts: list[Sides]) -> Ledger:
    """Attribution of one execution of every operator.

    terms: seconds of each operator on each roof; parts: its seconds under the roofs, divided among their sides.
    """
    dispatch = sum(t.dispatch for t in terms)
    held: dict[Leaf, Number] = {DISPATCH: dispatch}
    for t, s in zip(terms, parts, strict=True):
        for leaf, seconds in (
            (("device", "rates", t.pipe), s.matmul),
            (("device", "rates", "vector"), s.vector),
            (BANDWIDTH, s.memory),
            (CACHE, s.cache),
        ):
            held[leaf] = held.get(leaf, 0.0) + seconds
    return Ledger(sum(s.seconds for s in parts) + dispatch, held)


def _host(scenario: Scenario, passes: Passes) -> Ledger:
    """Attribution of the host time and the collectives of one of these passes, in the middle of them."""
    total = Ledger()
    for name, seconds in host_seconds(scenario, passes.middle).items():
        total = total + _fixed(("engine", "host", name), seconds)
    if not is_fixed_at(scenario.engine.parallelism.tensor_parallel, 1):
        waits = messages.reducing(scenario, passes.first)
        for leaf, seconds in (
            (ALLREDUCE, waits.hops),
            (INTERCONNECT, waits.links),
            (BANDWIDTH, waits.memory),
            (NETWORK_LATENCY, waits.network_hops),
            (NETWORK, waits.network),
        ):
            total = total + _fixed(leaf, seconds)
    return total


def _fixed(path: Leaf, seconds: Number) -> Ledger:
    """A time that is attributed to a single leaf as a whole."""
    return Ledger(seconds, {path: seconds})
