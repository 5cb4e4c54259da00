"""Metrics of every cell of a small study as arrays in float64, without a dataset and without a compilation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from life_jax.grid import eager, plan
from life_jax.sensitivity.grid_function import NoForecast
from life_jax.studies.study import Study


def evaluated(study: Study, metrics: Sequence[str], more: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Numbers [cells, axes...] by metric and by name of a further column; NaN where a combination cannot be.

    metrics: also those that the study's words do not ask for. more: columns of its sensitivities. Flags are 0 or 1,
    bounds their index.
    """
    names = (*metrics, *more)
    nothing: tuple[Any, Any] = NoForecast(tuple((name, True) for name in names)), {}
    cases = tuple(nothing if c is None else (c.forecaster(tuple(metrics)), c.scenario) for c in study.cells)
    of_axes = plan.plan(study.grid_axes, len(names))
    sweep = plan.Sweep(cases, of_axes, dict.fromkeys(names, np.dtype(np.float64)), "float64")
    rows = np.empty((len(names), len(cases) * of_axes.points))
    for block in eager.blocks(sweep, range(sweep.chunks)):
        for row, name in zip(rows, names, strict=True):
            row[block.start : block.start + block.count] = block.columns[name]
    return {name: row.reshape(len(cases), *of_axes.shape) for name, row in zip(names, rows, strict=True)}
