"""How much a metric changes with a number: tangents by JVP, and the law that gives one of them for nothing.

A time is homogeneous of degree one in (1 / rates, 1 / bandwidths, fixed times): doubling every rate and
bandwidth and halving every fixed time halves it. Hence e(rates) + e(bandwidths) - e(fixed times) = -1 for
its elasticities e = d ln(time) / d ln(number), and the elasticity of the bandwidth, on which almost every
operator depends, follows from the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from life_jax.core.numerics import Number
from life_jax.core.pytree import Leaf, get_leaf, is_absent, set_leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.attribution import (
    BANDWIDTH,
    CACHE,
    DISPATCH,
    FIXED,
    HELD,
    HOST,
    INTERCONNECT,
    OF_SPLIT,
    PRICED,
    RATES,
)
from life_jax.forecasting.metrics import BOUNDS, METRICS, forecast

# An efficiency that multiplies whole rates has their elasticity, unless tables by operator replace it.
SAME: Mapping[Leaf, tuple[Leaf, ...]] = {
    ("engine", "efficiency", "compute"): (("device", "rates", "linear"), ("device", "rates", "head")),
    ("engine", "efficiency", "attention"): (("device", "rates", "attention"),),
    ("engine", "efficiency", "vector"): (("device", "rates", "vector"),),
    ("engine", "efficiency", "memory"): (BANDWIDTH,),
    ("engine", "efficiency", "dispatch"): (DISPATCH,),
}


def scaled(scenario: Scenario, paths: Sequence[Leaf], factor: Number) -> Scenario:
    """The scenario with these leaves times `factor`."""
    for path in paths:
        scenario = set_leaf(scenario, path, get_leaf(scenario, path) * factor)
    return scenario


def tangent(metrics: tuple[str, ...], scenario: Scenario, paths: Sequence[Leaf]) -> dict[str, Number]:
    """d metric / d ln(scale of these leaves), in the metric's unit."""

    def of(excess: Number) -> dict[str, Number]:
        return forecast(scaled(scenario, paths, 1 + excess), metrics)

    import jax
    import jax.numpy as jnp

    return jax.jvp(of, (jnp.zeros(()),), (jnp.ones(()),))[1]


def slope(
    metrics: tuple[str, ...], scenario: Scenario, change: Callable[[Scenario, Number], Scenario], value: Number
) -> dict[str, Number]:
    """d metric / d value, in the metric's unit over the value's; `change` sets the value."""
    import jax
    import jax.numpy as jnp

    value = jnp.asarray(value)
    return jax.jvp(lambda v: forecast(change(scenario, v), metrics), (value,), (jnp.ones_like(value),))[1]


@dataclass(frozen=True)
class Atoms:
    """The finest sets of leaves from which the elasticity to each of some parameters is a sum.

    parts: leaves that move together in every parameter. parameters: (key, indices of its parts).
    free: the part (of the bandwidth) that follows from the others for a time, None where the law does not close.
    """

    parts: tuple[tuple[Leaf, ...], ...]
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    free: int | None

    def signs(self) -> tuple[int, ...]:
        """In the law: -1 for rates and bandwidths, +1 for fixed times, 0 for anything else."""
        return tuple(0 if part[0] in (CACHE, PRICED) else sign(part[0]) for part in self.parts)


def sign(path: Leaf) -> int:
    """Of the elasticity to what a ledger has: times rise with fixed times and fall with anything else."""
    if path not in HELD:
        return 0
    return 1 if path == DISPATCH or path in HOST else -1


def atoms(parameters: Mapping[str, Sequence[Leaf]], scenario: Scenario, moving: Sequence[Leaf] = ()) -> Atoms:
    """parameters: leaves by key, none where nothing depends on the key. moving: leaves that a grid sets.
    scenario: of a case, in which what is absent and not moved is static.
    """
    same = {} if scenario.engine.efficiency.tables else SAME
    leaves = {
        key: frozenset(leaf for path in paths for leaf in same.get(path, (path,))) for key, paths in parameters.items()
    }
    parts: dict[tuple[str, ...], list[Leaf]] = {}
    for leaf in dict.fromkeys(leaf for found in leaves.values() for leaf in sorted(found, key=str)):
        parts.setdefault(tuple(key for key, found in leaves.items() if leaf in found), []).append(leaf)
    found_parts = tuple(tuple(part) for part in parts.values())
    whole = {leaf for found in leaves.values() for leaf in found}
    law = {*RATES, BANDWIDTH, DISPATCH, *([INTERCONNECT] if is_split(scenario) else [])}
    law |= {path for path in host_times(scenario) if path in moving or get_leaf(scenario, path) != 0}
    # a power limit is one more roof, which the law does not know
    closes = is_absent(scenario.device.power_limit) and law <= whole and (BANDWIDTH,) in found_parts
    return Atoms(
        parts=found_parts,
        parameters=tuple(
            (key, tuple(i for i, part in enumerate(found_parts) if part[0] in leaves[key])) for key in parameters
        ),
        free=found_parts.index((BANDWIDTH,)) if closes else None,
    )


def is_split(scenario: Scenario) -> bool:
    """Whether several devices share a layer, or may do so at some point of a grid."""
    return not is_absent(scenario.engine.parallelism.tensor_parallel)


def host_times(scenario: Scenario) -> tuple[Leaf, ...]:
    """Those that some time has: one device says nothing to others."""
    return tuple(path for path in HOST if is_split(scenario) or path not in OF_SPLIT)


def obeys_law(metric: str) -> bool:
    """Whether a metric is a time, which is homogeneous."""
    return METRICS[metric].units == "s"


def completed(a: Atoms, by_part: Mapping[int, Number], value: Number, *, law: bool) -> dict[int, Number]:
    """Elasticities times the value by part, with that of the free part where the law holds and it was not computed."""
    found = dict(by_part)
    if law and a.free is not None and a.free not in found:
        signs = a.signs()
        # e(free) = -1 - e(other rates) + e(fixed times)
        found[a.free] = sum(signs[i] * e for i, e in found.items()) - value
    return found


def bound_shares(a: Atoms, by_part: Mapping[int, Number], value: Number) -> dict[str, Number]:
    """The part of a time that each side of the roofs holds: a d(roof)/da for compute, b d(roof)/db for memory."""
    compute = 0 - sum(e for i, e in by_part.items() if not RATES.isdisjoint(a.parts[i]))
    memory = 0 - sum(e for i, e in by_part.items() if a.parts[i][0] == BANDWIDTH)
    shares = (compute / value, memory / value, (value - compute - memory) / value)
    return dict(zip(BOUNDS, shares, strict=True))


def alone(a: Atoms) -> dict[str, tuple[int, int]]:
    """Bounds whose share is the elasticity to one part: its index, and the sign."""
    rates = [i for i, part in enumerate(a.parts) if not RATES.isdisjoint(part)]
    memory = [i for i, part in enumerate(a.parts) if BANDWIDTH in part]
    fixed = [i for i, part in enumerate(a.parts) if FIXED.issuperset(part) and part != (PRICED,)]
    found = {}
    if len(rates) == 1 and RATES.issuperset(set(a.parts[rates[0]]) - {PRICED}):
        found[BOUNDS[0]] = (rates[0], -1)
    if len(memory) == 1 and a.parts[memory[0]] == (BANDWIDTH,):
        found[BOUNDS[1]] = (memory[0], -1)
    if len(fixed) == 1 and a.parts[fixed[0]] == (DISPATCH,):
        found[BOUNDS[2]] = (fixed[0], 1)
    return found
