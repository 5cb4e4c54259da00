"""What a page without a server carries of two views that have axes of their own: what runs, and what a load sees."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.config.parameters import parameter_of
from life_jax.explorer.answers import BATCHES, CONTEXTS, MAPPED, map_row
from life_jax.explorer.evaluation import evaluated
from life_jax.explorer.plain_data import number, numbers
from life_jax.explorer.under_load import EVERYTHING, TIMES, rate_of_knee
from life_jax.studies.study import Study

MOST_MAPPED = 200  # cells of the map
MOST_LOADED = 8  # cells whose times under load are carried: each place takes as long as a hundred points
MOST_PLACES = 24  # of lengths, of all these cells
RATES = 32  # of requests, from a part of the smallest capacity to nearly the largest
SHOWN = (*(name for name in TIMES if not name.startswith("itl")), "output_rate", "utilization")
LEAST_PART, MOST_PART = 0.1, 0.985


def along_own_axes(study: Study, axes: Mapping[str, np.ndarray]) -> Study:
    """The study over other axes, in place of its own: all its other numbers are those of its scalars."""
    cases = tuple(
        dataclasses.replace(case, parameters=tuple(parameter_of(key, case.built, case.label) for key in axes))
        for case in study.cases
    )
    return dataclasses.replace(study, axes=dict(axes), cases=cases)


def fits(study: Study) -> dict[str, Any] | None:
    """The map of what runs over contexts and batches; None where the study has too many cells."""
    if len(study.cells) > MOST_MAPPED:
        return None
    own = along_own_axes(study, {"prompt_tokens": np.array(CONTEXTS), "batch": np.array(BATCHES)})
    values = evaluated(own, MAPPED)
    cells = [map_row(own, cell, case, values, 0) for cell, case in enumerate(own.cells)]
    return {"contexts": list(CONTEXTS), "batches": list(BATCHES), "cells": cells}


def load(study: Study, lengths: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Times by percentile at rates, of each cell at places of the study's lengths; None for a study that is too large
    for that, or where nothing can be served.

    lengths: values of the axes, of which prompt_tokens and output_tokens are taken.
    """
    cells = [cell for cell, case in enumerate(study.cells) if case is not None]
    axes = {key: values for key, values in lengths.items() if key in ("prompt_tokens", "output_tokens")}
    if not cells or len(study.cells) > MOST_LOADED:
        return None
    most = max(1, int((MOST_PLACES / len(study.cells)) ** (1 / max(1, len(axes)))))
    axes = {
        key: values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int))]
        for key, values in axes.items()
    }
    full = along_own_axes(study, {**axes, "rate": np.array([EVERYTHING])})
    capacity = evaluated(full, ("request_rate",))["request_rate"].reshape(len(study.cells), -1)
    usable = capacity[np.isfinite(capacity) & (capacity > 0)]
    if not usable.size:
        return None
    low, high = LEAST_PART * usable.min(), MOST_PART * usable.max()
    rates = np.array([float(f"{rate:.3g}") for rate in np.geomspace(low, high, RATES)])
    of = evaluated(along_own_axes(study, {**axes, "rate": rates}), SHOWN)
    flat = {name: values.reshape(len(study.cells), -1, RATES) for name, values in of.items()}
    rows = [
        [
            {
                "capacity": number(capacity[cell, place]),
                "knee": rate_of_knee(rates, flat["ttft_p90"][cell, place], flat["tpot_p90"][cell, place]),
                **{name: numbers(values[cell, place]) for name, values in flat.items()},
            }
            for place in range(capacity.shape[1])
        ]
        for cell in range(len(study.cells))
    ]
    return {"axes": {key: values.tolist() for key, values in axes.items()}, "rates": rates.tolist(), "rows": rows}
