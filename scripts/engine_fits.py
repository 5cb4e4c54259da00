"""Write conf/engine_fits.yaml: what each engine's measurements are of, and how far forecasts were off.

    python scripts/engine_fits.py [--data ../shared/data]

What was measured comes from the measurements that `scripts/fit_efficiency.py` fits, errors from docs/accuracy.md, which
`scripts/accuracy_page.py` writes: mean error in percent over the cells of sources that a fit had not seen. Run it after
that.
"""

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

import yaml
from measured_ranges import ranges
from panel_rows import load

from life_jax.config.schema import paths

ROOT = Path(__file__).resolve().parents[1]
HEAD = """\
# Written by scripts/engine_fits.py. devices: those of the published measurements that scripts/fit_efficiency.py
# fits. newest: year of the newest of them. classes: by class of devices and step, longest context [token], largest
# batch, and whether a mixture of experts is among them. told_by (scripts/identified.py): of each constant that rows
# tell, how many of TTFT, TPOT and totals do, and what part of its prior's variance they leave. ttft, tpot, total: mean
# error of forecasts of sources that a fit had not seen [%], and over how many cells of device and model
# (docs/accuracy.md).
"""
ERROR = re.compile(r"(TTFT|TPOT|TOTAL)\s+([\d.]+)/\s*[\d.]+ \((\d+),")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    settings = load(parser.parse_args().data).settings
    devices, measured = defaultdict(set), ranges(settings)
    for setting in settings:
        devices[setting.engine].add(setting.hw)
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    lines, told = [HEAD], _told()
    for engine in sorted(paths.choices("engine")):
        if engine not in devices:
            continue
        lines.append(f"{engine}:\n{told.get(engine, '')}  devices: [{', '.join(sorted(devices[engine]))}]\n")
        if "newest" in measured[engine]:
            lines.append(f"  newest: {measured[engine]['newest']:.2f}\n")
        lines.append("  classes:\n")
        for name, steps in sorted(measured[engine]["classes"].items()):
            reached = yaml.safe_dump(steps, default_flow_style=True, width=1000).strip()
            lines.append(f"    {name}: {reached}\n")
        found = re.search(rf"^  {engine} +(TT.*|TP.*|TO.*)$", text, re.MULTILINE)
        for kind, error, cells in ERROR.findall(found[1] if found else ""):
            lines.append(f"  {kind.lower()}: [{error}, {cells}]\n")
    (ROOT / "conf" / "engine_fits.yaml").write_text("".join(lines), encoding="utf-8")
    return 0


def _told() -> dict[str, str]:
    """Lines of scripts/identified.py by engine, which stay until it is run again."""
    text = (ROOT / "conf" / "engine_fits.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+):\n(  told_by: .*\n)", text, re.MULTILINE))


if __name__ == "__main__":
    sys.exit(main())
