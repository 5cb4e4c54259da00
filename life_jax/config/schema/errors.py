"""The error that users see: one line that names what they asked, where, and what would be accepted."""

import difflib
from collections.abc import Iterable

MOST_LINES = 10  # after the first
MOST_NEAR = 5  # names that are offered in place of an unknown one
COLUMNS = 78  # characters of a line


class ConfigError(ValueError):
    """One line; `more` lines of choices may follow it on a terminal."""

    def __init__(self, message: str, more: Iterable[str] = ()) -> None:
        super().__init__(" ".join(message.split()))
        self.more = tuple(more)[:MOST_LINES]


class ImpossibleError(ConfigError):
    """A combination that cannot be: NaN where something else was asked as well, else an error.

    of: what it is about, such as hw.v100; reason: the same for others of its kind.
    """

    def __init__(self, of: str, reason: str, message: str = "") -> None:
        super().__init__(message or f"{of}: {reason}")
        self.of, self.reason = of, reason


def closest(word: str, choices: Iterable[str], n: int = MOST_NEAR) -> list[str]:
    """At most n choices that look like the word or contain it, in any capitals, the most alike first."""
    by_fold = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower(), by_fold, n=n, cutoff=0.5)
    near += [folded for folded in by_fold if word.lower() in folded and folded not in near]
    return [by_fold[folded] for folded in near[:n]]


def unknown(what: str, word: str, choices: Iterable[str], listing: str = "") -> ConfigError:
    """The error of an unknown name: the closest choices in its line, the rest in columns.

    what: kind of name and where it stands; listing: the command that shows all choices.
    """
    choices = sorted(choices)
    near = closest(word, choices)
    return ConfigError(
        f"{what} '{word}' is not known{guess(near)}", columns([*near, *(c for c in choices if c not in near)], listing)
    )


def guess(near: list[str]) -> str:
    """The end of a line about an unknown name: `; did you mean A, B?`, nothing where no choice is near."""
    return f"; did you mean {', '.join(near)}?" if near else ""


def columns(names: list[str], listing: str = "") -> list[str]:
    """Names in columns, in at most MOST_LINES lines; the last then says how many more there are and what lists them."""
    width = max((len(name) for name in names), default=1) + 2
    per_line = max(1, COLUMNS // width)
    rows = [names[i : i + per_line] for i in range(0, len(names), per_line)]
    if len(rows) <= MOST_LINES:
        return ["  " + "".join(f"{name:<{width}}" for name in row).rstrip() for row in rows]
    shown = rows[: MOST_LINES - 1]
    rest = len(names) - per_line * len(shown)
    tail = f"  and {rest} more" + (f": {listing}" if listing else "")
    return [*("  " + "".join(f"{name:<{width}}" for name in row).rstrip() for row in shown), tail]
