"""The pictures of plot= by name: each draws what it shows of a result, with what that is of above it."""

from dataclasses import replace
from typing import Any

import numpy as np

from life_jax.plotting import charts, load_charts
from life_jax.plotting.readable import short, text
from life_jax.plotting.shown_part import BAR, Result, of_workload


def _titled(figure: Any, title: str, width: float) -> Any:
    """The figure with what it is of above it; width [inch]: of the figure."""
    lines = [""]
    for part in title.split(BAR):
        longer = f"{lines[-1]}{BAR}{part}" if lines[-1] else part
        lines = [*lines[:-1], longer] if len(longer) <= width * 13 or not lines[-1] else [*lines, part]
    figure.suptitle("\n".join(lines), fontsize=9)
    return figure


def _panels(rows: int, columns: int, width: float, height: float) -> Any:
    """Axes [rows, columns] of a new figure; width, height [inch]: of one."""
    import matplotlib.pyplot as plt

    size = (width * columns, height * rows + 0.5)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1]


def _draw_heatmap(r: Result) -> Any:
    ds = r.ds
    long = sorted(
        (str(dim) for dim in ds.dims if charts.is_axis(ds, dim) and ds.sizes[dim] > 2), key=lambda d: -ds.sizes[d]
    )
    metrics = [m for m in ("ttft", "tpot") if m in ds]
    if len(long) < 2 or not metrics:
        raise ValueError("plot=heatmap needs two axes of more than two numbers, and ttft or tpot")
    devices = r.devices()
    axes = _panels(len(devices), len(metrics), 6.2, 4.2)
    for row, (label, of) in zip(axes, devices, strict=True):
        plane = replace(r, ds=of).at(long[:2])
        for ax, metric in zip(row, metrics, strict=True):
            charts.heatmap(plane, metric, long[0], long[1], ax)
            ax.set_title(f"{label}: {ax.get_title()}".removeprefix(": "), fontsize=9)
    return _titled(axes[0][0].figure, r.title(("hw", *long[:2]) if len(devices) > 1 else long[:2]), 6.2 * len(metrics))


def _draw_front(r: Result) -> Any:
    import matplotlib.pyplot as plt

    if "point" not in r.ds.dims:
        raise ValueError("plot=front needs pareto=, such as pareto=[tpot,throughput]")
    ds = of_workload(r.ds, r.places)
    along = [str(name) for name in ds.coords if ds[name].dims == ("point",)]
    varying = [name for name in along if np.unique(ds[name].values).size > 1]
    constant = [f"{short(name)} {text(ds[name].values[0])}" for name in along if name not in varying and len(ds[name])]
    ax = plt.subplots(figsize=(8.4, 5.8), layout="constrained")[1]
    labels = [name for name in varying if name.removeprefix("front_") != "hw"]
    charts.front(ds, r.objectives[0], r.objectives[1], label=labels, ax=ax, lines=len(r.objectives) == 2)
    others = [f"best of {', '.join(r.objectives)}"] if len(r.objectives) > 2 else []
    said = " ".join(r.about)
    more = [word for word in constant if word.split(" ", 1)[1] not in said and not word.endswith(" none")]
    return _titled(ax.figure, BAR.join([*r.about, *more, *others]), 8.4)


