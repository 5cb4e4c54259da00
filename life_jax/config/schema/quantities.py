"""Fields of a file that hold a number, with its unit, bounds and leaf, or a word out of a few."""

import dataclasses
from typing import Any


def number(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    """A number with its facts: unit, name, low, high, open_low (low itself refused), leaf, scale.

    whole: it comes in pieces. Forecasts take any number between; a design has none.
    """
    return dataclasses.field(default=default, metadata={"number": True, **facts})


def choice(default: Any, options: tuple[str, ...]) -> Any:
    """A word out of a short list; it shapes the graph, so it is never an axis."""
    return dataclasses.field(default=default, metadata={"options": options})


def positive(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    return number(default, low=0, open_low=True, **facts)


def count(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    return number(default, low=1, unit="1", whole=True, **facts)


def fraction(default: Any = dataclasses.MISSING, **facts: Any) -> Any:
    return number(default, low=0, open_low=True, high=1, unit="1", **facts)
