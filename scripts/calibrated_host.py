"""How far the machine of scripts/measure_host.py is off before and after three of its rows, as docs/accuracy.md says.

    python scripts/calibrated_host.py [--data ../shared/data]

Three rows are those that the product recommends before anything is measured, or any in which there is a prefill and a
decode row, the mean over DRAWS. The other rows are judged.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from life_jax.measurements import calibration, calibration_priors, rows
from life_jax.measurements.calibration import Residuals
from life_jax.measurements.posterior import narrowing, posterior
from life_jax.measurements.rows import Setting

ROOT = Path(__file__).resolve().parents[1]
TABLES = {"llama.cpp": "llama_cpp.csv", "PyTorch": "hf.csv"}
KINDS = ("TTFT", "TPOT")
DRAWS, THREE = 20, 3


class Host:
    """Rows of one engine on the machine."""

    def __init__(self, table: Path) -> None:
        with inside(table.parent):  # the rows name the device's file beside them
            placed = [rows.place(row) for row in rows.read(table)]
            self.settings = [s for s in placed if isinstance(s, Setting)]
            self.residuals = Residuals(self.settings)
            self.prior = calibration_priors.deviations(self.settings[0].hw, self.settings[0].engine)
            self.most = calibration.ceilings(calibration.start_of(self.settings[0]))
        self.before, self.slopes = self.residuals.linear(np.zeros(len(self.prior)))
        self.kind = np.array([s.kind for s in self.settings])
        self.folder = table.parent

    def after(self, used: np.ndarray) -> np.ndarray:
        """Residuals [rows] of the product's calibration by some rows, NaN for those."""
        settings = [self.settings[i] for i in used]
        with inside(self.folder):
            linear = Residuals(settings).linear
            fit = posterior(linear, self.prior, self.most, calibration_priors.errors(settings))
        kept = calibration.is_kept(self.before[used], fit)
        moved = self.before if kept else self.residuals.of_rows(np.tile(fit.mean, (len(self.before), 1)))
        is_used = np.isin(np.arange(len(moved)), used)
        return np.where(is_used, np.nan, moved)

    def recommended(self) -> np.ndarray:
        """Three rows, one after the other the one that leaves the smallest deviations of both kinds."""
        covariance, variance = np.diag(self.prior**2), calibration_priors.errors(self.settings).variance
        used: list[int] = []
        for _ in range(THREE):
            left = np.sqrt(narrowing(self.slopes, self.slopes, covariance, variance))
            of = sum(left[:, self.kind == kind].mean(axis=1) for kind in KINDS)
            of[used] = np.inf
            used.append(int(np.argmin(of)))
            toward = self.slopes[used[-1]] @ covariance
            covariance = covariance - np.outer(toward, toward) / (toward @ self.slopes[used[-1]] + variance[used[-1]])
        return np.array(used)

    def drawn(self) -> list[np.ndarray]:
        """Draws of three rows of both kinds."""
        random, found = np.random.default_rng(0), []
        while len(found) < DRAWS:
            used = random.choice(len(self.settings), THREE, replace=False)
            if len(set(self.kind[used])) == len(KINDS):
                found.append(used)
        return found

    def errors(self, logs: list[np.ndarray]) -> str:
        """Mean error [%] of rows by kind, draws weighing the same."""
        of = [[100 * np.nanmean(np.abs(np.exp(log[self.kind == kind]) - 1)) for log in logs] for kind in KINDS]
        return ", ".join(f"{kind} {np.mean(each):.1f}" for kind, each in zip(KINDS, of, strict=True))


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Context in which the working directory is another."""
    stood = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(stood)


def lines(data: Path) -> list[str]:
    """Errors before, and after three rows of either kind of choice."""
    found = ["", "a machine of two threads, in no panel: before, after three rows that are recommended, and any three"]
    for name, table in TABLES.items():
        host = Host(data / "host" / table)
        drawn = [host.after(used) for used in host.drawn()]
        errors = [host.errors(logs) for logs in ([host.before], [host.after(host.recommended())], drawn)]
        found.append(f"  {name:10s} ({len(host.settings)} rows) {'; '.join(errors)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    print("\n".join(lines(parser.parse_args().data.resolve())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
