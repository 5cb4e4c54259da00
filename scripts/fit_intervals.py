"""Fits the 80 % intervals of conf/efficiency to forecasts of rows whose sources a fit has not seen.

    python scripts/fit_intervals.py HELD.csv [--write]

HELD.csv is written by scripts/fit_efficiency.py. Rows count in clusters of device, engine and source, which weigh the
same (life_jax/measurements/conformal.py). A class of devices with nine clusters has half-widths of its own; any other
class has those of all classes together. Coverage is printed for each kind, of each source with the intervals that the
other sources give.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import yaml
from accuracy_page import Held

from life_jax.measurements.conformal import half_width

ROOT = Path(__file__).resolve().parents[1]
LEVEL, Z80 = 0.8, 1.2816
LEAST_CLUSTERS = 9
SPREADS = {"TTFT": "ttft_spread", "TPOT": "tpot_spread", "TOTAL": "e2e_spread"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held", type=Path, help="forecasts of scripts/fit_efficiency.py")
    parser.add_argument("--write", action="store_true", help="write conf/efficiency")
    words = parser.parse_args()
    held = Held(words.held)
    error = np.abs(np.log(held.ratio("sources")))
    kinds, classes, sources = (held.text[name] for name in ("kind", "class", "source"))
    known = np.isfinite(error)
    error, kinds, classes, sources = (x[known] for x in (error, kinds, classes, sources))
    clusters = held.cluster[known]
    found = {kind: widths(error, classes, clusters, kinds == kind) for kind in SPREADS}
    for kind, of_class in found.items():
        print(kind, f"held {100 * covered(error, kinds, classes, clusters, sources, kind):.0f} %")
        for name, width in of_class.items():
            print(f"  {name:20s} from 1 / {np.exp(width):.2f} to {np.exp(width):.2f} times the forecast")
    if words.write:
        write(found)
    return 0


def widths(error, classes, clusters, rows):
    """Half-widths by class, of those with enough clusters, and of all classes together (None)."""
    found = {}
    for name in (None, *sorted(set(classes[rows]))):
        mine = rows & ((classes == name) | (name is None))
        if name is None or len(set(clusters[mine])) >= LEAST_CLUSTERS:
            found[name or "all"] = half_width(error[mine], clusters[mine], LEVEL)
    return found


def covered(error, kinds, classes, clusters, sources, kind):
    """Part of the rows of each source within the intervals of the other sources, clusters weighing the same [1]."""
    inside = np.zeros(len(error), bool)
    for source in sorted(set(sources)):
        mine = (sources == source) & (kinds == kind)
        other = widths(error, classes, clusters, (sources != source) & (kinds == kind))
        inside[mine] = error[mine] <= np.array([other.get(name, other["all"]) for name in classes[mine]])
    rows = kinds == kind
    return np.mean([inside[rows & (clusters == c)].mean() for c in sorted(set(clusters[rows]))])


def write(found):
    """Spreads of conf/efficiency: those of the class, else of all classes."""
    for path in sorted((ROOT / "conf" / "efficiency").glob("*.yaml")):
        file = yaml.safe_load(path.read_text())
        for kind, key in SPREADS.items():
            file[key] = round(float(found[kind].get(path.stem, found[kind]["all"])) / Z80, 3)
        path.write_text(yaml.safe_dump(file, sort_keys=False, width=1000, default_flow_style=None))


if __name__ == "__main__":
    sys.exit(main())
