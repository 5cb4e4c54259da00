"""What is compiled by itself: functions of one point that give some columns of a grid, by name."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from life_jax.core.numerics import Number
from life_jax.core.parameter import Parameter, set_all
from life_jax.core.pytree import Leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.forecasting.request import Run
from life_jax.sensitivity import elasticities

ALL: tuple[Leaf, ...] = ()


def column(variable: str, *labels: str) -> str:
    """The name of one slab of a variable that has more dimensions than the grid."""
    return f"{variable}[{','.join(labels)}]"


@dataclass(frozen=True)
class Part(abc.ABC):
    """A function of (scenario, values by axis key, argument) that sets the axes first."""

    parameters: tuple[Parameter, ...]
    metrics: tuple[str, ...]

    def at(self, scenario: Scenario, values: Mapping[str, Number]) -> Scenario:
        """The scenario at a point of the grid: values of the axes by key."""
        return set_all(scenario, self.parameters, values)

    @abc.abstractmethod
    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        """Columns by name."""

    @property
    @abc.abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def pairs(self) -> frozenset[str]:
        """Those of them that are two numbers, the real and the imaginary part of one."""
        return frozenset()


@dataclass(frozen=True)
class Values(Part):
    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        return forecast(self.at(scenario, values), self.metrics)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.metrics


@dataclass(frozen=True)
class Held(Part):
    """Of each metric, the seconds that one or two groups of leaves hold; ALL of its seconds for one. See
    forecasting/attribution.py.

    XLA computes every output by a loop of its own, so that two numbers that come out of the same square roots are one
    complex one. More than two would have their roots kept in memory, which was measured to cost a factor of four.
    """

    groups: tuple[tuple[Leaf, ...], ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        run = Run(self.at(scenario, values))
        found: dict[str, Number] = {}
        for metric in self.metrics:
            ledger = METRICS[metric].ledger(run)  # type: ignore[misc]
            each = [ledger.total if group is ALL else ledger.of(group) for group in self.groups]
            both = jnp.broadcast_arrays(*(jnp.asarray(one) for one in each))
            found[metric] = jax.lax.complex(*both) if len(both) > 1 else both[0]
        return found

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.metrics

    @property
    def pairs(self) -> frozenset[str]:
        return frozenset(self.metrics if len(self.groups) > 1 else ())


@dataclass(frozen=True)
class Tangent(Part):
    """d metric / d ln(scale of some leaves)."""

    leaves: tuple[Leaf, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        return elasticities.tangent(self.metrics, self.at(scenario, values), self.leaves)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.metrics


@dataclass(frozen=True)
class Changed(Part):
    """The metrics with some leaves times the factors that are its argument, so that one compilation serves all."""

    leaves: tuple[Leaf, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        scenario = self.at(scenario, values)
        for path, factor in zip(self.leaves, argument, strict=True):
            scenario = elasticities.scaled(scenario, (path,), factor)
        return forecast(scenario, self.metrics)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.metrics


@dataclass(frozen=True)
class Slope(Part):
    """d metric / d number in the units of the files."""

    parameter: Parameter

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        scenario = self.at(scenario, values)
        return elasticities.slope(self.metrics, scenario, self.parameter.set, self.parameter.get(scenario))

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.metrics
