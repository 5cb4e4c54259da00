"""Charts of what requests see under load: latency against rate by percentile, the part of the requests within their
targets, goodput over two numbers, and a minute of a simulation."""

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
    knee = knee_of(load[served], lines[1][served])
    if knee is not None:
        ax.axvline(knee, color="C2", linewidth=1, linestyle="-.", label=f"knee: p90 is twice its least, at {knee:.3g}")
    if not served.all():
        first = load[~served].min()
        ax.axvspan(first, load.max(), color="C3", alpha=0.12, linewidth=0, label="more arrive than are served")
        ax.axvline(first, color="C3", linewidth=0.8)
    ax.set_title(f"{NAMES[time]}, by percentile of requests")
    ax.legend(fontsize=8)
    ax.grid(alpha=0.25, which="both", linewidth=0.4)
    return ax


def knee_of(load: np.ndarray, times: np.ndarray) -> float | None:
    """The load [n] at which a time [n] reaches TWICE its least value, between points on logarithmic scales; None where
    it does not."""
    over = np.log(times / times.min() / TWICE)
    above = np.flatnonzero(over >= 0)
    if not above.size or above[0] == 0:
        return None
    last = above[0]
    part = over[last - 1] / (over[last - 1] - over[last])
    return float(load[last - 1] * (load[last] / load[last - 1]) ** part)


TWICE = 2.0
GOOD = (0.5, 0.9, 0.99)  # parts of the requests, as lines


def attainment(ds: "xr.Dataset", ax: Any, *, label: str = "", percentile: float | None = None) -> Any:
    """Part of the requests that keep within their targets along the rate or the concurrency; those that are not served
    do not.

    ds: dataset with goodput and request_rate along one of LOADS alone. label: of the line. percentile: of the targets,
    drawn as a line. Raises ValueError where they are missing, or no target was given.
    """
    missing = [name for name in ("goodput", "request_rate") if name not in ds]
    if missing:
        raise ValueError(f"plot=attainment needs {', '.join(missing)}; target.ttft= or target.tpot= adds them")
    (dim,) = (name for name in LOADS if name in ds.dims)
    load, served = ds[dim].values, np.asarray(ds.request_rate.values, float)
    asked = np.maximum(load, served) if dim == "rate" else served
    part = np.divide(np.asarray(ds.goodput.values, float), asked, out=np.zeros_like(asked), where=asked > 0)
    (line,) = ax.plot(load, 100 * part, label=label or None, marker="." if len(load) < 12 else "")
    if percentile is not None:
        good = np.flatnonzero(100 * part >= percentile)
        if good.size and good[-1] + 1 < len(load):
            last = good[-1]
            way = (100 * part[last] - percentile) / (100 * (part[last] - part[last + 1]))
            most = load[last] * (load[last + 1] / load[last]) ** way
            ax.axvline(most, color=line.get_color(), linewidth=0.8, linestyle=":")
        ax.axhline(percentile, color="0.4", linewidth=0.8, linestyle="--")
    ax.set(xscale="log", ylim=(-2, 102))
    readable.set_axis(ax.xaxis, ds[dim], is_log=True)
    ax.set_ylabel("requests within targets [%]")
    ax.grid(alpha=0.25, which="both", linewidth=0.4)
    return ax


def goodput(ds: "xr.Dataset", x: str, y: str, ax: Any) -> Any:
    """Requests per second within their targets over two axes as colours, with lines of equal value; grey where none is.

    ds: dataset with goodput along x and y alone. Raises ValueError where other dimensions are left, or goodput is
    missing.
    """
    from matplotlib.colors import PowerNorm

    if "goodput" not in ds:
        raise ValueError("plot=goodput needs goodput; target.ttft= or target.tpot= adds it")
    values = ds.goodput.squeeze(drop=True)
    if set(values.dims) != {x, y}:
        raise ValueError(f"plot=goodput: goodput has {', '.join(map(str, values.dims))}; select all but {x} and {y}")
    values = values.transpose(y, x)
    good = np.asarray(values.values, float)
    if not (good > 0).any():
        raise ValueError("plot=goodput: at no point a request keeps within its targets")
    most = float(np.nanmax(good))
    shown = np.where(good > 0, good, np.nan)
    norm = PowerNorm(0.5, vmin=0, vmax=most)
    mesh = ax.pcolormesh(values[x], values[y], shown, cmap="viridis", norm=norm, shading="nearest")
    ax.set_facecolor("0.85")
    levels = [v for v in (m * 10.0**e for e in range(-6, 9) for m in (1, 2, 5)) if most / 50 < v < most]
    if levels and most > np.nanmin(good):
        lines = ax.contour(values[x], values[y], good, levels=levels, colors="white", linewidths=0.8)
        ax.clabel(lines, fmt=readable.number, fontsize=7, inline_spacing=2)
    bar = ax.figure.colorbar(mesh, ax=ax)
    bar.set_label("goodput [requests/s]")
    for name, axis, scale in ((x, ax.xaxis, ax.set_xscale), (y, ax.yaxis, ax.set_yscale)):
        scale("log")
        readable.set_axis(axis, ds[name], is_log=True)
    ax.set_title("requests within their targets; grey: none")
    return ax


def timeline(minute: Any, axes: Any) -> Any:
    """A minute of a simulation: requests that wait or are prefilled, those that decode, and tokens in the cache.

    minute: with `time` [n] [s], `waiting`, `decoding` [n] [1], `cached` [n] [token], and `slots` [1] and `room` [token]
    of all, or infinite. axes: three, one below the other.
    """
    rows = (
        ("waiting", "queue and\nprompts", "C1", np.inf),
        ("decoding", "decoding", "C0", minute.slots),
        ("cached", "tokens in\nthe cache", "C2", minute.room),
    )
    for (name, text, colour, most), ax in zip(rows, axes, strict=True):
        values = getattr(minute, name)
        ax.fill_between(minute.time, values, step="post", alpha=0.35, linewidth=0, color=colour)
        ax.step(minute.time, values, where="post", color=colour, linewidth=0.9)
        top = max(float(values.max()), 1.0)
        if np.isfinite(most) and most <= 4 * top:
            top = max(top, most)
            ax.axhline(most, color="C3", linewidth=0.8, linestyle="--")
            ax.text(minute.time[-1], 0.97 * most, "all there is ", fontsize=7, color="C3", ha="right", va="top")
        ax.set(ylabel=text, xlim=(minute.time[0], minute.time[-1]))
        ax.set_ylim(0, 1.12 * top)
        ax.grid(alpha=0.25, linewidth=0.4)
        if values.max() >= 1e5:
            ax.yaxis.set_major_formatter(lambda value, _: f"{value / 1e3:g}k")
    axes[-1].set_xlabel("seconds")
    return axes
