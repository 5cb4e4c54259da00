"""What to run: the planner's question as a form, and its ranked answer."""

import shlex
from collections.abc import Mapping
from typing import Any

from life_jax.config.schema.errors import ConfigError
from life_jax.explorer.plain_data import command, number, positive
from life_jax.explorer.questions import Question
from life_jax.explorer.under_load import of_requests
from life_jax.studies import planning
from life_jax.studies.loading import load

MOST_DEVICES = 64
MOST_ROWS = 200  # of the ranking, that a page shows
NUMBERS = {  # of the settings -> word
    "rate": "rate", "concurrency": "concurrency", "ttft": "target.ttft", "tpot": "target.tpot", "e2e": "target.e2e",
    "quality": "quality", "confidence": "confidence", "usd": "budget.usd", "usd_per_hour": "budget.usd_per_hour",
    "watt": "budget.watt",
}  # fmt: skip


def plan(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The designs that meet what is asked, ranked; counts of the others by reason; what is nearest where none meets.

    settings: numbers of NUMBERS, percentile, devices (the most of a design), minimize (a metric), free (whether formats
    and engines are for the plan to choose).
    """
    words = _words(question, settings)
    study = load(words, primary="plan")
    found = planning.plan(study)
    answer = found.as_json()
    verb = "serve" if settings.get("rate") or settings.get("concurrency") else "sweep"
    for row in (*answer["rows"], *([answer["nearest"]] if answer["nearest"] else [])):
        row["command"] = f"life-jax {verb} {shlex.join(row['words'])}"
        row["metrics"] = {name: None if x is None else number(x) for name, x in row["metrics"].items()}
    total = len(answer["rows"])
    return {
        **answer, "rows": answer["rows"][:MOST_ROWS], "count": total, "loaded": verb == "serve",
        "meanings": found.meanings,
        "commands": [command(words, "plan")],
    }  # fmt: skip


def _words(question: Question, settings: Mapping[str, Any]) -> list[str]:
    """Words of plan. Raises ConfigError for settings that make no sense."""
    asked: dict[str, Any] = {}
    for key, word in NUMBERS.items():
        if settings.get(key):
            asked[word] = positive(settings[key], key)
    if settings.get("percentile") and (settings.get("rate") or settings.get("concurrency")):
        asked["target.percentile"] = positive(settings["percentile"], "percentile")
    most = positive(settings.get("devices", 8), "devices")
    if most != int(most) or most > MOST_DEVICES:
        raise ConfigError(f"devices: a whole number from 1 to {MOST_DEVICES} is needed, not {most:g}")
    minimize = settings.get("minimize", "price")
    if not isinstance(minimize, str):
        raise ConfigError("minimize: the name of a metric is needed")
    asked |= {"devices": list(range(1, int(most) + 1)), "minimize": minimize}
    own = of_requests(question)
    if settings.get("free", True):
        own = Question(own.hw, own.model, ((),), (), own.numbers, own.base)
    return own.words(**asked)
