"""Designs under load, side by side: their steps are tabulated structure by structure, their queues solved all at once.

A queue takes some hundred rounds of small operations, whose overhead is the same for one design and for a thousand.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from life_jax.core.engine import Scheduler
from life_jax.core.numerics import is_fixed_at
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting.energy import is_capped
from life_jax.forecasting.side_by_side import is_neutral, parts_above_one
from life_jax.forecasting.speculation import accepted, verified
from life_jax.forecasting.under_load import UnderLoad
from life_jax.planner import rows
from life_jax.planner.designs import Designs
from life_jax.planner.space import KEYS
from life_jax.serving.drafted_law import DraftedLaw
from life_jax.serving.step_law import TABLE_AXES, Law, TabulatedLaw

TABULATED_AT_ONCE = 2**8
LAWS = "laws"  # what designs remember them by
VERIFY, DRAFT, DRAFTING, SCHEDULER = "verify", "draft", "drafting", "scheduler"
PARTS = ("verify", "draft")  # of a law with drafts, which are laws themselves


def under_load(
    designs: Designs, places: np.ndarray, rates: np.ndarray | None, done: rows.Done
) -> Iterator[tuple[np.ndarray, UnderLoad]]:
    """Parts of the places, each with what its designs see: numbers [n, k] at rates [n, k] [1/s], or [n, 1] at the
    load's concurrency."""
    apart = designs.of_each(_is_apart, "engine", "device", "handover")[designs.case[places]]
    yield from _by_structure(designs, places, np.flatnonzero(apart), rates, done)
    others = np.flatnonzero(~apart)
    laws = designs.remembered.get(LAWS) or designs.remembered.setdefault(LAWS, _Laws(designs))
    numbers = laws.of_places(places[others])
    for own in laws.groups(numbers):
        part, of = others[own], numbers[own]
        carrier = designs.scenarios[int(designs.case[places[part[0]]])]
        for key in ("dp", "pp"):
            values = np.array([getattr(designs.layouts[at], key) for at in designs.layout[places[part]]], float)
            carrier = set_leaf(carrier, ("engine", "parallelism", KEYS[key]), values[:, None])
        law, scheduler = laws.stacked(of)
        carrier = set_leaf(carrier, ("engine", "scheduler", "block"), scheduler.block)
        if rates is None:
            yield part, UnderLoad(carrier, law, scheduler)
        else:
            capacity = laws.capacities(of, UnderLoad(carrier, law, scheduler))
            carrier = set_leaf(carrier, ("load", "rate"), rates[part])
            yield part, UnderLoad(carrier, law, scheduler, capacity)
        done(len(part))


def _is_apart(scenario: Scenario) -> bool:
    """Whether steps wait for power or run in halves, or prompts are prefilled elsewhere."""
    halves = scenario.engine.parallelism.two_batches
    return is_capped(scenario) or not is_fixed_at(halves, 0) or bool(scenario.handover.on)


def _kept(scenario: Scenario) -> tuple[float, float]:
    """Tokens [token] that a step computes of a sequence, and those that stay: requests of one group have the same."""
    drafts = scenario.speculation
    return (1.0, 1.0) if drafts.is_off else (float(verified(drafts)), float(accepted(drafts)))


