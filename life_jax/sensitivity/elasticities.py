"""Elasticities of a metric to numbers: tangents by JVP, and the law from which one of them follows without computing
it.

A time is homogeneous of degree one in (1 / rates, 1 / bandwidths, fixed times): doubling every rate and bandwidth and
halving every fixed time halves it. Hence e(rates) + e(bandwidths) - e(fixed times) = -1 for its elasticities e = d
ln(time) / d ln(number), and the elasticity of the bandwidth, on which almost every operator depends, follows from the
others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from life_jax.core import dual_numbers
from life_jax.core.dual_numbers import Dual
from life_jax.core.numerics import Number, is_of_jax
from life_jax.core.pytree import Leaf, get_leaf, is_absent, set_leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.attribution import (
    BANDWIDTH,
    CACHE,
    DISPATCH,
    HELD,
    HOST,
    HOST_TIME,
    INTERCONNECT,
    NETWORK_LATENCY,
    OF_SPLIT,
    PRICED,
    RATES,
)
from life_jax.forecasting.metrics import BOUNDS, METRICS, forecast

# An efficiency that multiplies whole rates has their elasticity, unless tables by operator replace it. Those of matrix
# work do not: vector work beside it is bounded by the whole rate.
SAME: Mapping[Leaf, tuple[Leaf, ...]] = {
    ("engine", "efficiency", "vector"): (("device", "rates", "vector"),),
    ("engine", "efficiency", "memory"): (BANDWIDTH,),
    ("engine", "efficiency", "dispatch"): (DISPATCH,),
}


def scaled(scenario: Scenario, paths: Sequence[Leaf], factor: Number) -> Scenario:
    """A copy of the scenario with these leaves multiplied by `factor` [1]."""
    for path in paths:
        scenario = set_leaf(scenario, path, get_leaf(scenario, path) * factor)
    return scenario


def tangent(metrics: tuple[str, ...], scenario: Scenario, paths: Sequence[Leaf]) -> dict[str, Number]:
    """d metric / d ln(scale of these leaves), by metric in its unit."""

    def of(excess: Number) -> dict[str, Number]:
        return forecast(scaled(scenario, paths, 1 + excess), metrics)

    return _derivative(of, 0.0, traced=is_of_jax(*(get_leaf(scenario, path) for path in paths)))


def slope(
    metrics: tuple[str, ...], scenario: Scenario, change: Callable[[Scenario, Number], Scenario], value: Number
) -> dict[str, Number]:
    """d metric / d value by metric, in its unit over that of the value; `change` sets the value in a scenario."""
    return _derivative(lambda v: forecast(change(scenario, v), metrics), value, traced=is_of_jax(value))


def _derivative(of: Callable[[Any], dict[str, Number]], at: Number, *, traced: bool) -> dict[str, Number]:
    """Derivatives by name of a function of one number: by JAX, or by dual numbers on NumPy.

    at: the number. traced: whether the function is one of JAX's arrays.
    """
    if not traced:
        return {name: dual_numbers.tangent(value) for name, value in of(Dual(at, 1.0)).items()}
    import jax
    import jax.numpy as jnp

    at = jnp.asarray(at)
    return jax.jvp(of, (at,), (jnp.ones_like(at),))[1]


@dataclass(frozen=True)
class Atoms:
    """The finest sets of leaves such that the elasticity to each of some parameters is a sum over sets.

    parts: the sets; leaves of a set move together in every parameter. parameters: (key, indices of its parts).
    free: index of the part (of the bandwidth) that follows from the others for a time; None where the law does not
    close. split: whether several devices share a layer.
    """

    parts: tuple[tuple[Leaf, ...], ...]
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    free: int | None
    split: bool = False

    @property
    def host(self) -> tuple[int, ...]:
        """Indices of the parts that are times of the host."""
        return tuple(i for i, part in enumerate(self.parts) if HOST_TIME.issuperset(part))

    def signs(self) -> tuple[int, ...]:
        """Sign of each part in the law: -1 for rates and bandwidths, +1 for fixed times, 0 for any other part."""
        return tuple(0 if part[0] in (CACHE, PRICED) else sign(part[0]) for part in self.parts)


def sign(path: Leaf) -> int:
    """Sign of a time's elasticity to a leaf that seconds are attributed to: +1 for fixed times, -1 for rates and
    bandwidths, 0 for any other leaf."""
    if path not in HELD:
        return 0
    return 1 if path in (DISPATCH, NETWORK_LATENCY) or path in HOST else -1


def atoms(
    parameters: Mapping[str, Sequence[Leaf]], scenario: Scenario, moving: Sequence[Leaf] = (), *, priced: bool = False
) -> Atoms:
    """The Atoms of parameters.

    parameters: leaves by key, none where nothing depends on the key. scenario: of a case, in which leaves that are
    absent and not moved are static. moving: leaves that the grid sets. priced: whether a metric is a cost, in which a
    faster device is dearer and a better efficiency is not.
    """
    same = {} if scenario.engine.efficiency.tables or priced else SAME
    leaves = {
        key: frozenset(leaf for path in paths for leaf in same.get(path, (path,))) for key, paths in parameters.items()
    }
    parts: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf in dict.fromkeys(leaf for of_key in leaves.values() for leaf in sorted(of_key, key=str)):
        parts.setdefault(tuple(key for key, of_key in leaves.items() if leaf in of_key), []).append(leaf)
    tuples = tuple(tuple(part) for part in parts.values())
    whole = {leaf for of_key in leaves.values() for leaf in of_key}
    law = {*RATES, BANDWIDTH, DISPATCH, *([INTERCONNECT] if is_split(scenario) else [])}
    law |= {path for path in host_times(scenario) if path in moving or get_leaf(scenario, path) != 0}
    # a power limit is one more roof, which the law does not know
    closes = is_absent(scenario.device.power_limit) and law <= whole and (BANDWIDTH,) in tuples
    layout = scenario.engine.parallelism
    # nor are the links between nodes, and messages of other layouts, in it
    # nor are rates of other devices, and disks
    closes = closes and scenario.offload.is_off and not scenario.handover.on and not scenario.disk.on
    closes = closes and is_absent(layout.two_batches)
    closes = closes and layout.only_tensor and not is_moved_beyond(scenario, moving)
    return Atoms(
        parts=tuples,
        parameters=tuple(
            (key, tuple(i for i, part in enumerate(tuples) if part[0] in leaves[key])) for key in parameters
        ),
        free=tuples.index((BANDWIDTH,)) if closes else None,
        split=is_split(scenario),
    )


def is_split(scenario: Scenario) -> bool:
    """Whether several devices share a layer, or may do so at some point of a grid."""
    return not is_absent(scenario.engine.parallelism.tensor_parallel)


def is_moved_beyond(scenario: Scenario, moving: Sequence[Leaf]) -> bool:
    """Whether devices that share a layer may stand in several nodes. moving: leaves that the grid sets."""
    leaf = ("engine", "parallelism", "tensor_parallel")
    return leaf in moving or bool(get_leaf(scenario, leaf) > scenario.device.node)


def host_times(scenario: Scenario) -> tuple[Leaf, ...]:
    """Leaves of the fixed times of host and collectives that a step can have; a single device has no collectives."""
    return tuple(path for path in HOST if is_split(scenario) or path not in OF_SPLIT)


def obeys_law(metric: str) -> bool:
    """Whether a metric is a time, and so homogeneous. Times under load are not: requests arrive at a rate of their
    own."""
    return METRICS[metric].units == "s" and METRICS[metric].needs != "load"


def completed(a: Atoms, by_part: Mapping[int, Number], value: Number, *, law: bool) -> dict[int, Number]:
    """Elasticities times the value by part, with that of the free part added where the law holds and it was not
    computed.

    by_part: elasticities times the value by index of the part; value: of the metric; law: whether the metric obeys it.
    """
    numerators = dict(by_part)
    if law and a.free is not None and a.free not in numerators:
        signs = a.signs()
        # e(free) = -1 - e(other rates) + e(fixed times)
        numerators[a.free] = sum(signs[i] * e for i, e in numerators.items()) - value
    return numerators


def bound_shares(a: Atoms, by_part: Mapping[int, Number], value: Number) -> dict[str, Number]:
    """Part of a time that each of BOUNDS takes: a d(roof)/da for compute, b d(roof)/db for memory, the seconds of
    dispatches and of the host, and for messages what those leave. Under a power limit its part belongs to none of them.

    by_part: elasticities times the time by index of the part; value: the time.
    """

    def held(parts: Iterable[int]) -> Number:
        return sum(by_part[i] if sign(a.parts[i][0]) > 0 else 0 - by_part[i] for i in parts if i in by_part)

    every = range(len(a.parts))
    compute = held(i for i in every if not RATES.isdisjoint(a.parts[i]))
    memory = held(i for i in every if a.parts[i][0] == BANDWIDTH)
    dispatch, host = held(i for i in every if a.parts[i] == (DISPATCH,)), held(a.host)
    link = value - compute - memory - dispatch - host if a.split else 0 * value
    return {
        bound: seconds / value for bound, seconds in zip(BOUNDS, (compute, memory, link, dispatch, host), strict=True)
    }


def sums(a: Atoms) -> dict[str, tuple[tuple[int, int], ...]]:
    """Bounds whose share is a sum of elasticities: (index of the part, sign) of each, by bound.

    A share of nothing is that of a part, less the same: columns are sums of some columns.
    """
    rates = [i for i, part in enumerate(a.parts) if not RATES.isdisjoint(part)]
    memory = [i for i, part in enumerate(a.parts) if BANDWIDTH in part]
    dispatch = [i for i, part in enumerate(a.parts) if part == (DISPATCH,)]
    nothing = ((0, 1), (0, -1))
    known: dict[str, tuple[tuple[int, int], ...]] = {"host": tuple((i, 1) for i in a.host) or nothing}
    if len(rates) == 1 and RATES.issuperset(set(a.parts[rates[0]]) - {PRICED}):
        known["compute"] = ((rates[0], -1),)
    if len(memory) == 1 and a.parts[memory[0]] == (BANDWIDTH,):
        known["memory"] = ((memory[0], -1),)
    if dispatch:
        known["dispatch"] = ((dispatch[0], 1),)
    return known if a.split else {**known, "link": nothing}
