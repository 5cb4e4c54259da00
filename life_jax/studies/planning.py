"""A plan: the designs of a study's space that meet what is asked, what the others lack, and what is nearest to it."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.config.engine_fit import HUB, file_formats, is_quantized
from life_jax.config.schema import axis_table
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.word_values import text as as_text
from life_jax.core.whole_file import whole_file
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.models import ffn
from life_jax.planner import times
from life_jax.planner.designs import ALIVE, MEETS, REASONS, Candidate, Designs
from life_jax.planner.launch import Launch, command, files, hub_name
from life_jax.planner.regret import MOST, regrets
from life_jax.planner.search import Found, search
from life_jax.planner.space import KEYS, Layout, assumed, layouts
from life_jax.studies.study import Study

if TYPE_CHECKING:
    import xarray as xr

# words that a row says itself, or that are about the plan alone
OWN = (
    "hw", "model", "opt", "engine", "axes", "devices", "target", "quality", "confidence", "budget", "minimize", "write",
    "layout", "out", "overwrite", "plot", "top", "rows", "sort", "format", "metrics", "at", "seed",
)  # fmt: skip
OF_ONE_USER = ("price", "memory", "fits_memory", "quality", "quality_low", "quality_high", "ttft", "tpot", "tps", "e2e",
               "power", "energy_per_token", "cost_per_mtoken")  # fmt: skip
OF_LOAD = ("price", "memory", "fits_memory", "quality", "quality_low", "quality_high", "ttft_mean", "ttft_p50",
           "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p90", "tpot_p99", "itl_p99", "request_rate",
           "output_rate", "concurrency", "utilization")  # fmt: skip
Watch = Callable[[int], None]
WRITTEN = 20  # rows of which launch scripts are written unless top= says it
NEAR, NEAR_LOADED = 2048, 128  # designs among which the nearest is looked for


@dataclass(frozen=True)
class Row:
    """A design.

    rank: from 1. layout: devices of the whole are its product. concurrency: requests that run together in a group, at
    most. words: that give its numbers to `serve` or `sweep`. metrics: by name, NaN where not known. meets: probability
    that all targets are met, NaN where nothing is asked. command: what launches it, None where that is not known.
    place: in the designs of the search.
    """

    rank: int
    hw: str
    devices: int
    layout: Layout
    engine: str
    model: str
    opt: str
    concurrency: int
    words: tuple[str, ...]
    metrics: Mapping[str, float]
    meets: float
    command: str | None
    place: int

    def as_json(self) -> dict[str, Any]:
        """The row as the contract has it."""
        return {
            "rank": self.rank, "hw": self.hw, "devices": self.devices, "layout": self.layout._asdict(),
            "engine": self.engine, "model": self.model, "opt": self.opt, "concurrency": self.concurrency,
            "words": list(self.words), "metrics": {name: _finite(value) for name, value in self.metrics.items()},
            "meets": _finite(self.meets), "command": self.command,
        }  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Rows that meet and are not dominated, by what is minimized; counts of the others by reason; what is nearest.

    nearest: where no row meets, the design that misses least, and by how much. relax: name of a target, budget or floor
    -> what it would have to be for that design.
    """

    study: Study
    rows: tuple[Row, ...]
    rejected: Mapping[str, int]
    space: int
    nearest: Row | None
    relax: Mapping[str, float]
    warnings: tuple[str, ...]
    found: Found = field(repr=False)

    def __repr__(self) -> str:
        """How many rows there are of how many."""
        return f"<Plan: {len(self.rows)} rows of {self.space}>"

    def as_json(self) -> dict[str, Any]:
        """The object that format=json prints."""
        nearest = None if self.nearest is None else {**self.nearest.as_json(), "relax": dict(self.relax)}
        return {
            "rows": [row.as_json() for row in self.rows], "rejected": dict(self.rejected), "space": self.space,
            "nearest": nearest, "warnings": list(self.warnings),
        }  # fmt: skip

    @cached_property
    def loaded(self) -> bool:
        """Whether requests arrive."""
        return times.is_loaded(self.found.designs.scenarios[0])


