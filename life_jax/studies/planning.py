"""A plan: the designs of a study's space that meet what is asked, what the others lack, and what is nearest to it."""

import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from life_jax.config.engine_fit import HUB, file_formats, is_quantized
from life_jax.config.schema.engine_file import EngineFile
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.models import ffn
from life_jax.planner import times
from life_jax.planner.designs import REASONS, Candidate, Designs
from life_jax.planner.launch import command
from life_jax.planner.nearest import nearest
from life_jax.planner.neighbours import neighbours
from life_jax.planner.regret import MOST, regrets
from life_jax.planner.search import Found, search
from life_jax.planner.space import assumed, layouts
from life_jax.studies.additions import add
from life_jax.studies.case import Keys
from life_jax.studies.launching import launch_of
from life_jax.studies.plan_result import Plan, Row
from life_jax.studies.plan_words import words_of
from life_jax.studies.study import Study

OF_ONE_USER = ("price", "memory", "fits_memory", "quality", "quality_low", "quality_high", "ttft", "tpot", "tps", "e2e",
               "power", "energy_per_token", "cost_per_mtoken")  # fmt: skip
OF_LOAD = ("price", "memory", "fits_memory", "quality", "quality_low", "quality_high", "ttft_mean", "ttft_p50",
           "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p90", "tpot_p99", "itl_p99", "request_rate",
           "output_rate", "concurrency", "utilization")  # fmt: skip
Watch = Callable[[int], None]
NEIGHBOURED = 12  # rows whose neighbours are said unless top= says it


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
    close, relax = (None, {}) if rows else _nearest(study, found, done)
    used = [(row.engine, row.layout) for row in (*rows, *([close] if close else []))]
    return Plan(
        study=study,
        rows=rows,
        rejected={name: rejected[name] for name in REASONS if rejected[name]},
        space=space,
        nearest=close,
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
    """The design that misses what is asked by the least factor, and what would have to be asked for it to do."""
    answer = nearest(found, done)
    if answer is None:
        return None, {}
    place, relax = answer
    (row,) = _rows(study, found, np.array([place]), done)
    return row, relax
