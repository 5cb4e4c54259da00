"""Charts of a step: its operators under the roof, and their share of its time."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from life_jax.core.scenario import Scenario
from life_jax.core.units import TERA
from life_jax.forecasting.breakdown import StepTable, decode_table, prefill_table
from life_jax.plotting.readable import new_axes
from life_jax.roofline.effects import on_device

COLOURS = {"compute": "#c1443c", "memory": "#2f6f9f", "dispatch": "#8a8a8a"}
OTHERS = "others"
NAMED = 8  # operators that a bar shows by name; the rest are shown as OTHERS


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

    ax = new_axes(ax)
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
    ax = new_axes(ax, 7.2, 1.6 + 0.55 * len(cases))
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
