"""Fits what a calibration expects of a machine, and judges calibrations by rows that they have not seen.

    python scripts/fit_calibration.py HELD.csv [--write] [--draws 2] [--data ../shared/data]

HELD.csv is written by scripts/fit_efficiency.py: `own_priors` are forecasts of devices that the constants had not seen.
What is left of their rows, under each device and engine, says how far constants differ between devices (a deviation
for each), how far rows are off alone, and how far all rows of one model are: the deviations that make these residuals
most probable (marginal likelihood, weights of Student's t). Devices come in the five folds of that script: what judges
a device is fitted to the others. Groups of devices or engines with deviations of their own did no better (CPUs, GPUs
under llama.cpp, the rest). Where the engine is not known, how far engines differ is added.

Three rows of every device and engine then calibrate it as `life-jax calibrate` does: drawn at random, and those that
the deviations say help most. HELD.csv gets the seconds of all other rows (calibrated_*) and their half-widths
(*_half). --write: conf/calibration.yaml.
"""

import argparse
import csv
import os
import sys
import time
from pathlib import Path

import numpy as np
import panel_rows
import yaml
from judge_calibration import BLOCK, KINDS, ON_CPUS, Judged, drawn, halves, held_by, macro, recommended, widths
from scipy.optimize import minimize

from life_jax.config import conf_files
from life_jax.config.schema.device_file import DeviceFile
from life_jax.measurements import calibration_priors
from life_jax.measurements.calibration import CONSTANTS, Residuals
from life_jax.measurements.calibration_priors import ALL, CPU, NOT_KNOWN
from life_jax.measurements.posterior import Errors, posterior
from life_jax.measurements.rows import MEASURED_TIMES

ROOT = Path(__file__).resolve().parents[1]
FOLDS = 5
TAILS = 3.0  # degrees of freedom of rows: 2 to 4 do as well, a normal distribution does worse
USUAL, ERROR = 0.25, 0.1  # medians of deviations of constants and of rows before anything is known [assumption]
WIDE = 0.7  # deviation of the logarithm of a deviation around those [assumption]
# greatest deviation: larger ones come out where a constant hardly counts, and throw rows off where it does. With 0.35,
# 0.5, 0.7 and 1: prompts of the new panel 18.4, 18.6, 19.1 and 20.4 %, of the old one 16.1, 15.8, 15.5 and 15.2 %
MOST = 0.5
ROUNDS = 3  # of weights
# qualities of an engine that its files have in place of a constant of the device
QUALITIES = {"compute_efficiency": "compute_quality", "attention_efficiency": "attention_quality"}
QUALITIES |= {"memory_efficiency": "memory_quality", "dispatch_factor": "dispatch_quality"}
HEAD = """\
# Written by scripts/fit_calibration.py: what a calibration expects before it sees a row. deviations: of the logarithm
# of a device's constant around what its class and engine say; cpu: instead of those; engine_not_known: of engines
# around each other, in addition. noise: deviation of the logarithm of a row's time, of each row alone and of what all
# rows of a model share; tails: degrees of freedom of their distribution; widths: of 80 % intervals over those of a
# normal distribution.
"""