def _by_structure(
    designs: Designs, places: np.ndarray, apart: np.ndarray, rates: np.ndarray | None, done: rows.Done
) -> Iterator[tuple[np.ndarray, UnderLoad]]:
    """The same of designs that cannot stand side by side: structure by structure."""
    moved = {leaf: values[:, None] for leaf, values in designs.moved(places[apart]).items()}
    if rates is not None:
        moved["load", "rate"] = rates[apart]
    cases = designs.case[places[apart]]
    for group in designs.cases.groups(cases, moved) if len(apart) else ():
        for part in np.array_split(group, -(-len(group) // TABULATED_AT_ONCE)):
            scenario = designs.cases.stacked(cases[part], {k: v[part] for k, v in moved.items()})
            yield apart[part], UnderLoad(scenario)
            done(len(part))


class _Laws:
    """Laws and schedulers of designs, each tabulated once; those that differ in data-parallel groups alone are the
    same, unless groups share experts. A law with drafts has tables of the steps that verify, and those of its draft."""

    def __init__(self, designs: Designs) -> None:
        shared = designs.have_experts.any()
        layouts = [one if one.ep > 1 or shared else one._replace(dp=1) for one in designs.layouts]
        alike = {one: number for number, one in enumerate(dict.fromkeys(layouts))}
        self._layouts = np.array([alike[one] for one in layouts])
        self._designs = designs
        self._known: dict[tuple[int, int, int], int] = {}  # case, point and layout -> number of a law
        self._columns: dict[str, dict[str, np.ndarray]] = {}  # of each part of a law, and of schedulers
        self._kinds: list[tuple[Any, ...]] = []
        self._capacity, self._has_capacity = np.zeros(0), np.zeros(0, bool)

    def of_places(self, places: np.ndarray) -> np.ndarray:
        """Numbers of the laws of designs [n]; those that are new are tabulated."""
        designs = self._designs
        keys = np.stack([designs.case[places], designs.point[places], self._layouts[designs.layout[places]]])
        each, first, inverse = np.unique(keys, axis=1, return_index=True, return_inverse=True)
        names = list(map(tuple, each.T.tolist()))
        new = [at for at, name in enumerate(names) if name not in self._known]
        if new:
            self._known |= {names[at]: len(self._kinds) + i for i, at in enumerate(new)}
            self._tabulate(places[first[new]])
        return np.array([self._known[name] for name in names], int)[np.ravel(inverse)]

    def _tabulate(self, places: np.ndarray) -> None:
        """Laws of designs that have none, behind the others."""
        designs, before = self._designs, len(self._kinds)
        self._kinds += [()] * len(places)
        self._make_room(len(self._kinds))
        moved, cases = designs.moved(places), designs.case[places]
        kept = designs.of_each(_kept, "speculation")[cases]
        for group in designs.cases.groups(cases, moved, parted=False):
            for part in np.array_split(group, -(-len(group) // TABULATED_AT_ONCE)):
                scenario = designs.cases.stacked(cases[part], {k: v[part] for k, v in moved.items()})
                with np.errstate(all="ignore"):
                    seen = UnderLoad(scenario)
                    trees, scheduler = _trees(seen.law), seen.scheduler
                for of, tree in {**trees, SCHEDULER: scheduler}.items():
                    for field in fields(tree):
                        if "static" not in field.metadata and field.name not in PARTS:
                            self._put(of, field.name, before + part, getattr(tree, field.name))
                laws = [tree for tree in trees.values() if isinstance(tree, TabulatedLaw)]
                above = [x for law in laws for x in parts_above_one(law, scheduler)]
                divided = [np.broadcast_to(x, (len(part),)) > 1 for x in above]
                for at, place in enumerate(part.tolist()):
                    parts = tuple(bool(numbers[at]) for numbers in divided)
                    kind = scheduler.mixing, scheduler.admission, tuple(trees), *kept[place], *parts
                    self._kinds[before + place] = kind

    def _make_room(self, count: int) -> None:
        """Room for so many laws; twice as many as there is, so that tables are seldom copied."""
        if count <= len(self._capacity):
            return
        more = max(count, 2 * len(self._capacity)) - len(self._capacity)
        self._capacity = np.concatenate([self._capacity, np.zeros(more)])
        self._has_capacity = np.concatenate([self._has_capacity, np.zeros(more, bool)])
        for columns in self._columns.values():
            for name, column in columns.items():
                columns[name] = np.concatenate([column, np.zeros((more, *column.shape[1:]))])

    def _put(self, of: str, name: str, part: np.ndarray, value: Any) -> None:
        if value is None:  # of experts that no groups share
            return
        tail = np.shape(value)[-TABLE_AXES[name] :] if name in TABLE_AXES else ()
        column = self._columns.setdefault(of, {}).setdefault(name, np.zeros((len(self._capacity), *tail)))
        column[part] = np.broadcast_to(value, (len(part), *tail))

    def groups(self, numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Places among laws [n] of those whose schedulers follow the same rules, and whose drafts are kept alike."""
        kinds = [self._kinds[number] for number in numbers.tolist()]
        for kind in dict.fromkeys(kinds):
            yield np.array([place for place, other in enumerate(kinds) if other == kind])

    def stacked(self, numbers: np.ndarray) -> tuple[Law, Scheduler]:
        """Laws and schedulers of one group as one, along a leading axis and one more of length 1."""
        mixing, admission, trees, *_ = self._kinds[numbers[0]]

        def tree(of: str, kind: Any) -> dict[str, Any]:
            rows = ((name, column[numbers]) for name, column in self._columns[of].items())
            return {name: np.expand_dims(own, 1) for name, own in rows if not is_neutral(kind, name, own)}

        scheduler = Scheduler(**tree(SCHEDULER, Scheduler), mixing=mixing, admission=admission)
        law = TabulatedLaw(**tree(VERIFY, TabulatedLaw))
        if DRAFTING not in trees:
            return law, scheduler
        of_drafts = {name: column[numbers][:, None] for name, column in self._columns[DRAFTING].items()}
        draft = (TabulatedLaw(**tree(DRAFT, TabulatedLaw)),) if DRAFT in trees else ()
        return DraftedLaw(verify=law, draft=draft, **of_drafts), scheduler

    def capacities(self, numbers: np.ndarray, seen: UnderLoad) -> np.ndarray:
        """Capacities [n, 1] of laws [1/s], whose designs see the load as given; they do not depend on its rate."""
        if not self._has_capacity[numbers].all():
            with np.errstate(all="ignore"):
                self._capacity[numbers] = np.broadcast_to(seen.capacity, (len(numbers), 1))[:, 0]
            self._has_capacity[numbers] = True
        return self._capacity[numbers][:, None]


def _trees(law: Law) -> dict[str, Any]:
    """The parts of a law that have numbers, by name."""
    if isinstance(law, DraftedLaw):
        return {VERIFY: law.verify, **dict(zip((DRAFT,), law.draft, strict=False)), DRAFTING: law}
    return {VERIFY: law}
