"""What the scenarios of a study have in common, each part built once."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from life_jax.config.option_numbers import OptionNumbers
from life_jax.config.options import without_units
from life_jax.core.pytree import mapping
from life_jax.core.scenario import Precision, Scenario
from life_jax.optimizations import Optimization, chain

UNSEEN = ("device", "costs", "quality")  # parts of a scenario that no option looks at
PARTS = tuple(field.name for field in fields(Scenario))
BY_VALUE = frozenset({str, bool, float, tuple})  # types of what is told apart by its value
T = TypeVar("T")


class Parts:
    """The parts that scenarios of a study have in common (a device, a model, an engine on a class of devices), each
    built once. Give one to all calls of `build` whose files are the same objects."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any]] = {}
        self._precisions: dict[tuple[Any, ...], Precision] = {}
        self._mapped = mapping(float)  # int32 wraps under jit and has no gradient

    def __call__(self, make: Callable[..., T], *of: Any) -> T:
        """make(*of), or what it was before; files are told apart as objects, text and the like by their value."""
        key = make, *[part if type(part) in BY_VALUE else id(part) for part in of]
        if key not in self._known:
            self._known[key] = of, make(*of)  # kept with its files, so that no other gets their id
        part: T = self._known[key][1]
        return part

    def once(self, of: tuple[Any, ...], make: Callable[[], T]) -> T:
        """make(), or what it was before for the same objects and texts."""
        key = None, *[part if type(part) is str else id(part) for part in of]
        if key not in self._known:
            self._known[key] = of, make()
        part: T = self._known[key][1]
        return part

    def of_floats(self, scenario: Scenario) -> Scenario:
        """The scenario with floats for all its numbers, part by part, each once."""
        return Scenario(*[self.floats(getattr(scenario, name)) for name in PARTS])

    def floats(self, part: Any) -> Any:
        """A part with floats for all its numbers, once."""
        key = "floats", id(part)
        if key not in self._known:
            self._known[key] = (part,), self._mapped(part)
        return self._known[key][1]

    def chained(self, first: Optimization, then: Optimization) -> Optimization:
        """Both options as one, the same object for the same two."""
        return self.once((first, then), lambda: chain(first, then))

    def without_units(self, stack: Optimization) -> Optimization:
        """What stands for a stack on a device without its units, the same object for the same stack."""
        return self.once(("without units", stack), lambda: without_units(stack))

    def applied(self, options: OptionNumbers, stack: Optimization, bare: Scenario) -> Scenario:
        """The scenario that a stack makes of `options.base`, of plain floats.

        bare: what the base was made of. Options change models, software and precision alone, and do not look at a
        device or its costs, so that what they make is the same on all devices of one software.
        """
        others = [getattr(bare, name) for name in PARTS if name not in UNSEEN]
        key = "applied", options.convention, str(options.positions), stack, *others
        made = self.once(key, lambda: self._applied(options))
        return replace(made, **{name: getattr(options.base, name) for name in UNSEEN})

    def _applied(self, options: OptionNumbers) -> Scenario:
        made: Scenario = self._mapped(options.applied({}))
        return replace(made, precision=self.equal(made.precision))

    def equal(self, precision: Precision) -> Precision:
        """The first precision of plain numbers that was equal to this one: options make a new one for each case."""
        names = (field.name for field in fields(precision) if field.name != "weights")
        key = (*precision.weights.items(), *(getattr(precision, name) for name in names))
        return self._precisions.setdefault(key, precision)
