"""Writes into conf/engine_fits.yaml which rows tell each constant of an engine.

    python scripts/identified.py [--data ../shared/data]

A row tells of a constant where its forecast moves by a tenth or more of the constant's change. For each constant are
written how many such rows of TTFT, TPOT and totals there are, and what part of the prior's variance they leave
(Laplace's approximation at the shipped constants, each by itself). A constant that is not listed no row tells: it has
the value of the engine's family, of all engines, or of its prior. Run it after scripts/engine_fits.py.
"""

import argparse
import sys
from pathlib import Path

import jax
import numpy as np
import panel_rows
from fit_priors import constants
from judge_fit import NOISE
from panel_model import KINDS, Panel

from life_jax.config import conf_files

ROOT = Path(__file__).resolve().parents[1]
FITS = ROOT / "conf" / "engine_fits.yaml"
STEP = 0.02  # of a constant's logarithm
LEAST = 0.1  # of a forecast's logarithm, for 1 of a constant's


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    jax.config.update("jax_enable_x64", True)
    every = panel_rows.load(parser.parse_args().data)
    rows = every.some(panel_rows.thinned(every))
    panel = Panel(rows, *constants(rows))
    told = of_engines(panel, shipped(panel))
    lines = []
    for line in FITS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("  told_by:"):
            lines.append(line)
        if line.endswith(":") and line[:-1] in told:
            inner = ", ".join(f"{name}: [{', '.join(map(str, of))}]" for name, of in told[line[:-1]].items())
            lines.append(f"  told_by: {{{inner}}}")
    FITS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def shipped(panel):
    """The constants of the files as a point of the panel: classes and engines of conf, whose families are in them."""
    x = panel.prior.copy()
    classes, engines = panel.parts[:2]
    for part, group, at in ((classes, "efficiency", 0), (engines, "engine", panel.sizes[0])):
        for i, name in enumerate(part.prior):
            for j, label in enumerate(part.groups):
                file = conf_files.content(group, label)
                value = file.get(name)
                if value is not None:
                    x[at + i * len(part.groups) + j] = np.log(value)
    start = panel.sizes[0] + panel.sizes[1]
    x[start:] = 0.0  # families, all engines and devices: factors of 1
    return x


def of_engines(panel, x):
    """{engine: {constant: [rows of TTFT, of TPOT, of totals, part of the variance that is left]}}."""
    engines = panel.parts[1]
    at = panel.sizes[0]
    weight = panel.weight(np.ones(len(panel.measured), bool))
    names = np.array([s.engine for s in panel.settings])
    found = {}
    for i, constant in enumerate(engines.prior):
        own = slice(at + i * len(engines.groups), at + (i + 1) * len(engines.groups))
        up, down = x.copy(), x.copy()
        up[own] += STEP
        down[own] -= STEP
        slope = (np.asarray(panel._log(up)) - np.asarray(panel._log(down))) / (2 * STEP)
        for j, label in enumerate(engines.groups):
            mine = names == label
            if not mine.any():
                continue
            tells = mine & (np.abs(slope) >= LEAST)
            counts = [int((tells & (panel.kind == kind)).sum()) for kind in KINDS]
            information = (weight[mine] * slope[mine] ** 2).sum() / NOISE**2
            deviation = panel.deviation[own][j]
            left = 1 / (1 + information * deviation**2)
            if any(counts):
                found.setdefault(label, {})[constant] = [*counts, float(f"{left:.2f}")]
    return found


if __name__ == "__main__":
    sys.exit(main())
