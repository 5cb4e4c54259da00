"""Fits 80 % intervals to forecasts of rows that a fit has not seen: spreads by class, and factors beyond measurements.

    python scripts/fit_intervals.py HELD.csv [--write] [--factors] [--data ../shared/data]

HELD.csv is written by scripts/fit_efficiency.py. Rows count in clusters of device, engine and source, which weigh the
same (life_jax/measurements/conformal.py). A class of devices with nine clusters has half-widths of its own; any other
class has those of all classes together.

Rows of which nothing like them was in the fit (an engine or a class under it, a build, experts, contexts, batches, by
the rules of life_jax/config/support.py) tell by what factor half-widths must grow there, where nine clusters do. They
are of sources that were left out, and of regimes that were left out on purpose. The larger holds, 1 at least.
Coverage is printed for each kind, of each source with the intervals that the other sources give.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import yaml
from left_out import REGIMES, LeftOut

from life_jax.config import support
from life_jax.config.support import REASONS
from life_jax.measurements.conformal import half_width

ROOT = Path(__file__).resolve().parents[1]
LEVEL, Z80 = 0.8, 1.2816
LEAST_CLUSTERS = 9
SPREADS = {"TTFT": "ttft_spread", "TPOT": "tpot_spread", "TOTAL": "e2e_spread"}
TIMES = {"TTFT": "ttft", "TPOT": "tpot"}  # that factors are fitted for
HEAD = """\
# Written by scripts/fit_intervals.py: by how much intervals are wider where nothing like a forecast was measured, as
# rows say that were left out of a fit. engine: no row of it; pair: none on the class of devices; newer: none of a build
# less than a quarter of a year older; experts: none of a mixture of experts; context, batch: none so long, so large.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held", type=Path, help="forecasts of scripts/fit_efficiency.py")
    parser.add_argument("--write", action="store_true", help="write conf/efficiency and conf/support.yaml")
    parser.add_argument("--factors", action="store_true", help="write conf/support.yaml alone")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    rows = LeftOut(words.held, words.data)
    error = logs(rows, "sources")
    known = np.isfinite(error)
    found = {kind: widths(rows, error, known & (rows.kind == kind)) for kind in SPREADS}
    factors = widening(rows, found)
    wider = rows.factors(factors)
    for kind, of_class in found.items():
        parts = covered(rows, error, known, kind, np.ones(len(error))), covered(rows, error, known, kind, wider)
        print(kind, "held {:.0f} %, with wider ones beyond measurements {:.0f} %".format(*(100 * p for p in parts)))
        for name, width in of_class.items():
            print(f"  {name:20s} from 1 / {np.exp(width):.2f} to {np.exp(width):.2f} times the forecast")
    if words.write:
        write(found)
    if words.write or words.factors:
        dump = yaml.safe_dump(factors, sort_keys=False, default_flow_style=None)
        (ROOT / "conf" / "support.yaml").write_text(HEAD + dump, encoding="utf-8")
    return 0


def logs(rows, scheme):
    """|ln(forecast / measured)| of a scheme, NaN where it has none."""
    return np.abs(np.log(rows.held.ratio(scheme)))


def widths(rows, error, mine):
    """Half-widths by class, of those with enough clusters, and of all classes together ("all")."""
    found = {}
    for name in (None, *sorted(set(rows.classes[mine]))):
        of = mine & ((rows.classes == name) | (name is None))
        if name is None or len(set(rows.held.cluster[of])) >= LEAST_CLUSTERS:
            found[name or "all"] = half_width(error[of], rows.held.cluster[of], LEVEL)
    return found


def widening(rows, usual):
    """{reason: {time: factor}}."""
    width = np.array([usual[k].get(c, usual[k]["all"]) for k, c in zip(rows.kind, rows.classes, strict=True)])
    schemes = {"sources": logs(rows, "sources") / width, **{name: logs(rows, name) / width for name in REGIMES}}
    found = {}
    for reason in REASONS:
        told = np.array([reason in reasons for reasons in rows.supports])
        sets = {"sources": told, **{name: np.isfinite(schemes[name]) for name, r in REGIMES.items() if r == reason}}
        by_time = {}
        for kind, time in TIMES.items():
            values = []
            for name, mine in sets.items():
                of = mine & (rows.kind == kind) & np.isfinite(schemes[name])
                clusters = len(set(rows.held.cluster[of]))
                value = half_width(schemes[name][of], rows.held.cluster[of], LEVEL) if of.any() else float("nan")
                print(f"{reason:8s} {kind:5s} {name:9s} {of.sum():4d} rows, {clusters:3d} clusters: {value:.2f}")
                if clusters >= LEAST_CLUSTERS:
                    values.append(value)
            if values:
                by_time[time] = round(float(max(1.0, *values)), 2)
        # a step without nine clusters takes the factor of the other
        found[reason] = {time: by_time.get(time, max(by_time.values(), default=1.0)) for time in TIMES.values()}
    return found


def of_other_sources(rows):
    """Coverage by kind with the shipped factors, and half-widths that the other sources give [1]."""
    error, wider = logs(rows, "sources"), rows.factors(support.widening())
    return {kind: covered(rows, error, np.isfinite(error), kind, wider) for kind in SPREADS}


def covered(rows, error, known, kind, wider):
    """Part of the rows of each source within the intervals of the other sources, clusters weighing the same [1].

    wider: factor on the half-width of each row.
    """
    inside = np.zeros(len(error), bool)
    of_kind = known & (rows.kind == kind)
    for source in sorted(set(rows.held.text["source"][of_kind])):
        mine = of_kind & (rows.held.text["source"] == source)
        other = widths(rows, error, of_kind & ~mine)
        half = np.array([other.get(name, other["all"]) for name in rows.classes[mine]])
        inside[mine] = error[mine] <= half * wider[mine]
    clusters = rows.held.cluster
    return np.mean([inside[of_kind & (clusters == c)].mean() for c in sorted(set(clusters[of_kind]))])


def write(found):
    """Spreads of conf/efficiency: those of the class, else of all classes."""
    for path in sorted((ROOT / "conf" / "efficiency").glob("*.yaml")):
        file = yaml.safe_load(path.read_text())
        for kind, key in SPREADS.items():
            file[key] = round(float(found[kind].get(path.stem, found[kind]["all"])) / Z80, 3)
        path.write_text(yaml.safe_dump(file, sort_keys=False, width=1000, default_flow_style=None))


if __name__ == "__main__":
    sys.exit(main())
