"""Lists of points drawn between bounds: at random, or spread evenly. Knows nothing of language models.

    random    independent; drawn block by block from (seed, block), so that a list of any length needs no memory
    lhs       Latin hypercube: every number's range is cut into as many equal parts as there are points, each with one
    sobol     scrambled Sobol sequence; best with a power of two

The last two are scipy.stats.qmc's and are held in memory.
References: McKay, Beckman, Conover 1979 (Technometrics 21); Owen 1998 (ACM TOMACS 8).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

KINDS = ("random", "lhs", "sobol")
BLOCK = 2**16  # points that are drawn together at random
MOST_HELD = 10**7  # numbers of a list that is held in memory (80 MB)


@dataclass(frozen=True)
class Span:
    """Bounds of a number; `log`: even in its logarithm."""

    low: float
    high: float
    log: bool = False

    def value(self, part: np.ndarray) -> np.ndarray:
        """part in [0, 1) -> [low, high]."""
        if not self.log:
            return self.low + (self.high - self.low) * part
        return self.low * np.exp(part * math.log(self.high / self.low))


@dataclass(frozen=True)
class Points:
    """`count` points, each with a value of every name; an axis of a grid.

    The same points whenever they are asked for; they depend on the kind, the count, the seed and the order of names.
    """

    kind: str
    count: int
    seed: int
    spans: tuple[tuple[str, Span], ...]

    def __len__(self) -> int:
        return self.count

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        part = self._unit(np.asarray(index))
        return {name: span.value(part[:, column]) for column, (name, span) in enumerate(self.spans)}

    def values(self, name: str, index: np.ndarray) -> np.ndarray:
        """One of the numbers alone."""
        return self.at(index)[name]

    @property
    def held(self) -> int:
        """Numbers in memory."""
        return 0 if self.kind == "random" else self.count * len(self.spans)

    def _unit(self, index: np.ndarray) -> np.ndarray:
        if self.kind != "random":
            points: np.ndarray = _held(self.kind, self.count, len(self.spans), self.seed)[index]
            return points
        found = np.empty((len(index), len(self.spans)))
        of = index // BLOCK
        for block in np.unique(of):
            here = of == block
            found[here] = _drawn(self.seed, int(block), len(self.spans))[index[here] - block * BLOCK]
        return found


@lru_cache(maxsize=4)
def _drawn(seed: int, block: int, numbers: int) -> np.ndarray:
    return np.random.default_rng([seed, block]).random((BLOCK, numbers))


@lru_cache(maxsize=1)
def _held(kind: str, count: int, numbers: int, seed: int) -> np.ndarray:
    from scipy.stats import qmc

    if kind == "lhs":
        points: np.ndarray = qmc.LatinHypercube(numbers, rng=np.random.default_rng(seed)).random(count)
        return points
    engine = qmc.Sobol(numbers, scramble=True, rng=np.random.default_rng(seed))
    points = engine.random_base2((count - 1).bit_length())  # SciPy warns of other lengths
    return points[:count]
