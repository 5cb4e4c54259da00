"""The views of a page: each is a function from a question and its settings to plain data."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.explorer import along, along_load, answers, planned, trade, under_load
from life_jax.explorer.plain_data import study_of
from life_jax.explorer.questions import Question
from life_jax.explorer.sliders import described


def slider(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a slider of a number needs. settings: key, the number."""
    return described(study_of(question.words()), str(settings.get("key", "")))


VIEWS = {
    "fits": answers.fits, "compare": answers.compare, "along": along.along, "curve": answers.curve,
    "where": answers.where, "elasticity": answers.elasticity, "number": slider, "trade": trade.trade,
    "load": under_load.percentiles, "load_along": along_load.along, "goodput": under_load.goodput, "plan": planned.plan,
}  # fmt: skip


def answer(view: str, question: Question, settings: Any) -> dict[str, Any]:
    """The answer of a view. Raises ConfigError for a view that is not there and for what makes no sense."""
    if view not in VIEWS:
        raise unknown("view", view, VIEWS)
    if not isinstance(settings, Mapping):
        raise ConfigError("settings: an object is needed")
    if not question.hw:
        raise ConfigError("no device is chosen: add one under Devices")
    return VIEWS[view](question, settings)
