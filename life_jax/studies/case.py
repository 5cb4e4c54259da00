"""One model on one device under one stack, and how axes set its numbers."""

from dataclasses import dataclass
from functools import cached_property

from life_jax.config.build import Built
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import Leaf, absent_as_static
from life_jax.core.scenario import Scenario
from life_jax.sensitivity.grid_function import Forecaster, Sensitivity


@dataclass(frozen=True)
class Case:
    """One model on one device under one stack, and how the axes set its numbers."""

    model: str
    hw: str
    opt: str
    built: Built
    parameters: tuple[Parameter, ...]
    sensitivity: Sensitivity | None = None

    @cached_property
    def moved(self) -> frozenset[Leaf]:
        """Leaves that something moves: axes, and what sensitivities are asked for."""
        leaves = [leaf for parameter in self.parameters for leaf in parameter.paths]
        if self.sensitivity is not None:
            leaves += [leaf for _, paths in self.sensitivity.parameters for leaf in paths]
            leaves += [leaf for _, slope in self.sensitivity.slopes if slope is not None for leaf in slope.paths]
        return frozenset(leaves)

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario at its scalars; what is absent and not moved is no leaf."""
        scenario: Scenario = absent_as_static(self.built.scenario, self.moved)
        return scenario

    def forecaster(self, metrics: tuple[str, ...]) -> Forecaster:
        """What the grid evaluates for this case."""
        return Forecaster(self.parameters, metrics, self.sensitivity)

    @property
    def label(self) -> str:
        return f"{self.model} on {self.hw}" + ("" if self.opt == "none" else f" with {self.opt}")
