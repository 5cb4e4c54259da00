"""Layouts over devices that do not divide a model: refused where a study asks for nothing else, else NaN and said."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.pytree import set_leaf
from life_jax.forecasting.layout import DIVIDED, NUMBERS, why_impossible
from life_jax.studies.case import Case

PARALLELISM = ("engine", "parallelism")
MOST = 4096  # layouts of a study that are looked at


def impossible(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """A line for each model and number of a layout that does not divide it, so that results are NaN.

    axes: values by key. Raises ConfigError where no point of the study has a layout that is possible. Where what is
    divided is an axis itself, nothing is said.
    """
    if axes.keys() & set(DIVIDED):
        return ()
    reasons: dict[tuple[str, str], list[str]] = {}
    points, wrong = 0, 0
    for case in cases:
        scenario = case.built.scenario
        layout = scenario.engine.parallelism
        lists = [axes.get(key, np.array([getattr(layout, key)])).tolist() for key in NUMBERS]
        for numbers in itertools.islice(itertools.product(*lists), MOST):
            points += 1
            changes: dict[str, Any] = dict(zip(NUMBERS, map(float, numbers), strict=True))
            why = why_impossible(set_leaf(scenario, PARALLELISM, dataclasses.replace(layout, **changes)))
            if why is not None:
                wrong += 1
                key = next(key for key in NUMBERS if key in why)
                reasons.setdefault((f"model.{case.keys.model}", key), []).append(why)
    if wrong and wrong == points:
        (model, _), (why, *_) = next(iter(reasons.items()))
        raise ConfigError(f"{model}: {why}")
    return tuple(_line(model, key, whys) for (model, key), whys in reasons.items())


def _line(model: str, key: str, whys: list[str]) -> str:
    """The first reason for which a number of layouts does not divide a model, and of how many there are more."""
    different = list(dict.fromkeys(whys))
    more = f" (and {len(different) - 1} more of {key}, {len(whys)} layouts together)" if len(different) > 1 else ""
    return f"{model}: {different[0]}: NaN{more}"
