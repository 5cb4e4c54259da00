"""What calibrations by three rows bring: which rows, errors of all others, and intervals that hold them.

Used by scripts/fit_calibration.py, whose Panel has the rows; theta are logarithms of deviations by fold of devices, of
constants and then of rows by kind (alone, and shared by those of a model).
"""

import hashlib
from collections import defaultdict

import numpy as np

from life_jax.config import conf_files
from life_jax.measurements import calibration
from life_jax.measurements.calibration import CONSTANTS, Residuals
from life_jax.measurements.conformal import half_width
from life_jax.measurements.posterior import narrowing, posterior
from life_jax.measurements.rows import MEASURED_TIMES

KINDS = tuple(MEASURED_TIMES)
BLOCK = 300  # rows that are forecast at once
THREE = 3
LEVEL, Z80 = 0.8, 1.2816
# threads of a CPU wait for each other after every operator, and for what else runs on their cores: on two cores of a
# virtual machine (scripts/measure_host.py) 30 us where the class had 4
ON_CPUS = {"dispatch_factor": 2.0}


def drawn(panel, unit: np.ndarray, seed: int) -> np.ndarray:
    """Three rows of each unit by the order of sha1, one of them a prefill and one a decode row where it has both."""
    chosen = []
    for name in sorted(set(unit)):
        names = {i: f"{seed}{panel.settings[i].id}" for i in np.flatnonzero(unit == name)}
        order = sorted(names, key=lambda i: hashlib.sha1(names[i].encode()).hexdigest())
        mine = order[:THREE]
        for kind in (0, 1):
            some = [i for i in order if panel.kind[i] == kind]
            if some and not any(panel.kind[i] == kind for i in mine):
                spare = [i for i in mine if sum(panel.kind[j] == panel.kind[i] for j in mine) > 1 or len(mine) < THREE]
                mine = [i for i in mine if i != (spare or mine)[-1]] + [some[0]]
        chosen += mine
    return np.array(chosen)


def recommended(panel, theta: list[np.ndarray]) -> np.ndarray:
    """Three rows of each device and engine, one after the other the one that leaves the smallest deviations."""
    chosen = []
    for rows in panel.members.values():
        of = theta_of(panel, theta, rows)
        slopes, prior = panel.slopes[rows], np.exp(2 * of[: len(CONSTANTS)])
        mine: list[int] = []
        for _ in range(min(THREE, len(rows))):
            e = panel.errors(rows[mine], of) if mine else None
            covariance = np.diag(prior)
            if e is not None:
                noise = np.diag(e.row**2) + np.outer(e.shared, e.shared) * (e.group[:, None] == e.group)
                known = slopes[mine] * prior
                covariance = covariance - known.T @ np.linalg.solve(known @ slopes[mine].T + noise, known)
            left = np.sqrt(narrowing(slopes, slopes, covariance, panel.errors(rows, of).variance))
            by_kind = [left[:, panel.kind[rows] == kind].mean(1) for kind in set(panel.kind[rows])]
            left = np.mean(by_kind, axis=0)
            left[mine] = np.inf
            mine.append(int(left.argmin()))
        chosen += list(rows[mine])
    return np.array(chosen)


def theta_of(panel, theta, rows):
    """Logarithms of deviations for the device of these rows."""
    of = theta[panel.fold[rows[0]]].copy()
    if panel.is_cpu[rows[0]]:
        for key, deviation in ON_CPUS.items():
            of[[c.key for c in CONSTANTS].index(key)] = np.log(deviation)
    return of


