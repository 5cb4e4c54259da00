"""A parameter: a number of the files, and how it sets leaves of a Scenario."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from life_jax.core.numerics import Number
from life_jax.core.pytree import Leaf, get_leaf, set_leaf
from life_jax.core.scenario import Scenario


class Group(Protocol):
    """Parameters that set leaves together. Hashable, since a compiled function depends on it."""

    def value(self, key: str) -> Number:
        """The value of the parameter `key` where no axis moves it."""

    def set(self, scenario: Scenario, values: Mapping[str, Number]) -> Scenario:
        """A copy of the scenario in which these parameters have these values, and the others of the group those of
        their files."""


@dataclass(frozen=True)
class Parameter:
    """A number that can be moved, named by the key of its file.

    leaves: (leaf, factor) of every leaf that it sets; a leaf is the value in the file's unit times the factor
    inverse: likewise of leaves that are the factor over the value
    whole: whether it takes whole numbers only (devices, sequences, tokens, layers)
    group: sets the leaves instead, from this value and those of the other parameters of the group (numbers of options)
    """

    key: str
    leaves: tuple[tuple[Leaf, float], ...]
    whole: bool = False
    group: "Group | None" = None
    inverse: tuple[tuple[Leaf, float], ...] = ()

    def get(self, scenario: Scenario) -> Number:
        """The value that the scenario has, in the file's unit."""
        if self.group is not None:
            return self.group.value(self.key)
        leaf, factor = self.leaves[0]
        value: Number = get_leaf(scenario, leaf) / factor
        return value

    @property
    def paths(self) -> tuple[Leaf, ...]:
        """The leaves without their factors."""
        return tuple(leaf for leaf, _ in self.leaves)

    def set(self, scenario: Scenario, value: Number) -> Scenario:
        """A copy of the scenario in which every leaf of the parameter has this value, a number in the file's unit."""
        if self.group is not None:
            return self.group.set(scenario, {self.key: value})
        for leaf, number in self.numbers(value):
            scenario = set_leaf(scenario, leaf, number)
        return scenario

    def numbers(self, value: Number) -> list[tuple[Leaf, Number]]:
        """Every leaf that it sets, and the number that it has at this value; of no group."""
        return [(leaf, value * factor) for leaf, factor in self.leaves] + [
            (leaf, factor / value) for leaf, factor in self.inverse
        ]


def set_all(scenario: Scenario, parameters: Iterable[Parameter], values: Mapping[str, Number]) -> Scenario:
    """A copy of the scenario in which every parameter has its value.

    values: by key of the parameter, in the unit of its file.
    """
    together: dict[Group, dict[str, Number]] = {}
    for parameter in parameters:
        if parameter.group is None:
            scenario = parameter.set(scenario, values[parameter.key])
        else:
            together.setdefault(parameter.group, {})[parameter.key] = values[parameter.key]
    for group, numbers in together.items():
        scenario = group.set(scenario, numbers)
    return scenario
