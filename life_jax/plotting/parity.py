"""The parity plot: forecast over measured times."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from life_jax.core.whole_file import whole_file
from life_jax.measurements.rows import KINDS, MEASURED_TIMES


class HasPoints(Protocol):
    """A report of measurements, or the totals of many."""

    def points(self) -> Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
        """(kind, class of device) -> measured times [s] and forecast over measured time."""


def plot(r: HasPoints, path: Path, *, overwrite: bool = False) -> None:
    """Save the parity plot of a report: forecast over measured time [s], a panel for TTFT, TPOT and totals each,
    and for those under load where there are some.

    path: name of the file, whose ending chooses the format (PNG without one). overwrite: whether a file of this name is
    replaced. Raises StoreError where the name is taken.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colormap = colormaps["tab20"]
    points = r.points()
    kinds = [kind for kind in KINDS if kind in MEASURED_TIMES or any(kind == of for of, _ in points)]
    figure = Figure(figsize=(4 * len(kinds), 4.2), layout="constrained")
    classes = sorted({name for _, name in points})
    for axis, kind in zip(figure.subplots(1, len(kinds)), kinds, strict=True):
        for number, name in enumerate(classes):
            if (kind, name) in points:
                measured, ratio = points[kind, name]
                axis.scatter(measured, measured * ratio, s=5, color=colormap(number % colormap.N), label=name)
        axis.set(xscale="log", yscale="log", title=kind, xlabel="measured [s]", ylabel="forecast [s]")
        line = np.array([1e-4, 1e3])
        axis.autoscale(False)
        for factor, style in ((1.0, "-"), (1.5, ":"), (1 / 1.5, ":")):
            axis.plot(line, line * factor, style, color="0.4", linewidth=0.8)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=6, markerscale=2, loc="upper left")
    with whole_file(path, overwrite=overwrite) as new:
        figure.savefig(new, dpi=150, format=path.suffix.removeprefix(".") or "png")
