"""Samples: lists of points between bounds, drawn at random or spread evenly.

    random    independent points, drawn block by block from (seed, block), so that a list of any length needs no memory
    lhs       Latin hypercube: the range of every number is cut into as many equal parts as there are points, and each
              part has one point
    sobol     scrambled Sobol sequence; most even when the number of points is a power of two

The last two come from scipy.stats.qmc and are held in memory.
References: McKay, Beckman, Conover 1979 (Technometrics 21); Owen 1998 (ACM TOMACS 8).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SAMPLERS = ("random", "lhs", "sobol")
DRAWN_TOGETHER = 2**16  # points that are drawn together at random
MOST_HELD = 10**7  # numbers of a list that is held in memory (80 MB)


@dataclass(frozen=True)
class Span:
    """Bounds between which a number is drawn.

    low, high: in the number's own unit; positive where `log`. log: whether the logarithm of the number, instead of
    the number, is uniformly distributed.
    """

    low: float
    high: float
    log: bool = False

    def value(self, part: np.ndarray) -> np.ndarray:
        """Numbers between the bounds; part [n]: places in the range, from 0 at `low` to 1 at `high`."""
        if not self.log:
            return self.low + (self.high - self.low) * part
        return self.low * np.exp(part * math.log(self.high / self.low))


@dataclass(frozen=True)
class Points:
    """A drawn list of points, each with a value of every name; it serves as an axis of a grid.

    kind: one of SAMPLERS. count: number of points. spans: (name, bounds). The points are determined by the kind, the
    count, the seed and the order of the names.
    """

    kind: str
    count: int
    seed: int
    spans: tuple[tuple[str, Span], ...]

    def __len__(self) -> int:
        return self.count

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values [n] by name; index [n]: numbers of the points, from 0."""
        part = self._unit(np.asarray(index))
        return {name: span.value(part[:, column]) for column, (name, span) in enumerate(self.spans)}

    def values(self, name: str, index: np.ndarray) -> np.ndarray:
        """Values [n] of one name; index [n]: numbers of the points, from 0."""
        return self.at(index)[name]

    @property
    def held(self) -> int:
        """How many numbers the list keeps in memory."""
        return 0 if self.kind == "random" else self.count * len(self.spans)

    def _unit(self, index: np.ndarray) -> np.ndarray:
        if self.kind != "random":
            points: np.ndarray = _held(self.kind, self.count, len(self.spans), self.seed)[index]
            return points
        parts = np.empty((len(index), len(self.spans)))
        blocks = index // DRAWN_TOGETHER
        for block in np.unique(blocks):
            here = blocks == block
            parts[here] = _drawn(self.seed, int(block), len(self.spans))[index[here] - block * DRAWN_TOGETHER]
        return parts


@lru_cache(maxsize=4)
def _drawn(seed: int, block: int, numbers: int) -> np.ndarray:
    return np.random.default_rng([seed, block]).random((DRAWN_TOGETHER, numbers))


@lru_cache(maxsize=1)
def _held(kind: str, count: int, numbers: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    if kind == "lhs":
        points: np.ndarray = qmc.LatinHypercube(numbers, rng=np.random.default_rng(seed)).random(count)
        return points
    engine = qmc.Sobol(numbers, scramble=True, rng=np.random.default_rng(seed))
    points = engine.random_base2((count - 1).bit_length())  # SciPy warns of other lengths
    return points[:count]
