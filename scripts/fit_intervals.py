"""Fits the 80 % intervals of conf/efficiency to measurements whose sources no constant has seen.

    life-jax validate ../shared/data/measurements_new_dev.csv out=forecasts.csv
    python scripts/fit_intervals.py forecasts.csv [--write] [--data ../shared/data]

Run once after scripts/fit_efficiency.py --write. Rows count in clusters of device, engine and source, which weigh
the same (life_jax/measurements/conformal.py). A class of devices with nine clusters has half-widths of its own. Of any
other class the spread, which that script takes from devices left out, becomes WIDER times as wide, as forecasts of
devices that nobody tuned for needed; where that does not hold what few clusters there are, it is that of all classes.
Coverage is printed for each kind, of each source with the intervals that the other sources give.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import yaml

from life_jax.config import conf_files
from life_jax.measurements import rows as measurements
from life_jax.measurements.conformal import half_width

ROOT = Path(__file__).resolve().parents[1]
LEVEL, Z80 = 0.8, 1.2816
LEAST_CLUSTERS = 9
WIDER = 1.7  # 80 % intervals of devices left out held 62 % on 32 devices that nobody tuned for
SPREADS = {"TTFT": "ttft_spread", "TPOT": "tpot_spread"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forecasts", type=Path)
    parser.add_argument("--write", action="store_true", help="write conf/efficiency")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    rows = residuals(words.data, {r["id"]: r["forecast"] for r in csv.DictReader(words.forecasts.open())})
    error, kinds, classes, clusters, sources = (np.array(column) for column in zip(*rows, strict=True))
    error = error.astype(float)
    found = {kind: widths(error, classes, clusters, kinds == kind) for kind in SPREADS}
    for kind, of_class in found.items():
        print(kind, "held", *(f"{100 * part:.0f} %" for part in held(error, kinds, classes, clusters, sources, kind)))
        for name, width in of_class.items():
            print(f"  {name:20s} from 1 / {np.exp(width):.2f} to {np.exp(width):.2f} times the forecast")
    if words.write:
        write(found, error, kinds, classes, clusters)
    return 0


def residuals(data, forecasts):
    """|ln(forecast / measured)|, kind, class, cluster and source of each row of the new panel that has a forecast."""
    table = {row["id"]: row for row in measurements.read(data / "measurements_new_dev.csv")}
    of_hardware = {}
    for p in csv.DictReader((data / "panel_new_dev.csv").open()):
        row = table[p["id"]]
        forecast = float(forecasts.get(p["id"]) or "nan")
        if not np.isfinite(forecast):
            continue
        name = row["hardware"]
        if name not in of_hardware:
            of_hardware[name] = conf_files.efficiency_class(measurements.place(row).hw)
        source = p["id"].rsplit("-", 1)[0]
        engine = " ".join(row["engine"].split()[:1])
        error = abs(np.log(forecast / float(row["value"])))
        yield error, p["kind"], of_hardware[name], f"{name}|{engine}|{source}", source


def widths(error, classes, clusters, rows):
    """Half-widths by class, of those with enough clusters, and of all classes together (None)."""
    found = {}
    for name in (None, *sorted(set(classes[rows]))):
        mine = rows & ((classes == name) | (name is None))
        if name is None or len(set(clusters[mine])) >= LEAST_CLUSTERS:
            found[name or "all"] = half_width(error[mine], clusters[mine], LEVEL)
    return found


def held(error, kinds, classes, clusters, sources, kind):
    """Part of the rows of each source within the intervals of the other sources, clusters weighing the same [1]."""
    inside = np.zeros(len(error), bool)
    for source in sorted(set(sources)):
        mine = (sources == source) & (kinds == kind)
        other = widths(error, classes, clusters, (sources != source) & (kinds == kind))
        inside[mine] = error[mine] <= np.array([other.get(name, other["all"]) for name in classes[mine]])
    rows = kinds == kind
    yield np.mean([inside[rows & (clusters == c)].mean() for c in sorted(set(clusters[rows]))])


def write(found, error, kinds, classes, clusters):
    """Spreads of conf/efficiency: those found, else WIDER times those of devices left out, else that of all classes."""
    for path in sorted((ROOT / "conf" / "efficiency").glob("*.yaml")):
        file = yaml.safe_load(path.read_text())
        for kind, key in (*SPREADS.items(), ("TOTAL", "e2e_spread")):
            width = found.get(kind, {}).get(path.stem)
            if width is None:
                width = WIDER * file[key] * Z80
                rows = (kinds == kind) & (classes == path.stem)
                each = [np.mean(error[rows & (clusters == c)] <= width) for c in set(clusters[rows])]
                if each and np.mean(each) < LEVEL:
                    width = max(width, found[kind]["all"])
            file[key] = round(float(width) / Z80, 3)
        path.write_text(yaml.safe_dump(file, sort_keys=False, width=1000, default_flow_style=None))


if __name__ == "__main__":
    sys.exit(main())
