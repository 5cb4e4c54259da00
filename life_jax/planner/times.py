"""Times of designs: of one user, or by percentile under load, and those at an end of the forecast's interval.

A forecast is off by a factor exp(z s), s the spread of the device's class and z normal. Steps that all take f times as
long serve a rate R as those of the forecast serve f R, each time f times as long: times scale with the steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from life_jax.core.scenario import Scenario
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.forecasting.under_load import UnderLoad
from life_jax.planner import rows
from life_jax.planner.designs import Designs
from life_jax.planner.loaded import under_load

NAMES = ("ttft", "tpot", "e2e")
LOADED = ("ttft", "tpot")
STANDARD = NormalDist()
# factors of the spreads at which chances are computed
GRID = np.array([-3.0, -2.0, -1.5, -1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0])


@dataclass(frozen=True)
class Times:
    """Times [n] of designs by name [s], and [n] at the asked confidence; inf above the capacity, NaN where unknown."""

    mean: Mapping[str, np.ndarray]
    sure: Mapping[str, np.ndarray]


def is_loaded(scenario: Scenario) -> bool:
    """Whether requests arrive; else there is one user."""
    return UnderLoad(scenario).is_open or UnderLoad(scenario).is_closed


def spreads(designs: Designs, places: np.ndarray) -> dict[str, np.ndarray]:
    """Spreads [n] of designs by time [1]."""
    return dict(zip(NAMES, designs.spreads[designs.case[places]].T, strict=True))


def times(designs: Designs, places: np.ndarray, z: np.ndarray, done: rows.Done) -> dict[str, np.ndarray]:
    """Times [n, k] of designs by name [s], where the forecast is off by z [k] spreads."""
    wide = spreads(designs, places)
    load = designs.scenarios[0].load
    if not is_loaded(designs.scenarios[0]):
        found = designs.evaluate(places, _of_one_user, done=done)
        return {name: found[name][:, None] * np.exp(wide[name][:, None] * z) for name in NAMES}
    factor = {name: np.exp(wide[name][:, None] * z) for name in LOADED}
    if load.concurrency:
        found = _under_load(designs, places, None, done)
        return {name: found[name] * factor[name] for name in LOADED}
    rates = np.concatenate([float(load.rate) * factor[name] for name in LOADED], axis=1)
    rates, inverse = _distinct(rates)
    found = _under_load(designs, places, rates, done)
    results = {}
    for part, name in enumerate(LOADED):
        columns = inverse[part * len(z) : (part + 1) * len(z)]
        results[name] = found[name][:, columns] * factor[name]
    return results


def at_rates(designs: Designs, place: int, rates: np.ndarray, done: rows.Done) -> dict[str, np.ndarray]:
    """Times [k] of a design by name [s] at the asked confidence, at other rates [k] [1/s] than that of the load."""
    places = np.array([place])
    z = STANDARD.inv_cdf(designs.question.confidence)
    off = {name: float(np.exp(z * values[0])) for name, values in spreads(designs, places).items()}
    return {name: off[name] * _under_load(designs, places, off[name] * rates[None], done)[name][0] for name in LOADED}


def _distinct(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns that differ, and of each column its place among them."""
    distinct, inverse = np.unique(rates, axis=1, return_inverse=True)
    return distinct, np.ravel(inverse)


def _of_one_user(scenario: Scenario) -> dict[str, Any]:
    return forecast(scenario, NAMES)


def _under_load(designs: Designs, places: np.ndarray, rates: np.ndarray | None, done: rows.Done) -> dict[str, Any]:
    """Times [n, k] at the percentile of the question, at rates [n, k] [1/s] or at the concurrency of the load."""
    percentile = designs.question.percentile
    found = {name: np.full((len(places), 1 if rates is None else rates.shape[1]), np.nan) for name in LOADED}
    for part, load in under_load(designs, places, rates, done):
        with np.errstate(all="ignore"):
            for name in LOADED:
                found[name][part] = load.time(name, percentile)
    return found


def chances(designs: Designs, places: np.ndarray, done: rows.Done) -> np.ndarray:
    """The largest z [n] at which designs meet all targets: their chance is the normal distribution up to there.

    Times of one design are off together [assumption], so that the least sure target decides.
    """
    limits = designs.question.targets
    found = np.full(len(places), np.inf)
    if not len(places) or not limits:
        return found
    grid = np.unique([*GRID, STANDARD.inv_cdf(designs.question.confidence)])
    of = times(designs, places, grid, done)
    for name, limit in limits.items():
        with np.errstate(all="ignore"):
            slack = np.nan_to_num(np.log(limit) - np.log(of[name]), nan=-np.inf)  # falls along the grid
        found = np.minimum(found, [_crossing(grid, row) for row in slack])
    certain = np.all([s == 0 for s in spreads(designs, places).values()], axis=0)
    return np.where(certain, np.where(found >= 0, np.inf, -np.inf), found)


def _crossing(grid: np.ndarray, slack: np.ndarray) -> float:
    """Where a falling slack crosses 0; between the last place where it is met and one where nothing is steady, that
    place."""
    met = int((slack >= 0).sum())
    if met in (0, len(grid)):
        return np.inf if met else -np.inf
    first, second = slack[met - 1], slack[met]
    part = first / (first - second) if np.isfinite(second) else 0.0
    return float(grid[met - 1] + part * (grid[met] - grid[met - 1]))


def metrics(
    designs: Designs, places: np.ndarray, rest: tuple[str, ...], loaded: tuple[str, ...], done: rows.Done
) -> rows.Columns:
    """Metrics [n] of designs by name: `rest` need no load, `loaded` are of it, with times at the asked percentile."""
    found = designs.evaluate(places, rows.static(rest), done=done)
    if not loaded:
        return found
    load = designs.scenarios[0].load
    rates = None if load.concurrency else np.full((len(places), 1), float(load.rate))
    percentile = designs.question.percentile
    for part, of in under_load(designs, places, rates, done):
        run = _Run(of)
        with np.errstate(all="ignore"):
            values = {name: METRICS[name].function(run) for name in loaded}
            values |= {f"{name}_p{percentile:g}": of.time(name, percentile) for name in LOADED}
        for name, value in values.items():
            column = found.setdefault(name, np.full(len(places), np.nan))
            column[part] = np.broadcast_to(value, (len(part), 1))[:, 0]
    return found


@dataclass(frozen=True)
class _Run:
    """What metrics of a load see of a run."""

    under_load: UnderLoad


def probability(z: np.ndarray) -> np.ndarray:
    """The normal distribution up to z."""
    return np.array([0.0 if x == -np.inf else 1.0 if x == np.inf else STANDARD.cdf(float(x)) for x in z])
