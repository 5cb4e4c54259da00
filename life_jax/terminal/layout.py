"""Which columns of a table fit a terminal, and how long texts run over several lines. No number is ever cut."""

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

PIECE = re.compile(r"[^\s_\-/+]*[\s_\-/+]+|[^\s_\-/+]+")
# C0, DEL, C1, what ends a line, and marks that turn the direction of writing
CONTROLS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")
GAP = 2  # blanks between columns
WHOLE, NARROWEST = 28, 12  # characters that a name gets before others give way to it, and at least
PROSE = 30  # characters that prose gets at least, where it is that long


@dataclass(frozen=True)
class Column:
    """A column of a table.

    heading: with the unit of its cells. cells: as they are printed. right: whether they stand at the right, as numbers
    do. key: whether it says which row it is: it stands in every block of a table in several blocks. rank: 0 where it
    is always shown, else the higher, the earlier it is left out. wraps: whether its cells may run over several lines.
    """

    heading: str
    cells: Sequence[str]
    right: bool = False
    key: bool = False
    rank: int = 0
    wraps: bool = False

    @property
    def width(self) -> int:
        """Characters of the longest cell or the heading."""
        return max([len(self.heading), *map(len, self.cells)])

    def least(self, narrowest: int = NARROWEST, *, parted: bool = False) -> int:
        """Characters that it needs at least.

        narrowest: of a name that may run over several lines. parted: whether its heading may stand on several.
        """
        head = max(map(len, _pieces(self.heading)), default=0) if parted else len(self.heading)
        if not self.wraps:
            return max([head, *map(len, self.cells)])
        is_prose = any(" " in cell for cell in self.cells)
        return min(self.width, max(head, PROSE if is_prose else narrowest))


def printable(text: str) -> str:
    """A text whose control characters, which could write elsewhere on a terminal or end a line, are written out."""
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def constants(columns: Sequence[Column]) -> list[Column]:
    """Columns that may be left out and have the same cell in each of two rows or more: one word says them."""
    return [c for c in columns if c.rank and len(c.cells) > 1 and len(set(c.cells)) == 1]


def least_width(columns: Sequence[Column], narrowest: int = NARROWEST, *, parted: bool = False) -> int:
    """Characters of a row whose columns are as narrow as may be."""
    return sum(column.least(narrowest, parted=parted) + GAP for column in columns) - GAP


def without(columns: Sequence[Column], dropped: Iterable[Column]) -> list[Column]:
    """The columns but those."""
    identities = {id(column) for column in dropped}
    return [column for column in columns if id(column) not in identities]


def fitted(columns: Sequence[Column], width: int) -> tuple[list[Column], list[Column]]:
    """The columns that fit a width [character], and those that are left out, the highest rank first.

    What has rank 1 is left out only where names are as narrow as may be.
    """
    kept, dropped = list(columns), []
    for column in sorted((c for c in columns if c.rank), key=lambda c: -c.rank):
        if least_width(kept, WHOLE if column.rank > 1 else NARROWEST) > width:
            kept = without(kept, [column])
            dropped.append(column)
    return kept, dropped


def blocks(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """The columns side by side, in as many blocks as a width [character] needs; each has the key columns."""
    keys = [column for column in columns if column.key]
    others = without(columns, keys)
    block: list[Column] = []
    for column in others:
        if block and least_width([*keys, *block, column], parted=True) > width:
            yield [*keys, *block]
            block = []
        block.append(column)
    yield [*keys, *block]


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """Characters of each column: its own, where not all have room the texts share what is left, the longest most."""
    given = [column.least(parted=True) for column in columns]
    room = width - sum(given) - GAP * (len(columns) - 1)
    while room > 0 and (narrow := [i for i, c in enumerate(columns) if given[i] < c.width]):
        lacking = sum(columns[i].width - given[i] for i in narrow)
        for i in narrow:
            lack = columns[i].width - given[i]
            more = min(lack, room, math.ceil(lack * max(room, 1) / lacking))
            given[i] += more
            room -= more
    return given


def lines(columns: Sequence[Column], width: int, rule: str) -> Iterator[str]:
    """Lines of a block: headings, a rule, and the rows.

    rule: the character that the rule repeats.
    """
    given = widths(columns, width)
    heads = [_wrapped(column.heading, n) for column, n in zip(columns, given, strict=True)]
    for row in range(max(map(len, heads)), 0, -1):  # they stand on the rule
        yield _line(columns, given, [head[-row] if row <= len(head) else "" for head in heads])
    yield rule * min(sum(given) + GAP * (len(columns) - 1), max(width, 1))
    for cells in zip(*(column.cells for column in columns), strict=True):
        texts = [_wrapped(cell, n) for cell, n in zip(cells, given, strict=True)]
        for row in range(max(map(len, texts))):
            yield _line(columns, given, [text[row] if row < len(text) else "" for text in texts])


def _pieces(text: str) -> list[str]:
    """The parts of a text between which a line may end: at blanks, and behind dashes, underscores and the like."""
    return [piece.rstrip() for piece in PIECE.findall(text)]


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines, which end at blanks; a word that is longer than a line is parted behind a dash or the like."""
    if len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split():
        for piece in [word] if len(word) <= width else PIECE.findall(word):
            blank = " " if lines[-1] and word.startswith(piece) else ""
            if len(lines[-1] + blank + piece) > width:
                lines.append("")
                blank = ""
            lines[-1] += blank + piece
            while len(lines[-1]) > width:
                lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return lines


def _line(columns: Sequence[Column], given: Sequence[int], texts: Sequence[str]) -> str:
    padded = (
        text.rjust(n) if column.right else text.ljust(n) for column, n, text in zip(columns, given, texts, strict=True)
    )
    return (" " * GAP).join(padded).rstrip()


def paragraph(text: str, width: int) -> list[str]:
    """A text in lines of at most `width` characters; a single word that is longer, such as a path, stays whole."""
    return textwrap.wrap(printable(text), max(width, 20), break_long_words=False, break_on_hyphens=False) or [""]


def title(parts: Iterable[str], width: int) -> list[str]:
    """Parts with bars between them, in lines of at most `width` characters, which begin with a part where they can."""
    rows: list[str] = []
    for part in map(printable, filter(None, parts)):
        if rows and len(rows[-1]) + len(BAR) + len(part) <= width:
            rows[-1] += BAR + part
        else:
            rows.extend(paragraph(part, width))
    return rows


BAR = "  |  "
