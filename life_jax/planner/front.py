"""Which designs are dominated: another one of their model is no worse in price, TTFT, TPOT and quality, and better in
one of them. What formats of two models keep, each of its own, does not compare them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from life_jax.planner.designs import Designs


@dataclass(frozen=True)
class Objectives:
    """Numbers [n, k] of which less is better: price [USD], TTFT and TPOT [s], minus quality [1]; inf for what is not
    known, so that it never wins. Where there are several models, the number of each and minus that."""

    values: np.ndarray

    @classmethod
    def of(cls, designs: Designs, places: np.ndarray, times: Mapping[str, np.ndarray]) -> "Objectives":
        """Of designs, with times by name [all designs]."""
        columns = [designs.price[places], times["ttft"][places], times["tpot"][places], -designs.quality[places]]
        if designs.several_models:
            of_model = designs.model_numbers[designs.case[places]]
            columns += [of_model, -of_model]
        return cls(np.nan_to_num(np.stack(columns, axis=1), nan=np.inf, posinf=np.inf))

    @classmethod
    def empty(cls) -> "Objectives":
        """Of nothing."""
        return cls(np.zeros((0, 4)))


def dominated_by(designs: Objectives, others: Objectives) -> np.ndarray:
    """Whether [n] any of the others dominates a design."""
    found = np.zeros(len(designs.values), bool)
    left, columns = np.arange(len(found)), designs.values.T.copy()
    for other in others.values[_strongest(others)]:
        worse = _worse(columns, other)
        if worse.any():
            found[left[worse]] = True
            left, columns = left[~worse], columns[:, ~worse]
    return found


def front(designs: Objectives) -> np.ndarray:
    """Whether [n] no other design dominates a design."""
    order = _strongest(designs)  # what dominates a design comes before it
    columns = designs.values[order].T.copy()
    at = 0
    while at < len(order):
        worse = _worse(columns[:, at + 1 :], columns[:, at])
        at += 1
        if worse.any():
            left = np.concatenate([np.ones(at, bool), ~worse])
            order, columns = order[left], columns[:, left]
    kept = np.zeros(len(designs.values), bool)
    kept[order] = True
    return kept


def _strongest(designs: Objectives) -> np.ndarray:
    """Order in which what dominates a design comes before it, and what is likely to dominate many comes first."""
    ranks = [np.unique(column, return_inverse=True)[1] / max(len(column), 1) for column in designs.values.T]
    return np.argsort(np.sum([rank.reshape(-1) for rank in ranks], axis=0), kind="stable")


def _worse(columns: np.ndarray, than: np.ndarray) -> np.ndarray:
    """Whether [n] designs [k, n] are no better than another one in anything, and worse in something."""
    worse: np.ndarray = columns[0] >= than[0]
    for column, number in zip(columns[1:], than[1:], strict=True):
        worse &= column >= number
    if worse.any():
        no_better = np.flatnonzero(worse)
        worse[no_better] = (columns[:, no_better] != than[:, None]).any(0)
    return worse
