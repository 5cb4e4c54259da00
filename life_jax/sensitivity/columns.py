"""Functions of a single point that are computed separately; each returns some columns of a grid, by name."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from life_jax.core.numerics import Number, paired
from life_jax.core.parameter import Parameter, set_all
from life_jax.core.pytree import Leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.forecasting.request import Run
from life_jax.sensitivity import elasticities

ALL: tuple[Leaf, ...] = ()


def column(variable: str, *labels: str) -> str:
    """Name of a column: the part of `variable` at these labels of its dimensions beyond those of the grid."""
    return f"{variable}[{','.join(labels)}]"


@dataclass(frozen=True)
class Part(abc.ABC):
    """A function of (scenario, values by axis key, argument) that first sets the axes.

    parameters: the axes' parameters; metrics: the metrics that it computes something of
    """

    parameters: tuple[Parameter, ...]
    metrics: tuple[str, ...]

    def at(self, scenario: Scenario, values: Mapping[str, Number]) -> Scenario:
        """The scenario at a point of the grid; values: of the axes by key, in the unit of the files."""
        return set_all(scenario, self.parameters, values)

    @abc.abstractmethod
    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        """Columns by name, one for each of `outputs`."""

    @property
    @abc.abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns."""

    @property
    def pairs(self) -> frozenset[str]:
        """Names of the columns that are two numbers each: the real and the imaginary part of a complex number."""
        return frozenset()


@dataclass(frozen=True)
class Forecast(Part):
    """The metrics themselves."""

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        return forecast(self.at(scenario, values), self.metrics)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics


@dataclass(frozen=True)
class Held(Part):
    """The seconds of each metric that are attributed to a group of leaves, or to two groups
    (forecasting/attribution.py).

    The group ALL stands for all of its seconds. XLA computes every output by a separate loop, so that two numbers that
    come from the same square roots are returned as a complex number. More than two would have their roots kept in
    memory, which was measured to cost a factor of four.
    """

    groups: tuple[tuple[Leaf, ...], ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        run = Run(self.at(scenario, values))
        columns: dict[str, Number] = {}
        for metric in self.metrics:
            ledger = METRICS[metric].ledger(run)  # type: ignore[misc]
            seconds = [ledger.total if group is ALL else ledger.of(group) for group in self.groups]
            columns[metric] = paired(*seconds) if len(seconds) > 1 else seconds[0]
        return columns

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics

    @property
    def pairs(self) -> frozenset[str]:
        """All of its columns where there are two groups, else none."""
        return frozenset(self.metrics if len(self.groups) > 1 else ())


@dataclass(frozen=True)
class Tangent(Part):
    """d metric / d ln(scale of some leaves)."""

    leaves: tuple[Leaf, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        return elasticities.tangent(self.metrics, self.at(scenario, values), self.leaves)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics


@dataclass(frozen=True)
class Changed(Part):
    """The metrics with some leaves multiplied by factors, which are its argument, so that one compilation serves all
    factors."""

    leaves: tuple[Leaf, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        scenario = self.at(scenario, values)
        for path, factor in zip(self.leaves, argument, strict=True):
            scenario = elasticities.scaled(scenario, (path,), factor)
        return forecast(scenario, self.metrics)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics


@dataclass(frozen=True)
class Slope(Part):
    """d metric / d parameter, in the metric's unit over the unit of the files."""

    parameter: Parameter

    def __call__(self, scenario: Scenario, values: Mapping[str, Number], argument: Any) -> dict[str, Number]:
        scenario = self.at(scenario, values)
        return elasticities.slope(self.metrics, scenario, self.parameter.set, self.parameter.get(scenario))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics
