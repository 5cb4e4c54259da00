"""What runs on a device, combinations side by side, and where the time of one of them goes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from life_jax.config.schema import axis_table
from life_jax.config.schema.errors import ConfigError
from life_jax.core.parameter import set_all
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.explorer.evaluation import evaluated
from life_jax.explorer.plain_data import (
    available,
    command,
    labels,
    number,
    number_list,
    numbers,
    plain,
    reason,
    study_of,
)  # fmt: skip
from life_jax.explorer.questions import Question
from life_jax.explorer.sliders import curve_values
from life_jax.forecasting import breakdown
from life_jax.forecasting.metrics import BOUNDS
from life_jax.models import decoder
from life_jax.roofline.effects import on_device
from life_jax.sensitivity.columns import column
from life_jax.studies.case import Case
from life_jax.studies.study import Study

COMPARED = (
    "ttft", "ttft_low", "ttft_high", "tpot", "tpot_low", "tpot_high", "tps", "e2e", "throughput",
    "memory", "weight_memory", "kv_memory", "fits_memory", "prefill_bound", "decode_bound",
    "energy_per_token", "cost_per_mtoken",
)  # fmt: skip
TIMED = (
    "ttft", "ttft_low", "ttft_high", "tpot", "tpot_low", "tpot_high", "tps", "memory", "fits_memory", "prefill_bound",
    "decode_bound",
)  # fmt: skip
AVAILABLE = "available_memory"
CURVES = ("ttft", "tpot", "tps", "throughput", "e2e", "memory")
CONTEXTS = (512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131072.0)  # of a page's map
BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0)
MAPPED = ("tps", "ttft", "memory", "weight_memory", "fits_memory")
WORKLOADS = ("prompt_tokens", "batch")  # whose elasticities stand beside those of rates and times
DIFFERENTIATED = ("ttft", "tpot")


def compare(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of every combination, with intervals."""
    words = question.words()
    study = study_of(words)
    values = evaluated(study, (*COMPARED, AVAILABLE))
    rows = []
    for cell, case in enumerate(study.cells):
        at = {name: float(column.reshape(len(study.cells), -1)[cell, 0]) for name, column in values.items()}
        row: dict[str, Any] = {**labels(study, cell), "reason": reason(study, cell)}
        if case is not None:
            row["available"] = number(at.pop(AVAILABLE))
            row["values"] = {name: plain(name, value) for name, value in at.items()}
        rows.append(row)
    return {
        "rows": rows,
        "warnings": list(study.warnings),
        "commands": [command(question.words(metrics=COMPARED))],
    }


