"""Values of an axis: a list, linspace(a,b,n), geomspace(a,b,n) or arange(a,b,step); and drawn points.

uniform(a,b) and loguniform(a,b) are bounds between which points are drawn, as many as sample=lhs(n) says. All of them
are parsed, never evaluated.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.grid.sampling import MOST_HELD, SAMPLERS, Points, Span

RANGE = re.compile(r"^\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$")
FORMS = {
    "linspace": "linspace(first,last,count)",
    "geomspace": "geomspace(first,last,count)",
    "arange": "arange(first,end,step)",
}
SPANS = {"uniform": "uniform(low,high)", "loguniform": "loguniform(low,high)"}
MOST_VALUES = 10**8
MOST_POINTS = 10**12


def is_range(text: Any) -> bool:
    """Whether a value is text of the form NAME(...)."""
    return isinstance(text, str) and RANGE.match(text) is not None


def is_span(text: Any) -> bool:
    """Whether a value is uniform(a,b) or loguniform(a,b), so that the axis is drawn."""
    match = RANGE.match(text) if isinstance(text, str) else None
    return match is not None and match.group(1) in SPANS


def span(text: str, where: str) -> Span:
    """The bounds of a drawn number (see is_span), or ConfigError, which names `where`."""
    match = RANGE.match(text)
    assert match is not None
    name, inside = match.groups()
    ends = _floats(inside)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ConfigError(f"{where} is '{text}'; {SPANS[name]} takes two finite numbers, the lower one first")
    if name == "loguniform" and ends[0] <= 0:
        raise ConfigError(f"{where}: both ends of {SPANS[name]} must be above 0, not {ends[0]:g}")
    return Span(ends[0], ends[1], name == "loguniform")


def points(sample: Any, seed: Any, spans: Mapping[str, Span]) -> Points | None:
    """The points that sample= and the drawn axes (key -> bounds) ask for; None where neither does.

    sample, seed: values of the words sample= and seed=. Raises ConfigError where they do not fit together.
    """
    drawn = next(iter(spans), None)
    if sample is None:
        if drawn is not None:
            raise ConfigError(f"axes.{drawn} is drawn between bounds; sample= says how, such as sample=lhs(10000)")
        if seed != 0:
            raise ConfigError("seed= goes with sample=, such as sample=lhs(10000)")
        return None
    match = RANGE.match(sample) if isinstance(sample, str) else None
    kind, count = (match.group(1), _floats(match.group(2))) if match else (str(sample), [])
    if kind not in SAMPLERS:
        raise unknown("sample=: kind", kind, SAMPLERS)
    if len(count) != 1 or count[0] != int(count[0]) or not 1 <= count[0] <= MOST_POINTS:
        raise ConfigError(f"sample={sample}: how many points is missing, such as sample={kind}(10000)")
    if drawn is None:
        raise ConfigError(f"sample={sample} has nothing to draw; give axes.KEY=uniform(a,b) or loguniform(a,b)")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed={seed}: a whole number of 0 or more is needed")
    drawn_points = Points(kind, int(count[0]), seed, tuple(spans.items()))
    if drawn_points.held > MOST_HELD:
        most = MOST_HELD // len(spans)
        raise ConfigError(f"sample={sample} is held in memory, at most {most} points here; random(n) is not")
    return drawn_points


def values(typed: Any, where: str) -> np.ndarray:
    """The float64 values of an axis, typed as a list, a range or a number; or ConfigError, which names `where`."""
    if isinstance(typed, str):
        numbers = _range(typed, where)
    else:
        items = typed if isinstance(typed, list | tuple) else [typed]
        numbers = np.array([_number(item, where) for item in items], dtype=np.float64)
    if numbers.size == 0:
        raise ConfigError(f"{where} is empty; give at least one value")
    return numbers


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
    numbers = _floats(inside)
    if len(numbers) != 3:
        raise ConfigError(f"{where} is '{text}'; {FORMS[name]} takes three finite numbers")
    first, last, third = numbers
    return _arange(first, last, third, where) if name == "arange" else _space(name, first, last, third, where)


def _floats(inside: str) -> list[float]:
    """The finite numbers between the parentheses of a range; none where one of them is anything else."""
    try:
        numbers = [float(part) for part in inside.split(",")]
    except ValueError:
        return []
    return numbers if all(math.isfinite(x) for x in numbers) else []


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
