"""The search of a space of designs: bounds discard most before anything is forecast, then the cheapest go first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from life_jax.core.scenario import Scenario
from life_jax.forecasting.metrics import forecast
from life_jax.forecasting.under_load import UnderLoad
from life_jax.planner import rows, times
from life_jax.planner.designs import ALIVE, DOMINATED, MEETS, Candidate, Designs, settle
from life_jax.planner.front import Objectives, dominated_by, front
from life_jax.planner.space import Layout
from life_jax.planner.times import LOADED, NAMES, STANDARD
from life_jax.serving.mixed_steps import ROOM_KEPT

# a time that n devices share is at least that of one over n; tables of steps interpolate within this part of the law
SLACK = 0.97
# under load tables are coarser in the length of a prompt: TTFT was at least 0.855 of that of one user, TPOT 1.004, in
# 23 626 designs of Llama-3.1-8B at 8 requests/s; a low percentile meets fewer neighbours than the mean [assumption]
SLACK_LOADED, SLACK_LOW = {"ttft": 0.84, "tpot": 0.98}, 0.3
SLACK_BESIDE = 0.9  # of a step with as many sequences as are there at least, which are not always as many [assumption]
GAPS = 8  # rounds of the gap between two tokens, which prompts interrupt more often the longer it is
CROWDED = 2  # times that a bound of TPOT is taken for the time that sequences stay
PREFILL_SLACK = 0.9  # of the compute of prompts, which padding of small steps is part of
MOST, MOST_LOADED = 2**14, 2048  # designs that are forecast at once


@dataclass
class Found:
    """What a search has found. best: places of the designs that meet and are not dominated. times: by name [n], at the
    forecast itself and (sure) at the asked confidence, NaN where a bound was enough. bound: least times [n]; alone:
    those of one user, whatever else arrives."""

    designs: Designs
    best: np.ndarray
    mean: dict[str, np.ndarray]
    sure: dict[str, np.ndarray]
    bound: dict[str, np.ndarray]
    alone: dict[str, np.ndarray]
    forecast: int


def search(designs: Designs, done: rows.Done = lambda count: None) -> Found:
    """The designs of a space that meet its targets and are not dominated; all others get a reason."""
    settle(designs, done)
    count = len(designs.case)
    loaded = times.is_loaded(designs.scenarios[0])
    names = LOADED if loaded else NAMES
    found = Found(
        designs=designs,
        best=np.zeros(0, int),
        mean={name: np.full(count, np.nan) for name in names},
        sure={name: np.full(count, np.nan) for name in names},
        bound={name: np.zeros(count) for name in names},
        alone={name: np.zeros(count) for name in names},
        forecast=0,
    )
    _decide(found, loaded, done)
    return found


def search_further(found: Found, candidates: Sequence[Candidate], status: np.ndarray, done: rows.Done) -> None:
    """The search with further candidates, whose designs [n] have a status already: ALIVE or the number of a reason."""
    designs, before = found.designs, len(found.designs.candidates)
    designs.extend(candidates)
    new = np.arange(len(designs.case) - len(status), len(designs.case))
    designs.status[new] = status
    for numbers, fill in ((found.mean, np.nan), (found.sure, np.nan), (found.bound, 0.0), (found.alone, 0.0)):
        for name, values in numbers.items():
            numbers[name] = np.concatenate([values, np.full(len(new), fill)])
    settle(designs, done, before)
    _decide(found, times.is_loaded(designs.scenarios[0]), done)


def _decide(found: Found, loaded: bool, done: rows.Done) -> None:
    """Give every design that nothing speaks against a forecast or a reason."""
    designs = found.designs
    if not len(designs.alive):
        return
    _bound(found, loaded, done)
    _refuse_bounded(found)
    most, first = MOST_LOADED if loaded else MOST, True
    best = added = found.best  # of which the last round has added some
    while len(alive := designs.alive):
        alive = alive[dominated_by(_bounded(found, alive), _exact(found, added))]
        designs.refuse(alive, "dominated")
        alive = designs.alive
        if not len(alive):
            break
        chosen = alive[front(_bounded(found, alive))] if first else alive
        order = np.lexsort((found.bound["tpot"][chosen], _last(designs.price[chosen])))
        chosen, first = chosen[order[:most]], False
        if loaded:
            chosen = _tightened(found, chosen, _exact(found, best), done)
        if len(chosen):
            _forecast(found, chosen, done)
        added = _kept(found, chosen[designs.status[chosen] == MEETS], best)
        best = found.best = np.flatnonzero(designs.status == MEETS)


def _kept(found: Found, new: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Those of new designs that no other one dominates; refuses the others, and what they dominate of the best."""
    designs = found.designs
    worse = dominated_by(_exact(found, new), _exact(found, best))
    designs.refuse(new[worse], "dominated")
    new = new[~worse]
    kept = front(_exact(found, new))
    designs.refuse(new[~kept], "dominated")
    designs.refuse(best[dominated_by(_exact(found, best), _exact(found, new[kept]))], "dominated")
    return new[kept]


