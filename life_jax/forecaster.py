"""What a grid evaluates at each point: metrics, and how they change with the numbers, as columns by name.

Each part is compiled by itself: see grid.Function.
"""

import abc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp

from life_jax import gradients
from life_jax.config.knobs import Knob
from life_jax.gradients import Atoms
from life_jax.metrics import BOUNDS, METRICS, derive, direct, forecast
from life_jax.numerics import Number
from life_jax.specs import Scenario, get_leaf, set_leaf

FEW = 2  # tangents
GAINS = {"change_10pct": 1.1, "change_2x": 2.0}


def column(variable: str, *labels: str) -> str:
    """The name of one slab of a variable that has more dimensions than the grid."""
    return f"{variable}[{','.join(labels)}]"


def absent(scenario: Scenario, moved: Iterable[gradients.Path]) -> tuple[gradients.Path, ...]:
    """Leaves that say that an operator has some work (a bias, weights to expand) and are 0 here, but for `moved`."""
    architecture = scenario.architecture
    found: list[gradients.Path] = [
        ("precision", "weights", name, "dequant_flops") for name in scenario.precision.weights
    ]
    found.append(("architecture", "head_bias"))
    for index, block in enumerate(architecture.blocks):
        for part in ("attention", "ffn"):
            found += [
                ("architecture", "blocks", index, part, key) for key in getattr(block, part) if key.endswith("_bias")
            ]
    kept = set(moved)
    return tuple(path for path in found if path not in kept and get_leaf(scenario, path) == 0)


