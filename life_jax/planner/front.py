"""Which designs are dominated: another one is no worse in price, TTFT, TPOT and quality, and better in one of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from life_jax.planner.designs import Designs

AT_ONCE = 2**22  # comparisons


@dataclass(frozen=True)
class Objectives:
    """Numbers [n, 4] of which less is better: price [USD], TTFT and TPOT [s], minus quality [1]; inf for what is not
    known, so that it never wins."""

    values: np.ndarray

    @classmethod
    def of(cls, designs: Designs, places: np.ndarray, times: Mapping[str, np.ndarray]) -> "Objectives":
        """Of designs, with times by name [all designs]."""
        columns = (designs.price[places], times["ttft"][places], times["tpot"][places], -designs.quality[places])
        return cls(np.nan_to_num(np.stack(columns, axis=1), nan=np.inf, posinf=np.inf))

    @classmethod
    def empty(cls) -> "Objectives":
        """Of nothing."""
        return cls(np.zeros((0, 4)))


def dominated_by(designs: Objectives, others: Objectives) -> np.ndarray:
    """Whether [n] any of the others dominates a design."""
    found = np.zeros(len(designs.values), bool)
    for other in others.values:
        left = np.flatnonzero(~found)
        values = designs.values[left]
        found[left] = (other <= values).all(1) & (other < values).any(1)
    return found


def front(designs: Objectives) -> np.ndarray:
    """Whether [n] no other design dominates a design."""
    kept = np.ones(len(designs.values), bool)
    order = np.lexsort(designs.values.T[::-1])
    values = designs.values[order]
    for place in range(len(order)):
        if not kept[order[place]]:
            continue
        worse = (values[place] <= values).all(1) & (values[place] < values).any(1)
        kept[order[worse]] = False
    return kept
