"""Writes docs/accuracy.md from the forecasts of rows that a fit has not seen.

    python scripts/accuracy_page.py HELD.csv [--data ../shared/data]

HELD.csv is written by scripts/fit_efficiency.py, intervals are those of conf/efficiency, wider by conf/support.yaml
where nothing like a row was in the fit (scripts/fit_intervals.py).
"""

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path

import calibrated_host
import fit_kernels
import numpy as np
from accuracy_text import CAUSES, CONTENTS, HELP, INTRODUCTION, KERNELS, SHAPES
from judge_fit import BEYOND_SHORT, LARGE_BATCH, LONG_CONTEXT, balanced_errors

from life_jax.config import conf_files, support
from life_jax.config.schema.efficiency_file import EfficiencyFile

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"TTFT": "ttft_spread", "TPOT": "tpot_spread", "TOTAL": "e2e_spread"}
Z80 = 1.2816  # of the normal distribution: 80 % lie within
REGIMES = (
    f"contexts over {LONG_CONTEXT}",
    f"batches over {LARGE_BATCH}",
    "mixtures of experts",
    f"contexts over {BEYOND_SHORT}",
)


class Held:
    """Columns of the table as arrays."""

    def __init__(self, path: Path) -> None:
        rows = list(csv.DictReader(path.open(encoding="utf-8")))
        self.names = list(rows[0])
        self.text = {name: np.array([row[name] for row in rows]) for name in self.names}
        self.measured = self.text["measured"].astype(float)
        self.new = self.text["new"] == "1"
        pairs = zip(self.text["device"], self.text["engine"], strict=True)
        self.pair = np.array(["|".join(pair) for pair in pairs])
        self.wider = np.ones(len(rows))  # factors on half-widths where nothing like a row was in the fit
        names = zip(self.pair, self.text["source"], strict=True)
        self.cluster = np.array(["|".join(name) for name in names])

    def ratio(self, scheme: str) -> np.ndarray:
        """Forecast over measured time, NaN where the scheme has none."""
        seconds = np.array([float(t or "nan") for t in self.text[scheme]])
        return seconds / self.measured

    def rows(self, **chosen: str) -> np.ndarray:
        """Mask of the rows with these texts."""
        mask = np.ones(len(self.measured), bool)
        for name, value in chosen.items():
            mask &= self.text[name] == value
        return mask


