"""Numbers of options as parameters: `axes.rank` of LoRA, `axes.int4.group_size`, and so on.

An option changes a scenario by functions of its numbers, so that a number moves whatever those functions make of it.
At each point of a grid the stack is applied anew to the scenario that it found, with the numbers of the point, and what
differs is taken over.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from life_jax.config.options import made, numbers
from life_jax.config.schema.errors import ConfigError
from life_jax.core.numerics import Number
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import Leaf, get_leaf, register_with_jax, set_leaf
from life_jax.core.scenario import Scenario
from life_jax.optimizations import Origin, Refused, chain
from life_jax.optimizations.conventions import INDEX as CONVENTIONS


@dataclass(frozen=True, eq=False)
class OptionNumbers:
    """The options of a case, and what they are applied to.

    base: the scenario without them, of plain numbers. origins: of each option, the checkpoint's own first.
    convention: how operators are counted, around the options; positions: of the model, which it needs.
    """

    base: Scenario
    origins: tuple[Origin, ...]
    convention: str
    positions: float

    def value(self, key: str) -> float:
        """The number of that key as its file says it, or the default of its kind."""
        at, argument = self._place(key)
        given = self.origins[at].arguments
        return float(given[argument] if argument in given else numbers(self.origins[at].kind)[argument]["default"])

    def has(self, key: str) -> bool:
        """Whether an option of the stack has the number."""
        return len(list(self._places(key))) == 1

    def set(self, scenario: Scenario, values: Mapping[str, Number]) -> Scenario:
        """A copy of the scenario with what the options make of these values."""
        applied = self.applied(values)
        for leaf, usual in self._usual:
            number = get_leaf(applied, leaf)
            if not (isinstance(number, int | float) and number == usual):
                scenario = set_leaf(scenario, leaf, number)
        return scenario

    def applied(self, values: Mapping[str, Number]) -> Scenario:
        """The scenario that the options make of `base`, these of their numbers replaced."""
        origins = list(self.origins)
        for key, value in values.items():
            at, argument = self._place(key)
            origins[at] = replace(origins[at], arguments={**origins[at].arguments, argument: value})
        before, after = CONVENTIONS[self.convention](self.positions)
        return chain(before, *(made(origin) for origin in origins), after).apply(self.base)

    def leaves(self, key: str) -> tuple[Leaf, ...]:
        """The leaves of the scenario that the number moves."""
        import jax

        register_with_jax()
        moved: list[Leaf] = []

        def probe(value: Number) -> float:
            moved.extend(
                leaf for leaf, number in _leaves(self.applied({key: value})) if isinstance(number, jax.core.Tracer)
            )
            return 0.0

        jax.eval_shape(probe, self.value(key))
        return tuple(moved)

    @cached_property
    def _usual(self) -> tuple[tuple[Leaf, Number], ...]:
        return tuple(_leaves(self.applied({})))

    def _places(self, key: str) -> Iterator[tuple[int, str]]:
        """Which options have the number, as (index, argument)."""
        name, _, argument = key.rpartition(".")
        for at, origin in enumerate(self.origins):
            if name in ("", origin.name) and argument in numbers(origin.kind):
                yield at, argument

    def _place(self, key: str) -> tuple[int, str]:
        (place,) = self._places(key)
        return place


def _leaves(scenario: Scenario) -> Iterator[tuple[Leaf, Number]]:
    import jax

    register_with_jax()
    for path, number in jax.tree_util.tree_leaves_with_path(scenario):
        yield tuple(_key(entry) for entry in path), number


def _key(entry: object) -> str | int:
    """One step of a path of JAX: an attribute, a key or an index."""
    for attribute in ("name", "key", "idx"):
        if hasattr(entry, attribute):
            step: str | int = getattr(entry, attribute)
            return step
    raise TypeError(f"no step of a path: {entry!r}")


def option_parameter(key: str, options: OptionNumbers, where: str, asked: str) -> Parameter:
    """How the number `key` of an option sets the scenario of a case; refuses what is in two options of a stack.

    In a stack without it nothing is set: other stacks of the study have it.
    """
    places = list(options._places(key))
    if len(places) > 1:
        named = " or ".join(f"axes.{options.origins[at].name}.{argument}" for at, argument in places)
        raise ConfigError(f"{asked}{key}: several options of {where} have {key}; write {named}")
    if not places:
        return Parameter(key, ())
    leaves = tuple((leaf, 1.0) for leaf in options.leaves(key))
    return Parameter(key, leaves, group=options)


def refuse_values(key: str, values: Sequence[float], options: OptionNumbers, where: str) -> None:
    """Raises ConfigError for a value of an axis that the option itself refuses."""
    for value in values if options.has(key) else ():
        try:
            options.applied({key: float(value)})
        except Refused as reason:
            raise ConfigError(f"axes.{key} on {where}: {reason}") from None


def refuse_dependent(parameters: Sequence[Parameter], where: str) -> None:
    """Raises ConfigError where an option's number sets leaves that depend on another axis too."""
    for parameter in parameters:
        options = parameter.group
        if not isinstance(options, OptionNumbers):
            continue
        for other in parameters:
            if other.group is not None or not other.leaves:
                continue
            moved = replace(options, base=other.set(options.base, 1.25 * float(other.get(options.base)) + 1.0))
            here, there = options.applied({}), moved.applied({})
            if any(get_leaf(here, leaf) != get_leaf(there, leaf) for leaf in parameter.paths):
                raise ConfigError(
                    f"axes.{parameter.key} and axes.{other.key} of {where}: what the option makes of {parameter.key} "
                    f"depends on {other.key}; sweep one of them at a time"
                )
