"""Axis values: a list of numbers, or linspace(a,b,n), geomspace(a,b,n), arange(a,b,step). Parsed, never evaluated."""

import math
import re
from typing import Any

import numpy as np

from life_jax.config.errors import ConfigError

RANGE = re.compile(r"^\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$")
FORMS = {
    "linspace": "linspace(first,last,count)",
    "geomspace": "geomspace(first,last,count)",
    "arange": "arange(first,end,step)",
}
MOST_VALUES = 10**8


def is_range(text: Any) -> bool:
    return isinstance(text, str) and RANGE.match(text) is not None


def values(asked: Any, where: str) -> np.ndarray:
    """The float64 values of an axis, or ConfigError naming `where`."""
    if isinstance(asked, str):
        found = _range(asked, where)
    elif isinstance(asked, list | tuple):
        found = np.array([_number(item, where) for item in asked], dtype=np.float64)
    else:
        found = np.array([_number(asked, where)], dtype=np.float64)
    if found.size == 0:
        raise ConfigError(f"{where} is empty; give at least one value")
    return found


def _number(item: Any, where: str) -> float:
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise ConfigError(f"{where} has {item!r}, not a number; give [1,2,4] or {', '.join(FORMS.values())}")
    if not math.isfinite(item):
        raise ConfigError(f"{where} has {item}; finite numbers are needed")
    return float(item)


def _range(text: str, where: str) -> np.ndarray:
    match = RANGE.match(text)
    if match is None or match.group(1) not in FORMS:
        raise ConfigError(f"{where} is '{text}'; give a list such as [1,2,4] or {', '.join(FORMS.values())}")
    name, inside = match.groups()
    try:
        numbers = [float(part) for part in inside.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or not all(math.isfinite(x) for x in numbers):
        raise ConfigError(f"{where} is '{text}'; {FORMS[name]} takes three finite numbers")
    first, last, third = numbers
    return _arange(first, last, third, where) if name == "arange" else _space(name, first, last, third, where)


def _space(name: str, first: float, last: float, count: float, where: str) -> np.ndarray:
    if count != int(count) or not 1 <= count <= MOST_VALUES:
        raise ConfigError(f"{where}: the count in {FORMS[name]} is {count:g}; it must be a whole number, 1 or more")
    if name == "linspace":
        return np.linspace(first, last, int(count))
    if first <= 0 or last <= 0:
        raise ConfigError(f"{where}: both ends of {FORMS[name]} must be above 0, not {first:g} and {last:g}")
    return np.geomspace(first, last, int(count))


def _arange(first: float, end: float, step: float, where: str) -> np.ndarray:
    """Half-open, as NumPy's; the end is left out even where rounding would let it in."""
    if step == 0:
        raise ConfigError(f"{where}: the step of {FORMS['arange']} is 0")
    count = math.ceil(round((end - first) / step, 9))
    if count > MOST_VALUES:
        raise ConfigError(f"{where}: {FORMS['arange']} would have {count:g} values; at most {MOST_VALUES:g}")
    return first + step * np.arange(max(count, 0), dtype=np.float64)