def of_cells(held: Held, ratio: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mean error of each cell [%]."""
    found = defaultdict(list)
    for i in np.flatnonzero(rows & np.isfinite(ratio)):
        found[held.text["cell"][i]].append(abs(ratio[i] - 1))
    return np.array([100 * np.mean(errors) for errors in found.values()])


def line(held: Held, ratio: np.ndarray, rows: np.ndarray) -> str:
    """Errors by kind: mean / median over cells, number of cells, median of forecast over measured."""
    parts = []
    for kind in KINDS:
        mine = rows & held.rows(kind=kind) & np.isfinite(ratio)
        if mine.any():
            errors = of_cells(held, ratio, mine)
            text = f"{np.mean(errors):5.1f}/{np.median(errors):5.1f} ({len(errors)}, bias {np.median(ratio[mine]):.2f})"
            parts.append(f"{kind} {text}")
    return "  ".join(parts)


def summary(held: Held) -> list[str]:
    """Every scheme on the rows of either panel."""
    every = np.ones(len(held.measured), bool)
    rows = {
        "new rows, sources left out": ("sources", held.new),
        "new rows, devices left out": ("devices", held.new),
        "old rows, devices left out": ("devices", ~held.new),
        "old rows, sources left out": ("sources", ~held.new),
        **{f"{name} left out": (f"regime_{number}", every) for number, name in enumerate(REGIMES)},
        "datasheet": ("datasheet", every),
        "LIFE, 0.5 and 0.5": ("life", every),
        "two factors": ("two_factors", every),
        "in sample": ("in_sample", every),
    }
    lines = [f"{name:28s} {line(held, held.ratio(column), mine)}" for name, (column, mine) in rows.items()]
    return lines


def evenly(held: Held) -> list[str]:
    """Errors balanced over pairs of device and engine, with the range of panels whose devices are drawn anew."""
    lines = ["", "balanced over pairs of device and engine (5 and 95 % of panels whose devices are drawn anew)"]
    for name, scheme, rows in (
        ("new, sources left out", "sources", held.new),
        ("old, devices left out", "devices", ~held.new),
    ):
        parts = []
        for kind in KINDS:
            mine = rows & held.rows(kind=kind) & np.isfinite(held.ratio(scheme))
            if mine.any():
                mean, low, high = balanced_errors(
                    held.ratio(scheme)[mine], held.text["device"][mine], held.pair[mine], held.text["cell"][mine]
                )
                parts.append(f"{kind} {mean:5.1f} ({low:.0f} to {high:.0f})")
        lines.append(f"  {name:22s} {'  '.join(parts)}")
    return lines


def coverage(held: Held, rows: np.ndarray, kind: str) -> tuple[float, int]:
    """Part of the clusters' rows inside the 80 % intervals [%], clusters weighing the same, and their number."""
    ratio, parts = held.ratio("sources"), []
    mine = rows & held.rows(kind=kind) & np.isfinite(ratio)
    for cluster in sorted(set(held.cluster[mine])):
        its = mine & (held.cluster == cluster)
        files = [conf_files.file("efficiency", name, EfficiencyFile) for name in held.text["class"][its]]
        width = Z80 * np.array([getattr(file, KINDS[kind]) for file in files])
        parts.append(np.mean(np.abs(np.log(ratio[its])) <= width * held.wider[its]))
    return (100 * float(np.mean(parts)), len(parts)) if parts else (float("nan"), 0)


def held_by_intervals(held: Held, beyond: np.ndarray) -> list[str]:
    """Coverage of all rows, of those that the fit had something like, and of the others."""
    every, lines = np.ones(len(held.measured), bool), ["80 % intervals hold, clusters weighing the same"]
    for name, rows in (("all", every), ("something like it in the fit", ~beyond), ("beyond, wider", beyond)):
        inside = [(kind, *coverage(held, rows, kind)) for kind in KINDS]
        lines.append(f"  {name:28s} " + ", ".join(f"{kind} {part:.0f} % ({n})" for kind, part, n in inside if n))
    factors = [f"{reason} {of['ttft']:g} and {of['tpot']:g}" for reason, of in support.widening().items()]
    return [*lines, f"  half-widths beyond, TTFT and TPOT times: {', '.join(factors)}"]


def tables(held: Held) -> list[str]:
    """Errors by class and by engine, sources left out."""
    lines, ratio = [], held.ratio("sources")
    for column in ("class", "engine"):
        lines += ["", f"by {column}, sources left out; held: part of rows inside 80 % intervals (clusters)"]
        for name in sorted(set(held.text[column])):
            rows = held.rows(**{column: name})
            inside = [(kind, *coverage(held, rows, kind)) for kind in KINDS]
            told = ", ".join(f"{kind} {part:.0f} % ({n})" for kind, part, n in inside if n)
            lines.append(f"  {name:22s} {line(held, ratio, rows)}  held {told}")
    return lines


def worst(held: Held, most: int = 20) -> list[str]:
    """The cells with the largest errors, one of a device and an engine, with what is known of the cause."""
    ratio, found = held.ratio("sources"), {}
    for kind in KINDS:
        for cell in sorted(set(held.text["cell"][held.rows(kind=kind)])):
            rows = held.rows(kind=kind, cell=cell) & np.isfinite(ratio)
            if rows.any():
                i = np.flatnonzero(rows)[0]
                key = (kind, held.pair[i])
                off = float(np.mean(np.abs(np.log(ratio[rows]))))
                found[key] = max(found.get(key, (0.0,)), (off, cell, float(np.median(ratio[rows])), int(rows.sum())))
    lines = ["", "worst cells, one of each device and engine (rows): forecast / measured time; cause where it is known"]
    for (kind, pair), (_, cell, middle, count) in sorted(found.items(), key=lambda item: -item[1][0])[:most]:
        cause = next((text for start, text in CAUSES if start in f"{cell}|{pair}"), "not known")
        lines.append(f"  {kind:5s} {cell} ({count}): {middle:.2f}; {cause}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    from fit_intervals import of_other_sources  # which reads the table as this script does
    from left_out import LeftOut
    from residuals import Residuals, sentences

    rows = LeftOut(words.held, words.data)
    held = rows.held
    held.wider = rows.factors(support.widening())
    import calibrated_rows  # which reads the table as this script does

    if "calibrated_recommended" not in held.names:
        raise SystemExit(f"{words.held}: scripts/fit_calibration.py adds what this page needs")
    lines = [*summary(held), *calibrated_rows.summary(held), *evenly(held), *calibrated_rows.lines(held)]
    lines += [*calibrated_host.lines(words.data.resolve()), ""]
    lines += held_by_intervals(held, np.array([bool(r) for r in rows.supports]))
    others = ", ".join(f"{kind} {100 * part:.0f} %" for kind, part in of_other_sources(rows).items())
    lines.append(f"  half-widths from the other sources alone: all {others}")
    lines += [*tables(held), *worst(held)]
    slopes = "```text\n" + "\n".join(sentences(Residuals(rows).tilts())) + "\n```\n\n"
    kernels = "```text\n" + "\n".join(fit_kernels.summary(words.data)) + "\n```\n\n"
    text = INTRODUCTION + "```text\n" + "\n".join(lines) + "\n```\n\n" + SHAPES + slopes + CONTENTS + KERNELS + kernels
    text += HELP
    (ROOT / "docs" / "accuracy.md").write_text(text, encoding="utf-8")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
