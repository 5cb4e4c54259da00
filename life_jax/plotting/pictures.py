"""The pictures of plot=: which part of a result each of them shows, and the files they are saved to."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life_jax.core.whole_file import refuse_taken, whole_file
from life_jax.plotting import charts

if TYPE_CHECKING:
    import xarray as xr


def _first(ds: "xr.Dataset", keep: Sequence[str] = ()) -> "xr.Dataset":
    """The result at the first label of every dimension but those to keep."""
    dims = [dim for dim in ds.dims if dim not in (*keep, "metric", "parameter", "bound")]
    return ds.isel(dict.fromkeys(dims, 0))


def _draw_heatmap(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    import matplotlib.pyplot as plt

    long = sorted(
        (str(dim) for dim in ds.dims if charts.is_axis(ds, dim) and ds.sizes[dim] > 2), key=lambda d: -ds.sizes[d]
    )
    metrics = [m for m in ("ttft", "tpot") if m in ds]
    if len(long) < 2 or not metrics:
        raise ValueError("plot=heatmap needs two axes of more than two numbers, and ttft or tpot")
    plane = _first(ds, long[:2])
    _, axes = plt.subplots(1, len(metrics), figsize=(6.2 * len(metrics), 4.6), layout="constrained", squeeze=False)
    for ax, metric in zip(axes[0], metrics, strict=True):
        charts.heatmap(plane, metric, long[0], long[1], ax)
    return axes[0][0].figure


def _draw_front(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    import matplotlib.pyplot as plt

    if "point" not in ds.dims:
        raise ValueError("plot=front needs pareto=, such as pareto=[tpot,throughput]")
    labels = [name for name in ("opt", "batch", "prompt_tokens") if name in ds.coords and ds[name].dims == ("point",)]
    ax = plt.subplots(figsize=(8.0, 5.4), layout="constrained")[1]
    return charts.front(ds, objectives[0], objectives[1], label=labels, ax=ax).figure


def _draw_tornado(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    if "elasticity" not in ds:
        raise ValueError("plot=tornado needs elasticity=true")
    metrics = [m for m in ("ttft", "tpot") if m in ds.metric.values] or ds.metric.values[:2].tolist()
    return charts.tornado(_first(ds), metrics).figure


def _draw_devices(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    import matplotlib.pyplot as plt

    metrics = [m for m in ("ttft", "tpot") if m in ds]
    if not metrics or "hw" not in ds.dims:
        raise ValueError("plot=devices needs a grid with ttft or tpot")
    hue = "opt" if ds.sizes["opt"] > 1 else None
    bars = _first(ds, ("hw", *([hue] if hue else [])))
    height = 1.4 + 0.35 * bars.sizes["hw"] * (bars.sizes["opt"] if hue else 1)
    _, axes = plt.subplots(1, len(metrics), figsize=(6 * len(metrics), height), layout="constrained", squeeze=False)
    for ax, metric in zip(axes[0], metrics, strict=True):
        charts.devices(bars, metric, hue=hue, ax=ax)
    return axes[0][0].figure


def _draw_roofline(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(1, 2, figsize=(12.5, 4.8), layout="constrained")
    for ax, step in zip(axes, ("prefill", "decode"), strict=True):
        charts.roofline(cases[0].scenario, step, ax).set_title(f"{cases[0].label}: {step}", fontsize=10)
    return axes[0].figure


def _draw_operators(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(2, 1, figsize=(8.5, 2.6 + 0.8 * len(cases)), layout="constrained")
    for ax, step in zip(axes, ("prefill", "decode"), strict=True):
        charts.operators(cases, step, ax)
    return axes[0].figure


def _draw_interval(ds: "xr.Dataset", cases: Sequence[Any], objectives: Sequence[str]) -> Any:
    metric = next((m for m in ("tpot", "ttft", "e2e") if {m, f"{m}_low", f"{m}_high"} <= set(ds)), None)
    if metric is None:
        raise ValueError("plot=interval needs metrics=[tpot,tpot_low,tpot_high], or those of ttft or e2e")
    by_device = _first(ds, ("hw",))
    return charts.interval(by_device if "hw" in by_device.dims else by_device.expand_dims("hw"), metric).figure


DRAWINGS = {
    "roofline": _draw_roofline,
    "operators": _draw_operators,
    "heatmap": _draw_heatmap,
    "front": _draw_front,
    "tornado": _draw_tornado,
    "devices": _draw_devices,
    "interval": _draw_interval,
}
PICTURE_FORMATS = ("png", "svg", "pdf")
REPORT = "report"  # one interactive page
MARKED = {"png": "Description", "svg": "Description", "pdf": "Subject"}  # key of the metadata
MOST_BYTES = 2**28  # of a picture that may be ours


def files(names: Sequence[str], stem: Path) -> list[Path]:
    """Paths of the pictures of plot=, STEM_NAME.FORMAT. names: NAME or NAME.FORMAT. stem: path without ending."""
    pairs = [word.partition(".")[::2] for word in names]
    return [
        stem.with_name(f"{stem.name}_{name}.{'html' if name == REPORT else form or PICTURE_FORMATS[0]}")
        for name, form in pairs
    ]


def refuse_foreign(path: Path, question: str, *, overwrite: bool) -> None:
    """Raise StoreError where a picture would replace a file that is no picture of its question.

    path: of the picture. question: hash of the question whose result it shows. overwrite: whether any file may be
    replaced, but a link.
    """
    if path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST_BYTES:
        overwrite = overwrite or _mark(question).encode() in path.read_bytes()
    refuse_taken(path, overwrite=overwrite)


def _mark(question: str) -> str:
    """What every picture says in its metadata, so that the same command may draw it again."""
    return f"life_jax question {question}"


def save(
    names: Sequence[str],
    ds: "xr.Dataset",
    cases: Sequence[Any],
    objectives: Sequence[str],
    stem: Path,
    question: str,
    overwrite: bool = False,
) -> list[Path]:
    """Save the pictures of plot= as files STEM_NAME.FORMAT.

    names: NAME or NAME.FORMAT, with a name of DRAWINGS or REPORT and a format of PICTURE_FORMATS, by default the
    first. ds: dataset of the result. cases: of its study. objectives: of its Pareto front, if it is one. stem: path
    without ending. question: hash of the question that the result answers. overwrite: whether a file that is no
    picture of it is replaced.

    Returns the paths of the files. Raises ValueError where the dataset has not what a picture shows, StoreError where
    a file is in the way.
    """
    import matplotlib as mpl

    mpl.use("Agg")  # a command line has no window
    import matplotlib.pyplot as plt

    paths = files(names, stem)
    for word, path in zip(names, paths, strict=True):
        name, form = word.partition(".")[0], path.suffix[1:]
        if name == REPORT:
            from life_jax.plotting import report

            page = f"{report.page(ds, cases, objectives)}<!-- {_mark(question)} -->\n"
        else:
            figure = DRAWINGS[name](ds, cases, objectives)
        refuse_foreign(path, question, overwrite=overwrite)
        with whole_file(path, overwrite=True) as new:
            if name == REPORT:
                new.write_text(page, encoding="utf-8")
                continue
            figure.savefig(new, dpi=150, format=form, metadata={MARKED[form]: _mark(question)})
        plt.close(figure)
    return paths
