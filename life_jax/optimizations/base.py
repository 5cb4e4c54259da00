"""What an optimization is: pure functions over the scenario and over the operator graph."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Scenario, pytree, static

Transform = Callable[[Scenario], Scenario]


class Refused(ValueError):
    """An optimization that makes no sense here; one line that says why. Only raised at the door."""


@pytree
class Rewrite:
    """`function(graph, **numbers)`; the numbers are leaves, the function is part of the compilation key.

    last: after fusion, on the operators that are really run (a counting convention).
    """

    numbers: Mapping[str, Number]
    function: Callable[..., Graph] = static()
    last: bool = static(default=False)

    def __call__(self, graph: Graph) -> Graph:
        return self.function(graph, **self.numbers)


@dataclass(frozen=True)
class Optimization:
    """A value: what it changes in the scenario (applied at the door) and in the graph (in the forecast).

    sets: the scalar keys that it decides, which therefore cannot be axes or typed beside it.
    math: matrix rate by pipe that it asks for (linear: int8); devices without that unit refuse it.
    cache_dtype: data type of the KV cache, where a device without units for it has to convert what it reads.
    once: what a stack may decide once only (adapters), and why; `chain` refuses a second option that does.
    """

    names: tuple[str, ...] = ()
    transforms: tuple[Transform, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    math: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)
    cache_dtype: str = ""

    def apply(self, scenario: Scenario) -> Scenario:
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


def named(name: str, optimization: Optimization) -> Optimization:
    """The same under the name of its file; `sets` and `math` remember who asked."""
    return Optimization(
        names=(name,),
        transforms=optimization.transforms,
        rewrites=optimization.rewrites,
        sets=dict.fromkeys(optimization.sets, name),
        math={pipe: (dtype, name) for pipe, (dtype, _) in optimization.math.items()},
        once=optimization.once,
        cache_dtype=optimization.cache_dtype,
    )


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
        names=tuple(name for one in optimizations for name in one.names),
        transforms=tuple(f for one in optimizations for f in one.transforms),
        rewrites=tuple(f for one in optimizations for f in one.rewrites),
        **merged,
    )