def plan(study: Study, done: Watch = lambda count: None) -> Plan:
    """The plan of a study that `life.load(words, primary="plan")` has made.

    done: told of designs whose numbers are there.
    """
    designs = _designs(study)
    found = search(designs, done)
    order = _order(study, found)
    rows = _rows(study, found, order, done)
    rejected = Counter({REASONS[i]: int((designs.status == i).sum()) for i in range(len(REASONS))})
    for reason in study.nowhere.values():
        rejected["engine" if reason.startswith("engine ") else "units"] += len(designs.layouts) * len(designs.points)
    space = len(designs.case) + len(study.nowhere) * len(designs.layouts) * len(designs.points)
    nearest, relax = (None, {}) if rows else _nearest(study, found, done)
    used = [(row.engine, row.layout) for row in (*rows, *([nearest] if nearest else []))]
    return Plan(
        study=study,
        rows=rows,
        rejected={name: rejected[name] for name in REASONS if rejected[name]},
        space=space,
        nearest=nearest,
        relax=relax,
        warnings=(*study.warnings, *assumed(study.composed.engines, used)),
        found=found,
    )


def _designs(study: Study) -> Designs:
    assert study.plan_question is not None
    composed = study.composed
    candidates = [
        Candidate(
            *case.keys,
            case.built.scenario,
            composed.hw[case.keys.hw],
            composed.engines[case.keys.engine],
            _reads(study, case.keys.opt, composed.engines[case.keys.engine]),
        )
        for case in study.cases
    ]
    loaded = times.is_loaded(candidates[0].scenario)
    experts = any(
        ffn.experts(c.scenario.architecture) for c in {id(c.scenario.architecture): c for c in candidates}.values()
    )
    groups = loaded or composed.workload.batch > 1
    points = [dict(zip(study.axes, values, strict=True)) for values in itertools.product(*study.axes.values())]
    return Designs(
        question=study.plan_question,
        candidates=candidates,
        layouts=layouts(study.plan_question.devices, groups=groups, experts=experts, fixed=study.plan_question.layout),
        points=points,
        parameters=study.cases[0].parameters,
    )


def _reads(study: Study, opt: str, engine: EngineFile) -> bool:
    """Whether an engine reads the weights of a stack: quantized checkpoints of hubs are not for those that read other
    files, or convert what they read."""
    stack, kinds = study.stacks[opt], study.composed.kinds
    quantized = is_quantized(stack, kinds) and not file_formats(stack, kinds)
    return not quantized or not engine.formats or (HUB in engine.formats and "mlx" not in engine.formats)


def _order(study: Study, found: Found) -> np.ndarray:
    """Places of the best designs, by what is minimized, then by price and by TPOT."""
    assert study.plan_question is not None
    designs = found.designs
    keys = [found.mean["tpot"][found.best], _last(designs.price[found.best])]
    for name in reversed(study.plan_question.minimize):
        keys.append(METRICS[name].sign * _minimized(found, name))
    return found.best[np.lexsort(keys)] if len(found.best) else found.best


def _minimized(found: Found, name: str) -> np.ndarray:
    """A metric of the best designs, of which less is better, inf where it is not known."""
    known = {"price": found.designs.price, "quality": found.designs.quality, **found.mean}
    if name in known:
        values = known[name][found.best]
    else:
        columns = found.designs.evaluate(found.best, lambda s: forecast(s, (name,)), done=lambda count: None)
        values = columns[name] if len(found.best) else np.zeros(0)
    return np.where(np.isnan(values), METRICS[name].sign * np.inf, values)


def _last(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), np.inf, values)


