"""How residuals of the fit go with context, batch and model size, engine by engine.

A residual is ln(forecast / measured time) of a row that the constants were fitted to: what it still says is the shape
of the forecast, not a device that nobody knew. The level of each device under an engine is taken out of it, as a
calibration would. A slope is by doubling of context, batch or size; over the range that the engine's rows span it makes
a tilt, which the 80 % interval of their class covers or not.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

import numpy as np
from left_out import LeftOut
from measured_ranges import context

from life_jax.config import conf_files
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.schema.efficiency_file import EfficiencyFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.measurements.rows import MEASURED_TIMES
from life_jax.models import decoder

AXES = {
    "context": "positions attended [token]",
    "batch": "sequences",
    "size": "active parameters",
}
Z80 = 1.2816  # of the normal distribution: 80 % lie within
LEAST = 8  # rows that a slope is told by, of at least two values


@dataclass(frozen=True)
class Tilt:
    """How residuals of an engine go along an axis.

    slope: of ln(forecast / measured) by doubling; error: its standard error, devices being drawn anew; doublings: that
    the rows span; half: median half-width of their 80 % intervals; rows, devices: their numbers.
    """

    engine: str
    kind: str
    axis: str
    slope: float
    error: float
    doublings: float
    half: float
    rows: int
    devices: int

    @property
    def ends(self) -> float:
        """Half of the difference between the ends of the range, in the logarithm."""
        return abs(self.slope) * self.doublings / 2

    @property
    def is_covered(self) -> bool:
        """Whether the interval holds both ends, or the slope is within twice its error of none."""
        return self.ends <= self.half or abs(self.slope) <= 2 * self.error


@cache
def active_parameters(model: str) -> float:
    """Parameters that a token uses [1], of a model's label or path."""
    shape = architecture(conf_files.file("model", model, ModelFile), model)
    return float(decoder.active_parameter_count(shape))


class Residuals:
    """Residuals of rows in sample, and where they stand on each axis."""

    def __init__(self, rows: LeftOut) -> None:
        self.kind, self.engine = rows.kind, rows.held.text["engine"]
        self.pair = rows.held.pair
        kinds = zip(rows.settings, rows.kind, strict=True)
        self.axes = {
            "context": np.array([context(s, kind) for s, kind in kinds]),
            "batch": np.array([s.batch for s in rows.settings]),
            "size": np.array([active_parameters(s.model) for s in rows.settings]),
        }
        log = np.log(rows.held.ratio("in_sample"))
        self.known = np.isfinite(log)
        self.log = self._levelled(log)
        files = {name: conf_files.file("efficiency", name, EfficiencyFile) for name in set(rows.classes)}
        pairs = zip(rows.classes, rows.kind, strict=True)
        self.half = Z80 * np.array([getattr(files[name], f"{MEASURED_TIMES[kind]}_spread") for name, kind in pairs])

    def _levelled(self, log: np.ndarray) -> np.ndarray:
        """Residuals without the median of each device under an engine, by kind."""
        groups = defaultdict(list)
        for i in np.flatnonzero(self.known):
            groups[self.pair[i], self.kind[i]].append(i)
        levelled = np.full(len(log), np.nan)
        for members in groups.values():
            levelled[members] = log[members] - np.median(log[members])
        return levelled

    def rows(self, engine: str, kind: str) -> np.ndarray:
        """Mask of the rows of an engine and a kind."""
        return self.known & (self.engine == engine) & (self.kind == kind)

    def tilts(self) -> list[Tilt]:
        """Of every engine, kind and axis with enough rows."""
        found = []
        for engine in sorted(set(self.engine)):
            for kind in MEASURED_TIMES:
                mine = self.rows(engine, kind)
                for axis, values in self.axes.items():
                    x = np.log2(np.maximum(values[mine], 1.0))
                    if mine.sum() >= LEAST and np.ptp(x) >= 1:
                        found.append(self._tilt(engine, kind, axis, mine, x))
        return found

    def _tilt(self, engine: str, kind: str, axis: str, mine: np.ndarray, x: np.ndarray) -> Tilt:
        pair, y = self.pair[mine], self.log[mine]
        of_pair = {name: pair == name for name in set(pair)}
        centred = [(x[rows] - x[rows].mean(), y[rows] - y[rows].mean()) for rows in of_pair.values()]
        sums = np.array([[(a * b).sum(), (a * a).sum()] for a, b in centred])
        slope = sums[:, 0].sum() / max(sums[:, 1].sum(), 1e-12)
        # what single devices say differs by more than their rows do
        off = sums[:, 0] - slope * sums[:, 1]
        among = np.sqrt((off**2).sum()) / max(sums[:, 1].sum(), 1e-12)
        within = np.sqrt(sum(((b - slope * a) ** 2).sum() for a, b in centred) / max(len(x) - len(centred) - 1, 1))
        error = max(among, within / np.sqrt(max(sums[:, 1].sum(), 1e-12)))
        half = float(np.median(self.half[mine]))
        return Tilt(engine, kind, axis, slope, float(error), float(np.ptp(x)), half, int(mine.sum()), len(of_pair))


def sentences(found: list[Tilt]) -> list[str]:
    """Lines on slopes that intervals do not cover, the steepest first."""
    beyond = sorted((t for t in found if not t.is_covered), key=lambda t: t.half - t.ends)
    lines = [f"slopes of residuals that 80 % intervals do not cover: {len(beyond)} of {len(found)} (rows, devices)"]
    for t in beyond:
        ends = f"{np.exp(-t.ends):.2f} to {np.exp(t.ends):.2f} over {2**t.doublings:.0f} times the {t.axis}"
        lines.append(
            f"  {t.kind:5s} {t.engine:22s} {100 * t.slope:+.0f} % a doubling of {t.axis}: {ends} "
            f"({t.rows}, {t.devices})"
        )
    return lines
