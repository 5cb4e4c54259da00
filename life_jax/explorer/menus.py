"""What a page lets choose: devices, models, options, engines and numbers by name, and what it begins with."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from life_jax.config import this_machine
from life_jax.config.choices import HERE
from life_jax.config.engine_fit import AUTO
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.errors import ConfigError
from life_jax.explorer.questions import NAMES, Question
from life_jax.forecasting.metrics import METRICS

# what a page begins with where the command line says nothing: usual requests of a chat, and devices of several kinds
HW = ("rtx_4090", "m3_max", "h100_sxm")
MODEL = ("llama3_1_8b",)
STACKS: tuple[tuple[str, ...], ...] = ((), ("int4",))
NUMBERS = {"prompt": 512.0, "output": 128.0, "batch": 1.0, "context": 0.0}  # conf/workload/default.yaml
# open models of each size that many people run, by maker: a choice for the first view, not a ranking [assumption]
MODELS = (
    "llama3_2_1b", "llama3_2_3b", "llama3_1_8b", "llama3_3_70b", "qwen3_4b", "qwen3_8b", "qwen3_14b", "qwen3_32b",
    "qwen3_30b_a3b", "qwen3_5_9b", "qwen3_5_35b_a3b", "gemma3_4b", "gemma3_12b", "gemma3_27b", "gpt_oss_20b",
    "gpt_oss_120b", "mistral_7b", "mistral_small_24b", "phi4_mini", "phi4", "smollm3_3b", "deepseek_v3",
)  # fmt: skip
# file types of llama.cpp from 16 bit downwards, and what servers of GPUs read
QUANTIZATIONS: tuple[tuple[str, ...], ...] = (
    (), ("q8_0",), ("q6_k",), ("q5_k_m",), ("q4_k_m",), ("q3_k_m",), ("iq2_xs",), ("fp8",), ("int4",),
)  # fmt: skip


def initial(question: Question) -> dict[str, Any]:
    """The question that a page begins with: what the command line has, and the usual for the rest."""
    chosen = {key: list(getattr(question, key)) for key in ("hw", "model", "engine")}
    is_plain = question.opt == ((),)
    return {
        "hw": chosen["hw"] or list(HW),
        "model": chosen["model"] or list(MODEL),
        "opt": [list(stack) for stack in (STACKS if is_plain and not chosen["hw"] else question.opt)],
        "engine": chosen["engine"] or [AUTO],
        "numbers": {**NUMBERS, **question.numbers},
        "view": "compare" if chosen["hw"] else "fits",
    }


def metrics() -> dict[str, dict[str, str | None]]:
    """Unit, name and better side of every metric."""
    return {name: {"unit": m.units, "name": m.long_name, "better": m.better} for name, m in METRICS.items()}


@cache
def _lists() -> dict[str, Any]:
    numbers = []
    for key in axis_table.axis_keys():
        if key not in axis_table.LABELLED:
            facts: Mapping[str, Any] = axis_table.facts(key)
            section = axis_table.section_of(key)
            numbers.append({"key": key, "name": facts["name"], "unit": facts.get("unit", "1"), "section": section})
    return {
        "hw": list(paths.choices("hw")),
        "model": list(paths.choices("model")),
        "opt": list(paths.choices("opt")),
        "engine": [AUTO, *paths.choices("engine")],
        "metrics": metrics(),
        "numbers": numbers,
        "models": list(MODELS),
        "quantizations": [list(stack) for stack in QUANTIZATIONS],
    }


def menus(question: Question) -> dict[str, Any]:
    """Everything that a page needs before its first question. question: of the command line."""
    lists = _lists()
    more = {key: [n for n in getattr(question, key) if n not in lists[key]] for key in NAMES if key != "opt"}
    return {**lists, **{key: [*names, *lists[key]] for key, names in more.items()}, "initial": initial(question)}


def settled(question: Question) -> Question:
    """The question with this machine's label in place of `here`, which asks the system anew each time.

    Raises ConfigError where the machine is not known.
    """
    if HERE not in question.hw:
        return question
    label, reason = machine()["label"], machine()["reason"]
    if label is None:
        raise ConfigError(str(reason))
    return dataclasses.replace(question, hw=tuple(dict.fromkeys(label if x == HERE else x for x in question.hw)))


@cache
def machine() -> dict[str, str | None]:
    """The device of this machine: its label, or `here` for one that is built from what the system says, with a line
    that says what it is made of; no label where it is not known, with the reason."""
    try:
        device = this_machine.device(())
        return {"label": device.label or HERE, "reason": device.note or None}
    except ConfigError as error:
        return {"label": None, "reason": str(error)}
