"""A plan: the designs of a study's space that meet what is asked, what the others lack, and what is nearest to it."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.config.engine_fit import HUB, file_formats, is_quantized
from life_jax.config.schema.engine_file import EngineFile
from life_jax.core.whole_file import refuse_taken
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.models import ffn
from life_jax.planner import times
from life_jax.planner.designs import ALIVE, MEANINGS, MEETS, REASONS, Candidate, Designs
from life_jax.planner.launch import command, files
from life_jax.planner.misses import asked, misses
from life_jax.planner.misses import forecast as forecast_missing
from life_jax.planner.neighbours import Neighbour, neighbours
from life_jax.planner.regret import MOST, regrets
from life_jax.planner.search import Found, search
from life_jax.planner.space import KEYS, Layout, assumed, layouts
from life_jax.studies.additions import add
from life_jax.studies.case import Keys
from life_jax.studies.launching import launch_of, scripts
from life_jax.studies.plan_words import words_of
from life_jax.studies.study import Study

if TYPE_CHECKING:
    import xarray as xr

OF_ONE_USER = ("price", "memory", "fits_memory", "quality", "quality_low", "quality_high", "ttft", "tpot", "tps", "e2e",
               "power", "energy_per_token", "cost_per_mtoken")  # fmt: skip
OF_LOAD = ("price", "memory", "fits_memory", "quality", "quality_low", "quality_high", "ttft_mean", "ttft_p50",
           "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p90", "tpot_p99", "itl_p99", "request_rate",
           "output_rate", "concurrency", "utilization")  # fmt: skip
Watch = Callable[[int], None]
WRITTEN = 20  # rows of which launch scripts are written unless top= says it
NEIGHBOURED = 12  # rows whose neighbours are said unless top= says it
NEAR, NEAR_LOADED = 2048, 128  # designs among which the nearest is looked for


@dataclass(frozen=True)
class Row:
    """A design.

    rank: from 1. layout: devices of the whole are its product. concurrency: requests that run together in a group, at
    most. words: that give its numbers to `serve` or `sweep`. metrics: by name, NaN where not known. meets: probability
    that all targets are met, NaN where nothing is asked. command: what launches it, None where that is not known.
    place: in the designs of the search. neighbours: of the first rows, designs one step away.
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
    neighbours: tuple[Neighbour, ...] = ()

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
    -> what it would have to be for that design. untried: options beside formats (also=) that were left out, with how
    many designs of them would be in question; they are not in the space.
    """

    study: Study
    rows: tuple[Row, ...]
    rejected: Mapping[str, int]
    space: int
    nearest: Row | None
    relax: Mapping[str, float]
    warnings: tuple[str, ...]
    untried: Mapping[str, int]
    found: Found = field(repr=False)

    def __repr__(self) -> str:
        """How many rows there are of how many."""
        return f"<Plan: {len(self.rows)} rows of {self.space}>"

    @property
    def meanings(self) -> dict[str, str]:
        """What each reason means for which designs were rejected."""
        return {reason: MEANINGS[reason] for reason in self.rejected}

    def as_json(self) -> dict[str, Any]:
        """The object that format=json prints."""
        nearest = None if self.nearest is None else {**self.nearest.as_json(), "relax": dict(self.relax)}
        return {
            "rows": [self._row_as_json(row) for row in self.rows], "rejected": dict(self.rejected), "space": self.space,
            "nearest": nearest, "untried": dict(self.untried), "warnings": list(self.warnings),
        }  # fmt: skip

    def _row_as_json(self, row: Row) -> dict[str, Any]:
        near = [{**self.design(one.place), **one.as_json()} for one in row.neighbours]
        return {**row.as_json(), "neighbours": near}

    def design(self, place: int) -> dict[str, Any]:
        """What a design is, by the keys of a row."""
        designs = self.found.designs
        candidate, layout = designs.candidates[designs.case[place]], designs.layouts[designs.layout[place]]
        slots = (
            int(designs.slots(np.array([place]))[0]) if self.loaded else math.ceil(self.study.composed.workload.batch)
        )
        return {
            "hw": candidate.hw, "devices": layout.devices, "layout": layout._asdict(), "engine": candidate.engine,
            "opt": candidate.opt, "concurrency": math.ceil(slots),
        }  # fmt: skip

    @cached_property
    def loaded(self) -> bool:
        """Whether requests arrive."""
        return times.is_loaded(self.found.designs.scenarios[0])


def plan(
    study: Study, done: Watch = lambda count: None, begun: Callable[[Designs], None] = lambda designs: None
) -> Plan:
    """The plan of a study that `life.load(words, primary="plan")` has made.

    done: told of designs whose numbers are there. begun: told of all designs when the search of them begins.
    """
    designs = _designs(study)
    begun(designs)
    found = search(designs, done)
    added = add(study, found, done)
    study = added.study
    order = _order(study, found)
    rows = _with_neighbours(found, _rows(study, found, order, done), study.view.top or NEIGHBOURED, done)
    rejected = Counter({REASONS[i]: int((designs.status == i).sum()) for i in range(len(REASONS))})
    for reason in study.nowhere.values():
        rejected["engine" if reason.startswith("engine ") else "units"] += len(designs.layouts) * len(designs.points)
    rejected.update(added.rejected)
    space = len(designs.case) + added.rejected.total() + len(study.nowhere) * len(designs.layouts) * len(designs.points)
    nearest, relax = (None, {}) if rows else _nearest(study, found, done)
    used = [(row.engine, row.layout) for row in (*rows, *([nearest] if nearest else []))]
    return Plan(
        study=study,
        rows=rows,
        rejected={name: rejected[name] for name in REASONS if rejected[name]},
        space=space,
        nearest=nearest,
        relax=relax,
        untried=added.untried,
        warnings=(*study.warnings, *added.warnings, *assumed(study.composed.engines, used)),
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
    quantized = is_quantized(stack, kinds) and set(file_formats(stack, kinds)) <= {HUB}
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


def _with_neighbours(found: Found, rows: tuple[Row, ...], count: int, done: Watch) -> tuple[Row, ...]:
    """The rows, the first of them with their neighbours."""
    near = neighbours(found, [row.place for row in rows[:count]], done) if rows else {}
    return tuple(replace(row, neighbours=near.get(row.place, ())) for row in rows)


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
        candidate = designs.candidates[designs.case[place]]
        keys = Keys(candidate.model, candidate.hw, candidate.opt, candidate.engine)
        layout, point = designs.layouts[designs.layout[place]], designs.points[designs.point[place]]
        words = tuple(words_of(study, keys, layout, point, candidate.words, loaded=loaded))
        launch = launch_of(study, designs, place, columns["concurrency"][at] if loaded else 1.0)
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
    worst = np.max(list(misses(found, places).values()), axis=0)
    places = places[np.argsort(worst, kind="stable")][: NEAR_LOADED if loaded else NEAR]
    forecast_missing(found, places[(not loaded) | (designs.memory[places] <= 1)], done)
    over = misses(found, places)
    first = int(np.argmin(np.max(list(over.values()), axis=0)))
    (row,) = _rows(study, found, places[first : first + 1], done)
    relax = {name: asked(question, name) * float(values[first]) for name, values in over.items() if values[first] > 1}
    if "quality" in relax:
        relax["quality"] = float(designs.quality[places[first]])
    return row, relax


def write(plan_: Plan, folder: Path, *, overwrite: bool) -> list[Path]:
    """Write launch scripts of every row to folder/RANK/, each whole or not at all, and none where one of their names is
    taken. Returns their paths. Raises StoreError for a name that is taken."""
    launches = []
    for row in plan_.rows[: plan_.study.view.top or WRITTEN]:
        launch = launch_of(plan_.study, plan_.found.designs, row.place, row.metrics.get("concurrency", float("nan")))
        about = f"rank {row.rank}: {row.devices} x {row.hw}, {row.opt}, {row.engine}: life-jax plan"
        launches.append((launch, about, folder / f"{row.rank:02d}"))
    for launch, about, home in launches:
        for name in files(launch, about):
            refuse_taken(home / name, overwrite=overwrite)
    return [path for of in launches for path in scripts(*of, overwrite=overwrite)]


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


__all__ = ["ALIVE", "MEETS", "WRITTEN", "Plan", "Row", "dataset", "plan", "write"]
