"""Charts of forecasts, with matplotlib: `import life_jax as life; life.plot.front(ds, "tpot", "throughput")`.

Every function draws on the matplotlib Axes `ax`, by default on new ones, and returns them; none writes a file.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.core.scenario import Scenario
from life_jax.core.units import TERA
from life_jax.forecasting.breakdown import StepTable, decode_table, prefill_table
from life_jax.plotting import readable
from life_jax.plotting.load_charts import attainment, goodput, latency, timeline  # noqa: F401 - of life.plot
from life_jax.roofline.effects import on_device

if TYPE_CHECKING:
    import xarray as xr

COLOURS = {"compute": "#c1443c", "memory": "#2f6f9f", "dispatch": "#8a8a8a"}
OTHERS = "others"
NAMED = 8  # operators that a bar shows by name; the rest are shown as OTHERS
MOST_LABELS = 60  # of a front for which a place is looked for
MARKERS = "osD^vPX*"


def _axes(ax: Any, width: float = 6.4, height: float = 4.4) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _table(scenario: Scenario, step: str) -> StepTable:
    if step not in ("prefill", "decode"):
        raise ValueError(f"step is {step!r}; it must be 'prefill' or 'decode'")
    with np.errstate(all="ignore"):
        return prefill_table(scenario) if step == "prefill" else decode_table(scenario)


def roofline(scenario: Scenario, step: str = "decode", ax: Any = None) -> Any:
    """Roofline of a step: operators as dots, FLOP per byte against TFLOP/s, sized by their share of the time.

    scenario: one design. step: "prefill" or "decode". The line is the peak rate of linear layers and the peak
    bandwidth of the device, the dashed line what the engine reaches of them.

    Raises ValueError for another step.
    """
    from matplotlib.ticker import FuncFormatter

    ax = _axes(ax)
    device, engine = scenario.device, scenario.engine
    rows = [r for r in _table(scenario, step).operators if r.cost.flops and r.cost.bytes and r.seconds > 0]
    x = np.array([r.intensity for r in rows])
    y = np.array([float(r.cost.flops) / r.seconds / TERA for r in rows])
    ridge = device.rates["linear"] / device.bandwidth
    span = np.geomspace(min(x.min(), ridge) / 3, max(x.max(), ridge) * 5, 200)
    roof = np.minimum(device.rates["linear"], span * device.bandwidth) / TERA
    ax.plot(span, roof, color="0.2", label="datasheet")
    used, e = on_device(device, engine), engine.efficiency
    reached = np.minimum(used.rates["linear"] * e.compute, span * used.bandwidth * e.memory)
    if e.compute < 1 or e.memory < 1:
        ax.plot(span, reached / TERA, "--", color="0.2", linewidth=1, label="reached by the engine")
    for bound, colour in COLOURS.items():
        mine = [i for i, r in enumerate(rows) if r.bound == bound]
        sizes = [15 + 500 * rows[i].share for i in mine]
        if mine:
            ax.scatter(x[mine], y[mine], s=sizes, color=colour, alpha=0.75, label=f"bound by {bound}", linewidths=0)
    _name_dots(ax, [(x[i], y[i], rows[i].name) for i in sorted(range(len(rows)), key=lambda i: -rows[i].share)[:5]])
    ax.set(
        xscale="log", yscale="log", xlabel="FLOP per byte", ylabel="TFLOP/s", title=f"{step}: operators under the roof"
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    handles, labels = ax.get_legend_handles_labels()
    legend = ax.legend(handles, labels, fontsize=8, loc="lower right")
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([40])
    ax.grid(alpha=0.25, which="both", linewidth=0.4)
    return ax


def _name_dots(ax: Any, dots: Sequence[tuple[float, float, str]]) -> None:
    """Write names beside dots (x, y, name), at different heights where dots lie close together."""
    placed: list[tuple[float, float]] = []
    for x, y, name in dots:
        clash = sum(abs(np.log10(x / a)) < 0.9 and abs(np.log10(y / b)) < 0.6 for a, b in placed)
        ax.annotate(
            name, (x, y), xytext=(8, -14 - 11 * clash), textcoords="offset points", fontsize=7.5, color="0.15",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.5},
        )  # fmt: skip
        placed.append((x, y))


def operators(cases: Iterable[Any], step: str = "decode", ax: Any = None) -> Any:
    """Time of a step by operator [ms], one bar for each case.

    cases: of a study, or a list of them. step: "prefill" or "decode". Raises ValueError for another step.
    """
    cases = list(cases)
    tables = [_table(case.scenario, step) for case in cases]
    totals: dict[str, float] = {}
    for table in tables:
        for row in table.operators:
            totals[row.name] = totals.get(row.name, 0.0) + row.repeats * row.seconds / table.seconds
    named = sorted(totals, key=lambda name: -totals[name])[:NAMED]
    ax = _axes(ax, 7.2, 1.6 + 0.55 * len(cases))
    colours = [f"C{i}" for i in range(10)]
    left = np.zeros(len(cases))
    for index, name in enumerate([*named, OTHERS]):
        chosen = {name} if name != OTHERS else set(totals) - set(named)
        widths = np.array([
            1e3 * sum(r.repeats * r.seconds for r in t.operators if r.name in chosen) for t in tables
        ])  # fmt: skip
        if widths.any():
            colour = "0.7" if name == OTHERS else colours[index % 10]
            ax.barh(range(len(cases)), widths, left=left, color=colour, label=name, height=0.7)
        left = left + widths
    ax.set_yticks(range(len(cases)), [case.label for case in cases])
    ax.invert_yaxis()
    ax.set(xlabel="milliseconds", title=f"{step}: time by operator")
    ax.legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    return ax


def heatmap(ds: "xr.Dataset", metric: str, x: str, y: str, ax: Any = None) -> Any:
    """A metric over two axes as colours, with lines of equal value.

    ds: dataset of forecasts whose other dimensions have size 1 (ds.sel(...)). metric: name of its variable. x, y:
    names of the two axes, in logarithmic scale. An orange dashed line shows where the bound of the metric's step
    changes, if ds has it: prefill_bound of ttft, decode_bound of tpot and tps, `bound` of others.

    Raises ValueError if other dimensions are left.
    """
    from matplotlib.colors import LogNorm

    ax = _axes(ax)
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


def front(
    points: "xr.Dataset",
    x: str,
    y: str,
    colour: str = "hw",
    label: Sequence[str] = (),
    behind: "xr.Dataset | None" = None,
    ax: Any = None,
    lines: bool = True,
) -> Any:
    """Pareto fronts, in a colour for each label of a dimension; stars are knees.

    points: dataset along `point`, of `life.pareto` or of a sweep with pareto=. x, y: names of two metrics. colour:
    coordinate whose labels have colours of their own. label: names of coordinates whose values are written beside the
    points, as many as there is room for. behind: dataset of the whole grid, drawn as grey dots.
    lines: whether points of a front are joined, which says nothing of a front of more than two objectives.
    """
    ax = _axes(ax)
    along = [str(name) for name in points.coords if points[name].dims == ("point",)]
    name = colour if colour in along else f"front_{colour}"
    labels = list(dict.fromkeys(points[name].values.tolist())) if name in along else [""]
    if behind is not None:
        import xarray as xr

        a, b = (v.values.ravel() for v in xr.broadcast(behind[x], behind[y]))
        ax.scatter(a, b, s=4, color="0.8", linewidths=0, zorder=0, label="all designs")
    for index, text in enumerate(labels):
        group = points.isel(point=np.flatnonzero(points[name].values == text)) if text != "" else points
        group = group.isel(point=np.argsort(group[x].values))
        style = {"marker": MARKERS[index % 8], "markersize": 4, "linewidth": 1, "color": f"C{index}"}
        ax.plot(group[x], group[y], linestyle="-" if lines else "none", label=str(text), **style)
        if "knee" in group:
            knee = group.isel(point=np.flatnonzero(group.knee.values))
            ax.plot(knee[x], knee[y], "*", markersize=13, color=f"C{index}", markeredgecolor="black")
    ax.set(xscale="log", yscale="log")
    ax.set(title="Pareto front (star: knee)")
    readable.set_axis(ax.xaxis, points[x], is_log=True)
    readable.set_axis(ax.yaxis, points[y], is_log=True)
    ax.grid(alpha=0.25, which="both", linewidth=0.4)
    if labels != [""]:
        ax.legend(fontsize=8)
    if label:
        groups = points[name].values if name in along else np.zeros(points.sizes["point"])
        _label_points(ax, points, x, y, label, groups)
    return ax


def _label_points(ax: Any, points: "xr.Dataset", x: str, y: str, label: Sequence[str], groups: np.ndarray) -> None:
    """Write coordinates beside points, as long as no text lies on another, on a dot or on the legend.

    Knees and ends of fronts come first, then always the point that is farthest from those with a label. Coordinates
    that have one value are left out. groups [n]: the front of each point.
    """
    from matplotlib.patheffects import withStroke  # so that a line behind it does not cross the text out

    label = [name for name in label if np.unique(points[name].values).size > 1]
    ax.figure.draw_without_rendering()
    renderer = ax.figure.canvas.get_renderer()
    where = ax.transData.transform(np.column_stack([points[x].values, points[y].values]).astype(float))
    taken = [ax.get_legend().get_window_extent(renderer)] if ax.get_legend() else []
    for i in _by_worth(points, where, groups):
        text = ax.annotate(
            " ".join(_short(name, points[name].values[i]) for name in label),
            (points[x].values[i], points[y].values[i]), xytext=SIDES[0][0], textcoords="offset points", fontsize=7,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip
        for offset, sides in SIDES:
            text.set(ha=sides[0], va=sides[1])
            text.set_position(offset)
            box = text.get_window_extent(renderer)
            inside = ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1 and ax.bbox.y0 < box.y0 and box.y1 < ax.bbox.y1
            if inside and not any(box.overlaps(other) for other in taken) and not box.count_contains(where):
                taken.append(box)
                break
        else:
            text.remove()


# where a label may stand beside its dot: offset in points, and which sides of the text are there
SIDES = (((5, -4), ("left", "top")), ((5, 4), ("left", "bottom")), ((-5, 4), ("right", "bottom")),
         ((-5, -4), ("right", "top")))  # fmt: skip


def _by_worth(points: "xr.Dataset", where: np.ndarray, groups: np.ndarray) -> list[int]:
    """Numbers of the points, at most MOST_LABELS, in the order in which they get a label; where [n, 2]: pixels."""
    first = list(np.flatnonzero(points.knee.values)) if "knee" in points else []
    for group in dict.fromkeys(groups.tolist()):
        mine = np.flatnonzero(groups == group)
        first += [mine[np.argmin(where[mine, 0])], mine[np.argmax(where[mine, 0])]]
    order = list(dict.fromkeys(int(i) for i in first)) or [0]
    apart = np.min([np.hypot(*(where - where[i]).T) for i in order], axis=0)
    while len(order) < min(len(where), MOST_LABELS):
        order.append(int(np.argmax(apart)))
        apart = np.minimum(apart, np.hypot(*(where - where[order[-1]]).T))
    return order


def _short(name: str, value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{readable.short(name)} {float(value):.3g}"


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
    ax = _axes(ax, 6.4, 1.2 + 0.4 * e.sizes["parameter"])
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
    ax = _axes(ax, 6.4, 1.2 + 0.3 * values.sizes[dim] * max(1, n * 0.6))
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
        ax = _axes(ax)
        ax.fill_between(ds[dim], low, high, alpha=0.25, linewidth=0, label="80 % interval")
        ax.plot(ds[dim], middle, label="forecast")
        ax.set(xscale="log", yscale="log")
        readable.set_axis(ax.xaxis, ds[dim], is_log=True)
        readable.set_axis(ax.yaxis, ds[metric], is_log=True)
    else:
        ax = _axes(ax, 6.4, 1.2 + 0.35 * ds.sizes[dim])
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
