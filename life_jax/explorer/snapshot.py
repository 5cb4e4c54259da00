"""A study as a page that needs no server: what the views show, computed beforehand over the study's own grid."""

import dataclasses
import html
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.config.schema import axis_table
from life_jax.config.schema.errors import ConfigError
from life_jax.core.parameter import set_all
from life_jax.explorer import carried, menus, page
from life_jax.explorer.answers import COMPARED, DIFFERENTIATED, elasticity_rows, roofs, step
from life_jax.explorer.evaluation import evaluated
from life_jax.explorer.plain_data import available, command, labels, number, plain, reason
from life_jax.explorer.trade import TRADED
from life_jax.forecasting import breakdown
from life_jax.forecasting.metrics import METRICS
from life_jax.sensitivity.columns import column
from life_jax.studies import sensitivity_columns
from life_jax.studies.study import Study

if TYPE_CHECKING:
    import xarray as xr

MOST_POINTS = 8000  # of all cells, whose metrics a page carries
MOST_TABLES = 96  # of all cells, whose operators it carries
MOST_TABLED = 48  # cells that have their operators at all
MOST_DESIGNS = 2000  # of a front or of drawn points
DIGITS = 5
HEIGHT = 900  # px, of a page in a notebook
METRICS_CARRIED = tuple(dict.fromkeys((*COMPARED, *(m for m in TRADED if METRICS[m].needs != "quality"))))


def report(study: Study, ds: "xr.Dataset") -> str:
    """The HTML text of the report of a study. ds: its result: a grid, drawn points, or a Pareto front."""
    if "point" in ds.dims:
        return page.whole(_designs(study, ds))
    return page.whole(_grid(study))


