"""One number of the files, and how it sets the leaves of a Scenario."""

from dataclasses import dataclass

from life_jax.core.numerics import Number
from life_jax.core.scenario import Leaf, Scenario, get_leaf, set_leaf


@dataclass(frozen=True)
class Parameter:
    """One number by the key of its file.

    leaves: (leaf, factor) of all that it sets; a leaf is the value in the file's unit times its factor.
    whole: it comes in pieces (devices, sequences, tokens, layers).
    """

    key: str
    leaves: tuple[tuple[Leaf, float], ...]
    whole: bool = False

    def get(self, scenario: Scenario) -> Number:
        """The value in the file's unit."""
        leaf, factor = self.leaves[0]
        return get_leaf(scenario, leaf) / factor

    @property
    def paths(self) -> tuple[Leaf, ...]:
        """The leaves without their factors."""
        return tuple(leaf for leaf, _ in self.leaves)

    def set(self, scenario: Scenario, value: Number) -> Scenario:
        """A copy of the scenario in which every leaf of the parameter has the value, given in the file's unit."""
        for leaf, factor in self.leaves:
            scenario = set_leaf(scenario, leaf, value * factor)
        return scenario
