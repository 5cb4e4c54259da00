"""Combinations side by side at every place of a slider, in columns of numbers: its moves need no further answer."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.explorer.answers import AVAILABLE, COMPARED
from life_jax.explorer.evaluation import evaluated
from life_jax.explorer.plain_data import DIGITS, labels, plain, reason, study_of
from life_jax.explorer.questions import Question
from life_jax.explorer.sliders import bare
from life_jax.forecasting.metrics import METRICS

MOST_PLACES = 256  # of a slider


def along(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What `answers.compare` has, at many values of a number: by combination and metric a list over the values.

    settings: word, of the number as the question has it; values, its numbers. Raises ConfigError for a number of one
    device or model among several, which an axis would set in all of them.
    """
    word, values = str(settings.get("word", "")), places_of(settings.get("values"), MOST_PLACES)
    section = word.split(".", 1)[0]
    if section in ("hw", "model") and len(getattr(question, section)) > 1:
        raise ConfigError(f"{word[:40]}: a number of one among several is no axis")
    study = study_of(question.words({bare(word): values}))
    of = evaluated(study, (*COMPARED, AVAILABLE))
    rows = []
    for cell, case in enumerate(study.cells):
        row: dict[str, Any] = {**labels(study, cell), "reason": reason(study, cell)}
        if case is not None:
            columns = {name: _column(name, column[cell].reshape(-1)) for name, column in of.items()}
            row |= {"available": columns.pop(AVAILABLE), "values": columns}
        rows.append(row)
    return {"word": word, "places": values, "rows": rows}


def places_of(typed: Any, most: int) -> list[float]:
    """Places of a slider in a question. Raises ConfigError where they are no list of at most so many numbers."""
    if not isinstance(typed, list) or not 1 <= len(typed) <= most:
        raise ConfigError(f"values: a list of at most {most} numbers is needed")
    for value in typed:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError("values: finite numbers are needed")
    return typed


def _column(metric: str, values: np.ndarray) -> list[Any]:
    """A metric as `plain` has it, value by value; rounded together, which takes a tenth of the time."""
    if METRICS[metric].kind != "number":
        return [plain(metric, float(value)) for value in values]
    known = np.isfinite(values)
    size = np.where(known & (values != 0), np.abs(values), 1.0)
    power = DIGITS - 1 - np.floor(np.log10(size))
    up, down = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)  # both exact, unlike 10 ** -power
    rounded = np.round(np.where(known, values, 0.0) * up / down) * down / up
    return [value if is_known else None for value, is_known in zip(rounded.tolist(), known.tolist(), strict=True)]
