"""The report: one HTML page of a result, with charts that show their numbers under the pointer.

The page loads nothing from elsewhere. It needs plotly, which the optional extra `report` installs.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.forecasting.breakdown import decode_table, prefill_table
from life_jax.plotting.charts import _label, _title, is_axis

if TYPE_CHECKING:
    import xarray as xr


MOST_SHOWN = 20  # of the overview, and cases that are shown
OPERATORS = 10  # that are shown by name; the rest are shown as others
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}th,td{padding:.15em .8em;text-align:right;border-bottom:1px solid #ddd}
th{text-align:left;border-bottom:2px solid #888}td.label{text-align:left}pre{background:#f5f5f5;padding:1em;
overflow:auto;font-size:12px}h2{margin-top:2em}p.note{color:#666;font-size:13px}"""


def page(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str] = ()) -> str:
    """The HTML text of the report.

    ds: dataset of a grid or of a Pareto front. cases: of its study. objectives: of the front, if it is one.
    """
    attributes = {key: html.escape(str(value)) for key, value in ds.attrs.items()}
    parts = [
        f"<h1>{attributes.get('title', 'life_jax forecast')}</h1>",
        f"<p>{html.escape('; '.join(case.label for case in cases[:6]))}{' ...' if len(cases) > 6 else ''}</p>",
    ]
    for warning in attributes.get("warnings", "").splitlines():
        parts.append(f"<p class=note>{warning}</p>")
    parts += [f"<h2>{title}</h2>{body}" for title, body in _sections(ds, cases, objectives)]
    facts = " &middot; ".join(
        f"{key} {attributes[key]}" for key in ("life_jax_version", "convention", "date") if key in attributes
    )
    parts.append(f"<h2>The question</h2><p class=note>{facts}</p><pre>{attributes.get('config', '')}</pre>")
    head = f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>life_jax</title><style>{STYLE}</style>"
    return f"{head}</head><body>{''.join(parts)}</body></html>\n"


def _sections(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Iterator[tuple[str, str]]:
    figures: list[tuple[str, Any]] = []
    if "point" in ds.dims and len(objectives) > 1:
        figures.append(("Pareto front", _front(ds, objectives)))
    else:
        figures += [(_title(ds[metric]), _map(ds, metric)) for metric in ("ttft", "tpot") if metric in ds]
    if "elasticity" in ds and "point" not in ds.dims:
        figures.append(("Elasticities", _tornado(ds)))
    figures += [(f"{step}: time by operator", _operators(cases, step)) for step in ("prefill", "decode")]
    yield "Overview", _overview(ds)
    first = True
    for title, figure in figures:
        if figure is not None:
            yield title, _embedded(figure, with_script=first)
            first = False


def _embedded(figure: Any, *, with_script: bool) -> str:
    figure.update_layout(template="plotly_white", margin={"l": 70, "r": 30, "t": 20, "b": 60}, font_size=13)
    return figure.to_html(
        full_html=False, include_plotlyjs=with_script, default_height="480px", config={"displaylogo": False}
    )


def _overview(ds: "xr.Dataset") -> str:
    """HTML table of about MOST_SHOWN designs: evenly along a front, or the ends and middles of long axes of a grid."""
    if "point" in ds.dims:
        some = ds[[name for name in ds.data_vars if ds[name].dims == ("point",)]]
        total = some.sizes["point"]
        some = some.isel(point=np.unique(np.linspace(0, total - 1, min(total, MOST_SHOWN)).round().astype(int)))
    else:
        some = ds[[name for name in ds.data_vars if not {"metric", "parameter", "resource"} & set(ds[name].dims)]]
        some = some.drop_dims([dim for dim in ("metric", "parameter", "resource") if dim in some.dims])
        total = int(np.prod(list(some.sizes.values()) or [1]))
        room = MOST_SHOWN
        for dim, size in some.sizes.items():
            kept = min(size, max(1, room) if size <= room else 3 if room >= 3 else 1)
            some = some.isel({dim: np.unique(np.linspace(0, size - 1, kept).round().astype(int))})
            room //= max(1, kept)
    names = [f"{name} {_units(ds[name])}" for name in some.data_vars]
    frame = some.to_dataframe().reset_index()
    labels = [name for name in frame if name in some.coords and (name != "point")]
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in [*labels, *names])
    rows = []
    for _, row in frame.iterrows():
        cells = [f"<td class=label>{html.escape(_short(row[name]))}</td>" for name in labels]
        cells += [f"<td>{html.escape(_short(row[name]))}</td>" for name in some.data_vars]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    note = f"<p class=note>{len(rows)} of {total} designs; all are in the netCDF file.</p>" if len(rows) < total else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{note}"


