"""An optimization as a value: pure functions of the scenario and of the operator graph."""

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
    """An optimization that makes no sense in this place; a line that says why. Raised only while a case is made."""


@pytree
class Rewrite:
    """A change of the operator graph: `function(graph, step, **numbers)`.

    numbers: leaves, or trees of them; the function is part of the compilation key
    last: whether it runs after fusion, on the operators that are really executed (a counting convention)
    """

    numbers: Mapping[str, Any]
    function: Callable[..., Graph] = static()
    last: bool = static(default=False)

    def __call__(self, graph: Graph, step: Step) -> Graph:
        """The operators of a step after the change."""
        return self.function(graph, step, **self.numbers)


@dataclass(frozen=True)
class Origin:
    """An option of a stack: its name, its kind in INDEX, and the arguments of its file."""

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.name, self.kind))


@dataclass(frozen=True)
class Optimization:
    """Changes of the scenario, applied when a case is made, and of the graph, applied in the forecast.

    origins: the options that it was made of, with their numbers
    transforms: functions of the scenario; rewrites: changes of the graph
    sets: scalar keys that it decides, which therefore cannot be axes or be typed beside it; with the option's name
    math: matrix rate by pipe that it needs (linear: int8), with the option's name; devices without that unit refuse it
    once: what only a single option of a stack may decide (adapters), and why; `chain` refuses a second option
    cache_dtype: data type of the KV cache, where a device without units for it has to convert what it reads
    otherwise: options that stand for it on a device without the units of `math`; none where such a device refuses it
    """

    origins: tuple["Origin", ...] = ()
    transforms: tuple[Transform, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    math: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)
    cache_dtype: str = ""
    otherwise: tuple["Origin", ...] = ()

    def __repr__(self) -> str:
        """Names of its options."""
        return f"<Optimization {'+'.join(self.names) or 'none'}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the options, in their order."""
        return tuple(origin.name for origin in self.origins)

    def apply(self, scenario: Scenario) -> Scenario:
        """The scenario after all transforms, with the rewrites added to its own."""
        for transform in self.transforms:
            scenario = transform(scenario)
        return replace(scenario, rewrites=(*scenario.rewrites, *self.rewrites))


def change_layers(scenario: Scenario, change: Callable[[Block], Block]) -> Scenario:
    """A copy of the scenario in which `change` was applied to every kind of layer."""
    blocks = tuple(change(block) for block in scenario.architecture.blocks)
    return replace(scenario, architecture=replace(scenario.architecture, blocks=blocks))


def layers_of(scenario: Scenario, *kinds: str) -> tuple[Block, ...]:
    """The kinds of layer whose attention is one of `kinds`."""
    return tuple(block for block in scenario.architecture.blocks if block.attention_kind in kinds)


def named(origin: Origin, optimization: Optimization) -> Optimization:
    """The optimization as an option of that origin; `sets` and `math` get the option's name."""
    name = origin.name
    return replace(
        optimization,
        origins=(origin,),
        sets=dict.fromkeys(optimization.sets, name),
        math={pipe: (dtype, name) for pipe, (dtype, _) in optimization.math.items()},
        otherwise=tuple(replace(instead, name=name) for instead in optimization.otherwise),
    )


def below(number: Number, least: float) -> bool:
    """Whether a plain number is less than `least`; a traced number was checked before, and is not."""
    return isinstance(number, int | float) and number < least


def chain(*optimizations: Optimization) -> Optimization:
    """Optimizations from left to right, as written. Associative; `Optimization()` is the identity.

    Raises Refused where two of them decide the same key of `once`.
    """
    merged: dict[str, Any] = {"sets": {}, "math": {}, "once": {}, "cache_dtype": ""}
    for option in optimizations:
        for key in option.once.keys() & merged["once"].keys():
            raise Refused(f"two options of one stack decide about {key}: {option.once[key]}")
        merged["once"].update(option.once)
        merged["sets"].update(option.sets)
        merged["math"].update(option.math)
        if "kv_bits" in option.sets:  # the last to say how the cache is stored
            merged["cache_dtype"] = option.cache_dtype
    falls_back = any(option.otherwise for option in optimizations)
    return Optimization(
        otherwise=tuple(o for option in optimizations for o in option.otherwise or option.origins) * falls_back,
        origins=tuple(origin for option in optimizations for origin in option.origins),
        transforms=tuple(f for option in optimizations for f in option.transforms),
        rewrites=tuple(f for option in optimizations for f in option.rewrites),
        **merged,
    )
