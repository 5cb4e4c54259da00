"""Lines of docs/accuracy.md on calibrations by three rows: errors before and after, what intervals hold, and the floor.

Read from the columns that scripts/fit_calibration.py adds to HELD.csv.
"""

from collections import defaultdict

import numpy as np
from accuracy_page import KINDS, Held

RECOMMENDED, DEVICE = "recommended", "device"


def names(held: Held) -> list[str]:
    """Draws of three rows at random of each device and engine."""
    return [n.removeprefix("calibrated_") for n in held.names if n.startswith("calibrated_drawn_") and n[-1].isdigit()]


def errors(held: Held, logs: list[np.ndarray], rows: np.ndarray) -> str:
    """Mean / median over cells [%] by kind (cells, median of forecast over measured), cells averaged over draws.

    logs: ln(forecast / measured time) of each draw [rows], NaN where a row was used or has none.
    """
    parts = []
    for kind in KINDS:
        of_cell, ratios = defaultdict(list), []
        for log in logs:
            mine = np.flatnonzero(rows & held.rows(kind=kind) & np.isfinite(log))
            of_draw = defaultdict(list)
            for i in mine:
                of_draw[held.text["cell"][i]].append(abs(np.exp(log[i]) - 1))
            for cell, values in of_draw.items():
                of_cell[cell].append(np.mean(values))
            ratios += list(np.exp(log[mine]))
        if of_cell:
            cells = [100 * np.mean(values) for values in of_cell.values()]
            text = f"{np.mean(cells):5.1f}/{np.median(cells):5.1f} ({len(cells)}, bias {np.median(ratios):.2f})"
            parts.append(f"{kind} {text}")
    return "  ".join(parts)


def residuals(held: Held, scheme: str) -> np.ndarray:
    """ln(forecast / measured time) of a scheme [rows]."""
    with np.errstate(divide="ignore"):
        logs: np.ndarray = np.log(held.ratio(scheme))
    return logs


def of_levels(held: Held, log: np.ndarray, *, others: bool) -> np.ndarray:
    """Residuals [rows] without the median of their device, engine and kind; others: of its other cells alone."""
    groups = defaultdict(list)
    for i in np.flatnonzero(np.isfinite(log)):
        groups[held.pair[i], held.text["kind"][i]].append(i)
    found, cells = np.full(len(log), np.nan), held.text["cell"]
    for members in groups.values():
        of = np.array(members)
        for cell in set(cells[of]):
            mine = of[cells[of] == cell]
            from_rows = of[cells[of] != cell] if others else of
            if len(from_rows):
                found[mine] = log[mine] - np.median(log[from_rows])
    return found


def coverage(held: Held, chosen: list[str], rows: np.ndarray) -> str:
    """Part of rows inside 80 % intervals, clusters weighing the same, and median half-width, by kind."""
    parts = []
    for kind in KINDS:
        of, halves = [], []
        for name in chosen:
            log = residuals(held, f"calibrated_{name}")
            half = np.array([float(x or "nan") for x in held.text[f"calibrated_{name}_half"]])
            mine = rows & held.rows(kind=kind) & np.isfinite(log)
            inside = np.abs(log) <= half
            of += [inside[mine & (held.cluster == c)].mean() for c in sorted(set(held.cluster[mine]))]
            halves += list(half[mine])
        if of:
            parts.append(f"{kind} {100 * np.mean(of):.0f} % (x or / {np.exp(np.median(halves)):.2f})")
    return ", ".join(parts)


def rows_of(held: Held) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """Name of a line -> residuals by draw, and the rows that it is of."""
    base, found = residuals(held, "own_priors"), {}
    for panel, rows in (("old", ~held.new), ("new", held.new)):
        sets = {"recommended": [RECOMMENDED], "drawn": names(held)}
        for label, chosen in sets.items():
            after = [residuals(held, f"calibrated_{name}") for name in chosen]
            found[f"{panel} rows, three {label}"] = after, rows
            found[f"{panel} rows before, {label}"] = [np.where(np.isfinite(log), base, np.nan) for log in after], rows
    return found


def summary(held: Held) -> list[str]:
    """Errors of rows that a calibration did not see, before and after."""
    return [f"{name:28s} {errors(held, logs, rows)}" for name, (logs, rows) in rows_of(held).items()]


def lines(held: Held) -> list[str]:
    """What bounds a calibration, what it does for a whole device, and what its intervals hold."""
    base, found = residuals(held, "own_priors"), ["", "calibration by three rows: what bounds it, and its intervals"]
    of_device = residuals(held, f"calibrated_{DEVICE}")
    for panel, rows in (("old", ~held.new), ("new", held.new)):
        levels = {
            "three drawn of a device, any engine": of_device,
            "  the same rows before": np.where(np.isfinite(of_device), base, np.nan),
            "a level of device, engine and kind": of_levels(held, base, others=False),
            "  from all its other models": of_levels(held, base, others=True),
        }
        found += [f"  {panel} rows, {name:36s} {errors(held, [log], rows)}" for name, log in levels.items()]
    every = np.ones(len(base), bool)
    for label, chosen in (("recommended", [RECOMMENDED]), ("drawn", names(held))):
        found.append(f"  80 % intervals after three {label:12s} hold {coverage(held, chosen, every)}")
    return found
