"""The measured rows that constants are fitted to: both development panels, and which of their rows are left out.

A row is left out where the product does not understand it, where it is faster than the datasheet's roofline allows or
its batch does not fit in memory (life_jax/measurements/accuracy.py), and where UNLIKE says why it measures something
else than the forecast. A cell (device, model, engine) of many rows gives at most MOST of them, spread evenly over its
settings, to the fit.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from life_jax.measurements import accuracy, forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import Setting

TABLES = (("measurements_dev.csv", "panel_dev.csv"), ("measurements_new_dev.csv", "panel_new_dev.csv"))
MOST = 8  # rows of a cell that a fit takes
# what a column holds (a pattern), and why such rows are no measurement of what is forecast
UNLIKE = (
    # gfx12 has hipBLASLt by default (rocm.docs.amd.com, rocBLAS design notes)
    ("note", re.compile("hipBLASLt off"), "the library's kernels of the device are switched off by hand"),
    ("engine", re.compile("nightly"), "a compiler that was not released"),
    # kernels of its author's own, of which a branch is faster than the next by up to 3 at depth
    ("engine", re.compile("Strix Halo fork"), "a branch of somebody's own that was not released"),
)


@dataclass(frozen=True)
class Rows:
    """Understood rows: their settings, (kind, cell), device, source, and whether they are of the new panel."""

    settings: list[Setting]
    cells: list[tuple[str, str]]
    devices: np.ndarray
    sources: np.ndarray
    new: np.ndarray
    left_out: Counter[str] = field(default_factory=Counter)

    def some(self, chosen: np.ndarray) -> "Rows":
        """Those at the indices."""
        return Rows(
            [self.settings[i] for i in chosen],
            [self.cells[i] for i in chosen],
            self.devices[chosen],
            self.sources[chosen],
            self.new[chosen],
            self.left_out,
        )


def load(data: Path) -> Rows:
    """The rows of both panels that are understood and possible."""
    settings, cells, devices, sources, new = [], [], [], [], []
    left_out: Counter[str] = Counter()
    for number, (table, panel) in enumerate(TABLES):
        rows = {row["id"]: row for row in measurements.read(data / table)}
        for p in csv.DictReader((data / panel).read_text().splitlines()):
            row = rows[p["id"]]
            setting = _unlike(row) or measurements.place(row)
            if isinstance(setting, str):
                left_out[setting] += 1
                continue
            settings.append(setting)
            cells.append((p["kind"], p["cell"]))
            devices.append(row["canonical"])
            sources.append(p["id"].rsplit("-", 1)[0])
            new.append(number == 1)
    every = Rows(settings, cells, np.array(devices), np.array(sources), np.array(new), left_out)
    return every.some(np.flatnonzero(_possible(every)))


def _unlike(row: Mapping[str, str]) -> str:
    return next((reason for column, pattern, reason in UNLIKE if pattern.search(row.get(column) or "")), "")


def _possible(every: Rows) -> np.ndarray:
    """Rows that are no faster than the datasheet's roofline and fit in memory [bool]; counts the others."""
    ideal = forecasts.forecasts(every.settings, "ideal")
    ratio = np.array([s.ratio(f) for s, f in zip(every.settings, ideal, strict=True)])
    large = np.array([s.batch > 1 for s in every.settings], bool) & ~forecasts.fits(every.settings)
    known = np.isfinite(ratio)
    every.left_out["no forecast: no rate is published"] += int((~known).sum())
    every.left_out["faster than the datasheet allows"] += int((ratio > accuracy.TOO_FAST).sum())
    every.left_out["the batch does not fit in memory"] += int((large & known & (ratio <= accuracy.TOO_FAST)).sum())
    return known & ~large & (ratio <= accuracy.TOO_FAST)


def thinned(every: Rows, most: int = MOST) -> np.ndarray:
    """Indices of at most so many rows of each cell, evenly over its settings in order of batch, context and prompt."""
    of_cell = defaultdict(list)
    for i, cell in enumerate(every.cells):
        of_cell[cell].append(i)
    chosen = []
    for indices in of_cell.values():
        order = sorted(indices, key=lambda i: _size(every.settings[i]))
        chosen += [
            order[i] for i in np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
        ]
    return np.array(sorted(chosen))


def _size(s: Setting) -> tuple[float, ...]:
    return s.batch, s.past_tokens + s.prompt_tokens, s.prompt_tokens, s.tensor_parallel
