"""Charts of what requests see under load: latency against rate, by percentile."""

from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.plotting import readable

if TYPE_CHECKING:
    import xarray as xr

PERCENTILES = ("p50", "p90", "p99")
LOADS = ("rate", "concurrency")
NAMES = {"ttft": "time to first token", "tpot": "time per output token"}


def latency(ds: "xr.Dataset", time: str, ax: Any) -> Any:
    """A time by percentile along the rate or the concurrency of requests: lines, with bands between them, up to where
    more arrive than are served.

    ds: dataset with {time}_p50, {time}_p90 and {time}_p99 along one of LOADS alone; time: ttft or tpot. Raises
    ValueError where they are missing.
    """
    names = [f"{time}_{percentile}" for percentile in PERCENTILES]
    missing = [name for name in names if name not in ds]
    if missing:
        raise ValueError(f"plot=latency needs {', '.join(missing)}; add them to metrics=")
    (dim,) = (name for name in LOADS if name in ds.dims)
    load, lines = ds[dim].values, [np.asarray(ds[name].values, float) for name in names]
    served = np.isfinite(lines[0])
    if not served.any():
        raise ValueError("plot=latency: at every point more requests arrive than are served")
    for low, high, alpha in ((lines[0], lines[1], 0.3), (lines[1], lines[2], 0.15)):
        ax.fill_between(load[served], low[served], high[served], alpha=alpha, linewidth=0, color="C0")
    for line, style, name in zip(lines, ("-", "--", ":"), PERCENTILES, strict=True):
        ax.plot(load[served], line[served], style, color="C0", label=name)
    ax.set(xscale="log", yscale="log")
    readable.set_axis(ax.xaxis, ds[dim], is_log=True)
    readable.set_axis(ax.yaxis, ds[names[0]], is_log=True)
    ax.set_ylabel(ax.get_ylabel().replace("_p50", "").replace(" p50", ""))
    if not served.all():
        first = load[~served].min()
        ax.axvspan(first, load.max(), color="C3", alpha=0.12, linewidth=0, label="more arrive than are served")
        ax.axvline(first, color="C3", linewidth=0.8)
    ax.set_title(f"{NAMES[time]}, by percentile of requests")
    ax.legend(fontsize=8)
    ax.grid(alpha=0.25, which="both", linewidth=0.4)
    return ax