def _last(price: np.ndarray) -> np.ndarray:
    """Prices of which those that are not known come last."""
    return np.where(np.isnan(price), np.inf, price)


def _exact(found: Found, places: np.ndarray) -> Objectives:
    return Objectives.of(found.designs, places, found.mean)


def _bounded(found: Found, places: np.ndarray) -> Objectives:
    return Objectives.of(found.designs, places, found.bound)


def sure(found: Found, values: Mapping[str, np.ndarray], places: np.ndarray) -> dict[str, np.ndarray]:
    """Times [n] at the asked confidence of those by the forecast itself, whatever waits."""
    z = STANDARD.inv_cdf(found.designs.question.confidence)
    wide = times.spreads(found.designs, places)
    return {name: values[name][places] * np.exp(z * wide[name]) for name in values}


def _bound(found: Found, loaded: bool, done: rows.Done) -> None:
    """Least times of all designs: those of one device with one user, over the devices that share it; of the shortest
    prompt where lengths vary or prompts are cached. Refuses what must be saturated."""
    designs = found.designs
    alive = designs.alive
    keys, inverse = np.unique(np.stack([designs.case[alive], designs.point[alive]]), axis=1, return_inverse=True)
    inverse = np.ravel(inverse)
    first = np.zeros(keys.shape[1], int)
    first[inverse] = alive  # any design of the case at the point
    metrics = (*found.bound, "prefill_compute_time")

    def alone(scenario: Scenario) -> Mapping[str, Any]:
        return forecast(scenario, metrics)

    load = designs.scenarios[0].load
    varies = bool(load.prompts or load.prompt_cv or load.cached)
    of_one = designs.evaluate(first, alone, divided=False, done=done)
    compute = of_one["prefill_compute_time"]
    if loaded and varies:
        shortest = designs.moved(first, divided=False) | {("workload", "prompt_tokens"): np.ones(len(first))}
        of_one = designs.cases.evaluate(designs.case[first], shortest, alone, done=done)
    batch = 1.0 if loaded else float(designs.scenarios[0].workload.batch)
    experts = designs.have_experts[designs.case[alive]].astype(int)
    shares = np.array([[_share(one, batch, own) for one in designs.layouts] for own in (False, True)])
    for name, bound in found.bound.items():
        least = _slack(found, loaded, name) * np.nan_to_num(of_one[name][inverse], nan=0.0)
        share = shares[experts, designs.layout[alive]]
        if name != "tpot" and batch == 1:
            share = share * _in_stages(designs, alive, loaded)
        bound[alive] = found.alone[name][alive] = least / share
    count = designs.devices[alive]
    if loaded and load.rate:
        prompts = float(load.rate) * (1 - float(load.cached)) / count
        busy = PREFILL_SLACK * prompts * np.nan_to_num(compute[inverse], nan=0.0)
        designs.refuse(alive[busy > 1], "saturated")