class Judged:
    """Calibrations by some rows: residuals of all other rows, before and after, and predicted deviations."""

    def __init__(self, panel, theta: list[np.ndarray], used: np.ndarray) -> None:
        n = len(panel.settings)
        is_used = np.isin(np.arange(n), used)
        factors, self.kept = np.zeros((n, len(CONSTANTS))), np.zeros(n, bool)
        self.deviation = np.full(n, np.nan)  # of a row after it, by kind; NaN where the kind was not measured
        for rows in panel.members.values():
            mine = rows[is_used[rows]]
            if not len(mine):
                continue
            of = theta_of(panel, theta, rows)
            settings = [panel.settings[i] for i in mine]
            start, offset = calibration.start_of(settings[0]), panel.base[mine] - panel.product[mine]
            linear, e = _moved(Residuals(settings), offset), panel.errors(mine, of)
            fit = posterior(linear, np.exp(of[: len(CONSTANTS)]), calibration.ceilings(start), e)
            factors[rows], self.kept[rows] = fit.mean, calibration.is_kept(panel.base[mine], fit)
            of_rows = e.variance + np.einsum("ij,jk,ik->i", fit.slopes, fit.covariance, fit.slopes)
            for kind in set(panel.kind[mine]):
                deviation = np.sqrt(of_rows[panel.kind[mine] == kind].mean())
                self.deviation[rows[panel.kind[rows] == kind]] = deviation
        moved = np.concatenate(
            [
                Residuals([panel.settings[i] for i in part]).of_rows(factors[part])
                for part in np.array_split(np.arange(n), -(-n // BLOCK))
            ]
        )
        self.before = np.where(is_used, np.nan, panel.base)
        self.always = self.before + moved - panel.product
        self.after = np.where(self.kept, self.before, self.always)


def _moved(residuals, offset):
    def linear(x):
        here, slopes = residuals.linear(x)
        return here + offset, slopes

    return linear


def widths(panel, judged: list[Judged], mine: np.ndarray) -> dict[str, float]:
    """Half-widths of intervals over predicted deviations, over that of a normal distribution."""
    found = {}
    for kind, name in enumerate(KINDS):
        scores, clusters = [], []
        for one in judged:
            of = mine & (panel.kind == kind) & np.isfinite(one.after) & np.isfinite(one.deviation) & ~one.kept
            scores.append(np.abs(one.after[of]) / one.deviation[of])
            clusters.append(panel.cluster[of])
        scores, clusters = np.concatenate(scores), np.concatenate(clusters)
        found[MEASURED_TIMES[name]] = half_width(scores, clusters, LEVEL) / Z80
    return found


def halves(panel, one: Judged, of_fold: list[dict[str, float]]) -> np.ndarray:
    """Half-widths of the intervals that the product gives after the calibration [rows]."""
    times = [MEASURED_TIMES[KINDS[kind]] for kind in panel.kind]
    of_class = np.array(
        [getattr(conf_files.efficiency(s.hw), f"{t}_spread") for s, t in zip(panel.settings, times, strict=True)]
    )
    own = one.deviation * np.array([of_fold[f][t] for f, t in zip(panel.fold, times, strict=True)])
    return Z80 * np.where(one.kept | np.isnan(own), of_class, np.minimum(own, of_class))


def macro(panel, residuals: np.ndarray, rows: np.ndarray) -> str:
    """Mean over cells of errors [%], by kind (cells)."""
    parts = []
    for kind, name in enumerate(KINDS):
        of = defaultdict(list)
        for i in np.flatnonzero(rows & (panel.kind == kind) & np.isfinite(residuals)):
            of[panel.cell[i]].append(abs(np.exp(residuals[i]) - 1))
        if of:
            parts.append(f"{name} {100 * np.mean([np.mean(e) for e in of.values()]):5.1f} ({len(of)})")
    return "  ".join(parts)


def held_by(panel, one: Judged, half: np.ndarray) -> str:
    """Part of rows inside, clusters weighing the same [%], and median half-width, by kind."""
    parts = []
    for kind, name in enumerate(KINDS):
        mine = (panel.kind == kind) & np.isfinite(one.after)
        inside = np.abs(one.after) <= half
        of = [inside[mine & (panel.cluster == c)].mean() for c in sorted(set(panel.cluster[mine]))]
        parts.append(f"{name} {100 * np.mean(of):.0f} % (x {np.exp(np.median(half[mine])):.2f})")
    return ", ".join(parts)