def _regret(found: Found, order: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Mean regret of each row [USD]; NaN beyond the best MOST, and where there is nothing to miss."""
    regret = np.full(len(order), np.nan)
    if not found.designs.question.targets or not len(order):
        return regret
    weighed = order[:MOST]
    fits = [found.designs.candidates[case].fit for case in found.designs.case[weighed]]
    regret[:MOST] = regrets(found.designs.price[weighed], chances[:MOST], fits)
    return regret


def _rows(study: Study, found: Found, places: np.ndarray, done: Watch) -> tuple[Row, ...]:
    """Rows of designs with all of their numbers, in the order of the places."""
    designs = found.designs
    if not len(places):
        return ()
    loaded = times.is_loaded(designs.scenarios[0])
    names = OF_LOAD if loaded else OF_ONE_USER
    rest = tuple(name for name in names if METRICS[name].needs != "load")
    columns = times.metrics(designs, places, rest, tuple(n for n in names if n not in rest), done)
    columns |= {"memory_part": designs.memory[places], "usd_per_hour": designs.hourly[places]}
    chances = times.chances(designs, places, done)
    columns["regret"] = _regret(found, places, chances)
    asked = bool(designs.question.targets)
    meets = times.probability(chances) if asked else np.full(len(places), np.nan)
    slots = designs.slots(places)
    rows = []
    for at, place in enumerate(places.tolist()):
        keys = study.cases[designs.case[place]].keys
        layout, point = designs.layouts[designs.layout[place]], designs.points[designs.point[place]]
        words = tuple(_words(study, keys, layout, point, loaded=loaded))
        launch = _launch(study, designs, place, columns["concurrency"][at] if loaded else 1.0)
        rows.append(
            Row(
                rank=at + 1,
                hw=keys.hw,
                devices=layout.devices,
                layout=layout,
                engine=keys.engine,
                model=keys.model,
                opt=keys.opt,
                concurrency=int(slots[at]) if loaded else math.ceil(study.composed.workload.batch),
                words=words,
                metrics={name: float(column[at]) for name, column in columns.items()},
                meets=float(meets[at]),
                command=command(launch),
                place=place,
            )
        )
    return tuple(rows)


def _launch(study: Study, designs: Designs, place: int, running: float) -> Launch:
    """Facts of a design that its commands are made of. running: sequences that run together, mean."""
    candidate = designs.candidates[designs.case[place]]
    keys, file, load = study.cases[designs.case[place]].keys, study.composed.model, candidate.scenario.load
    point = designs.points[designs.point[place]]
    typed_budget = study.scalars.get("engine.token_budget", 0)
    return Launch(
        engine=candidate.engine,
        hub=hub_name(study.typed["model"][keys.model], file[keys.model].source),
        stack=study.stacks[keys.opt],
        kinds=study.composed.kinds,
        layout=designs.layouts[designs.layout[place]],
        prompt=float(study.composed.workload.prompt_tokens + study.composed.workload.past_tokens),
        output=float(study.composed.workload.output_tokens),
        sequences=int(designs.slots(np.array([place]))[0]) if times.is_loaded(candidate.scenario) else 1,
        budget=int(point.get("token_budget", typed_budget)),
        rate=float(load.rate),
        concurrency=float(load.concurrency),
        running=running if math.isfinite(running) else 1.0,
        on_gpu=candidate.device.device_class != "cpu",
        target={"cpu": "CPU", "npu": "NPU"}.get(candidate.device.device_class, "GPU"),
        words=(
            f"hw={_name(study.typed['hw'][keys.hw])}",
            f"model={_name(study.typed['model'][keys.model])}",
            f"engine={_name(candidate.engine)}",
            *([f"opt={'+'.join(study.stacks[keys.opt])}"] if study.stacks[keys.opt] else []),
        ),
    )


def write(plan_: Plan, folder: Path, *, overwrite: bool) -> list[Path]:
    """Write launch scripts of every row to folder/RANK/, each whole or not at all. Returns their paths."""
    written = []
    for row in plan_.rows[: plan_.study.view.top or WRITTEN]:
        launch = _launch(plan_.study, plan_.found.designs, row.place, row.metrics.get("concurrency", float("nan")))
        about = f"rank {row.rank}: {row.devices} x {row.hw}, {row.opt}, {row.engine}: life-jax plan"
        home = folder / f"{row.rank:02d}"
        home.mkdir(parents=True, exist_ok=True)
        for name, text in files(launch, about).items():
            with whole_file(home / name, overwrite=overwrite) as new:
                new.write_text(text, encoding="utf-8")
            if name.endswith(".sh"):
                (home / name).chmod(0o755)
            written.append(home / name)
    return written


def _words(study: Study, keys: Any, layout: Layout, point: Mapping[str, float], *, loaded: bool) -> list[str]:
    """The words of a row, which give its numbers to serve or sweep."""
    found = [f"hw={_name(study.typed['hw'][keys.hw])}", f"model={_name(study.typed['model'][keys.model])}"]
    stack = study.stacks[keys.opt]
    found += [f"opt={as_text(list(stack), 'opt')}"] if stack else []
    found += [f"engine={_name(keys.engine)}", *layout.words]
    found += [f"{_long(key)}={value:g}" for key, value in point.items()]
    set_already = {_long(key) for key in point}
    for word in study.words:
        key = re.split("=", word.lstrip("+"), maxsplit=1)[0]
        section = key.split(".")[0]
        other_label = section in ("hw", "model") and "." in key and key.split(".")[1] not in (keys.hw, keys.model)
        sets = section not in OWN or ("." in key and section in ("hw", "model", "engine"))
        if sets and not other_label and SHORT_WORDS.get(key, key) not in set_already:
            found.append(word)
            set_already.add(SHORT_WORDS.get(key, key))
    w = study.composed.workload
    for key in ("prompt_tokens", "output_tokens", *(() if loaded else ("batch",))):
        if f"workload.{key}" not in set_already:
            found.append(f"workload.{key}={getattr(w, key):g}")
    return found


def _long(key: str) -> str:
    return f"{axis_table.section_of(key)}.{key}"


def _name(name: str) -> str:
    """A name or a path as the value of a word."""
    return as_text(name, "name")


def _nearest(study: Study, found: Found, done: Watch) -> tuple[Row | None, dict[str, float]]:
    """The design that misses what is asked by the least factor, and what would have to be asked for it to do.

    Those that miss least by what is known of them are forecast.
    """
    designs, question = found.designs, found.designs.question
    out = [REASONS.index(name) for name in ("engine", "units", "layout")]
    places = np.flatnonzero(~np.isin(designs.status, out))
    if not len(places):
        return None, {}
    loaded = times.is_loaded(designs.scenarios[0])
    worst = np.max(list(_misses(found, places).values()), axis=0)
    places = places[np.argsort(worst, kind="stable")][: NEAR_LOADED if loaded else NEAR]
    late = places[np.isnan(found.sure["tpot"][places]) & ((not loaded) | (designs.memory[places] <= 1))]
    if len(late):
        z = times.STANDARD.inv_cdf(question.confidence)
        for name, values in times.times(designs, late, np.array([0.0, z]), done).items():
            found.mean[name][late], found.sure[name][late] = values[:, 0], values[:, 1]
    misses = _misses(found, places)
    first = int(np.argmin(np.max(list(misses.values()), axis=0)))
    (row,) = _rows(study, found, places[first : first + 1], done)
    relax = {
        name: _asked(question, name) * float(values[first]) for name, values in misses.items() if values[first] > 1
    }
    if "quality" in relax:
        relax["quality"] = float(designs.quality[places[first]])
    return row, relax


def _asked(question: Any, name: str) -> float:
    kind, _, key = name.partition(".")
    return float({"target": question.targets, "budget": question.budgets}[kind][key]) if key else 1.0


def _misses(found: Found, places: np.ndarray) -> dict[str, np.ndarray]:
    """What designs need over what is asked [n], by name: above 1 it is missed; by bounds where nothing is forecast."""
    designs, question = found.designs, found.designs.question
    misses = {"memory": np.nan_to_num(designs.memory[places], nan=np.inf)}
    for name, limit in question.targets.items():
        sure, bound = found.sure[name][places], found.bound[name][places]
        misses[f"target.{name}"] = np.where(np.isnan(sure), bound, sure) / limit
    for name, limit in question.budgets.items():
        values = {"usd": designs.price, "usd_per_hour": designs.hourly, "watt": designs.watt}[name]
        misses[f"budget.{name}"] = np.nan_to_num(values[places] / limit, nan=np.inf)
    if question.quality is not None:
        misses["quality"] = np.nan_to_num(question.quality / designs.quality[places], nan=np.inf)
    return misses


def dataset(result: Plan) -> "xr.Dataset":
    """The rows of a plan as xarray.Dataset, along `row`, with the counts of the others as attributes."""
    import xarray as xr

    rows: Sequence[Row] = result.rows
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    columns: dict[str, Any] = {
        key: ("row", np.array([getattr(row, key) for row in rows], object).astype(str))
        for key in ("model", "hw", "opt", "engine")
    }
    columns |= {key: ("row", np.array([getattr(row.layout, key) for row in rows], int)) for key in KEYS}
    columns |= {key: ("row", np.array([getattr(row, key) for row in rows], int)) for key in ("devices", "concurrency")}
    columns["meets"] = ("row", np.array([row.meets for row in rows], float), {"units": "1"})
    columns["words"] = ("row", np.array([" ".join(row.words) for row in rows], object).astype(str))
    for name in names:
        about = {"units": METRICS[name].units, "long_name": METRICS[name].long_name} if name in METRICS else {}
        columns[name] = ("row", np.array([row.metrics[name] for row in rows], float), about)
    attributes = {**result.study._attributes(), "space": result.space}
    attributes |= {f"rejected_{name}": count for name, count in result.rejected.items()}
    return xr.Dataset(columns, {"row": np.arange(1, len(rows) + 1)}, attributes)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


__all__ = ["ALIVE", "MEETS", "Plan", "Row", "dataset", "plan", "write"]