class Panel:
    """Rows of HELD.csv under what the product calibrates: residuals of devices left out, and slopes."""

    def __init__(self, held: Path, data: Path) -> None:
        self.path, self.table = held, list(csv.DictReader(held.open(encoding="utf-8")))
        of = {s.id: s for s in panel_rows.load(data).settings}
        self.settings = [of[row["id"]] for row in self.table]
        self.kind = np.array([KINDS.index(s.kind) for s in self.settings])
        self.measured = np.array([float(row["measured"]) for row in self.table])
        self.base = np.log([float(row["own_priors"] or "nan") for row in self.table]) - np.log(self.measured)
        self.device = np.array([row["device"] for row in self.table])
        self.pair = np.array([f"{row['device']}|{row['engine']}" for row in self.table])
        self.cluster = np.array([f"{p}|{row['source']}" for p, row in zip(self.pair, self.table, strict=True)])
        self.cell = np.array([row["cell"] for row in self.table])
        self.new = np.array([row["new"] == "1" for row in self.table])
        devices = sorted(set(self.device))
        self.fold = np.array([devices.index(d) % FOLDS for d in self.device])
        self.is_cpu = np.array([conf_files.file("hw", s.hw, DeviceFile).cores is not None for s in self.settings])
        self.members = {name: np.flatnonzero(self.pair == name) for name in sorted(set(self.pair))}
        _, self.group = np.unique([f"{s.kind}|{s.model}" for s in self.settings], return_inverse=True)
        self.product, self.slopes = np.zeros(len(self.settings)), np.zeros((len(self.settings), len(CONSTANTS)))
        order = np.argsort([s.engine for s in self.settings], kind="stable")
        for part in np.array_split(order, -(-len(order) // BLOCK)):
            of_part = Residuals([self.settings[i] for i in part])
            self.product[part], self.slopes[part] = of_part.linear(np.zeros(len(CONSTANTS)))

    def errors(self, rows: np.ndarray, theta: np.ndarray) -> Errors:
        """Errors of rows under logarithms of deviations."""
        _, group = np.unique(self.group[rows], return_inverse=True)
        row, shared = np.exp(theta[len(CONSTANTS) :]).reshape(2, -1)[:, self.kind[rows]]
        return Errors(row, shared, group, TAILS)


class Likelihood:
    """How probable deviations make the residuals of devices under engines."""

    def __init__(self, panel: Panel, pairs: list[str]) -> None:
        self.panel, self.blocks = panel, []
        for name in pairs:
            rows = panel.members[name]
            group, kind = panel.group[rows], panel.kind[rows]
            self.blocks.append((rows, panel.slopes[rows], kind, group[:, None] == group, np.eye(len(KINDS))[kind]))

    def fit(self, start: np.ndarray, wide: float) -> np.ndarray:
        """Most probable logarithms of deviations [constants + 2 kinds]."""
        theta, weights = start, np.ones(len(self.panel.base))
        for _ in range(ROUNDS):
            for rows, slopes, *_ in self.blocks:
                e = self.panel.errors(rows, theta)
                fit = posterior(self._linear(rows, slopes), np.exp(theta[: len(CONSTANTS)]), NO_BOUND, e)
                weights[rows] = fit.weights
            theta = minimize(
                self._negative, theta, (weights, start, wide), jac=True, method="L-BFGS-B", options={"maxiter": 40}
            ).x
        return theta

    def _linear(self, rows, slopes):
        return lambda x: (self.panel.base[rows] + slopes @ x, slopes)

    def _negative(self, theta, weights, start, wide):
        """Negative logarithm of the probability, and its slope."""
        p, total, slope = len(CONSTANTS), 0.0, np.zeros(len(theta))
        of, row, shared = np.exp(2 * theta[:p]), *np.exp(2 * theta[p:]).reshape(2, -1)
        for rows, slopes, kind, same, of_kind in self.blocks:
            covariance = (slopes * of) @ slopes.T + same * shared[kind][:, None]
            covariance[np.diag_indices(len(rows))] += row[kind] / weights[rows]
            inverse = np.linalg.inv(covariance)
            toward = inverse @ self.panel.base[rows]
            total += 0.5 * self.panel.base[rows] @ toward + 0.5 * np.linalg.slogdet(covariance)[1]
            slope[:p] += of * ((slopes * (inverse @ slopes)).sum(0) - (slopes.T @ toward) ** 2)
            rest = inverse - np.outer(toward, toward)
            alone, together = np.diag(rest) / weights[rows], (rest * same).sum(1)
            slope[p:] += np.concatenate([row * (of_kind.T @ alone), shared * (of_kind.T @ together)])
        off = (theta - start) / wide
        return total + 0.5 * off @ off, slope + off / wide


NO_BOUND = np.full(len(CONSTANTS), np.inf)
START = np.log(np.concatenate([np.full(len(CONSTANTS), USUAL), np.full(2 * len(KINDS), ERROR)]))


def fitted(panel: Panel, fold: int | None) -> np.ndarray:
    """Logarithms of deviations, from the devices outside a fold."""
    pairs = [name for name, rows in panel.members.items() if panel.fold[rows[0]] != fold]
    theta = Likelihood(panel, pairs).fit(START, WIDE)
    theta[: len(CONSTANTS)] = np.minimum(theta[: len(CONSTANTS)], np.log(MOST))
    return theta


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held", type=Path)
    parser.add_argument("--write", action="store_true", help="write conf/calibration.yaml")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    panel = Panel(words.held, words.data)
    print(f"{len(panel.settings)} rows, {len(panel.members)} devices under engines: {time.process_time():.0f} s")
    every = fitted(panel, None)
    theta = [fitted(panel, fold) for fold in range(FOLDS)]
    print(f"fitted: {time.process_time():.0f} s", flush=True)
    chosen = {f"drawn_{seed}": drawn(panel, panel.pair, seed) for seed in range(words.draws)}
    chosen |= {"recommended": recommended(panel, theta), "device": drawn(panel, panel.device, 0)}
    judged = {}
    for name, used in chosen.items():
        one = judged[name] = Judged(panel, theta, used)
        for label, rows in (("old", ~panel.new), ("new", panel.new)):
            for what in ("before", "always", "after"):
                print(f"{name:12s} {label} {what:7s} {macro(panel, getattr(one, what), rows)}", flush=True)
        print(f"{name:12s} class kept by {len(set(panel.pair[one.kept]))}; {time.process_time():.0f} s")
    of_pairs = [one for name, one in judged.items() if name != "device"]
    of_fold = [widths(panel, of_pairs, panel.fold != fold) for fold in range(FOLDS)]
    columns = {}
    for name, one in judged.items():
        half = halves(panel, one, of_fold)
        print(f"{name:12s} intervals hold {held_by(panel, one, half)}")
        columns |= {f"calibrated_{name}": np.exp(one.after) * panel.measured, f"calibrated_{name}_half": half}
    _add(panel, columns)
    if words.write:
        _write(every, widths(panel, of_pairs, panel.fold >= 0))
    return 0


def _add(panel: Panel, columns: dict[str, np.ndarray]) -> None:
    """HELD.csv with these columns, whole or not at all."""
    part = panel.path.with_name(panel.path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys((*panel.table[0], *columns))))
        writer.writeheader()
        for i, row in enumerate(panel.table):
            new = {name: "" if np.isnan(values[i]) else f"{values[i]:.6g}" for name, values in columns.items()}
            writer.writerow(row | new)
        file.flush()
        os.fsync(file.fileno())
    part.replace(panel.path)


def _write(every: np.ndarray, of_widths: dict[str, float]) -> None:
    keys = [c.key for c in CONSTANTS]
    deviations = {key: float(f"{value:.2g}") for key, value in zip(keys, np.exp(every), strict=False)}
    files = [yaml.safe_load(p.read_text()) for p in sorted((ROOT / "conf" / "engine").glob("*.yaml"))]
    files = [file for file in files if file.get("efficiency") == "class" and "geometric" not in file["source"]]
    among = {}
    for key in keys:
        values = np.array([float(file.get(QUALITIES.get(key, key)) or 0.0) for file in files])
        if (values > 0).all():
            among[key] = float(f"{np.log(values).std():.2g}")
    rows = np.exp(every[len(keys) :]).reshape(2, -1)
    noise = {
        time: {"row": float(f"{row:.2g}"), "model": float(f"{shared:.2g}")}
        for time, row, shared in zip(MEASURED_TIMES.values(), *rows, strict=True)
    }
    file = {"deviations": {ALL: deviations, CPU: ON_CPUS, NOT_KNOWN: among}, "noise": noise, "tails": TAILS}
    file["widths"] = {name: float(f"{value:.3g}") for name, value in of_widths.items()}
    text = HEAD + yaml.safe_dump(file, sort_keys=False, width=110, default_flow_style=None)
    (ROOT / "conf" / "calibration.yaml").write_text(text, encoding="utf-8")
    calibration_priors.facts.cache_clear()


if __name__ == "__main__":
    sys.exit(main())
