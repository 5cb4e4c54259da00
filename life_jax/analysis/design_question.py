"""Studies as design questions: a `Problem` for each case of a study that has targets and free numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.analysis.inverse_design import FITS, Problem, Target
from life_jax.config.parameters import parameter_of
from life_jax.config.schema import axis_table
from life_jax.config.schema.check import check_number
from life_jax.config.schema.errors import ConfigError
from life_jax.core.parameter import Parameter
from life_jax.core.scenario import Scenario
from life_jax.forecasting.memory import memory
from life_jax.studies.case import Case
from life_jax.studies.study import Study

FREE_FACTOR = 20.0  # a free number without a range of its own may become so many times larger or smaller


def problem(study: Study) -> Problem:
    """The design question of a study of one case, as `life.load(..., primary="design")` gives it.

    Raises ConfigError for a study with several cases or with axes, and where the question makes no sense.
    """
    if len(study.cases) > 1:
        raise ConfigError(f"problem() takes one model, one device and one stack, not {len(study.cases)} cases")
    return problems(study)[0]


def problems(study: Study) -> tuple[Problem, ...]:
    """The design questions of a study, one for each case.

    All have the same targets and free numbers. A free number without a range gets one around that of each device.

    Raises ConfigError for a study with axes, and where a question makes no sense.
    """
    settings = study.composed.settings
    moved = [*study.axes, *(key for key, _ in (study.points.spans if study.points else ()))]
    if moved:
        raise ConfigError(f"design takes no axes.{moved[0]}: one workload; a number that may move is free=[{moved[0]}]")
    return tuple(_problem(case, settings) for case in study.cases)


def _problem(case: Case, settings: Mapping[str, Any]) -> Problem:
    rate = next((key for key, pipes in case.built.sources.items() if any(p == "linear" for p, _ in pipes)), None)
    free = settings["free"] or (*([rate] if rate else []), "bandwidth_gb_per_s", "memory_gb")
    for key in settings["ranges"]:
        if key not in free:
            raise ConfigError(f"range.{key}: {key} is not free; free numbers are {', '.join(free)}")
    built, scenario = case.built, case.built.scenario
    parameters = tuple(parameter_of(key, built, case.label, "free=: ") for key in free)
    ranges = tuple(_range(parameter, scenario, settings["ranges"]) for parameter in parameters)
    targets = [Target(metric, value) for metric, value in settings["targets"] if value]
    about_memory = any(metric == FITS for metric, _ in settings["targets"])
    if not about_memory and any(_changes_memory(parameter, scenario) for parameter in parameters):
        targets.append(Target(FITS, 1.0))
    question = Problem(scenario, parameters, ranges, tuple(targets), settings["minimize"])
    if not question.is_answerable:
        what = f"{settings['minimize']} or a target is not a number here"
        raise ConfigError(f"{case.label}: {what}; python -m life_jax.catalog hw says what is published")
    return question


def _range(parameter: Parameter, scenario: Scenario, ranges: Mapping[str, Any]) -> tuple[float, float]:
    """(low, high) of a free number; ranges: those that were typed, by key."""
    facts, now = axis_table.facts(parameter.key), float(parameter.get(scenario))
    if parameter.key not in ranges and now <= 0:
        raise ConfigError(f"range.{parameter.key}=[LOW,HIGH] is needed: the file has {now:g}")
    low, high = ranges.get(parameter.key, (now / FREE_FACTOR, now * FREE_FACTOR))
    if parameter.key not in ranges:
        low, high = max(low, facts.get("low", 0.0)), min(high, facts.get("high", float("inf")))
    if parameter.whole:
        low, high = max(1.0, np.ceil(low)), np.floor(high)
        if low > high:
            raise ConfigError(
                f"range.{parameter.key}: there is no whole number in it, and {parameter.key} comes in pieces"
            )
    for end in (low, high):
        check_number(float(end), facts, f"range.{parameter.key}")
    return float(low), float(high)


def _changes_memory(parameter: Parameter, scenario: Scenario) -> bool:
    """Whether the part of the memory that is needed depends on the number."""
    now, other = memory(scenario), memory(parameter.set(scenario, 1.5 * float(parameter.get(scenario)) or 1.0))
    return float(now.filled) != float(other.filled)
