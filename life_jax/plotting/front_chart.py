"""The chart of a Pareto front, whose labels lie on nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.plotting import readable
from life_jax.plotting.readable import new_axes

if TYPE_CHECKING:
    import xarray as xr

MOST_LABELS = 60  # for which a place is looked for
MARKERS = "osD^vPX*"


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
    ax = new_axes(ax)
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
