"""Distributions of the lengths of prompts and outputs: moments, nodes of a quadrature, values at quantiles."""

from statistics import NormalDist
from typing import Any, Protocol

import numpy as np

from life_jax.core.numerics import Number, exp, is_fixed_at, log, sqrt
from life_jax.core.pytree import neutral, pytree
from life_jax.serving.step_law import last_axis

STANDARD = NormalDist()
HERMITE, WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Lengths(Protocol):
    """A pytree that describes how long prompts or outputs are [token]."""

    @property
    def average(self) -> Number:
        """Mean length [token]."""

    @property
    def variation(self) -> Number:
        """Squared coefficient of variation [1]: variance over squared mean."""

    @property
    def nodes(self) -> tuple[Any, Any]:
        """Lengths [..., n] [token] and weights [..., n] [1] whose sums are means over all requests."""

    def at(self, quantiles: np.ndarray, normal: np.ndarray) -> Number:
        """Lengths [..., q] [token] at quantiles [q] in (0, 1), or one for all of them; normal [q]: the same of the
        standard normal distribution."""


@pytree
class LogNormal:
    """Log-normal lengths, as those of public traces nearly are (coefficients of variation 0.8 to 1.3).

    mean [token]; cv [1]: standard deviation over mean, 0 where all are equally long.
    """

    mean: Number
    cv: Number = neutral(default=0.0)

    @property
    def average(self) -> Number:
        """Mean length [token]."""
        return self.mean

    @property
    def variation(self) -> Number:
        """Squared coefficient of variation [1]."""
        return self.cv * self.cv

    @property
    def nodes(self) -> tuple[Any, Any]:
        """Lengths [..., 9] and weights [9] by Gauss-Hermite quadrature, which is exact for the moments that matter; one
        of each where all are equally long."""
        if is_fixed_at(self.cv, 0):
            return last_axis(self.mean) * np.ones(1), np.ones(1)
        return self._at(HERMITE), WEIGHTS

    def at(self, quantiles: np.ndarray, normal: np.ndarray) -> Number:
        """Lengths [..., q] [token] at quantiles [q]; [..., 1] where all are equally long."""
        return last_axis(self.mean) if is_fixed_at(self.cv, 0) else self._at(normal)

    def _at(self, normal: np.ndarray) -> Number:
        spread = last_axis(log(1 + self.variation))
        return last_axis(self.mean) * exp(sqrt(spread) * normal - spread / 2)


@pytree
class Mixture:
    """A few lengths [token], shortest first, each with its part [1] of the requests; the parts sum to 1."""

    lengths: tuple[Number, ...]
    parts: tuple[Number, ...]

    @property
    def average(self) -> Number:
        """Mean length [token]."""
        return sum(length * part for length, part in zip(self.lengths, self.parts, strict=True))

    @property
    def variation(self) -> Number:
        """Squared coefficient of variation [1]."""
        square = sum(length * length * part for length, part in zip(self.lengths, self.parts, strict=True))
        return square / (self.average * self.average) - 1

    @property
    def nodes(self) -> tuple[Any, Any]:
        """The lengths [..., n] themselves and their parts [..., n]."""
        return _stacked(self.lengths), _stacked(self.parts)

    def at(self, quantiles: np.ndarray, normal: np.ndarray) -> Number:
        """Lengths [..., q] [token] at quantiles [q]."""
        below: Number = 0.0
        values: Number = 0.0
        for length, part in zip(self.lengths, self.parts, strict=True):
            inside = (quantiles >= last_axis(below)) & (quantiles < last_axis(below + part))
            values = values + last_axis(length) * inside
            below = below + part
        return values


def _stacked(numbers: tuple[Number, ...]) -> Number:
    """Numbers side by side on a new last axis [..., n]."""
    place = np.eye(len(numbers))
    return sum(last_axis(number) * place[index] for index, number in enumerate(numbers))
