"""Forecast over measured time as a picture."""

from pathlib import Path

import numpy as np

from life_jax.measurements import rows as measurements
from life_jax.measurements.accuracy import Report, device_class
from life_jax.measurements.rows import MEASURED_TIMES


def plot(r: Report, path: Path) -> None:
    """Forecast over measured time, one panel for each kind."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colormap = colormaps["tab20"]
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    classes = sorted({device_class(s) for s in r.settings})
    for axis, kind in zip(figure.subplots(1, 3), MEASURED_TIMES, strict=True):
        for number, name in enumerate(classes):
            mine = [
                (s.ratio(f), s)
                for s, f, j in zip(r.settings, r.forecast, r.judged, strict=True)
                if j and s.kind == kind and device_class(s) == name
            ]
            if mine:
                measured = np.array([measurements.seconds(s) for _, s in mine])
                axis.scatter(measured, measured * [ratio for ratio, _ in mine], s=5, color=colormap(number), label=name)
        axis.set(xscale="log", yscale="log", title=kind, xlabel="measured [s]", ylabel="forecast [s]")
        line = np.array([1e-4, 1e3])
        axis.autoscale(False)
        for factor, style in ((1.0, "-"), (1.5, ":"), (1 / 1.5, ":")):
            axis.plot(line, line * factor, style, color="0.4", linewidth=0.8)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=6, markerscale=2, loc="upper left")
    figure.savefig(path, dpi=150)