def curve(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of every combination along one number. settings: key, the number."""
    key = str(settings.get("key", "batch"))
    values = curve_values(key, question)
    words = question.words({key: values})
    study = study_of(words)
    of = evaluated(study, CURVES)
    return {
        "key": key,
        "x": values,
        "rows": [
            {**labels(study, cell), **{name: numbers(of[name][cell].reshape(-1)) for name in CURVES}}
            for cell in range(len(study.cells))
        ],
        "commands": [command(question.words({key: values}, metrics=CURVES))],
    }


def where(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Operators of prefill and of a decode step, and the roofs over them, of one combination."""
    study, case = _single(question.words())
    values = evaluated(study, TIMED)
    scenario = in_place(study, case)
    with np.errstate(all="ignore"):
        steps = {"prefill": breakdown.prefill_table(scenario), "decode": breakdown.decode_table(scenario)}
        lines = roofs(scenario)
    return {
        **labels(study, 0),
        "values": {name: plain(name, float(column.reshape(-1)[0])) for name, column in values.items()},
        "available": number(available(scenario)),
        "steps": {name: step(table) for name, table in steps.items()},
        "roofs": lines,
        "warnings": list(study.warnings),
        "commands": [command(question.words(), "explain")],
    }


def in_place(study: Study, case: Case, whole: str | None = None) -> Scenario:
    """The scenario of a case at the first place of every axis, such as one of `axes.memory_gb` in a page's numbers; of
    the axis `whole` at all of its places."""
    at = {key: values if key == whole else float(values[0]) for key, values in study.axes.items()}
    return set_all(case.scenario, case.parameters, at)


def _single(words: Sequence[str]) -> tuple[Study, Case]:
    study = study_of(words)
    if len(study.cells) > 1 or (study.grid_axes and math.prod(map(len, study.grid_axes)) > 1):
        raise ConfigError(f"one model, one device and one stack are needed, not {len(study.cells)} combinations")
    return study, study.cases[0]


def step(table: breakdown.StepTable) -> dict[str, Any]:
    """A step by operator, the longest first: seconds and FLOP of all its executions, FLOP/s that it reaches."""
    operators: list[dict[str, Any]] = [
        {
            "name": row.name,
            "repeats": number(row.repeats),
            "seconds": number(row.repeats * row.seconds),
            "share": number(row.share),
            "flops": number(row.repeats * float(row.cost.flops)),
            "bytes": number(row.repeats * float(row.cost.bytes)),
            "intensity": number(row.intensity),
            "rate": number(float(row.cost.flops) / row.seconds) if row.seconds > 0 else None,
            "bound": row.bound,
        }
        for row in table.operators
    ]
    operators.sort(key=lambda row: -(row["seconds"] or 0.0))
    return {"seconds": number(table.seconds), "operators": operators}


def roofs(scenario: Scenario) -> list[dict[str, Any]]:
    """The roof of the datasheet and the one that the engine reaches; none where no rate is published."""
    device, efficiency = scenario.device, scenario.engine.efficiency
    if device.rates["linear"] >= UNPUBLISHED:
        return []
    used = on_device(device, scenario.engine)
    return [
        {"rate": number(float(device.rates["linear"])), "bandwidth": number(float(device.bandwidth)), "reached": False},
        {
            "rate": number(float(used.rates["linear"] * efficiency.compute)),
            "bandwidth": number(float(used.bandwidth * efficiency.memory)),
            "reached": True,
        },
    ]


def elasticity(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """By how many percent the times of one combination change with 1 % of each number."""
    usual, _ = _single(question.words(metrics=DIFFERENTIATED, elasticity=True))
    assert usual.cases[0].sensitivity is not None
    keys = [key for key, leaves in usual.cases[0].sensitivity.parameters if leaves and key != "memory_efficiency"]
    keys += list(WORKLOADS)
    words = question.words(metrics=DIFFERENTIATED, elasticity=keys)
    study, _ = _single(words)
    columns = [column("elasticity", metric, key) for metric in DIFFERENTIATED for key in keys]
    shares = [column("bound_share", metric, bound) for metric in DIFFERENTIATED for bound in BOUNDS]
    of = evaluated(study, DIFFERENTIATED, columns)
    held = evaluated(usual, DIFFERENTIATED, shares)
    return {
        "rows": elasticity_rows(keys, {name: float(of[name].squeeze()) for name in columns}),
        "bound_share": {
            metric: {b: number(float(held[column("bound_share", metric, b)].squeeze())) for b in BOUNDS}
            for metric in DIFFERENTIATED
        },
        "commands": [command(words)],
    }


def elasticity_rows(keys: Sequence[str], values: Mapping[str, float]) -> list[dict[str, Any]]:
    """A row for each number: its key, its name and the elasticity of each time. values: by column."""
    return [
        {"key": key, "name": "all compute rates" if key == "peak_tflops" else axis_table.facts(key)["name"]}
        | {metric: number(values[column("elasticity", metric, key)]) for metric in DIFFERENTIATED}
        for key in keys
    ]


def map_row(
    study: Study, cell: int, case: Case | None, values: Mapping[str, np.ndarray], contexts: int
) -> dict[str, Any]:
    """A cell of the map of what runs. values [cells, ...] of MAPPED; contexts: number of their axis, of two."""
    row: dict[str, Any] = {**labels(study, cell), "reason": reason(study, cell)}
    if case is None:
        return row
    of = {name: np.moveaxis(column[cell], contexts, 0) for name, column in values.items()}
    row |= {name: numbers(of[name]) for name in ("tps", "ttft", "memory")}
    row["fits"] = [[bool(flag) for flag in line] for line in of["fits_memory"]]
    row["weights"] = number(float(of["weight_memory"].reshape(-1)[0]))
    row["available"] = number(available(case.scenario))
    row["parameters"] = number(float(decoder.parameter_count(case.scenario.architecture)))
    row["positions"] = number(study.composed.model[case.keys.model].max_position_embeddings)
    return row


def fits(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Tokens per second and memory of models under stacks on one device, at several contexts and batches.

    settings: contexts, batches: numbers of tokens, of sequences.
    """
    contexts = number_list(settings, "contexts", CONTEXTS)
    batches = number_list(settings, "batches", BATCHES)
    words = question.words({"prompt": contexts, "batch": batches})
    study = study_of(words)
    if len(study.composed.hw) > 1:
        raise ConfigError(f"one device is needed, not {len(study.composed.hw)}")
    values = evaluated(study, MAPPED)
    at = [study.grid_axes[i].name for i in range(2)]  # type: ignore[attr-defined]
    cells = [map_row(study, cell, case, values, at.index("prompt_tokens")) for cell, case in enumerate(study.cells)]
    quiet = ("contexts of up to", "never measured")  # said cell by cell, and of the whole map in a line
    return {
        "contexts": contexts,
        "batches": batches,
        "cells": cells,
        "warnings": [w for w in study.warnings if not w.startswith(quiet)][:12],
        "commands": [command(question.words({"prompt": contexts, "batch": batches}, metrics=MAPPED))],
    }
