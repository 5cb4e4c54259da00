"""Columns of tables of results: headings with units, numbers that share a prefix, intervals, and what is constant."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.config.load_words import TARGETS
from life_jax.config.settings import only_under_load
from life_jax.config.short_words import SHORT_WORDS
from life_jax.forecasting.metrics import METRICS
from life_jax.terminal import tables
from life_jax.terminal.layout import Column

if TYPE_CHECKING:
    from life_jax.studies.study import Study

TARGET_WORDS = {key: f"target.{name}" for name, key in TARGETS.items()}

SHORT = {
    "ttft": "TTFT", "tpot": "TPOT", "tps": "TPS", "e2e": "E2E", "fits_memory": "fits", "bound": "binds",
    "prefill_bound": "prefill binds", "decode_bound": "decode binds", "cost_per_mtoken": "cost of 1e6 tokens",
    "cost_per_input_mtoken": "cost of 1e6 in", "load_cost_per_input_mtoken": "load cost of 1e6 in",
    "load_cost_per_output_mtoken": "load cost of 1e6 out", "cost_per_output_mtoken": "cost of 1e6 out",
    "tokens_per_usd": "tokens", "usd_per_hour": "cost",
    "prompt_tokens": "prompt", "output_tokens": "output", "past_tokens": "past", "tensor_parallel": "tp",
    "pipeline_parallel": "pp", "expert_parallel": "ep", "data_parallel": "dp", "context_parallel": "cp",
    "front_hw": "hw", "front_model": "model", "front_opt": "opt", "front_engine": "engine",
}  # fmt: skip
TIMES = {"ttft": "TTFT", "tpot": "TPOT", "e2e": "E2E", "itl": "ITL"}
UNITS = {
    "token s-1": "tok/s", "s-1": "1/s", "J token-1": "J/tok", "1": "", "token": "", "byte": "B", "GB s-1": "GB/s",
    "TFLOP s-1": "TFLOP/s", "token USD-1": "tok/USD", "USD h-1": "USD/h",
}  # fmt: skip
PREFIXED = ("s", "B", "FLOP", "J", "W", "J/tok")  # units that take a prefix
ENDS = ("_low", "_high")  # of an interval
# columns that nobody asked for, in the order in which they stand; the higher, the earlier they are left out
USUAL = {"fits_memory": 1, "decode_bound": 2, "prefill_bound": 3, "memory": 4}
REDUCED = {"objective": "best", "quantile": "quantile", "count": "points"}
# numbers of a layout, and their short words
LAYOUT = {long.removeprefix("engine."): short for short, long in SHORT_WORDS.items() if long.startswith("engine.")}
LABELS = ("model", "hw", "opt", "engine")
TIMED = {"s", "J", "W", "h"}  # units of what is made of times
MARK = "*"  # behind a number that nothing like it was measured of


def heading(name: str) -> str:
    """What a column is called, without a unit."""
    first, _, rest = name.partition("_")
    if rest and first in TIMES:  # a percentile, a mean or an end of an interval
        return f"{TIMES[first]} {rest.replace('_', ' ')}"
    return SHORT.get(name, name.removeprefix("front_").replace("_", " ") if name in METRICS else name)


def columns_of(taken: Mapping[str, np.ndarray], keys: Sequence[str], metrics: Sequence[str]) -> Iterator[Column]:
    """Columns of a table: labels and numbers that say which row it is, then metrics, an interval as low..high.

    taken: values by name, in the units of the file. keys, metrics: names in order; metrics of USUAL that are behind
    others may be left out.
    """
    for name in keys:
        values = taken[name]
        is_text = values.dtype.kind in "OU"
        cells = [str(v) if is_text else tables.digits(float(v), 6) for v in values.tolist()]
        yield Column(heading(name), cells, not is_text, key=True, wraps=is_text)
    for name in metrics:
        base = name.removesuffix("_low").removesuffix("_high")
        if name.endswith(ENDS) and {f"{base}{end}" for end in ENDS} <= set(metrics):
            if name.endswith("_low") and base not in metrics:
                yield _interval(base, taken, ())
            continue
        yield _metric(name, taken[name])
        if {f"{name}{end}" for end in ENDS} <= set(metrics):
            yield _interval(name, taken, taken[name])


def _interval(name: str, taken: Mapping[str, np.ndarray], middle: Iterable[float]) -> Column:
    low, high = taken[f"{name}_low"], taken[f"{name}_high"]
    unit = METRICS[f"{name}_low"].units
    factor, text = _scale([*middle] or [*low.tolist(), *high.tolist()], unit)
    ends = zip(low / factor, high / factor, strict=True)
    cells = ["-" if math.isnan(a) else f"{tables.digits(a, 3)}..{tables.digits(b, 3)}" for a, b in ends]
    whose = "" if [*middle] else f"{heading(name)} "  # beside its middle it needs no name
    return Column(f"{whose}low..high {text}".strip(), cells, True)


def _metric(name: str, values: np.ndarray) -> Column:
    kind = METRICS[name].kind
    if kind == "bound":
        return Column(heading(name), [str(v) or "-" for v in values.tolist()])
    if kind == "flag":
        return Column(heading(name), ["-" if v is None else "yes" if v else "NO" for v in values.tolist()])
    factor, unit = _scale(values.tolist(), METRICS[name].units)
    return Column(f"{heading(name)} {unit}".strip(), [tables.digits(v / factor) for v in values.tolist()], True)


def _scale(values: Iterable[float], units: str) -> tuple[float, str]:
    """What values are divided by, and the unit that they have then."""
    unit = UNITS.get(units, units)
    if unit not in PREFIXED:
        return 1.0, unit
    factor, prefix = tables.prefix_of(float(v) for v in values)
    return factor, f"{prefix}{unit}"


def marked(columns: Sequence[Column], metrics: Iterable[str], rows: np.ndarray) -> list[Column]:
    """The columns, where that of the first of these metrics which is a time, or made of times, has a mark in these rows
    [bool]."""
    of_times = [heading(name) for name in metrics if METRICS[name].kind == "number" and TIMED & {*_parts(name)}]
    first = next((c for c in columns if not c.key and c.heading.startswith(tuple(of_times))), None)
    if first is None or not rows.any():
        return list(columns)
    cells = [cell + (MARK if row else " ") for cell, row in zip(first.cells, rows.tolist(), strict=True)]
    return [replace(c, cells=cells) if c is first else c for c in columns]


def _parts(metric: str) -> list[str]:
    """The units that the unit of a metric is made of, without exponents."""
    return [part.removesuffix("-1") for part in METRICS[metric].units.split()]


def frame_columns(frame: Any, study: "Study") -> tuple[list[Column], list[str]]:
    """Columns of a pandas table of a reduced result, and as words the choices that are the same in all of its rows.

    A choice that the whole study shares is in neither.
    """
    columns, constant = [], []
    for name in map(str, frame):
        values = frame[name].to_numpy()
        if name == "knee":
            columns.append(Column("", ["knee" if v else "" for v in values]))
        elif name in study.metrics:
            columns.extend(columns_of({name: values}, (), (name,)))
        elif name in REDUCED:
            texts = [str(v) if values.dtype.kind in "OU" else tables.digits(float(v), 12) for v in values]
            columns.append(Column(REDUCED[name], texts, name != "objective", key=name != "count"))
        elif len(study.template.coordinates.get(name, ())) != 1:
            (column,) = columns_of({name: values}, (name,), ())
            if len(values) > 1 and len(set(column.cells)) == 1:
                constant.append(f"{column.heading} {column.cells[0]}")
            else:
                columns.append(column)
    return columns, constant


def constant_words(study: "Study", varying: Iterable[str] = ()) -> list[str]:
    """Parts of a title: all that is the same in the whole study and is not named in `varying`."""
    shown = set(varying)
    of = {name: list(dict.fromkeys(getattr(case, name) for case in study.cases)) for name in study.case_dimensions}
    fixed = {name: values[0] for name, values in of.items() if len(values) == 1 and name not in shown}
    words = [" ".join(filter(None, (fixed.get("model"), f"on {fixed['hw']}" if "hw" in fixed else ""))).strip()]
    if fixed.get("opt", "none") != "none":
        words[0] = f"{words[0]} with {fixed['opt']}".strip()
    if study.composed.draft is not None:
        words.append(f"draft {study.composed.draft.name}")
    words += [f"{word} {device.name}" for word, device in study.composed.beside.items()]
    workload, t = study.composed.workload, study.template
    single = {
        name: c.values[0] for name, c in t.coordinates.items()
        if name not in LABELS and len(c) == 1 and not c.numbered
    }  # fmt: skip
    shapes = (("prompt_tokens", None), ("batch", None), ("past_tokens", 0), ("image_tokens", 0))
    under_load = study.load_words is not None or only_under_load(study.resolved)  # where there is no static batch
    for name, usual in shapes[:1] if under_load else shapes:
        if name not in t.coordinates and name not in t.listed and getattr(workload, name) != usual:
            single[name] = getattr(workload, name)
    words += [f"{heading(name)} {tables.digits(float(v), 6)}" for name, v in single.items() if name not in shown]
    if "output_tokens" not in t.coordinates and "output_tokens" not in t.listed:
        tokens = workload.output_tokens
        words.append(f"{tables.digits(tokens, 6)} output token{'s' * (tokens != 1)}")
    words.append(_engine_words(study))
    for key, value in study.scalars.items():
        section, _, rest = key.partition(".")
        if section != "workload" and rest not in LAYOUT and isinstance(value, int | float | str):
            words.append(f"{rest if section in ('engine', 'precision') else TARGET_WORDS.get(key, key)} {value}")
    if study.resolved["convention"] != "exact":
        words.append(f"convention {study.resolved['convention']}")
    return [word for word in words if word]


def _layout_words(study: "Study") -> str:
    """The layout over devices, as far as it is the same everywhere: "8 devices", "16 devices (tp 8, pp 2)", or without
    their number, where some of it is an axis; empty for a single device."""
    engine = next(iter(study.composed.engines.values()))
    numbers = {short: getattr(engine, key) for key, short in LAYOUT.items() if key not in study.axes}
    split = {short: number for short, number in numbers.items() if number > 1}
    if not split:
        return ""
    each = ", ".join(f"{short} {number:g}" for short, number in split.items())
    if any(key in study.axes for key, short in LAYOUT.items() if short != "ep"):
        return each
    devices = math.prod(number for short, number in numbers.items() if short != "ep")
    return f"{devices:g} devices" + (f" ({each})" if list(split) != ["tp"] else "")


def _engine_words(study: "Study") -> str:
    layout = _layout_words(study)
    split = f" on {layout}" if layout else ""
    if "engine" in study.case_dimensions:
        return layout
    used = dict.fromkeys(study.composed.engines[case.keys.engine].name for case in study.cases)
    if study.has_several_automatic:
        return "engine auto"
    name = next(iter(used))
    bound = ": datasheet bound, real software takes longer" if name == "ideal" else ""
    return f"engine {name}{split}{bound}"
