"""Scenarios under load side by side, so that their queues are solved all at once.

A queue takes some hundred rounds of small operations, whose overhead is the same for one scenario and for a thousand.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import map_leaves, set_leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving.step_law import TABLE_AXES, TabulatedLaw

LAYOUT = ("data_parallel", "pipeline_parallel")  # numbers of an engine's layout that the queue itself depends on


def is_neutral(kind: type, name: str, numbers: np.ndarray) -> bool:
    """Whether numbers of a field of a law or a scheduler change nothing, so that what they would bring is left out."""
    field = next(field for field in fields(kind) if field.name == name)
    nothing = 0.0 if field.default is None else field.metadata.get("neutral")
    return nothing is not None and bool((numbers == nothing).all())


def parts_above_one(law: TabulatedLaw, scheduler: Scheduler) -> tuple[Any, ...]:
    """Numbers of groups in lockstep, of stages and of ranks, which bring terms of their own where they are above 1."""
    return scheduler.lockstep, law.stages, law.ranks


def groups(seen: Sequence[UnderLoad]) -> list[list[int]]:
    """Places of scenarios that can stand side by side, and those of each other one by itself: one that drafts, whose
    steps wait for power or run in halves, or whose prompts are prefilled elsewhere."""
    together: dict[Any, list[int]] = {}
    for place, one in enumerate(seen):
        s = one.scenario
        alone = not s.speculation.is_off or s.handover.on or not (one.is_open or one.is_closed)
        law = None if alone else one.law
        if not isinstance(law, TabulatedLaw):
            together["alone", place] = [place]
            continue
        parts = tuple(bool(x > 1) for x in parts_above_one(law, one.scheduler))
        key = one.scheduler.mixing, one.scheduler.admission, one.is_open, *parts
        together.setdefault(key, []).append(place)
    return list(together.values())


def side_by_side(seen: Sequence[UnderLoad]) -> UnderLoad:
    """Scenarios of one group of `groups`, with the same requests and load, as one whose numbers are [n, 1]; where the
    numbers of the requests are arrays [m], the room of the cache is [n, m]."""
    laws, schedulers = [one.law for one in seen], [one.scheduler for one in seen]
    law = TabulatedLaw(**_columns(TabulatedLaw, laws))
    scheduler = replace(schedulers[0], **_columns(Scheduler, schedulers))
    carrier: Scenario = seen[0].scenario
    for key in LAYOUT:
        numbers = np.array([getattr(one.scenario.engine.parallelism, key) for one in seen], float)
        if (numbers != numbers[0]).any():
            carrier = set_leaf(carrier, ("engine", "parallelism", key), numbers[:, None])
    carrier = set_leaf(carrier, ("engine", "scheduler", "block"), scheduler.block)
    return UnderLoad(carrier, law, scheduler)


def at_rates(seen: UnderLoad, rates: np.ndarray) -> UnderLoad:
    """The same at rates [1/s], an array whose axes come last; its law, its scheduler and its capacity stay."""
    scenario = set_leaf(seen.scenario, ("load", "rate"), rates)
    return UnderLoad(scenario, seen.law, seen.scheduler, seen.capacity)


def at_rates_each(seen: UnderLoad, rates: np.ndarray) -> UnderLoad:
    """The same of scenarios whose requests have numbers [m], at rates [n, m, k] [1/s]: results are [n, m * k]."""
    places, count = rates.shape[-2:]

    def repeated(leaf: Any) -> Any:
        return np.repeat(leaf, count, axis=-1) if np.shape(leaf)[-1:] == (places,) else leaf

    scenario = set_leaf(seen.scenario, ("load", "rate"), rates.reshape(*rates.shape[:-2], -1))
    scenario = replace(scenario, workload=map_leaves(repeated, scenario.workload))
    return UnderLoad(scenario, seen.law, map_leaves(repeated, seen.scheduler), repeated(seen.capacity))


def _columns(kind: type, trees: Sequence[Any]) -> dict[str, Any]:
    """Numbers [n, 1] and tables [n, 1, ...] of laws or schedulers by field, without those that change nothing."""
    columns: dict[str, Any] = {}
    for field in fields(kind):
        if "static" in field.metadata:
            continue
        values = [getattr(tree, field.name) for tree in trees]
        tables = [np.asarray(x, float) for x in values if x is not None]  # None: of experts that no groups share
        if not tables:
            continue
        is_table = field.name in TABLE_AXES
        of_all = np.broadcast_shapes(*(x.shape for x in tables))
        shape = of_all[-TABLE_AXES[field.name] :] if is_table else of_all
        column = np.stack([np.broadcast_to(0.0 if x is None else x, shape) for x in values])
        if not is_neutral(kind, field.name, column):
            columns[field.name] = column if shape and not is_table else column[:, None]
    return columns
