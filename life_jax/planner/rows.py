"""Numbers of many designs at once, whatever their devices, models and layouts: scenarios of one structure are stacked.

A row is a case (a scenario) with further numbers of its own (a layout, a limit, a load).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from life_jax.core.pytree import Absent, Leaf, absent_as_static, set_leaf, switched_off_as_static
from life_jax.core.scenario import Scenario
from life_jax.forecasting.metrics import forecast
from life_jax.grid import trees
from life_jax.grid.structures import Parts

AT_ONCE = 2**12  # rows, which bounds the memory
FEW = 2**13  # rows that are not parted by their layouts
PARTS = tuple(field.name for field in fields(Scenario))
LAYOUT = ("engine", "parallelism")
Columns = dict[str, np.ndarray]
Done = Callable[[int], None]


class Cases:
    """Scenarios of plain numbers on a single device, taken apart once: those of one structure can be stacked.

    kind [n]: number of the structure of each.
    """

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        """Takes all of them apart; what they have in common is one object, and is taken apart once."""
        self._known, self._kinds, self._off = Parts(), dict[Any, int](), Absent()
        self._taken: dict[tuple[str, int], tuple[Any, Any, int]] = {}  # parts are kept, so that no other gets their id
        self.kind = np.zeros(0, int)
        self._parts: list[tuple[int, ...]] = []
        self._wholes: list[tuple[Any, ...]] = []
        self._leaves = self._known.leaves
        self.extend(scenarios)

    def extend(self, scenarios: Sequence[Scenario]) -> None:
        """Takes further ones apart, behind the others."""
        kinds = []
        for scenario in scenarios:
            taken = [self._part(name, getattr(scenario, name)) for name in PARTS]
            parts = tuple([part for _, _, part in taken])
            kind = tuple([self._known.kinds[part] for part in parts])
            kinds.append(self._kinds.setdefault(kind, len(self._kinds)))
            self._parts.append(parts)
            self._wholes.append(tuple([switched for _, switched, _ in taken]))
        self.kind = np.concatenate([self.kind, np.array(kinds, int)])

    def _part(self, name: str, part: Any) -> tuple[Any, Any, int]:
        """A part of a scenario, the same without what is switched off, and its number."""
        key = name, id(part)
        if key not in self._taken:
            switched = switched_off_as_static(part, self._off, (name,))
            self._taken[key] = part, switched, self._known.part(switched)
        return self._taken[key]

    def evaluate(
        self,
        rows: np.ndarray,
        moved: Mapping[Leaf, np.ndarray],
        function: Callable[[Scenario], Mapping[str, Any]],
        *,
        at_once: int = AT_ONCE,
        done: Done = lambda count: None,
    ) -> Columns:
        """Columns of a function of scenarios, by name, in the order of the rows.

        rows [n]: of each row its case. moved: leaf -> numbers [n, ..] that replace those of the case; numbers of a
        layout that divide nothing are left out, and what they would bring is too. done: told of rows that are done.
        """
        columns: Columns = {}
        for group in self.groups(rows, moved, parted=len(rows) > FEW):
            for part in np.array_split(group, -(-len(group) // at_once)):
                scenario = self.stacked(rows[part], {leaf: values[part] for leaf, values in moved.items()})
                with np.errstate(all="ignore"):
                    results = function(scenario)
                for name, values in results.items():
                    width = np.shape(values)[1:] if np.ndim(values) > 1 else ()
                    column = columns.setdefault(name, np.full((len(rows), *width), np.nan))
                    column[part] = values
                done(len(part))
        return columns

    def groups(
        self, rows: np.ndarray, moved: Mapping[Leaf, np.ndarray], *, parted: bool = True
    ) -> Iterator[np.ndarray]:
        """Places of rows whose cases have one structure.

        parted: whether they divide a model alike too, so that terms of a layout that none of them has are left out;
        of few rows it costs more to look at them in many groups.
        """
        key = self.kind[rows]
        for leaf, values in moved.items():
            if parted and leaf[:2] == LAYOUT:
                key = 2 * key + (values.reshape(len(rows), -1) != 1).any(1)
        order = np.argsort(key, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(key[order])) + 1) if len(rows) else ()

    def stacked(self, rows: np.ndarray, moved: Mapping[Leaf, np.ndarray]) -> Scenario:
        """One scenario whose leaves are arrays [n, 1...], or plain numbers where all rows share them; what is absent
        from all of them is static."""
        used, place = np.unique(rows, return_inverse=True)
        dimensions = max((values.ndim for values in moved.values()), default=1)
        shape = (-1, *(1,) * (dimensions - 1))
        columns: list[Any] = []
        for of_cases in zip(*(self._parts[case] for case in used), strict=True):
            parts = list(dict.fromkeys(of_cases))
            if len(parts) == 1:
                columns.extend(self._leaves[parts[0]].tolist())
                continue
            number = {part: at for at, part in enumerate(parts)}
            of_row = np.array([number[part] for part in of_cases])[place]
            leaves = np.array([self._leaves[part] for part in parts])
            shared = ((leaves == leaves[0]) | (np.isnan(leaves) & np.isnan(leaves[0]))).all(0)
            columns += [
                float(first) if alike else column[of_row].reshape(shape)
                for first, alike, column in zip(leaves[0], shared, leaves.T, strict=True)
            ]
        scenario = trees.refilled(Scenario(*self._wholes[int(used[0])]), columns)
        for leaf, values in moved.items():
            if leaf[:2] != LAYOUT or (values != 1).any():
                scenario = set_leaf(scenario, leaf, values if values.ndim == dimensions else values.reshape(shape))
        here: Scenario = absent_as_static(scenario)
        return here


def static(metrics: tuple[str, ...]) -> Callable[[Scenario], Mapping[str, Any]]:
    """The function of metrics that need no load, or of those of one load for each row."""

    def function(scenario: Scenario) -> Mapping[str, Any]:
        return forecast(scenario, metrics)

    return function
