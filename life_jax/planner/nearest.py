"""The design that is nearest to what is asked where none meets it, and what would have to be asked for it to do."""

import math
from collections.abc import Mapping

import numpy as np

from life_jax.planner import misses, rows, times
from life_jax.planner.designs import REASONS
from life_jax.planner.search import Found

BARRED = tuple(REASONS.index(name) for name in ("engine", "units", "layout"))  # what cannot be
NEAR, NEAR_LOADED = 2048, 128  # designs among which the nearest is looked for
LEAST_RATE = 1e-4  # of the rate that is asked, from which on rates are tried [1]
RATES, ROUNDS = 16, 4  # rates that are tried at once, and how often between the last two
CAPACITY_USED = 0.8  # where no rate keeps the targets, they are relaxed to the times at this part of the capacity
SATURATED = 1.001  # least factor of what is saturated: its times say so, whatever its capacity
DIGITS = 4


def nearest(found: Found, done: rows.Done) -> tuple[int, dict[str, float]] | None:
    """(place, word -> what it would have to be) of the design that misses what is asked by the least factor.

    What does not fit is not relaxed by any word, so that it is looked at only where nothing fits ("memory": needed over
    what there is). Designs that a rate saturates have a rate that they serve within the targets. All words of the
    answer together make the design meet; their numbers are rounded to the lax side. None where nothing can be.
    """
    designs = found.designs
    places = np.flatnonzero(~np.isin(designs.status, BARRED))
    if not len(places):
        return None
    fits = designs.memory[places] <= 1
    places = places[fits] if fits.any() else places
    loaded = times.is_loaded(designs.scenarios[0])
    worst = np.max(list(misses.misses(found, places).values()), axis=0)
    places = places[np.argsort(worst, kind="stable")][: NEAR_LOADED if loaded else NEAR]
    if fits.any() or not loaded:
        misses.forecast(found, places, done)
    over = _over(found, places, done)
    first = int(np.argmin(np.max(list(over.values()), axis=0)))
    missed = {word: float(factors[first]) for word, factors in over.items() if factors[first] > 1}
    return int(places[first]), _relaxed(found, int(places[first]), missed, done)


def _over(found: Found, places: np.ndarray, done: rows.Done) -> dict[str, np.ndarray]:
    """Factors [n] by which designs miss what is asked, by word: of those that a rate saturates that of the rate,
    instead of those of times, which have no bound."""
    over = misses.misses(found, places)
    full = np.isinf(found.sure["tpot"][places]) | np.isinf(found.sure["ttft"][places])
    if not full.any():
        return over
    wide = times.spreads(found.designs, places[full])
    z = times.STANDARD.inv_cdf(found.designs.question.confidence)
    off = np.max([np.exp(z * wide[name]) for name in times.LOADED], axis=0)
    over[misses.RATE] = np.zeros(len(places))
    arriving = np.nan_to_num(misses.arriving(found, places[full], done) * off, nan=np.inf)
    over[misses.RATE][full] = np.maximum(arriving, SATURATED)
    for name in found.designs.question.targets:
        over[f"target.{name}"][full] = 0.0
    return over


def _relaxed(found: Found, place: int, missed: Mapping[str, float], done: rows.Done) -> dict[str, float]:
    """What would have to be asked instead of what is missed by these factors."""
    question = found.designs.question
    relaxed: dict[str, float] = {}
    for word, factor in missed.items():
        if word == "quality":
            relaxed[word] = _rounded(float(found.designs.quality[place]), up=False)
        elif word == misses.RATE:
            relaxed |= _less_rate(found, place, factor, done)
        else:
            relaxed[word] = _rounded(misses.asked(question, word) * factor, up=True)
    return {word: value for word, value in relaxed.items() if not math.isnan(value)}


def _less_rate(found: Found, place: int, factor: float, done: rows.Done) -> dict[str, float]:
    """The largest rate [1/s] that a design serves within the targets; where times miss a target at any rate, one well
    within its capacity, and those times."""
    targets = found.designs.question.targets
    asked = float(found.designs.scenarios[0].load.rate)
    low, high = LEAST_RATE * asked, asked
    for _ in range(ROUNDS):
        rates = np.geomspace(low, high, RATES)
        of = times.at_rates(found.designs, place, rates, done)
        met = np.all([np.isfinite(of[name]) & (of[name] <= targets.get(name, np.inf)) for name in of], axis=0)
        if not met[0]:
            rate = _rounded(CAPACITY_USED * asked / factor, up=False)
            of = times.at_rates(found.designs, place, np.array([rate]), done)
            late = {name: float(of[name][0]) for name, limit in targets.items() if of[name][0] > limit}
            return {misses.RATE: rate, **{f"target.{name}": _rounded(value, up=True) for name, value in late.items()}}
        last = int(np.argmin(met)) - 1 if not met.all() else RATES - 1
        low, high = float(rates[last]), float(rates[min(last + 1, RATES - 1)])
    return {misses.RATE: _rounded(low, up=False)}


def _rounded(value: float, *, up: bool) -> float:
    """A number of a few digits, none below the value (up) or none above it."""
    if not math.isfinite(value) or value <= 0:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - DIGITS + 1)
    exact = value / unit
    near = round(exact)  # a number of few digits is left as it is
    whole = near if math.isclose(exact, near, rel_tol=1e-12) else math.ceil(exact) if up else math.floor(exact)
    return float(f"{whole * unit:.{DIGITS}g}")
