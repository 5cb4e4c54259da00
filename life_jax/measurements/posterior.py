"""The most probable logarithms of factors under residuals whose errors come in groups and have heavy tails.

Gauss-Newton steps with weights of a Student-t distribution: an odd row does not decide where no other row agrees with
it, and what rows of one model have in common counts as one error, not as many.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ROUNDS = 12  # of Gauss-Newton steps, at most; five or six are usual
STILL = 1e-4  # of a logarithm: below, a step changes nothing
HALVINGS = 5  # of a step that makes the fit worse
FLOOR = 1e-12  # of a variance that is divided by

Linear = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Errors:
    """What is not known of rows beside the factors.

    row, shared: deviations of the logarithm, of each row alone and of all rows of its group [rows]; group: index of
    each row's group [rows], whose rows have the same deviations; tails: degrees of freedom of Student's distribution.
    """

    row: np.ndarray
    shared: np.ndarray
    group: np.ndarray
    tails: float

    @property
    def variance(self) -> np.ndarray:
        """Of each row alone [rows]."""
        variance: np.ndarray = self.row**2 + self.shared**2
        return variance

    def weights(self, residuals: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """How much each row counts [rows], at most 1: what is left of its inverse variance.

        Reference: Lange, Little, Taylor 1989, doi:10.1080/01621459.1989.10478852.
        """
        weights: np.ndarray = np.minimum((self.tails + 1) / (self.tails + residuals**2 / variance), 1.0)
        return weights


@dataclass(frozen=True)
class Posterior:
    """A fit: mean [p], covariance [p, p], residuals [rows] and slopes [rows, p] there, weights [rows].

    left_out: residual of each row under a fit to the others [rows], exact where residuals are linear in the factors.
    """

    mean: np.ndarray
    covariance: np.ndarray
    residuals: np.ndarray
    slopes: np.ndarray
    weights: np.ndarray
    left_out: np.ndarray


class _Sums:
    """Sums over the rows of each group, from which a fit to all rows, or to all but one, follows."""

    def __init__(self, slopes: np.ndarray, target: np.ndarray, weights: np.ndarray, errors: Errors) -> None:
        scale = np.sqrt(weights)[:, None] / errors.row[:, None]
        self._rows = np.concatenate([slopes, target[:, None]], axis=1) * scale  # [rows, p + 1], whitened but for groups
        self._ones = 1 / errors.row
        self._group = errors.group
        groups = int(errors.group.max()) + 1
        p = self._rows.shape[1]
        self._squares, self._sums, self._counts = np.zeros((groups, p, p)), np.zeros((groups, p)), np.zeros(groups)
        self._shared = np.zeros(groups)
        self._shared[errors.group] = errors.shared
        np.add.at(self._squares, self._group, self._rows[:, :, None] * self._rows[:, None, :])
        np.add.at(self._sums, self._group, self._rows * self._ones[:, None])
        np.add.at(self._counts, self._group, self._ones**2)
        self.all = np.sum([self._of(g) for g in range(groups)], axis=0)

    def _of(self, g: int, row: int | None = None) -> np.ndarray:
        """Information of a group [p + 1, p + 1], without a row of it."""
        squares, sums, count = self._squares[g], self._sums[g], self._counts[g]
        if row is not None:
            mine, one = self._rows[row], self._ones[row]
            squares, sums, count = squares - np.outer(mine, mine), sums - mine * one, count - one**2
        # inverse of a diagonal and a constant (Sherman and Morrison)
        less = self._shared[g] ** 2 / (1 + self._shared[g] ** 2 * count)
        information: np.ndarray = squares - less * np.outer(sums, sums)
        return information

    def without(self, row: int) -> np.ndarray:
        """Information of all rows but one [p + 1, p + 1]."""
        g = int(self._group[row])
        information: np.ndarray = self.all - self._of(g) + self._of(g, row)
        return information


def _solved(information: np.ndarray, precision: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The most probable factors [p], none above its bound: those that would be are held there, the others follow."""
    matrix, right = information[:-1, :-1] + np.diag(precision), information[:-1, -1]
    found: np.ndarray = np.linalg.solve(matrix, right)
    held = found > most
    while held.any():
        free = ~held
        found = np.where(held, np.where(held, most, 0.0), 0.0)
        if free.any():
            found[free] = np.linalg.solve(
                matrix[np.ix_(free, free)], right[free] - matrix[np.ix_(free, held)] @ most[held]
            )
        if not (found > most).any():
            break
        held |= found > most
    return found


def posterior(linear: Linear, prior: np.ndarray, most: np.ndarray, errors: Errors) -> Posterior:
    """The fit of logarithms of factors around 0.

    Args:
        linear: residuals [rows] and their slopes [rows, p] at factors [p].
        prior: deviation of each logarithm [p].
        most: greatest logarithm of each [p], 0 or more.
        errors: of the rows.

    The first weights are those of the prior's own forecast, so that of two explanations of an odd row the one nearer to
    the prior is taken.
    """
    precision = np.maximum(prior, FLOOR) ** -2.0
    mean = np.zeros(len(prior))
    residuals, slopes = linear(mean)
    weights = errors.weights(residuals, errors.variance + slopes**2 @ prior**2)
    for _ in range(ROUNDS):
        information = _Sums(slopes, slopes @ mean - residuals, weights, errors).all
        step = _solved(information, precision, most) - mean
        if np.abs(step).max() < STILL:
            break
        loss = _loss(residuals, mean, weights, precision, errors)
        for halving in range(HALVINGS):
            new = mean + step / 2**halving
            then = linear(new)
            if np.isfinite(then[0]).all() and _loss(then[0], new, weights, precision, errors) <= loss:
                break
        else:
            break
        mean, (residuals, slopes) = new, then
        weights = errors.weights(residuals, errors.variance)
    sums = _Sums(slopes, slopes @ mean - residuals, weights, errors)
    covariance = np.linalg.inv(sums.all[:-1, :-1] + np.diag(precision))
    others = [_solved(sums.without(i), precision, most) for i in range(len(residuals))]
    left_out = residuals + np.einsum("ij,ij->i", slopes, np.array(others) - mean)
    return Posterior(mean, covariance, residuals, slopes, weights, left_out)


def _loss(residuals: np.ndarray, mean: np.ndarray, weights: np.ndarray, precision: np.ndarray, errors: Errors) -> float:
    """Twice the negative logarithm of the probability of factors [p] with these weights, but for a constant."""
    none = np.zeros((len(residuals), 0))
    return float(_Sums(none, residuals, weights, errors).all[-1, -1] + (precision * mean**2).sum())


def narrowing(candidates: np.ndarray, targets: np.ndarray, covariance: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Variances of the targets after a row of each candidate [candidates, targets].

    candidates, targets: slopes [candidates, p] and [targets, p]; covariance [p, p]: before; variance [candidates]: of
    errors of such a row. A row takes the part of each variance that its correlation with the target explains.
    """
    before = np.einsum("ij,jk,ik->i", targets, covariance, targets)
    own = np.einsum("ij,jk,ik->i", candidates, covariance, candidates) + variance
    after: np.ndarray = np.maximum(before - (candidates @ covariance @ targets.T) ** 2 / own[:, None], 0.0)
    return after