def _slack(found: Found, loaded: bool, name: str) -> float:
    """Part of a time of one user that a time of the question is at least [1]."""
    if not loaded:
        return SLACK
    return SLACK_LOADED[name] if found.designs.question.percentile >= 50 else SLACK_LOW


def _tightened(found: Found, places: np.ndarray, best: Objectives, done: rows.Done) -> np.ndarray:
    """Those of the places that are still in question with least times of their own layouts, which one user sees; a
    pipeline takes several chunks of a prompt at once under load, so that its TTFT can be less then."""
    designs = found.designs
    moved = designs.moved(places)
    load = designs.scenarios[0].load
    if load.prompts or load.prompt_cv or load.cached:
        moved["workload", "prompt_tokens"] = np.ones(len(places))
    of = designs.cases.evaluate(designs.case[places], moved, rows.static(("ttft", "tpot")), done=done)
    layouts = [designs.layouts[at] for at in designs.layout[places]]
    experts = designs.have_experts[designs.case[places]]
    # one user of groups that share experts waits for messages of all of them, which requests of their own do not
    other = np.array([one.pp > 1 for one in layouts]) & (_pieces(designs, places, loaded=True) > 1)
    other |= experts & np.array([one.dp > 1 for one in layouts])
    for name, bound in found.bound.items():
        own = _slack(found, loaded=True, name=name) * np.nan_to_num(of[name], nan=0.0)
        bound[places] = np.maximum(bound[places], np.where(other & (name == "ttft"), 0.0, own))
    still = _still(found, places, best)
    for _ in range(CROWDED if float(load.rate) and designs.question.percentile >= 50 else 0):
        _crowd(found, still, done)
        still = _still(found, still, best)
    return still


def _crowd(found: Found, places: np.ndarray, done: rows.Done) -> None:
    """Raise the least TPOT of designs to that of a step with as many sequences as it lets stay at least (Little's law),
    of which each stage of a pipeline has a part."""
    designs = found.designs
    if not len(places):
        return
    scenario = designs.scenarios[0]
    stay = float(scenario.load.rate) * float(UnderLoad(scenario).requested.output.average - 1)
    moved = designs.moved(places)
    moved["workload", "batch"] = np.maximum(stay * found.bound["tpot"][places], 1.0)
    if scenario.load.prompts or scenario.load.prompt_cv or scenario.load.cached:
        moved["workload", "prompt_tokens"] = np.ones(len(places))
    of = designs.cases.evaluate(designs.case[places], moved, rows.static(("tpot",)), done=done)
    least = SLACK_BESIDE * np.nan_to_num(of["tpot"], nan=0.0)
    least = np.maximum(found.bound["tpot"][places], least)
    if "prompt_tokens" not in {leaf[-1] for leaf in moved}:
        least = np.maximum(least, SLACK_BESIDE * _interrupted(found, places, least))
    found.bound["tpot"][places] = least


def _interrupted(found: Found, places: np.ndarray, decode: np.ndarray) -> np.ndarray:
    """Least mean time [s] between two tokens [n] whose steps without prompts take `decode`: prompts that arrive
    meanwhile share a step, which takes as long as one prompt at least."""
    designs = found.designs
    budget = designs.of_each(_budget, "engine")[designs.case[places]]
    groups = np.array([one.dp for one in designs.layouts])[designs.layout[places]]
    arriving = float(designs.scenarios[0].load.rate) / groups
    chunks = np.maximum(np.ceil(2 * designs.scenarios[0].workload.prompt_tokens / budget), 1.0)
    longer = np.maximum(found.bound["ttft"][places] / chunks - decode, 0.0)
    gap = decode
    for _ in range(GAPS):  # from below, each round a bound
        gap = decode + (1 - np.exp(-arriving * gap * chunks)) * longer
    return gap


def _width(scenario: Scenario) -> float:
    """Tokens [1] of a sequence in a step that decodes."""
    return 1.0 + float(scenario.speculation.tokens)


def _chunk(scenario: Scenario) -> float:
    return float(scenario.engine.chunks.tokens)


def _budget(scenario: Scenario) -> float:
    return float(scenario.engine.scheduler.budget)


