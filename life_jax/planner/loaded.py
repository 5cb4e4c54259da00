"""Designs under load, side by side: their steps are tabulated structure by structure, their queues solved all at once.

A queue takes some hundred rounds of small operations, whose overhead is the same for one design and for a thousand.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.energy import is_capped
from life_jax.forecasting.side_by_side import TAILS, is_neutral, parts_above_one
from life_jax.forecasting.under_load import UnderLoad
from life_jax.planner import rows
from life_jax.planner.designs import Designs
from life_jax.planner.space import KEYS
from life_jax.serving.step_law import TabulatedLaw

TABULATED_AT_ONCE = 2**8


def under_load(
    designs: Designs, places: np.ndarray, rates: np.ndarray | None, done: rows.Done
) -> Iterator[tuple[np.ndarray, UnderLoad]]:
    """Parts of the places, each with what its designs see: numbers [n, k] at rates [n, k] [1/s], or [n, 1] at the
    load's concurrency."""
    drafted = designs.of_each(_is_apart, "speculation", "device", "handover")[designs.case[places]]
    yield from _drafted(designs, places, np.flatnonzero(drafted), rates, done)
    plain = np.flatnonzero(~drafted)
    laws = _Laws(designs, places[plain])
    for own in laws.groups():
        part = plain[own]
        carrier = designs.scenarios[int(designs.case[places[part[0]]])]
        for key in ("dp", "pp"):
            numbers = np.array([getattr(designs.layouts[at], key) for at in designs.layout[places[part]]], float)
            carrier = set_leaf(carrier, ("engine", "parallelism", KEYS[key]), numbers[:, None])
        if rates is not None:
            carrier = set_leaf(carrier, ("load", "rate"), rates[part])
        law, scheduler = laws.of(own)
        carrier = set_leaf(carrier, ("engine", "scheduler", "block"), scheduler.block)
        yield part, UnderLoad(carrier, law, scheduler)
        done(len(part))


def _is_apart(scenario: Scenario) -> bool:
    """Whether requests depend on what they draft, steps wait for power, or prompts are prefilled elsewhere."""
    return not scenario.speculation.is_off or is_capped(scenario) or bool(scenario.handover.on)


def _drafted(
    designs: Designs, places: np.ndarray, drafted: np.ndarray, rates: np.ndarray | None, done: rows.Done
) -> Iterator[tuple[np.ndarray, UnderLoad]]:
    """The same of designs that cannot stand side by side: structure by structure."""
    moved = {leaf: values[:, None] for leaf, values in designs.moved(places[drafted]).items()}
    if rates is not None:
        moved["load", "rate"] = rates[drafted]
    cases = designs.case[places[drafted]]
    for group in designs.cases.groups(cases, moved) if len(drafted) else ():
        for part in np.array_split(group, -(-len(group) // TABULATED_AT_ONCE)):
            scenario = designs.cases.stacked(cases[part], {k: v[part] for k, v in moved.items()})
            yield drafted[part], UnderLoad(scenario)
            done(len(part))


class _Laws:
    """Laws and schedulers of designs; those that differ in their data-parallel groups alone are the same, unless groups
    share experts."""

    def __init__(self, designs: Designs, places: np.ndarray) -> None:
        shared = designs.have_experts.any()
        layouts = [one if one.ep > 1 or shared else one._replace(dp=1) for one in designs.layouts]
        numbers = {one: number for number, one in enumerate(dict.fromkeys(layouts))}
        of_layout = np.array([numbers[one] for one in layouts])[designs.layout[places]]
        keys = np.stack([designs.case[places], designs.point[places], of_layout])
        _, first, self.inverse = np.unique(keys, axis=1, return_index=True, return_inverse=True)
        self.inverse = np.ravel(self.inverse)
        self.tables: dict[str, np.ndarray] = {}
        self.numbers: dict[str, np.ndarray] = {}
        self.kinds: list[tuple[Any, ...]] = [()] * len(first)
        if not len(places):
            return
        self._tabulate(designs, places[first])

    def _tabulate(self, designs: Designs, places: np.ndarray) -> None:
        moved = designs.moved(places)
        cases = designs.case[places]
        for group in designs.cases.groups(cases, moved, parted=False):
            for part in np.array_split(group, -(-len(group) // TABULATED_AT_ONCE)):
                scenario = designs.cases.stacked(cases[part], {k: v[part] for k, v in moved.items()})
                with np.errstate(all="ignore"):
                    seen = UnderLoad(scenario)
                    law, scheduler = seen.law, seen.scheduler
                assert isinstance(law, TabulatedLaw)
                for columns, tree in ((self.tables, law), (self.numbers, scheduler)):
                    for field in fields(tree):
                        if "static" not in field.metadata:
                            self._put(columns, field.name, part, getattr(tree, field.name), len(places))
                divided = [np.broadcast_to(x, (len(part),)) > 1 for x in parts_above_one(law, scheduler)]
                for at, place in enumerate(part.tolist()):
                    parts = tuple(bool(numbers[at]) for numbers in divided)
                    self.kinds[place] = scheduler.mixing, scheduler.admission, *parts

    @staticmethod
    def _put(columns: dict[str, np.ndarray], name: str, part: np.ndarray, value: Any, count: int) -> None:
        if value is None:  # of experts that no groups share
            return
        tail = np.shape(value)[-TAILS[name] :] if name in TAILS else ()
        column = columns.setdefault(name, np.full((count, *tail), 0.0))
        column[part] = np.broadcast_to(value, (len(part), *tail))

    def groups(self) -> Iterator[np.ndarray]:
        """Places of designs whose schedulers follow the same rules."""
        kinds = [self.kinds[law] for law in self.inverse]
        for kind in dict.fromkeys(kinds):
            yield np.array([place for place, other in enumerate(kinds) if other == kind])

    def of(self, part: np.ndarray) -> tuple[TabulatedLaw, Scheduler]:
        """The law and the scheduler of designs, along a leading axis and one more of length 1."""
        laws = self.inverse[part]
        tables: dict[str, Any] = {
            name: np.expand_dims(column[laws], 1)
            for name, column in self.tables.items()
            if not is_neutral(TabulatedLaw, name, column[laws])
        }
        numbers: dict[str, Any] = {
            name: column[laws][:, None]
            for name, column in self.numbers.items()
            if not is_neutral(Scheduler, name, column[laws])
        }
        mixing, admission, *_ = self.kinds[laws[0]]
        return TabulatedLaw(**tables), Scheduler(**numbers, mixing=mixing, admission=admission)