class Interactive:
    """The views of a study as a page inside of a notebook, which needs no server."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        """The page in a frame that may run its own script and nothing else: no cookies, no files, no network."""
        return (
            f'<iframe sandbox="allow-scripts allow-downloads" style="width:100%;height:{HEIGHT}px;border:0" '
            f'title="life_jax" srcdoc="{html.escape(self._text, quote=True)}"></iframe>'
        )

    def __repr__(self) -> str:
        """How large it is."""
        return f"<life_jax page of {len(self._text) / 1e6:.2f} MB, shown by notebooks>"


def interactive(study: Study) -> Interactive:
    """The study as a page inside of a notebook: combinations side by side, where the time goes, what trades against
    what, with sliders that snap to the places of its axes.

    Raises ConfigError for a reduced study, and for drawn points.
    """
    if study.reduction is not None or study.points is not None:
        raise ConfigError("interactive() shows a whole grid; a reduced one, or drawn points, have none")
    return Interactive(page.whole(_grid(study)))


def _thinned(study: Study, most: int) -> dict[str, np.ndarray]:
    """Axes with so few places that all cells together have at most `most` points, or one for each cell."""
    room = max(1, most // max(1, len(study.cells)))
    kept = {key: len(values) for key, values in study.axes.items()}
    while math.prod(kept.values()) > room:
        longest = max(kept, key=lambda key: kept[key])
        kept[longest] = kept[longest] - 1 if kept[longest] < 16 else kept[longest] * 3 // 4
    return {
        key: values[np.unique(np.linspace(0, len(values) - 1, kept[key]).round().astype(int))]
        for key, values in study.axes.items()
    }


def _grid(study: Study) -> dict[str, Any]:
    """What a page carries of a grid."""
    thin = dataclasses.replace(study, axes=_thinned(study, MOST_POINTS))
    values = evaluated(thin, METRICS_CARRIED)
    cells = []
    for cell, case in enumerate(thin.cells):
        room = None if case is None else number(available(case.scenario))
        cells.append({**labels(thin, cell), "reason": reason(thin, cell), "available": room})
    fits, load = carried.fits(study), carried.load(study, thin.axes)
    more = {name: answer for name, answer in (("fits", fits), ("load", load)) if answer is not None}
    views = [
        name for name in ("compare", "fits", "where", "trade", "load") if name not in ("fits", "load") or name in more
    ]
    return {
        **_frame(study, views),
        **more,
        "axes": [_axis(key, numbers) for key, numbers in thin.axes.items()],
        "cells": cells,
        "values": {
            name: [_short(name, float(x)) for x in numbers.reshape(-1)] for name, numbers in values.items()
        },
        "where": _where(study),
    }  # fmt: skip


def _short(metric: str, value: float) -> Any:
    value = value if METRICS[metric].kind != "number" or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")
    return plain(metric, value)


def _axis(key: str, values: np.ndarray) -> dict[str, Any]:
    facts = axis_table.facts(key)
    return {"key": key, "name": facts["name"], "unit": facts.get("unit", "1"), "values": values.tolist()}


def _frame(study: Study, views: Sequence[str]) -> dict[str, Any]:
    """What every page carries: labels to choose from, units, words, warnings."""
    chosen = {name: list(study.composed.labels[name].values()) for name in study.case_dimensions}
    axes = {key: float(values[len(values) // 2]) for key, values in study.axes.items()}
    start = {key: names[:6] for key, names in chosen.items()}
    return {
        "title": "report",
        "views": list(views),
        "commands": [command(study.telling_words, study.primary)],
        "warnings": list(study.warnings),
        "menus": {
            **{"engine": [], **chosen},
            "metrics": menus.metrics(),
            "numbers": [],
            "initial": {
                "hw": start["hw"], "model": start["model"][:2], "opt": [_stack(label) for label in start["opt"]],
                "engine": start.get("engine", []), "numbers": axes, "view": views[0],
            },
        },
    }  # fmt: skip


def _stack(label: str) -> list[str]:
    return [] if label == "none" else label.split("+")


def _where(study: Study) -> dict[str, Any]:
    """Operators, roofs and elasticities of each cell at the places of a thinner grid."""
    thin = dataclasses.replace(study, axes=_thinned(study, MOST_TABLES))
    tables: list[Any] = []
    with np.errstate(all="ignore"):
        for cell, case in enumerate(thin.cells):
            for point in itertools.product(*thin.axes.values()):
                if case is None or cell >= MOST_TABLED:
                    tables.append(None)
                    continue
                at = dict(zip(thin.axes, map(float, point), strict=True))
                scenario = set_all(case.scenario, case.parameters, at)
                tables.append({
                    "prefill": step(breakdown.prefill_table(scenario)),
                    "decode": step(breakdown.decode_table(scenario)),
                    "roofs": roofs(scenario),
                })  # fmt: skip
    return {
        "axes": [_axis(key, numbers) for key, numbers in thin.axes.items()],
        "tables": tables,
        "elasticity": _elasticities(thin),
    }


def _elasticities(study: Study) -> list[Any]:
    """Rows of elasticities of each cell at each place; none where the study has no times with slopes."""
    settings = {
        **study.composed.settings, "elasticity": True, "gains": False, "gradients": False, "metrics": DIFFERENTIATED,
    }  # fmt: skip
    composed = dataclasses.replace(study.composed, settings=settings)
    cases = sensitivity_columns.with_sensitivities(study.cases, composed, study.axes)
    differentiated = dataclasses.replace(study, cases=cases, composed=composed)
    assert cases[0].sensitivity is not None
    keys = [key for key, leaves in cases[0].sensitivity.parameters if leaves and key != "memory_efficiency"]
    names = [column("elasticity", metric, key) for metric in DIFFERENTIATED for key in keys]
    values = evaluated(differentiated, DIFFERENTIATED, names)
    flat = {name: values[name].reshape(-1) for name in names}
    count = len(next(iter(flat.values())))
    return [elasticity_rows(keys, {name: float(flat[name][i]) for name in names}) for i in range(count)]


def _designs(study: Study, ds: "xr.Dataset") -> dict[str, Any]:
    """What a page carries of a Pareto front, or of drawn points: a row for each design."""
    along = [str(name) for name in (*ds.coords, *ds.data_vars) if ds[name].dims == ("point",) and name != "point"]
    objectives = [] if study.reduction is None else list(study.reduction.pareto)
    places = np.unique(np.linspace(0, ds.sizes["point"] - 1, min(MOST_DESIGNS, ds.sizes["point"])).round().astype(int))
    designs = []
    for i in places.tolist():
        row = {name.removeprefix("front_"): ds[name].values[i] for name in along}
        fixed = {name: ds[name].values.tolist()[0] for name in study.case_dimensions if name in ds.dims}
        named = {key: str(row.get(key, fixed.get(key, ""))) for key in study.case_dimensions}
        at = {key: value for key, value in row.items() if key not in METRICS and key not in named and key != "knee"}
        numbers = {key: plain(key, float(value)) for key, value in row.items() if key in METRICS}
        designs.append({"fits_memory": True, **named, "at": _place(at), **numbers})
    frame = _frame(study, ["trade"])
    shown = [m for m in objectives if m in TRADED] or [m for m in ("tpot", "throughput") if m in along]
    settings: Mapping[str, str] = dict(zip(("x", "y"), shown, strict=False))
    return {**frame, "axes": [], "designs": designs, "settings": settings}


def _place(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, int | float | np.number) else f"{key} {value}"
        for key, value in values.items()
    )
