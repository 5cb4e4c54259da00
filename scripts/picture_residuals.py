"""Draws residuals of the fit against context, batch and model size, a small panel for each engine.

    python scripts/picture_residuals.py HELD.csv [--data ../shared/data]

HELD.csv is written by scripts/fit_efficiency.py. Writes pictures of docs/accuracy.md, one for each axis, and prints the
slopes that 80 % intervals do not cover (scripts/residuals.py), which scripts/accuracy_page.py writes into that page.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from left_out import LeftOut
from matplotlib.figure import Figure
from residuals import AXES, Residuals, Tilt, sentences

from life_jax.core.whole_file import whole_file

ROOT = Path(__file__).resolve().parents[1]
NAMES = tuple(f"residuals_{axis}.png" for axis in AXES)  # in docs/pictures
COLOURS = {"TTFT": "tab:blue", "TPOT": "tab:orange", "TOTAL": "tab:green"}
COLUMNS = 6
MOST = np.log(2.5)  # of the vertical axis; residuals beyond stand at its end


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    residuals = Residuals(LeftOut(words.held, words.data))
    tilts = residuals.tilts()
    for axis, name in zip(AXES, NAMES, strict=True):
        draw(residuals, tilts, axis, ROOT / "docs" / "pictures" / name)
    print("\n".join(sentences(tilts)))
    return 0


def draw(of: Residuals, tilts: list[Tilt], axis: str, path: Path) -> None:
    """Save the panels of the engines whose rows differ on an axis."""
    engines = [e for e in sorted(set(of.engine)) if np.ptp(np.log2(of.axes[axis][of.engine == e])) >= 1]
    lines = -(-len(engines) // COLUMNS)
    figure = Figure(figsize=(1.75 * COLUMNS, 1.45 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, COLUMNS, sharey=True, squeeze=False).ravel()
    for panel, engine in zip(panels, engines, strict=False):
        _panel(panel, of, [t for t in tilts if t.engine == engine and t.axis == axis], engine, axis)
    for panel in panels[len(engines) :]:
        panel.axis("off")
    for kind, colour in COLOURS.items():
        panels[0].scatter([], [], s=8, color=colour, label=kind)
    figure.legend(loc="outside upper right", ncols=3, fontsize=8, markerscale=1.5, frameon=False)
    figure.suptitle(f"forecast / measured time in sample, by {AXES[axis]}", fontsize=9, x=0.01, ha="left")
    with whole_file(path, overwrite=True) as new:
        figure.savefig(new, dpi=110, format="png", pil_kwargs={"optimize": True})


def _panel(panel, of: Residuals, tilts: list[Tilt], engine: str, axis: str) -> None:
    half = float(np.median(of.half[of.engine == engine]))
    panel.axhspan(-half, half, color="0.93", linewidth=0)
    panel.axhline(0, color="0.6", linewidth=0.6)
    for kind, colour in COLOURS.items():
        mine = of.rows(engine, kind)
        if not mine.any():
            continue
        x, y = of.axes[axis][mine], np.clip(of.log[mine], -MOST, MOST)
        panel.scatter(x, y, s=3, color=colour, alpha=0.5, linewidths=0)
        for t in tilts:
            if t.kind == kind:
                ends = np.array([x.min(), x.max()])
                middle = np.exp(np.log(np.maximum(x, 1e-9)).mean())
                panel.plot(ends, t.slope * np.log2(ends / middle), color=colour, linewidth=1.0)
    panel.set(xscale="log", ylim=(-MOST, MOST))
    panel.set_yticks(np.log([0.5, 1.0, 2.0]), ["0.5", "1", "2"])
    panel.tick_params(labelsize=6, length=2, which="both")
    panel.minorticks_off()
    told = any(not t.is_covered for t in tilts)
    panel.set_title(engine.replace("llama_cpp", "llama.cpp"), fontsize=6.5, color="tab:red" if told else "black")


if __name__ == "__main__":
    sys.exit(main())
