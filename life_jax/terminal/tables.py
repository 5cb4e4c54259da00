"""Tables on the terminal, and numbers with prefixes."""

import dataclasses
import math
import os
import shutil
import sys
from collections.abc import Iterable, Sequence

from life_jax.terminal import layout
from life_jax.terminal.layout import Column

PREFIXES = (
    (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "u"),
)  # fmt: skip


def width() -> int:
    """Characters of a line: of the terminal, or as COLUMNS says; 80 where stdout is a file or a pipe."""
    return max(shutil.get_terminal_size((80, 24)).columns, 20)


def table(
    columns: Sequence[Column | tuple[str, str]],
    rows: Sequence[Sequence[str]] = (),
    title: str | Iterable[str] = "",
    elsewhere: str = "",
    end: str = "\n",
) -> None:
    """Print a table on stdout that fits the terminal.

    columns: with their cells; or (heading, "left" or "right") of cells that `rows` has, whose texts may run over
    several lines. title: its parts; a long one wraps. elsewhere: where the columns are found that have no room, such
    as "format=json has them". end: what stands below it.

    Columns that have no room and the same cell in every row go to the title, others are left out and named below.
    What is always shown and has no room stands below, in a further block.
    """
    whole = [
        c if isinstance(c, Column) else Column(c[0], [r[i] for r in rows], c[1] == "right", i == 0, 0, c[1] == "left")
        for i, c in enumerate(columns)
    ]
    whole = [
        dataclasses.replace(c, heading=layout.printable(c.heading), cells=list(map(layout.printable, c.cells)))
        for c in whole
    ]
    parts = [title] if isinstance(title, str) else list(title)
    wide = width()
    for column in sorted(layout.constants(whole), key=lambda c: -c.rank):
        if layout.least_width(whole, layout.WHOLE) > wide:
            whole = layout.without(whole, [column])
            parts.append(f"{column.heading}: {column.cells[0]}")
    kept, dropped = layout.fitted(whole, wide)
    heading(parts)
    for number, block in enumerate(layout.blocks(kept, wide)):
        if number or any(parts):
            print()
        print(*layout.lines(block, wide, _rule()), sep="\n")
    if dropped:
        names = ", ".join(c.heading for c in whole if any(c is d for d in dropped))
        say(f"no room for {names}: a wider terminal shows them" + (f", {elsewhere}" if elsewhere else ""))
    print(end=end)


def heading(parts: Iterable[str]) -> None:
    """Print the parts of a title on stdout, with bars between them, in lines that fit the terminal."""
    lines = layout.title(parts, width())
    print(*(_bold(line) for line in lines), sep="\n", end="\n" * bool(lines))


def say(text: str) -> None:
    """Print a sentence on stdout, in lines that fit the terminal."""
    print(*layout.paragraph(text, width()), sep="\n")


def _bold(text: str) -> str:
    is_styled = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "") not in ("", "dumb")
    return f"\x1b[1m{text}\x1b[0m" if is_styled else text


def _rule() -> str:
    """What the line under the headings is made of, in the encoding of stdout."""
    try:
        "─".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "-"
    return "─"


def engineering(value: float, unit: str = "") -> str:
    """A number with four digits, a prefix and its unit, such as 13.48 GB or 1.2 ms; "-" for NaN."""
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) == float("inf"):
        return f"{value:g} {unit}".rstrip()
    for factor, prefix in PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.4g} {prefix}{unit}".rstrip()
    return f"{value / 1e-9:.4g} n{unit}"


def prefix_of(values: Iterable[float]) -> tuple[float, str]:
    """The factor and the prefix that numbers of one column share: those of the middle of their logarithms."""
    sizes = [abs(v) for v in values if v and math.isfinite(v)]
    if not sizes:
        return 1.0, ""
    middle = math.exp((math.log(min(sizes)) + math.log(max(sizes))) / 2)
    return next((pair for pair in PREFIXES if middle >= pair[0]), (1e-9, "n"))


def digits(value: float, count: int = 4) -> str:
    """A number with so many significant digits, without an exponent where it is shorter; "-" for NaN."""
    if math.isnan(value):
        return "-"
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    rounded = float(f"{value:.{count - 1}e}")
    if not 1e-4 <= abs(rounded) < 1e9:
        return f"{rounded:.{count - 1}e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    places = max(0, count - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
