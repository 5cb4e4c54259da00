"""The numbers that a page moves: their words, bounds, values, and the values of curves along them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.config.parameters import parameter_of
from life_jax.config.schema import axis_table
from life_jax.config.schema.check import check_number
from life_jax.config.schema.errors import ConfigError
from life_jax.config.short_words import SHORT_WORDS, long_key
from life_jax.explorer.questions import Question
from life_jax.studies.study import Study

# what sliders of requests reach: from one token or sequence to what large servers do [assumption]
REACH = {
    "prompt_tokens": (1.0, 131072.0), "output_tokens": (1.0, 16384.0), "batch": (1.0, 1024.0),
    "past_tokens": (0.0, 131072.0), "rate": (0.01, 1000.0), "concurrency": (1.0, 4096.0),
}  # fmt: skip
CURVED = {
    "prompt_tokens": (16.0, 32768.0),
    "output_tokens": (1.0, 4096.0),
    "batch": (1.0, 256.0),
    "past_tokens": (0.0, 65536.0),
}
SHORT = {long.split(".", 1)[1]: short for short, long in SHORT_WORDS.items()}
FACTOR = 8.0  # that any other slider reaches below and above its value
PLACES = 25  # of a curve


def bare(key: str) -> str:
    """The key of a number as files have it: batch, workload.batch, hw.v100.memory_gb are batch, batch, memory_gb."""
    parts = long_key(key).split(".")
    drop = 2 if parts[0] in ("hw", "model") and len(parts) > 2 else 1 if parts[0] in (*axis_table.FILES, "axes") else 0
    return ".".join(parts[drop:])


def described(study: Study, key: str) -> dict[str, Any]:
    """What a slider of a number needs. key: as axes have it.

    Returns its word for this study, key, name, unit, low and high ends, whether it is whole, and its value in the
    first combination. Raises ConfigError where nothing depends on it.
    """
    key = bare(key)
    case = study.cases[0]
    facts = axis_table.facts(key)
    value = float(parameter_of(key, case.built, case.label).get(case.scenario))
    low, high = REACH.get(key) or _around(value, facts)
    return {
        "word": _word(study, key), "key": key, "name": facts["name"], "unit": facts.get("unit", "1"),
        "low": low, "high": high, "whole": bool(facts.get("whole")) or (key in REACH and key != "rate"), "value": value,
    }  # fmt: skip


def _word(study: Study, key: str) -> str:
    section = axis_table.section_of(key)
    if key in SHORT:
        return SHORT[key]
    if section in ("hw", "model"):
        of = study.composed.hw if section == "hw" else study.composed.model
        return f"{section}.{next(iter(of))}.{key}" if len(of) == 1 else f"axes.{key}"
    return f"{section}.{key}" if section != "opt" else f"axes.{key}"


def _around(value: float, facts: Mapping[str, Any]) -> tuple[float, float]:
    value = value if 0 < abs(value) < 1e15 else 1.0
    low, high = value / FACTOR, value * FACTOR
    if (least := facts.get("low")) is not None:
        low = max(low, float(least))
    if (most := facts.get("high")) is not None:
        high = min(high, float(most))
    return low, max(high, low)


def curve_values(key: str, question: Question) -> list[float]:
    """Values of a number along a curve, the present one of the question among them. Raises ConfigError."""
    facts, name = axis_table.facts(bare(key)), bare(key)
    now = next((value for word, value in question.numbers.items() if bare(word) == name), None)
    if now is not None:
        check_number(now, facts, f"axes.{name}")
    if name in CURVED:
        low, high = CURVED[name]
        values = np.unique(np.round(np.geomspace(max(low, 1.0), high, PLACES)))
        if low == 0:
            values = np.concatenate([[0.0], values])
    elif now is None or now <= 0:
        raise ConfigError(f"a curve along {name} needs a number above 0: add its slider first")
    else:
        low, high = _around(now, facts)
        values = np.geomspace(max(low, now / FACTOR), high, PLACES)
        if facts.get("whole"):
            values = np.unique(np.round(values))
    present = [] if now is None else [now]
    return [float(f"{value:.6g}") for value in np.unique([*values, *present])]