def _units(variable: "xr.DataArray") -> str:
    units = str(variable.attrs.get("units", "1"))
    return "" if units == "1" else f"[{units}]"


def _short(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float | int | np.number) else str(value)


def _first(ds: "xr.Dataset | xr.DataArray", keep: Sequence[str]) -> tuple[Any, str]:
    """The result at the first label of every dimension but those to keep, and these labels as a text."""
    others = [dim for dim in ds.dims if dim not in (*keep, "metric", "parameter", "resource")]
    chosen = {dim: ds[dim].values[0] for dim in others if ds.sizes[dim] > 1}
    return ds.isel(dict.fromkeys(others, 0)), ", ".join(f"{dim} {_short(value)}" for dim, value in chosen.items())


def _map(ds: "xr.Dataset", metric: str) -> Any:
    """Chart of a metric: a map over the two longest numeric axes, lines over the only one, bars where there is none."""
    import plotly.graph_objects as go

    numeric = sorted(
        (str(d) for d in ds[metric].dims if is_axis(ds, d) and ds.sizes[d] > 1), key=lambda d: -ds.sizes[d]
    )
    label, hover = _label(ds[metric]), f"%{{x:.4g}}, %{{y:.4g}}<br>{metric} %{{customdata:.4g}}<extra></extra>"
    if len(numeric) > 1:
        x, y = numeric[:2]
        plane, chosen = _first(ds[metric], (x, y))
        values = plane.transpose(y, x).values.astype(float)
        logs = np.log10(np.where(values > 0, values, np.nan))
        low, high = np.nanmin(logs), np.nanmax(logs)
        ticks = np.linspace(low, high, 6)
        bar = {"title": label, "tickvals": ticks, "ticktext": [f"{10**tick:.3g}" for tick in ticks]}
        axes = {"x": ds[x].values, "y": ds[y].values}
        figure = go.Figure(
            [
                go.Heatmap(z=logs, **axes, customdata=values, hovertemplate=hover, colorscale="Viridis", colorbar=bar),
                go.Contour(z=logs, **axes, showscale=False, contours_coloring="none", line_color="white",
                           hoverinfo="skip", ncontours=12),
            ]
        )  # fmt: skip
        figure.update_layout(xaxis_title=_label(ds[x]), yaxis_title=_label(ds[y]))
        figure.update_xaxes(type="log")
        figure.update_yaxes(type="log")
        return _noted(figure, chosen)
    keep = [d for d in ("model", "hw", "opt") if d in ds[metric].dims]
    figure = go.Figure()
    lines, chosen = _first(ds[metric], (*keep, *numeric))
    stacked = lines.stack(case=keep) if keep else lines.expand_dims("case")
    names = [" ".join(map(str, case)) for case in stacked.case.values] if keep else [metric]
    if numeric:
        for index, name in enumerate(names):
            line = stacked.isel(case=index)
            figure.add_scatter(x=ds[numeric[0]].values, y=line.values, name=name, mode="lines+markers")
        figure.update_xaxes(type="log", title=_label(ds[numeric[0]]))
        figure.update_yaxes(type="log", title=label)
    else:
        figure.add_bar(y=names, x=stacked.values, orientation="h")
        figure.update_xaxes(title=label)
    return _noted(figure, chosen)


