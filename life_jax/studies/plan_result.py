"""A plan: rows that meet what is asked, counts of all other designs, and what is nearest; as JSON and as a dataset."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.forecasting.metrics import METRICS
from life_jax.planner import times
from life_jax.planner.designs import MEANINGS
from life_jax.planner.neighbours import Neighbour
from life_jax.planner.search import Found
from life_jax.planner.space import KEYS, Layout
from life_jax.studies.study import Study

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Row:
    """A design.

    rank: from 1. layout: devices of the whole are its product. concurrency: requests that run together in a group, at
    most. words: that give its numbers to `serve` or `sweep`. metrics: by name, NaN where not known. meets: probability
    that all targets are met, NaN where nothing is asked. command: what launches it, None where that is not known.
    place: in the designs of the search. neighbours: of the first rows, designs one step away.
    """

    rank: int
    hw: str
    devices: int
    layout: Layout
    engine: str
    model: str
    opt: str
    concurrency: int
    words: tuple[str, ...]
    metrics: Mapping[str, float]
    meets: float
    command: str | None
    place: int
    neighbours: tuple[Neighbour, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The row as the contract has it."""
        return {
            "rank": self.rank, "hw": self.hw, "devices": self.devices, "layout": self.layout._asdict(),
            "engine": self.engine, "model": self.model, "opt": self.opt, "concurrency": self.concurrency,
            "words": list(self.words), "metrics": {name: _finite(value) for name, value in self.metrics.items()},
            "meets": _finite(self.meets), "command": self.command,
        }  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Rows that meet and are not dominated, by what is minimized; counts of the others by reason; what is nearest.

    nearest: where no row meets, the design that misses least, and by how much. relax: name of a target, budget or floor
    -> what it would have to be for that design. untried: options beside formats (also=) that were left out, with how
    many designs of them would be in question; they are not in the space.
    """

    study: Study
    rows: tuple[Row, ...]
    rejected: Mapping[str, int]
    space: int
    nearest: Row | None
    relax: Mapping[str, float]
    warnings: tuple[str, ...]
    untried: Mapping[str, int]
    found: Found = field(repr=False)

    def __repr__(self) -> str:
        """How many rows there are of how many."""
        return f"<Plan: {len(self.rows)} rows of {self.space}>"

    @property
    def meanings(self) -> dict[str, str]:
        """What each reason means for which designs were rejected."""
        return {reason: MEANINGS[reason] for reason in self.rejected}

    def as_json(self) -> dict[str, Any]:
        """The object that format=json prints."""
        nearest = None if self.nearest is None else {**self.nearest.as_json(), "relax": dict(self.relax)}
        return {
            "rows": [self._row_as_json(row) for row in self.rows], "rejected": dict(self.rejected), "space": self.space,
            "nearest": nearest, "untried": dict(self.untried), "warnings": list(self.warnings),
        }  # fmt: skip

    def _row_as_json(self, row: Row) -> dict[str, Any]:
        near = [{**self.design(one.place), **one.as_json()} for one in row.neighbours]
        return {**row.as_json(), "neighbours": near}

    def design(self, place: int) -> dict[str, Any]:
        """What a design is, by the keys of a row."""
        designs = self.found.designs
        candidate, layout = designs.candidates[designs.case[place]], designs.layouts[designs.layout[place]]
        slots = (
            int(designs.slots(np.array([place]))[0]) if self.loaded else math.ceil(self.study.composed.workload.batch)
        )
        return {
            "hw": candidate.hw, "devices": layout.devices, "layout": layout._asdict(), "engine": candidate.engine,
            "opt": candidate.opt, "concurrency": math.ceil(slots),
        }  # fmt: skip

    @cached_property
    def loaded(self) -> bool:
        """Whether requests arrive."""
        return times.is_loaded(self.found.designs.scenarios[0])


def dataset(result: Plan) -> "xr.Dataset":
    """The rows of a plan as xarray.Dataset, along `row`, with the counts of the others as attributes."""
    import xarray as xr

    rows: Sequence[Row] = result.rows
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    columns: dict[str, Any] = {
        key: ("row", np.array([getattr(row, key) for row in rows], object).astype(str))
        for key in ("model", "hw", "opt", "engine")
    }
    columns |= {key: ("row", np.array([getattr(row.layout, key) for row in rows], int)) for key in KEYS}
    columns |= {key: ("row", np.array([getattr(row, key) for row in rows], int)) for key in ("devices", "concurrency")}
    columns["meets"] = ("row", np.array([row.meets for row in rows], float), {"units": "1"})
    columns["words"] = ("row", np.array([" ".join(row.words) for row in rows], object).astype(str))
    for name in names:
        about = {"units": METRICS[name].units, "long_name": METRICS[name].long_name} if name in METRICS else {}
        columns[name] = ("row", np.array([row.metrics[name] for row in rows], float), about)
    attributes = {**result.study._attributes(), "space": result.space}
    attributes |= {f"rejected_{name}": count for name, count in result.rejected.items()}
    return xr.Dataset(columns, {"row": np.arange(1, len(rows) + 1)}, attributes)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
