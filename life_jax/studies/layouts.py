"""Layouts over devices that do not divide a model: refused where a study asks for nothing else, else NaN and said."""

from collections.abc import Mapping

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.core.pytree import set_leaf
from life_jax.forecasting.layout import DIVIDED, why_impossible
from life_jax.studies.case import Case

TENSOR = ("engine", "parallelism", "tensor_parallel")


def impossible(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """A line for each model and number of devices whose results are NaN, since they do not divide its heads.

    axes: values by key. Raises ConfigError where no point of the study has a layout that is possible. Where heads are
    an axis themselves, nothing is said.
    """
    if axes.keys() & set(DIVIDED):
        return ()
    reasons: dict[str, None] = {}
    points, wrong = 0, 0
    for case in cases:
        scenario = case.built.scenario
        for devices in axes.get("tensor_parallel", np.array([scenario.engine.parallelism.tensor_parallel])):
            points += 1
            why = why_impossible(set_leaf(scenario, TENSOR, float(devices)), float(devices))
            if why is not None:
                wrong += 1
                reasons[f"model.{case.keys['model']}: {why}"] = None
    if wrong and wrong == points:
        raise ConfigError(next(iter(reasons)))
    return tuple(f"{reason}: NaN" for reason in reasons)
