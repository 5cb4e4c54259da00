"""Layouts over devices that do not divide a model: refused where a study asks for nothing else, else NaN and said."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.pytree import set_leaf
from life_jax.forecasting.layout import DIVIDED, NUMBERS, why_impossible
from life_jax.studies.case import Case

PARALLELISM = ("engine", "parallelism")
MOST = 4096  # layouts of a study that are looked at


def impossible(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """A line for each model and reason for which layouts do not divide it, so that results are NaN.

    axes: values by key. Raises ConfigError where no point of the study has a layout that is possible. Where what is
    divided is an axis itself, nothing is said.
    """
    if axes.keys() & set(DIVIDED):
        return ()
    reasons: dict[str, None] = {}
    points, wrong = 0, 0
    for case in cases:
        scenario = case.built.scenario
        layout = scenario.engine.parallelism
        lists = [axes.get(key, np.array([getattr(layout, key)])).tolist() for key in NUMBERS]
        for numbers in itertools.islice(itertools.product(*lists), MOST):
            points += 1
            changes = dict(zip(NUMBERS, map(float, numbers), strict=True))
            why = why_impossible(set_leaf(scenario, PARALLELISM, dataclasses.replace(layout, **changes)))
            if why is not None:
                wrong += 1
                reasons[f"model.{case.keys.model}: {why}"] = None
    if wrong and wrong == points:
        raise ConfigError(next(iter(reasons)))
    return tuple(f"{reason}: NaN" for reason in reasons)
