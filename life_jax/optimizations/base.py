"""What an optimization is: pure functions over the scenario and over the operator graph."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.core.pytree import pytree, static
from life_jax.core.scenario import Block, Scenario
from life_jax.core.schedule import Step

Transform = Callable[[Scenario], Scenario]


class Refused(ValueError):
    """An optimization that makes no sense here; one line that says why. Only raised at the door."""


@pytree
class Rewrite:
    """`function(graph, step, **numbers)`; the numbers are leaves, the function is part of the compilation key.

    last: after fusion, on the operators that are really run (a counting convention).
    """

    numbers: Mapping[str, Number]
    function: Callable[..., Graph] = static()
    last: bool = static(default=False)

    def __call__(self, graph: Graph, step: Step) -> Graph:
        """The operators of a step, changed."""
        return self.function(graph, step, **self.numbers)


@dataclass(frozen=True)
class Origin:
    """One option of a stack: its name, its kind in INDEX, and the arguments that its file gives."""

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.name, self.kind))


@dataclass(frozen=True)
class Optimization:
    """A value: what it changes in the scenario (applied at the door) and in the graph (in the forecast).

    sets: the scalar keys that it decides, which therefore cannot be axes or typed beside it.
    math: matrix rate by pipe that it asks for (linear: int8); devices without that unit refuse it.
    cache_dtype: data type of the KV cache, where a device without units for it has to convert what it reads.
    origins: which options it was made of, and with which numbers.
    once: what a stack may decide once only (adapters), and why; `chain` refuses a second option that does.
    """

    origins: tuple["Origin", ...] = ()
    transforms: tuple[Transform, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    math: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)
    cache_dtype: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The options by name, in their order."""
        return tuple(origin.name for origin in self.origins)

    def apply(self, scenario: Scenario) -> Scenario:
        """The scenario as these options make it."""
        for transform in self.transforms:
            scenario = transform(scenario)
        return replace(scenario, rewrites=(*scenario.rewrites, *self.rewrites))


def change_layers(scenario: Scenario, change: Callable[[Block], Block]) -> Scenario:
    """`change` applied to every kind of layer."""
    blocks = tuple(change(block) for block in scenario.architecture.blocks)
    return replace(scenario, architecture=replace(scenario.architecture, blocks=blocks))


def layers_of(scenario: Scenario, *kinds: str) -> tuple[Block, ...]:
    """Kinds of layer whose attention is one of `kinds`."""
    return tuple(block for block in scenario.architecture.blocks if block.attention_kind in kinds)


def named(origin: Origin, optimization: Optimization) -> Optimization:
    """The same as an option of that origin; `sets` and `math` remember which option asked."""
    name = origin.name
    return replace(
        optimization,
        origins=(origin,),
        sets=dict.fromkeys(optimization.sets, name),
        math={pipe: (dtype, name) for pipe, (dtype, _) in optimization.math.items()},
    )


def below(number: Number, least: float) -> bool:
    """Whether a plain number is less than `least`; what is traced was checked before."""
    return isinstance(number, int | float) and number < least


def chain(*optimizations: Optimization) -> Optimization:
    """Left to right, as written. Associative; `Optimization()` is the identity."""
    merged: dict[str, Any] = {"sets": {}, "math": {}, "once": {}, "cache_dtype": ""}
    for one in optimizations:
        for twice in one.once.keys() & merged["once"].keys():
            raise Refused(f"two options of one stack decide about {twice}: {one.once[twice]}")
        merged["once"].update(one.once)
        merged["sets"].update(one.sets)
        merged["math"].update(one.math)
        if "kv_bits" in one.sets:  # the last to say how the cache is stored
            merged["cache_dtype"] = one.cache_dtype
    return Optimization(
        origins=tuple(origin for one in optimizations for origin in one.origins),
        transforms=tuple(f for one in optimizations for f in one.transforms),
        rewrites=tuple(f for one in optimizations for f in one.rewrites),
        **merged,
    )