def _draw_tornado(r: Result) -> Any:
    if "elasticity" not in r.ds:
        raise ValueError("plot=tornado needs elasticity=true")
    metrics = [m for m in ("ttft", "tpot") if m in r.ds.metric.values] or r.ds.metric.values[:2].tolist()
    devices = r.devices()
    axes = _panels(-(-len(devices) // 2), min(2, len(devices)), 6.4, 0.8 + 0.34 * r.ds.sizes["parameter"])
    for ax in axes.flat[len(devices) :]:
        ax.set_visible(False)
    for ax, (label, of) in zip(axes.flat, devices, strict=False):
        charts.tornado(replace(r, ds=of).at(), metrics, ax)
        ax.set_title(label or "elasticities", fontsize=9)
    return _titled(axes.flat[0].figure, r.title(("hw",) if len(devices) > 1 else ()), 6.4 * axes.shape[1])


def _draw_devices(r: Result) -> Any:
    metrics = [m for m in ("ttft", "tpot") if m in r.ds]
    if not metrics or "hw" not in r.ds.dims:
        raise ValueError("plot=devices needs a grid with ttft or tpot")
    hue = next((dim for dim in ("engine", "opt") if r.ds.sizes.get(dim, 1) > 1 and dim not in r.chosen), None)
    kept = ("hw", *([hue] if hue else []))
    bars = r.at(kept)
    height = 1.4 + 0.35 * bars.sizes["hw"] * (bars.sizes[hue] if hue else 1)
    axes = _panels(1, len(metrics), 6, height)
    for ax, metric in zip(axes[0], metrics, strict=True):
        charts.devices(bars, metric, hue=hue, ax=ax)
    return _titled(axes[0][0].figure, r.title(kept), 6 * len(metrics))


def _draw_roofline(r: Result) -> Any:
    shown = r.scenarios()
    axes = _panels(len(shown), 2, 6.2, 4.4)
    for row, case in zip(axes, shown, strict=True):
        for ax, step in zip(row, ("prefill", "decode"), strict=True):
            charts.roofline(case.scenario, step, ax).set_title(f"{case.label}: {step}", fontsize=9)
    return _titled(axes[0][0].figure, r.title(("hw",)), 12.4)


def _draw_operators(r: Result) -> Any:
    shown = r.scenarios()
    axes = _panels(2, 1, 8.5, 1.3 + 0.4 * len(shown))
    for ax, step in zip(axes[:, 0], ("prefill", "decode"), strict=True):
        charts.operators(shown, step, ax)
    return _titled(axes[0][0].figure, r.title(("hw",)), 8.5)


def _draw_latency(r: Result) -> Any:
    dims = _loads(r, "latency")
    axes = _panels(1, 2, 5.6, 4.2)
    for time, ax in zip(load_charts.NAMES, axes[0], strict=True):
        load_charts.latency(r.at(dims), time, ax)
    return _titled(axes[0, 0].figure, r.title(dims), 11.2)


def _draw_attainment(r: Result) -> Any:
    dims = _loads(r, "attainment")
    hue = next((d for d in ("hw", "engine", "opt", "model") if r.ds.sizes.get(d, 1) > 1 and d not in r.chosen), None)
    ax = _panels(1, 1, 6.8, 4.4)[0, 0]
    percentile = next((float(case.scenario.load.percentile) for case in r.cases), None)
    for label in r.ds[hue].values.tolist()[:MOST_LINES] if hue else [""]:
        of = replace(r, ds=r.ds.sel({hue: label})) if hue else r
        load_charts.attainment(of.at(dims), ax, label=str(label), percentile=percentile)
    if hue:
        ax.legend(fontsize=8)
    ax.set_title("requests that are served within their targets")
    return _titled(ax.figure, r.title((*dims, *([hue] if hue else []))), 6.8)


MOST_LINES = 8  # of one picture


def _loads(r: Result, picture: str) -> list[str]:
    dims = [dim for dim in load_charts.LOADS if dim in r.ds.dims and r.ds.sizes[dim] > 1]
    if not dims:
        raise ValueError(
            f"plot={picture} needs axes.rate= or axes.concurrency=, such as 'axes.rate=geomspace(1,32,24)'"
        )
    return dims


def _draw_goodput(r: Result) -> Any:
    numbered = [str(dim) for dim in r.ds.dims if charts.is_axis(r.ds, dim) and r.ds.sizes[dim] > 2]
    loads = [dim for dim in load_charts.LOADS if dim in numbered]
    long = [*loads, *sorted((dim for dim in numbered if dim not in loads), key=lambda dim: -r.ds.sizes[dim])][:2]
    if len(long) < 2:
        raise ValueError(
            "plot=goodput needs two axes of more than two numbers, such as 'axes.rate=geomspace(1,32,24)' "
            "'axes.prompt=geomspace(128,8192,24)'"
        )
    devices = r.devices()
    axes = _panels(-(-len(devices) // 2), min(2, len(devices)), 6.2, 4.6)
    for ax in axes.flat[len(devices) :]:
        ax.set_visible(False)
    for ax, (label, of) in zip(axes.flat, devices, strict=False):
        load_charts.goodput(replace(r, ds=of).at(long), long[0], long[1], ax)
        ax.set_title(f"{label}: {ax.get_title()}".removeprefix(": "), fontsize=9)
    kept = ("hw", *long) if len(devices) > 1 else long
    return _titled(axes.flat[0].figure, r.title(kept), 6.2 * axes.shape[1])


def _draw_timeline(r: Result) -> Any:
    shown = r.scenarios()
    axes = _panels(3, len(shown), 7.5 if len(shown) == 1 else 5.5, 1.7)
    for column, case in enumerate(shown):
        load_charts.timeline(r.minute(case.scenario), axes[:, column])
        axes[0, column].set_title(f"{case.label}: a simulated minute", fontsize=9)
    return _titled(axes[0, 0].figure, r.title(("hw",)), 7.5 * len(shown))


def _draw_interval(r: Result) -> Any:
    metric = next((m for m in ("tpot", "ttft", "e2e") if {m, f"{m}_low", f"{m}_high"} <= set(r.ds)), None)
    if metric is None:
        raise ValueError("plot=interval needs metrics=[tpot,tpot_low,tpot_high], or those of ttft or e2e")
    by_device = r.at(("hw",))
    ax = charts.interval(by_device if "hw" in by_device.dims else by_device.expand_dims("hw"), metric)
    return _titled(ax.figure, r.title(("hw",)), ax.figure.get_figwidth())


DRAWINGS = {
    "roofline": _draw_roofline,
    "operators": _draw_operators,
    "heatmap": _draw_heatmap,
    "front": _draw_front,
    "tornado": _draw_tornado,
    "devices": _draw_devices,
    "interval": _draw_interval,
    "latency": _draw_latency,
    "attainment": _draw_attainment,
    "goodput": _draw_goodput,
    "timeline": _draw_timeline,
}
