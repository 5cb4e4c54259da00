"""What designs lack of what is asked, as factors: above 1 it is missed."""

from typing import Any

import numpy as np

from life_jax.planner import rows, times
from life_jax.planner.search import Found

RATE = "rate"


def misses(found: Found, places: np.ndarray) -> dict[str, np.ndarray]:
    """What designs need over what is asked [n], by word (target.tpot, budget.usd, quality, memory); by bounds where
    nothing is forecast."""
    designs, question = found.designs, found.designs.question
    over = {"memory": np.nan_to_num(designs.memory[places], nan=np.inf)}
    for name, limit in question.targets.items():
        sure, bound = found.sure[name][places], found.bound[name][places]
        over[f"target.{name}"] = np.where(np.isnan(sure), bound, sure) / limit
    for name, limit in question.budgets.items():
        values = {"usd": designs.price, "usd_per_hour": designs.hourly, "watt": designs.watt}[name]
        over[f"budget.{name}"] = np.nan_to_num(values[places] / limit, nan=np.inf)
    if question.quality is not None:
        over["quality"] = np.nan_to_num(question.quality / designs.quality[places], nan=np.inf)
    return over


def asked(question: Any, word: str) -> float:
    """What is asked by a word of `misses`; 1 where it is of no unit."""
    kind, _, key = word.partition(".")
    return float({"target": question.targets, "budget": question.budgets}[kind][key]) if key else 1.0


def forecast(found: Found, places: np.ndarray, done: rows.Done) -> None:
    """Forecast those designs that bounds were enough for; what speaks against them stays."""
    z = times.STANDARD.inv_cdf(found.designs.question.confidence)
    late = places[np.isnan(found.sure["tpot"][places])]
    if not len(late):
        return
    for name, values in times.times(found.designs, late, np.array([0.0, z]), done).items():
        found.mean[name][late], found.sure[name][late] = values[:, 0], values[:, 1]


def arriving(found: Found, places: np.ndarray, done: rows.Done) -> np.ndarray:
    """Requests that arrive over those that can be served [n]; 0 where none arrive at a rate."""
    designs = found.designs
    load = designs.scenarios[0].load
    part = np.zeros(len(places))
    if not times.is_loaded(designs.scenarios[0]) or load.concurrency:
        return part
    rates = np.full((len(places), 1), float(load.rate))
    for own, of in times.under_load(designs, places, rates, done):
        with np.errstate(all="ignore"):
            part[own] = np.broadcast_to(rates[own] / (of.groups * of.steady.capacity), (len(own), 1))[:, 0]
    return part