def _noted(figure: Any, chosen: str) -> Any:
    if chosen:
        figure.add_annotation(
            text=f"at {chosen}", showarrow=False, xref="paper", yref="paper", x=0, y=1.07, xanchor="left"
        )
    return figure


def _front(ds: "xr.Dataset", objectives: Sequence[str]) -> Any:
    """Chart of a front over its first two objectives; the pointer shows all coordinates and metrics of a design."""
    import plotly.graph_objects as go

    x, y = objectives[:2]
    along = [str(name) for name in (*ds.coords, *ds.data_vars) if ds[name].dims == ("point",)]
    colour = next((name for name in ("hw", "front_hw", "opt") if name in along), None)
    groups = ds[colour].values if colour else np.zeros(ds.sizes["point"])
    knee = ds.knee.values.astype(bool) if "knee" in along else np.zeros(ds.sizes["point"], bool)
    figure = go.Figure()
    for group in dict.fromkeys(groups.tolist()):
        rows = np.flatnonzero(groups == group)
        rows = rows[np.argsort(ds[x].values[rows])]
        texts = ["<br>".join(f"{name} {_short(ds[name].values[i])}" for name in along if name != "point") for i in rows]
        figure.add_scatter(
            x=ds[x].values[rows], y=ds[y].values[rows], name=str(group), mode="lines+markers", text=texts,
            hovertemplate="%{text}<extra></extra>",
            marker={"size": np.where(knee[rows], 15, 7), "symbol": np.where(knee[rows], "star", "circle")},
        )  # fmt: skip
    figure.update_xaxes(type="log", title=_label(ds[x]))
    figure.update_yaxes(type="log", title=_label(ds[y]))
    return figure


def _tornado(ds: "xr.Dataset") -> Any:
    import plotly.graph_objects as go

    e, chosen = _first(ds.elasticity, ())
    e = e.expand_dims("metric") if "metric" not in e.dims else e
    order = np.argsort(abs(e).max("metric").values)
    figure = go.Figure()
    for metric in [m for m in e.metric.values if m in ("ttft", "tpot")] or e.metric.values[:2]:
        figure.add_bar(
            y=e.parameter.values[order], x=e.sel(metric=metric).values[order], name=str(metric), orientation="h"
        )
    figure.update_xaxes(title="percent of change for 1 % more")
    return _noted(figure, chosen)


def _operators(cases: Sequence[Any], step: str) -> Any:
    """Chart of the time of a step by operator [ms], one bar for each case."""
    import plotly.graph_objects as go

    with np.errstate(all="ignore"):
        tables = [(prefill_table if step == "prefill" else decode_table)(case.scenario) for case in cases[:MOST_SHOWN]]
    spent: dict[str, Mapping[int, Any]] = {}
    for index, table in enumerate(tables):
        for row in table.operators:
            spent[row.name] = {**spent.get(row.name, {}), index: row}
    milliseconds = {
        name: [1e3 * rows[i].repeats * rows[i].seconds if i in rows else 0.0 for i in range(len(tables))]
        for name, rows in spent.items()
    }
    order = sorted(milliseconds, key=lambda name: -np.nansum(milliseconds[name]))
    figure = go.Figure()
    for name in order[:OPERATORS]:
        texts = [
            f"{spent[name][i].bound}, {spent[name][i].repeats:g} times" if i in spent[name] else ""
            for i in range(len(tables))
        ]
        figure.add_bar(
            y=[case.label for case in cases[:MOST_SHOWN]], x=milliseconds[name], name=name, orientation="h", text=texts,
            textposition="none", hovertemplate="%{y}<br>%{x:.4g} ms, %{text}<extra>" + name + "</extra>",
        )  # fmt: skip
    rest = np.sum([milliseconds[name] for name in order[OPERATORS:]] or [[0.0] * len(tables)], axis=0)
    if np.any(rest > 0):
        figure.add_bar(
            y=[case.label for case in cases[:MOST_SHOWN]], x=rest, name="others", orientation="h", marker_color="#bbb"
        )
    figure.update_layout(barmode="stack", xaxis_title="milliseconds")
    figure.update_yaxes(autorange="reversed")
    return figure