def _still(found: Found, places: np.ndarray, best: Objectives) -> np.ndarray:
    """Those of the places that their least times leave in question; refuses the others."""
    designs = found.designs
    for name, limit in designs.question.targets.items():
        still = places[designs.status[places] == ALIVE]
        designs.refuse(still[sure(found, found.bound, still)[name] > limit], name)
    still = places[designs.status[places] == ALIVE]
    designs.refuse(still[dominated_by(_bounded(found, still), best)], "dominated")
    return places[designs.status[places] == ALIVE]


def _pieces(designs: Designs, places: np.ndarray, loaded: bool) -> np.ndarray:
    """Steps [n] that the mean prompt takes at most, under load beside as many sequences as there may be."""
    known = {key: np.array([point[key] for point in designs.points]) for key in designs.points[0]}
    point = designs.point[places]
    prompt = designs.scenarios[0].workload.prompt_tokens
    if not loaded:
        chunk = designs.of_each(_chunk, "engine")[designs.case[places]]
        chunk = known["chunk_tokens"][point] if "chunk_tokens" in known else chunk
        return np.ceil(np.where(chunk > 0, np.maximum(prompt / np.maximum(chunk, 1.0), 1.0), 1.0))
    budget = designs.of_each(_budget, "engine")[designs.case[places]]
    budget = known["token_budget"][point] if "token_budget" in known else budget
    beside = designs.slots(places) * designs.of_each(_width, "speculation")[designs.case[places]]
    room = np.maximum(budget - beside, ROOM_KEPT * budget)
    return np.maximum(np.ceil(prompt / room), 1.0)


def _in_stages(designs: Designs, places: np.ndarray, loaded: bool) -> np.ndarray:
    """Stages [n] of a pipeline that work on one prompt at the same time, mean: its pieces follow each other, and the
    last goes through all stages."""
    stages = np.array([one.pp for one in designs.layouts])[designs.layout[places]]
    pieces = _pieces(designs, places, loaded)
    return pieces * stages / (pieces + stages - 1)


def _share(layout: Layout, batch: float, experts: bool) -> float:
    """Devices [1] that may work on one request at the same time, so that a time is at least that of one over them, but
    for the stages of a pipeline, through which a token goes one after the other (`_in_stages`).

    Groups have requests of their own, but share experts (whole, or each in parts). The sequences of a batch are divided
    among all.
    """
    return float(layout.devices if batch > 1 else layout.tp * layout.cp * (layout.dp if experts else 1))


def _refuse_bounded(found: Found) -> None:
    """Take out designs whose least times miss a target at the asked confidence."""
    designs = found.designs
    for name, limit in designs.question.targets.items():
        alive = designs.alive
        designs.refuse(alive[sure(found, found.bound, alive)[name] > limit], name)


def _forecast(found: Found, places: np.ndarray, done: rows.Done) -> None:
    """Forecast designs, and take out those that miss a target at the asked confidence."""
    designs = found.designs
    z = STANDARD.inv_cdf(designs.question.confidence)
    of = times.times(designs, places, np.array([0.0, z]), done)
    found.forecast += len(places)
    for name, values in of.items():
        found.mean[name][places], found.sure[name][places] = values[:, 0], values[:, 1]
    designs.status[places] = MEETS
    saturated = np.isinf(found.mean["tpot"][places]) | np.isinf(found.mean["ttft"][places])
    designs.refuse(places[saturated], "saturated")
    unknown = np.isnan(found.mean["tpot"][places]) & ~saturated & designs.generate[designs.case[places]]
    if "tpot" in of and designs.scenarios[0].workload.output_tokens > 1:
        designs.refuse(places[unknown], "layout")  # whose steps nothing forecasts under load
    for name, limit in designs.question.targets.items():
        still = places[designs.status[places] == MEETS]
        designs.refuse(still[~(found.sure[name][still] <= limit)], name)


__all__ = ["ALIVE", "DOMINATED", "MEETS", "Found", "search", "search_further", "sure"]
