"""Tables on the terminal, numbers with prefixes, and the progress bar."""

import math
import sys
from collections.abc import Sequence


def table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table on stdout.

    columns: (heading, "left" or "right"). rows: cells. Where stdout is a file or a pipe, nothing is cut off.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    widest = sum(max([len(h), *(len(row[i]) for row in rows)]) + 3 for i, (h, _) in enumerate(columns))
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else max(80, widest))
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading, side in columns:
        grid.add_column(heading, justify="right" if side == "right" else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    console.print(title, style="bold", soft_wrap=True)
    console.print(grid)


def engineering(value: float, unit: str = "") -> str:
    """A number with four digits, a prefix and its unit, such as 13.48 GB or 1.2 ms; "-" for NaN."""
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) == float("inf"):
        return f"{value:g} {unit}".rstrip()
    for factor, prefix in (
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1, ""),
        (1e-3, "m"),
        (1e-6, "u"),
    ):
        if abs(value) >= factor:
            return f"{value / factor:.4g} {prefix}{unit}".rstrip()
    return f"{value / 1e-9:.4g} n{unit}"
