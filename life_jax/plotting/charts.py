"""Charts of forecasts, with matplotlib: `import life_jax as life; life.plot.front(ds, "tpot", "throughput")`.

Every function draws on the matplotlib Axes `ax`, by default on new ones, and returns them; none writes a file.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.plotting import readable
from life_jax.plotting.front_chart import front  # noqa: F401 - of life.plot, as those below
from life_jax.plotting.load_charts import attainment, goodput, latency, timeline  # noqa: F401
from life_jax.plotting.readable import new_axes
from life_jax.plotting.step_charts import operators, roofline  # noqa: F401

if TYPE_CHECKING:
    import xarray as xr


def heatmap(ds: "xr.Dataset", metric: str, x: str, y: str, ax: Any = None) -> Any:
    """A metric over two axes as colours, with lines of equal value.

    ds: dataset of forecasts whose other dimensions have size 1 (ds.sel(...)). metric: name of its variable. x, y:
    names of the two axes, in logarithmic scale. An orange dashed line shows where the bound of the metric's step
    changes, if ds has it: prefill_bound of ttft, decode_bound of tpot and tps, `bound` of others.

    Raises ValueError if other dimensions are left.
    """
    from matplotlib.colors import LogNorm

    ax = new_axes(ax)
    values = ds[metric].squeeze(drop=True)
    if set(values.dims) != {x, y}:
        raise ValueError(f"heatmap(): {metric} has {', '.join(map(str, values.dims))}; select all but {x} and {y}")
    values = values.transpose(y, x)
    mesh = ax.pcolormesh(values[x], values[y], values, norm=LogNorm(), cmap="viridis", shading="nearest")
    bar = ax.figure.colorbar(mesh, ax=ax)
    readable.set_axis(bar.ax.yaxis, ds[metric], is_log=True)
    factor, _ = readable.scale(ds[metric])
    low, high = float(values.min()), float(values.max())
    levels = [v for v in (m * 10.0**e for e in range(-9, 12) for m in (1, 2, 5)) if low < v < high]
    if levels:
        some = levels[:: max(1, len(levels) // 8)]
        lines = ax.contour(values[x], values[y], values, levels=some, colors="white", linewidths=0.8)
        ax.clabel(lines, fontsize=7.5, fmt=lambda v: readable.number(v / factor))
    bound = {"ttft": "prefill_bound", "tpot": "decode_bound", "tps": "decode_bound"}.get(metric, "bound")
    if bound in ds:
        edges = ds[bound].squeeze(drop=True).transpose(y, x)
        if float(edges.min()) < float(edges.max()):
            style = {"colors": "#ffb000", "linestyles": "--", "linewidths": 1.6}
            ax.contour(values[x], values[y], edges, levels=[0.5, 1.5], **style)
            ax.plot([], [], "--", color="#ffb000", label=f"{bound.replace('_', ' ')} changes")
            ax.legend(fontsize=8, loc="upper left")
    ax.set(xscale="log", yscale="log", title=_title(ds[metric]))
    readable.set_axis(ax.xaxis, ds[x], is_log=True)
    readable.set_axis(ax.yaxis, ds[y], is_log=True)
    return ax


def tornado(ds: "xr.Dataset", metrics: Sequence[str] = ("ttft", "tpot"), ax: Any = None) -> Any:
    """Elasticities of one design as bars: by how many percent a metric changes for 1 % more of each number.

    ds: dataset with `elasticity`, of which one design is selected (ds.sel(...)). metrics: names of metrics.

    Raises ValueError if other dimensions than metric and parameter are left.
    """
    e = ds.elasticity
    e = e.squeeze([dim for dim in e.dims if e.sizes[dim] == 1 and dim not in ("metric", "parameter")], drop=True)
    if set(e.dims) - {"metric", "parameter"}:
        left = ", ".join(str(dim) for dim in e.dims if dim not in ("metric", "parameter"))
        raise ValueError(f"tornado(): select one design; {left} are left")
    e = e.sel(metric=list(metrics)) if "metric" in e.dims else e.expand_dims("metric")
    e = e.isel(parameter=np.argsort(abs(e).max("metric").values))
    e = e.isel(parameter=np.flatnonzero(abs(e).max("metric").values > 5e-4))
    ax = new_axes(ax, 6.4, 1.2 + 0.4 * e.sizes["parameter"])
    height = 0.8 / len(metrics)
    for index, metric in enumerate(metrics):
        at = np.arange(e.sizes["parameter"]) + (index - (len(metrics) - 1) / 2) * height
        ax.barh(at, e.sel(metric=metric), height=height, label=readable.NAMES.get(metric, metric), color=f"C{index}")
    keys = e.parameter.values.tolist()
    ax.set_yticks(range(len(keys)), [readable.NUMBERS.get(key, key) for key in keys])
    ax.axvline(0, color="0.2", linewidth=0.8)
    ax.set(xlabel="percent of change for 1 % more", title="elasticities")
    ax.legend(fontsize=8, loc="best")
    ax.grid(alpha=0.25, axis="x", linewidth=0.4)
    return ax


def devices(ds: "xr.Dataset", metric: str, dim: str = "hw", hue: str | None = None, ax: Any = None) -> Any:
    """A metric by device as bars, sorted.

    ds: dataset of forecasts whose other dimensions have size 1 (ds.sel(...)). metric: name of its variable. dim: name
    of the dimension of the bars. hue: name of a dimension, such as opt, whose labels have bars of their own colours.

    Raises ValueError if other dimensions are left.
    """
    values = ds[metric].squeeze(drop=True)
    values = values.expand_dims(dim) if dim not in values.dims else values
    values = values.expand_dims("_") if hue is None else values
    other = hue or "_"
    if set(values.dims) != {dim, other}:
        raise ValueError(f"devices(): {metric} has {', '.join(map(str, values.dims))}; select all but {dim} and hue")
    values = values.transpose(dim, other)
    values = values.isel({dim: np.argsort(values.isel({other: 0}).values)})
    n = values.sizes[other]
    ax = new_axes(ax, 6.4, 1.2 + 0.3 * values.sizes[dim] * max(1, n * 0.6))
    for index in range(n):
        at = np.arange(values.sizes[dim]) + (index - (n - 1) / 2) * 0.8 / n
        label = None if hue is None else str(values[hue].values[index])
        ax.barh(at, values.isel({other: index}), height=0.8 / n, color=f"C{index}", label=label)
    ax.set_yticks(range(values.sizes[dim]), [str(v) for v in values[dim].values])
    ax.set(title=_title(ds[metric]))
    readable.set_axis(ax.xaxis, ds[metric])
    if hue is not None:
        ax.legend(fontsize=8)
    ax.grid(alpha=0.25, axis="x", linewidth=0.4)
    return ax


def is_axis(ds: "xr.Dataset", dim: Any) -> bool:
    """Whether a dimension has numbers, along which something can be drawn; not names, nor bare positions."""
    return dim in ds.coords and ds[dim].dtype.kind in "if"


def interval(ds: "xr.Dataset", metric: str, dim: str = "hw", ax: Any = None) -> Any:
    """A time with its 80 % interval: by device as dots, or along a numeric axis as a line in a band.

    ds: dataset with `metric`, {metric}_low and {metric}_high, whose dimensions other than `dim` have size 1.

    Raises ValueError if one of them is missing or other dimensions are left.
    """
    names = (metric, f"{metric}_low", f"{metric}_high")
    for name in names:
        if name not in ds:
            raise ValueError(f"interval(): the dataset has no {name}; add it to metrics=")
    lines = [ds[name].squeeze([d for d in ds[name].dims if d != dim and ds.sizes[d] == 1], drop=True) for name in names]
    if lines[0].dims != (dim,):
        raise ValueError(f"interval(): {metric} has {', '.join(map(str, lines[0].dims))}; select all but {dim}")
    middle, low, high = (line.values for line in lines)
    numeric = is_axis(ds, dim)
    if numeric:
        ax = new_axes(ax)
        ax.fill_between(ds[dim], low, high, alpha=0.25, linewidth=0, label="80 % interval")
        ax.plot(ds[dim], middle, label="forecast")
        ax.set(xscale="log", yscale="log")
        readable.set_axis(ax.xaxis, ds[dim], is_log=True)
        readable.set_axis(ax.yaxis, ds[metric], is_log=True)
    else:
        ax = new_axes(ax, 6.4, 1.2 + 0.35 * ds.sizes[dim])
        order = np.argsort(middle)
        errors = np.stack([middle - low, high - middle])[:, order]
        ax.errorbar(middle[order], range(len(order)), xerr=errors, fmt="o", capsize=3, label="forecast, 80 % interval")
        ax.set_yticks(range(len(order)), [str(v) for v in ds[dim].values[order]])
        ax.set(xscale="log")
        readable.set_axis(ax.xaxis, ds[metric], is_log=True)
    ax.set_title(_title(ds[metric]))
    ax.legend(fontsize=8)
    ax.grid(alpha=0.25, which="both", linewidth=0.4)
    return ax


def _title(variable: "xr.DataArray") -> str:
    """The long name of a variable; of a name of 60 letters or more the part before the first comma."""
    name = str(variable.attrs.get("long_name", variable.name))
    return name if len(name) < 60 else name.split(",", maxsplit=1)[0]


def _label(variable: "xr.DataArray") -> str:
    """The name of a variable with the unit that its numbers have."""
    name, units = str(variable.name), str(variable.attrs.get("units", "1"))
    return name if units == "1" else f"{name} [{units.replace(' s-1', '/s').replace(' token-1', '/token')}]"
