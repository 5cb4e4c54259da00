"""Words that are neither a file nor an axis: metrics, sensitivities, reductions, how the work is done."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from life_jax.config import unknown_words
from life_jax.config.plan_question import plan_question
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.yaml_files import flatten
from life_jax.config.short_words import long_key
from life_jax.forecasting.metrics import METRICS
from life_jax.grid.reduction import BINS, QUANTILES, Reduction
from life_jax.optimizations.conventions import INDEX as CONVENTIONS

SHARD = re.compile(r"^(\d+)/(\d+)$")
# what plotting draws, which is not imported here: a test holds them equal
PICTURES = (
    "roofline", "operators", "heatmap", "front", "tornado", "devices", "interval", "latency", "attainment", "goodput",
    "timeline",
)  # fmt: skip
PICTURE_FORMATS = ("png", "svg", "pdf")
REPORT = "report"  # one interactive page
ENDINGS = (".nc", ".nc4", ".h5", ".csv", ".zarr")  # of out=
REDUCTIONS = ("pareto", "best", "quantiles", "histogram", "count")


def settings(
    composed: Mapping[str, Any], dims: tuple[str, ...], of_requests: tuple[str, ...] = (), *, has_choice: bool = True
) -> dict[str, Any]:
    """The checked values by word, of the composed config; ConfigError where one is not of its kind, or two exclude
    each other.

    dims: dimensions of the grid. of_requests: those of them that are numbers of the workload or the load. has_choice:
    whether anything else has several values.
    """
    for key, accepted in (("convention", CONVENTIONS), ("dtype", ("float32", "float64"))):
        if composed[key] not in accepted:
            raise unknown(f"{key}=", str(composed[key]), accepted)
    for key in ("overwrite", "gains", "lazy"):
        if not isinstance(composed[key], bool):
            raise ConfigError(f"{key}={composed[key]}: true or false is needed")
    if composed["out"] is not None and isinstance(composed["out"], str):
        paths.output(composed["out"])
    checked = {key: composed[key] for key in ("convention", "dtype", "overwrite", "gains")}
    checked["out"] = _out(composed["out"])
    metrics = _metrics("metrics", composed["metrics"])
    if not metrics:
        raise ConfigError("metrics= is empty; give at least one, such as metrics=[ttft,tpot]")
    checked.update({key: _numbers(key, composed[key]) for key in ("elasticity", "gradients")})
    reduction = _reduction(composed, metrics, dims, of_requests, has_choice)
    if reduction is not None:
        if checked["elasticity"] or checked["gradients"] or checked["gains"]:
            raise ConfigError("elasticity=, gains= and gradients= are kept for every point; a reduced grid keeps none")
        metrics = tuple(dict.fromkeys((*metrics, *reduction.metrics)))
    checked.update({"plan": plan_question(composed)} if "devices" in composed else _design(composed))
    checked.update(_work(composed, reduction))
    plots = (
        _of_plan(composed["plot"])
        if "devices" in composed
        else _plots(composed["plot"], checked["elasticity"], reduction)
    )
    view = {**_view(composed), "at": _at(composed["at"] or {}, dims)}
    if view["sort"] and composed["lazy"]:
        raise ConfigError("sort= needs numbers, of which lazy=true keeps none")
    return {**checked, "metrics": metrics, "reduction": reduction, "plot": plots, "view": view}


def _view(composed: Mapping[str, Any]) -> dict[str, Any]:
    """What is printed: sort=, top=, rows=."""
    sort = tuple(map(str, _list(composed["sort"])))
    top, rows = composed["top"], composed["rows"]
    for word, number in (("top", top), ("rows", None if rows == "all" else rows)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            also = " or all" if word == "rows" else ""
            raise ConfigError(f"{word}={number}: a whole number of 1 or more{also} is needed")
    return {"sort": sort, "top": rows if top is None and rows != "all" else top, "all_rows": rows == "all"}


def _at(typed: Mapping[str, Any], dims: tuple[str, ...]) -> dict[str, Any]:
    """at.KEY= by dimension: one label or number each."""
    flat: dict[str, Any] = {}
    flatten(typed, "", flat)
    at = {key.replace(".", "_"): value for key, value in flat.items()}
    for name, value in at.items():
        if name not in dims:
            raise unknown("at.: dimension", name, dims)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ConfigError(f"at.{name}={value}: one label or number is needed")
    return at


def _out(out: Any) -> str | None:
    """The file name of out=, with an ending that says what it will be."""
    if out is not None and not isinstance(out, str):
        raise ConfigError(f"out={out}: a file name is needed")
    if out is not None and PurePath(out).suffix and not out.lower().endswith(ENDINGS):
        raise ConfigError(f"out={out}: a result is netCDF (NAME.nc), CSV (NAME.csv) or zarr (NAME.zarr)")
    return out


def _work(composed: Mapping[str, Any], reduction: Reduction | None) -> dict[str, Any]:
    """How the work is done, which changes no number: compress=, shard=, executor=, cluster=, workers=."""
    for key, accepted in (("compress", ("zstd",)), ("executor", ("local", "dask"))):
        if composed[key] is not None and composed[key] not in accepted:
            raise unknown(f"{key}=", str(composed[key]), accepted)
    shard = None
    if composed["shard"] is not None:
        match = SHARD.match(str(composed["shard"]))
        shard = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= shard[0] <= shard[1]:
            raise ConfigError(f"shard={composed['shard']}: I/N is needed, from 1/N to N/N, such as shard=1/8")
    cluster, workers = str(composed["cluster"]), composed["workers"]
    if composed["executor"] == "local" and (cluster != "local" or workers is not None):
        raise ConfigError("cluster= and workers= go with executor=dask")
    if cluster not in ("local", "slurm") and ":" not in cluster:
        raise ConfigError(f"cluster={cluster}: local, slurm or an address is needed, such as tcp://10.0.0.1:8786")
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise ConfigError(f"workers={workers}: a whole number of 1 or more is needed")
    zarr = str(composed["out"]).endswith(".zarr")
    if str(composed["out"]).lower().endswith(".csv") and (composed["lazy"] or composed["compress"] or shard):
        raise ConfigError(f"out={composed['out']}: lazy=, compress= and shard= go with a result in out=NAME.nc")
    if composed["lazy"] and (zarr or composed["compress"] or shard or reduction or composed["plot"]):
        raise ConfigError(
            "lazy=true keeps no numbers that shard=, compress=, plot=, .zarr or a reduction could be about"
        )
    if reduction is not None and (zarr or composed["compress"]):
        raise ConfigError("a reduced grid leaves a small netCDF file; compress= and .zarr are for whole grids")
    return {
        "shard": shard, "cluster": cluster, "workers": workers,
        **{key: composed[key] for key in ("compress", "lazy", "executor", "sample", "seed")},
    }  # fmt: skip


def _design(composed: Mapping[str, Any]) -> dict[str, Any]:
    """target=, free=, range= and minimize= of life_jax.design; nothing for the other verbs."""
    if "target" not in composed:
        return {}
    targets = tuple(_limit(metric, value, "target") for metric, value in (composed["target"] or {}).items())
    if not any(value for _, value in targets):
        raise ConfigError("target.METRIC= is missing; give at least one, such as target.tpot=0.02")
    for metric, value in targets:
        if METRICS[metric].kind == "number" and (value == 0 or not METRICS[metric].differentiable):
            raise ConfigError(f"target.{metric}={value:g}: a number above 0 of a metric with a slope is needed")
    (minimize,) = _judged("minimize", composed["minimize"], ()) or ("",)
    if not minimize or METRICS[minimize].sign < 0 or not METRICS[minimize].differentiable:
        raise ConfigError(f"minimize={composed['minimize']}: a metric of which less is better is needed, such as price")
    free = _numbers("free", composed["free"]) if composed["free"] is not None else ()
    if isinstance(free, bool):
        raise ConfigError(f"free={composed['free']}: numbers by name are needed, such as [bandwidth_gb_per_s]")
    ranges: dict[str, Any] = {}
    flatten(composed["range"] or {}, "", ranges)
    for key, ends in ranges.items():
        fine = isinstance(ends, list) and len(ends) == 2 and all(
            isinstance(x, int | float) and not isinstance(x, bool) and 0 < x < float("inf") for x in ends
        )  # fmt: skip
        if not fine or ends[0] >= ends[1]:
            raise ConfigError(f"range.{key}={ends}: [LOW,HIGH] is needed, both above 0")
    return {"targets": targets, "free": free, "ranges": ranges, "minimize": minimize}


def _of_plan(typed: Any) -> tuple[str, ...]:
    """The pictures of a plan: its front."""
    names = tuple(str(word) for word in _list(typed))
    for word in names:
        name, _, form = word.partition(".")
        if name != "front" or (form and form not in PICTURE_FORMATS):
            accepted = ", ".join(f"front.{form}" for form in PICTURE_FORMATS)
            raise ConfigError(f"plot={word}: a plan has one picture, front ({accepted})")
    return names


def _plots(typed: Any, elasticity: Any, reduction: Reduction | None) -> tuple[str, ...]:
    names = tuple(str(word) for word in _list(typed))
    for word in names:
        name, _, form = word.partition(".")
        if name not in PICTURES and name != REPORT:
            raise unknown("plot=", name, (*PICTURES, REPORT))
        if name == REPORT:
            if form not in ("", "html"):
                raise ConfigError(f"plot={word}: a report is html; give plot=report")
            if reduction is not None and not reduction.pareto:
                raise ConfigError("plot=report shows a grid or a Pareto front, which this reduction does not keep")
            continue
        if form and form not in PICTURE_FORMATS:
            raise unknown(f"plot={word}: format", form, PICTURE_FORMATS)
        if name == "front" and (reduction is None or not reduction.pareto):
            raise ConfigError("plot=front needs pareto=, such as pareto=[tpot,throughput]")
        if name == "tornado" and not elasticity:
            raise ConfigError("plot=tornado needs elasticity=true")
        if name in ("heatmap", "devices", "interval", "latency") and reduction is not None:
            raise ConfigError(f"plot={name} needs the whole grid, which a reduced one does not keep")
    return names


def _list(typed: Any) -> list[Any]:
    return [] if typed is None else list(typed) if isinstance(typed, list | tuple) else [typed]


def only_under_load(composed: Mapping[str, Any]) -> bool:
    """Whether all that is asked for is of requests under load, for which a batch is no number of the question."""
    names = [str(name) for word in ("metrics", *REDUCTIONS) for name in _list(composed.get(word) or [])]
    known = [METRICS[name] for name in names if name in METRICS]
    return bool(known) and all(metric.needs == "load" for metric in known)


def _metrics(word: str, typed: Any) -> tuple[str, ...]:
    metrics = tuple(str(m) for m in _list(typed))
    for metric in metrics:
        if metric not in METRICS:
            raise unknown_words.metric(metric, METRICS) or unknown(f"{word}=: metric", metric, METRICS)
        if metrics.count(metric) > 1:
            raise ConfigError(f"{word}=: '{metric}' is listed twice")
    return metrics


def _numbers(word: str, typed: Any) -> bool | tuple[str, ...]:
    """true, false, or the keys of numbers."""
    if isinstance(typed, bool):
        return typed
    keys = _list(typed)
    if not keys or not all(isinstance(key, str) for key in keys):
        raise ConfigError(f"{word}={typed}: true, false or numbers by name are needed, such as [bandwidth_gb_per_s]")
    if len(set(keys)) < len(keys):
        raise ConfigError(f"{word}=: a number is listed twice")
    return tuple(keys)


def _reduction(
    composed: Mapping[str, Any],
    metrics: tuple[str, ...],
    dims: tuple[str, ...],
    of_requests: tuple[str, ...],
    has_choice: bool,
) -> Reduction | None:
    """reduce=, or one of its words, which means it. None where the whole grid is kept.

    Fronts and best designs are of each workload by itself, but for the numbers in free=, and where nothing but the
    workload varies, which is then what is chosen.
    """
    words = [str(word) for word in _list(composed["reduce"])]
    for word in words:
        if word not in REDUCTIONS:
            raise unknown("reduce=", word, REDUCTIONS)
    typed = {
        word: composed[word] for word in ("pareto", "best", "quantiles", "histogram") if composed[word] is not None
    }
    if not words and not typed:
        for key in ("limit", "by", *(["free"] if "target" not in composed else [])):
            if composed[key]:
                raise ConfigError(f"{key}= goes with reduce=, pareto=, best=, quantiles= or histogram=")
        return None
    judged = tuple(m for m in metrics if METRICS[m].better)
    pareto = _judged("pareto", typed.get("pareto"), judged if "pareto" in words else ())
    if pareto and len(pareto) < 2:
        raise ConfigError(f"pareto=[{','.join(pareto)}]: a front needs two metrics or more, such as [tpot,throughput]")
    quantiles = tuple(_list(typed.get("quantiles", list(QUANTILES) if "quantiles" in words else None)))
    for q in quantiles:
        if isinstance(q, bool) or not isinstance(q, int | float) or not 0 <= q <= 1:
            raise ConfigError(f"quantiles=: {q} is not a number from 0 to 1")
    bins = typed.get("histogram", BINS if "histogram" in words else 0)
    if isinstance(bins, bool) or not isinstance(bins, int) or not 0 <= bins <= 10_000:
        raise ConfigError(f"histogram={bins}: a number of bins up to 10000 is needed")
    by = _dimensions("by", composed["by"], dims)
    free = _dimensions("free", composed["free"], of_requests, "number of the workload with several values")
    best = _judged("best", typed.get("best"), judged if "best" in words else ())
    apart = tuple(dim for dim in of_requests if dim not in (*by, *free)) if has_choice and (pareto or best) else ()
    return Reduction(
        pareto=pareto,
        best=best,
        quantiles=tuple(float(q) for q in quantiles),
        histogram=bins,
        count="count" in words,
        limits=tuple(_limit(metric, value) for metric, value in (composed["limit"] or {}).items()),
        by=(*by, *apart),
        apart=apart,
    )


def _dimensions(word: str, typed: Any, dims: tuple[str, ...], kind: str = "dimension") -> tuple[str, ...]:
    """Dimensions by name, or by a short word for it."""
    listed = tuple(long_key(f"axes.{dim}").removeprefix("axes.").replace(".", "_") for dim in _list(typed))
    for dim in listed:
        if dim not in dims:
            raise unknown(f"{word}=: {kind}", dim, dims)
    return listed


def _judged(word: str, typed: Any, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """Metrics that have a better and a worse."""
    metrics = otherwise if typed is None else _metrics(word, typed)
    for metric in metrics:
        if METRICS[metric].better is None:
            raise ConfigError(f"{word}=: {metric} has no better and worse")
    return metrics


def _limit(metric: str, value: Any, word: str = "limit") -> tuple[str, float]:
    _judged(word, metric, ())
    if METRICS[metric].kind == "flag":
        if value is not True and not (word == "target" and value is False):
            raise ConfigError(f"{word}.{metric}={value}: true is needed")
        return metric, float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ConfigError(f"{word}.{metric}={value}: a number of 0 or more is needed, in {METRICS[metric].units}")
    return metric, float(value)