@dataclass(frozen=True)
class Part(abc.ABC):
    """A function of (scenario, values by axis key) that sets the axes first.

    zeros: leaves that are 0 whatever the axes; said to the compiler, which then leaves out their work.
    """

    knobs: tuple[Knob, ...]
    zeros: tuple[gradients.Path, ...]
    metrics: tuple[str, ...]

    def at(self, scenario: Scenario, values: Mapping[str, Number]) -> Scenario:
        for path in self.zeros:
            scenario = set_leaf(scenario, path, 0.0)
        for knob in self.knobs:
            scenario = knob.set(scenario, values[knob.key])
        return scenario

    @abc.abstractmethod
    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        """Columns by name."""

    @property
    @abc.abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Their names."""


@dataclass(frozen=True)
class Values(Part):
    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        return forecast(self.at(scenario, values), self.metrics)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.metrics


@dataclass(frozen=True)
class Tangent(Part):
    """d metric / d ln(scale of some leaves)."""

    index: int
    leaves: tuple[gradients.Path, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        found = gradients.tangent(self.metrics, self.at(scenario, values), self.leaves)
        return {column("tangent", name, str(self.index)): value for name, value in found.items()}

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(column("tangent", name, str(self.index)) for name in self.metrics)


@dataclass(frozen=True)
class Changed(Part):
    """The metrics with some leaves times a factor."""

    key: str
    leaves: tuple[gradients.Path, ...]
    factor: float

    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        found = forecast(gradients.scaled(self.at(scenario, values), self.leaves, self.factor), self.metrics)
        return {name: found[metric] for name, metric in zip(self.outputs, self.metrics, strict=True)}

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(column(f"times{self.factor:g}", name, self.key) for name in self.metrics)


@dataclass(frozen=True)
class Slope(Part):
    """d metric / d number in the units of the files."""

    knob: Knob

    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        scenario = self.at(scenario, values)
        found = gradients.slope(self.metrics, scenario, self.knob.set, self.knob.get(scenario))
        return {name: found[metric] for name, metric in zip(self.outputs, self.metrics, strict=True)}

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(column("slope", name, self.knob.key) for name in self.metrics)


@dataclass(frozen=True)
class Sensitivity:
    """To which numbers: leaves by key, their atoms, and what is wanted beside the elasticity.

    gains: the metrics at 1.1 and 2 times each number. slopes: knobs whose raw gradients are wanted.
    shares: the side that binds, where every rate, bandwidth and fixed time is among the numbers.
    """

    metrics: tuple[str, ...]
    parameters: tuple[tuple[str, tuple[gradients.Path, ...]], ...]
    atoms: Atoms
    shares: bool = False
    gains: bool = False
    slopes: tuple[tuple[str, Knob | None], ...] = ()


@dataclass(frozen=True)
class Forecaster:
    """Metrics and, if asked, sensitivities; hashable, so that one compilation serves all cases.

    smooth: whether the roof is. Under the hard one values, tangents and elasticities are fastest as one kernel;
    the square roots of the smooth one would be kept in memory for that, so that only values and up to FEW tangents
    share one. See scripts/bench_sweep.py.
    """

    knobs: tuple[Knob, ...]
    metrics: tuple[str, ...]
    sensitivity: Sensitivity | None = None
    zeros: tuple[gradients.Path, ...] = ()
    smooth: bool = False

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.knobs, self.metrics, self.sensitivity, self.zeros, self.smooth))

    @property
    def direct(self) -> tuple[str, ...]:
        return direct(self.metrics)

    @cached_property
    def parts(self) -> tuple[Any, ...]:
        """What is compiled apart."""
        if self.sensitivity is None:
            return self._parts
        if not self.smooth:
            return (_Whole(self),)
        shared = [p for p in self._parts if isinstance(p, Values | Tangent)]
        if len(shared) > 1 + FEW:
            return self._parts
        return (_Together(tuple(shared)), *(p for p in self._parts if p not in shared))

    @property
    def derived(self) -> tuple[str, ...]:
        return () if isinstance(self.parts[0], _Whole) else self._derived

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        parts: list[Part] = [Values(self.knobs, self.zeros, self.direct)]
        s = self.sensitivity
        if s is None:
            return tuple(parts)
        needed = direct(s.metrics)
        for index, leaves in enumerate(s.atoms.parts):
            asked = tuple(m for m in needed if not (index == s.atoms.free and gradients.obeys_law(m)))
            if asked:
                parts.append(Tangent(self.knobs, self.zeros, asked, index, leaves))
        if s.gains:
            parts += [
                Changed(self.knobs, self.zeros, needed, key, leaves, factor)
                for key, leaves in s.parameters
                if leaves
                for factor in GAINS.values()
            ]
        parts += [Slope(self.knobs, self.zeros, needed, knob) for _, knob in s.slopes if knob is not None]
        return tuple(parts)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Columns that are equal to another one whatever the numbers."""
        s = self.sensitivity
        found: dict[str, str] = {}
        for metric in s.metrics if s is not None else ():
            first: dict[tuple[int, ...], str] = {}
            for key, parts in s.atoms.parameters:  # type: ignore[union-attr]
                name = column("elasticity", metric, key)
                if first.setdefault(parts, name) != name:
                    found[name] = first[parts]
        return found

    @cached_property
    def _derived(self) -> tuple[str, ...]:
        names = [name for name in self.metrics if METRICS[name].of is not None]
        s = self.sensitivity
        if s is not None:
            keys = [key for key, _ in s.parameters]
            names += [column("elasticity", m, key) for m in s.metrics for key in keys]
            names += [column("bound_share", m, bound) for m in s.metrics for bound in BOUNDS if s.shares]
            names += [column(gain, m, key) for gain in (GAINS if s.gains else ()) for m in s.metrics for key in keys]
            names += [column("slope_of", m, key) for m in s.metrics for key, _ in s.slopes]
        return tuple(name for name in names if name not in self.aliases)

    def derive(self, found: Mapping[str, Number]) -> dict[str, Number]:
        """What needs no scenario: functions of metrics, and of metrics and tangents."""
        values = {**found, **derive(found, self.metrics)}
        results = {name: values[name] for name in self.metrics if METRICS[name].of is not None}
        s = self.sensitivity
        if s is None:
            return results
        for metric in s.metrics:
            chain = _Chain(metric, values)
            tangents = {
                i: found[name]
                for i in range(len(s.atoms.parts))
                if (name := column("tangent", chain.of, str(i))) in found
            }
            law = gradients.obeys_law(chain.of)
            by_part = gradients.elasticities(s.atoms, tangents, values[chain.of], law=law)
            for key, parts in s.atoms.parameters:
                total = sum(by_part[i] for i in parts) if parts else 0 * values[metric]
                results[column("elasticity", metric, key)] = chain.elasticity(total)
            if s.shares:
                found_shares = gradients.bound_shares(s.atoms, by_part)
                for bound, share in found_shares.items():
                    results[column("bound_share", metric, bound)] = share if law else share * float("nan")
            for gain, factor in (GAINS if s.gains else {}).items():
                for key, leaves in s.parameters:
                    changed = found[column(f"times{factor:g}", chain.of, key)] if leaves else values[chain.of]
                    results[column(gain, metric, key)] = chain.value(changed) / values[metric] - 1
            for key, knob in s.slopes:
                d = found[column("slope", chain.of, key)] if knob is not None else 0 * values[chain.of]
                results[column("slope_of", metric, key)] = chain.slope(d)
        return {name: results[name] for name in self._derived}


@dataclass(frozen=True)
class _Together:
    """Several parts compiled as one, which share what they have in common."""

    parts: tuple[Part, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        return {name: value for part in self.parts for name, value in part(scenario, values).items()}

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.outputs)


@dataclass(frozen=True)
class _Whole:
    """All of a forecaster compiled as one."""

    forecaster: "Forecaster"

    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        found = _Together(self.forecaster._parts)(scenario, values)
        found.update(self.forecaster.derive(found))
        return {name: found[name] for name in self.outputs}

    @property
    def outputs(self) -> tuple[str, ...]:
        return (*self.forecaster.direct, *self.forecaster._derived)


class _Chain:
    """A metric that is a function of another one inherits its slopes."""

    def __init__(self, metric: str, values: Mapping[str, Number]) -> None:
        self._metric, self._values = metric, values
        self.of = METRICS[metric].of or metric
        self._function = METRICS[metric].function if METRICS[metric].of else lambda value: value

    def value(self, of: Number) -> Number:
        return self._function(of)

    def slope(self, d_of: Number) -> Number:
        if self.of == self._metric:
            return d_of
        of = jnp.asarray(self._values[self.of])
        return jax.jvp(self._function, (of,), (d_of,))[1]

    def elasticity(self, of: Number) -> Number:
        """x f'(x) / f(x) times the elasticity of x."""
        if self.of == self._metric:
            return of
        return self.slope(of * self._values[self.of]) / self._values[self._metric]
