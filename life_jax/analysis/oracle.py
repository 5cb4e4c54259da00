"""Functions that a search evaluates at many points, with their slopes at single ones.

Points are logarithms of positive numbers; so are the values of the function.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from life_jax.core.dual_numbers import Dual, primal, tangent

REMOTE = 100.0  # a logarithm beyond any number
BATCH = 512  # points that are evaluated in one call
SAMPLE = 4096  # points over the whole box
ZOOMS = 12  # boxes around a solution, each a third of the one before


class Oracle:
    """A function from a point [k] to values [m], with its slopes, compiled once and evaluated in float64.

    samples: points over the whole box that are worth their time; around: those of each of `zooms` boxes around a
    solution; descents: whether the solver starts from every good point, or from the end of these boxes alone; rounds:
    of the solver, at most.
    """

    samples, around, zooms, descents, rounds = SAMPLE, BATCH, ZOOMS, True, 200

    def __init__(self, function: Callable[[Any], Any]) -> None:
        """function: from an array [k] to an array [m], which JAX can trace."""

        def twice(x: Any) -> tuple[Any, Any]:
            values = function(x)
            return values, values

        self._batched = jax.jit(jax.vmap(function))
        self._linearized = jax.jit(jax.jacfwd(twice, has_aux=True))
        self._last: tuple[bytes, tuple[np.ndarray, np.ndarray]] = (b"", (np.empty(0), np.empty(0)))

    def values_and_slopes(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values [m] at a point [k] and their slopes [m, k]; those of the last point are kept."""
        point = np.asarray(point, np.float64)
        if self._last[0] != point.tobytes():
            with jax.enable_x64(True):
                slopes, values = self._linearized(point)
                self._last = (point.tobytes(), (np.asarray(values), np.asarray(slopes)))
        return self._last[1]

    def values(self, point: np.ndarray) -> np.ndarray:
        """Values [m] at a point [k]."""
        return self.values_and_slopes(point)[0]

    def batch(self, points: np.ndarray) -> np.ndarray:
        """Values [n, m] at points [n, k]."""
        pieces = []
        with jax.enable_x64(True):
            for start in range(0, len(points), BATCH):
                piece = points[start : start + BATCH]
                filled = np.concatenate([piece, np.repeat(piece[-1:], BATCH - len(piece), axis=0)])
                pieces.append(np.asarray(self._batched(filled))[: len(piece)])
        return np.concatenate(pieces)


class Uncompiled(Oracle):
    """The same of a function of NumPy that would take minutes to compile: from k numbers to m numbers, each of them an
    array [n] of points, or of dual numbers."""

    zooms, descents, rounds = 8, False, 12

    def __init__(self, function: Callable[[Sequence[Any]], Sequence[Any]], size: int) -> None:
        """function: from k to m numbers. size: k, with which the points grow that a search looks at."""
        self._function = function
        self.samples, self.around = min(16 << size, 128), min(12 * size, 48)  # Sobol points are powers of two
        self._last = (b"", (np.empty(0), np.empty(0)))

    def values_and_slopes(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values [m] at a point [k] and their slopes [m, k]: all directions side by side."""
        point = np.asarray(point, np.float64)
        if self._last[0] != point.tobytes():
            size = len(point)
            moved = [Dual(np.full(size, x), along) for x, along in zip(point, np.eye(size), strict=True)]
            with np.errstate(all="ignore"):
                found = self._function(moved)
            values = np.array([np.broadcast_to(primal(x), size)[0] for x in found])
            slopes = np.array([np.broadcast_to(tangent(x), size) for x in found], float)
            self._last = (point.tobytes(), (values, slopes))
        return self._last[1]

    def batch(self, points: np.ndarray) -> np.ndarray:
        """Values [n, m] at points [n, k]."""
        pieces = []
        for start in range(0, len(points), self.around):
            piece = points[start : start + self.around]
            with np.errstate(all="ignore"):
                found = self._function(list(piece.T))
            pieces.append(np.stack([np.broadcast_to(x, len(piece)) for x in found], 1))
        return np.concatenate(pieces)


class Raised(Oracle):
    """A function of a point and one more coordinate t: its first value is t, and the others in `left` are less by t."""

    def __init__(self, oracle: Oracle, left: np.ndarray) -> None:
        """oracle: the function without t, whose first value is left out. left [m - 1] of bool: values less t."""
        self.oracle, self.left = oracle, left
        self.around, self.zooms, self.descents, self.rounds = (
            oracle.around, oracle.zooms, oracle.descents, oracle.rounds
        )  # fmt: skip

    def values_and_slopes(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values [m] at a point [k + 1], of which t is the last coordinate, and their slopes [m, k + 1]."""
        values, slopes = self.oracle.values_and_slopes(point[:-1])
        ups = np.column_stack([slopes[1:], -self.left.astype(float)])
        return self._of(values, point[-1]), np.vstack([np.append(np.zeros(len(point) - 1), 1.0), ups])

    def lifted(self, points: np.ndarray, values: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [n, k + 1] with the least t that meets the limits, and their values [n, m].

        points [n, k], values [n, m]: without t. limits [m - 1].
        """
        missed = (values[:, 1:] - limits)[:, self.left].max(axis=1)
        t = np.clip(np.where(np.isfinite(missed), missed, REMOTE), -REMOTE, REMOTE)
        return np.column_stack([points, t]), self._of(values, t)

    def _of(self, values: np.ndarray, t: Any) -> np.ndarray:
        t = np.asarray(t)[..., None]
        return np.concatenate([t, values[..., 1:] - self.left * t], axis=-1)
