"""A case of a study: a model on a device under a stack of options, and how the axes set its numbers."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from life_jax.config.build import Built
from life_jax.config.schema.errors import ImpossibleError
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import Absent, Leaf, absent_as_static
from life_jax.core.scenario import Scenario
from life_jax.sensitivity.grid_function import Forecaster, Sensitivity

NOTHING: frozenset[Leaf] = frozenset()  # one object for all cases


@dataclass(frozen=True)
class Nowhere:
    """A combination of labels as typed (model, hw, opt, and engine where several are compared) that cannot be."""

    labels: tuple[str, ...]
    reason: ImpossibleError


class Keys(NamedTuple):
    """Labels of ours of a case, as in words and files, where what was typed may be another name."""

    model: str = ""
    hw: str = ""
    opt: str = ""
    engine: str = ""


NO_KEYS = Keys()


@dataclass(frozen=True)
class Case:
    """A model on a device under a stack of options.

    model, hw, opt, engine: labels as typed; engine is empty where engines are not compared. built: the scenario at its
    scalars; parameters: how each axis sets it. sensitivity: which elasticities, gains and slopes are computed.
    absent: what was made of parts that other cases of the study have too.
    """

    model: str
    hw: str
    opt: str
    built: Built
    parameters: tuple[Parameter, ...]
    sensitivity: Sensitivity | None = None
    keys: Keys = NO_KEYS
    engine: str = ""
    absent: Absent = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        """Its label."""
        return f"<life_jax.Case {self.label}>"

    @cached_property
    def moved(self) -> frozenset[Leaf]:
        """Leaves that something moves: axes, and what sensitivities are asked for."""
        leaves = [leaf for parameter in self.parameters for leaf in parameter.paths]
        if self.sensitivity is not None:
            leaves += [leaf for _, paths in self.sensitivity.parameters for leaf in paths]
            leaves += [leaf for _, slope in self.sensitivity.slopes if slope is not None for leaf in slope.paths]
        return frozenset(leaves) if leaves else NOTHING

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario at its scalars; what is absent and not moved is no leaf."""
        scenario: Scenario = absent_as_static(self.built.scenario, self.moved, self.absent)
        return scenario

    def forecaster(self, metrics: tuple[str, ...]) -> Forecaster:
        """The function that a grid evaluates for this case: values of the axes -> metrics."""
        return Forecaster(self.parameters, metrics, self.sensitivity)

    @property
    def label(self) -> str:
        """MODEL on HW, with OPT where there is one, and under ENGINE where several are compared."""
        under = f" under {self.engine}" if self.engine else ""
        return f"{self.model} on {self.hw}" + ("" if self.opt == "none" else f" with {self.opt}") + under
