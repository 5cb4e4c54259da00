"""Studies of a page's questions, and their labels and numbers as plain data that JSON can hold."""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from life_jax.config import words as command_words
from life_jax.config.load_words import load_words
from life_jax.config.schema.errors import ConfigError
from life_jax.core.scenario import Scenario
from life_jax.explorer.questions import MOST_CASES, MOST_POINTS
from life_jax.forecasting.memory import memory
from life_jax.forecasting.metrics import BOUNDS, METRICS
from life_jax.studies.loading import load
from life_jax.studies.study import Study

DIGITS = 7  # of a number


def study_of(words: Sequence[str], primary: str = "sweep") -> Study:
    """The study of these words. Raises ConfigError, also for one that is too large for a page."""
    of_numbers = load_words(words).words if primary == "serve" else words
    request = command_words.parse(of_numbers, verb=primary)
    cases = len(request.hw) * len(request.model) * len(request.stacks) * max(1, len(request.engines))
    if cases > MOST_CASES:
        raise ConfigError(
            f"{cases} combinations at once; a page shows at most {MOST_CASES}: life-jax {primary} has no limit"
        )
    study = load(words, primary=primary)
    points = cases * math.prod(len(axis) for axis in study.grid_axes)
    if points > MOST_POINTS:
        raise ConfigError(
            f"{points} points at once; a page shows at most {MOST_POINTS}: life-jax {primary} has no limit"
        )
    return study


def command(words: Sequence[str], verb: str = "sweep") -> str:
    """The line for a shell."""
    return f"life-jax {verb} {shlex.join(words)}"


def number(value: Any) -> float | None:
    """A number of at most DIGITS digits, or None for one that is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def numbers(values: np.ndarray) -> Any:
    """Nested lists of numbers."""
    return [numbers(part) for part in values] if values.ndim else number(float(values))


def plain(metric: str, value: float) -> Any:
    """A metric as data: a number, true or false, the name of a bound; None where there is none."""
    if not math.isfinite(value):
        return None
    if METRICS[metric].kind == "flag":
        return bool(value)
    return BOUNDS[int(value)] if METRICS[metric].kind == "bound" else number(value)


def labels(study: Study, cell: int) -> dict[str, str]:
    """Labels as typed of a cell of the study, by group; the engine that `auto` means as `runs`."""
    named = dict(zip(study.case_dimensions, _combination(study, cell), strict=True))
    case = study.cells[cell]
    runs = "" if case is None else study.composed.engines[case.keys.engine].name
    return {**named, "runs": runs or ("" if case is None else case.keys.engine)}


def _combination(study: Study, cell: int) -> tuple[str, ...]:
    of = [list(study.composed.labels[name].values()) for name in study.case_dimensions]
    places = np.unravel_index(cell, [len(one) for one in of])
    return tuple(one[int(place)] for one, place in zip(of, places, strict=True))


def reason(study: Study, cell: int) -> str | None:
    """Why a combination cannot be, None where it can."""
    return study.nowhere.get(_combination(study, cell))


def available(scenario: Scenario) -> float:
    """Memory that may be used on each device [byte]."""
    return float(memory(scenario).available)


def number_list(settings: Mapping[str, Any], key: str, usual: Sequence[float], most: int = 32) -> list[float]:
    """A list of numbers above 0 among the settings of a view. Raises ConfigError where it is none, or too long."""
    values = settings.get(key, list(usual))
    if not isinstance(values, list) or not 1 <= len(values) <= most:
        raise ConfigError(f"{key}: a list of at most {most} numbers is needed")
    for value in values:
        positive(value, key)
    return values


def positive(value: Any, key: str) -> float:
    """A number above 0. Raises ConfigError where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ConfigError(f"{key}: numbers above 0 and below 1e9 are needed")
    return float(value)
