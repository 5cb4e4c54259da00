"""Fields of a schema class: a number, with its unit, bounds and leaf, or a word out of a few."""

import dataclasses
from typing import Any


def number(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    """A field that holds a number.

    facts: unit; name; low, high and open_low (whether low itself is refused); leaf, the place in a Scenario, and
    scale, from the file's unit to its base unit; whole, whether it counts things: forecasts take numbers between,
    designs do not.
    """
    return dataclasses.field(default=default, metadata={"number": True, **facts})


def choice(default: Any, options: tuple[str, ...]) -> Any:
    """A field that holds a word out of a short list; it shapes the graph, so that it is never an axis."""
    return dataclasses.field(default=default, metadata={"options": options})


def positive(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    """A field that holds a number above 0."""
    return number(default, low=0, open_low=True, **facts)


def count(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    """A field that holds a number of things, 1 or more."""
    return number(default, low=1, unit="1", whole=True, **facts)


def fraction(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    """A field that holds a part of a whole, above 0 and at most 1."""
    return number(default, low=0, open_low=True, high=1, unit="1", **facts)
