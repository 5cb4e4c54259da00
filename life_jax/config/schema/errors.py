"""The one error of the door: what was asked, where, and what would be accepted."""

import difflib
from collections.abc import Iterable

MOST_LINES = 10  # after the first
COLUMNS = 100


class ConfigError(ValueError):
    """One line; `more` lines of choices may follow it on a terminal."""

    def __init__(self, message: str, more: Iterable[str] = ()) -> None:
        super().__init__(" ".join(message.split()))
        self.more = tuple(more)[:MOST_LINES]


def closest(word: str, choices: Iterable[str], n: int = 5) -> list[str]:
    """The choices that look most like the word, best first."""
    by_fold = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word.lower(), by_fold, n=n, cutoff=0.5)
    found += [folded for folded in by_fold if word.lower() in folded and folded not in found]
    return [by_fold[folded] for folded in found[:n]]


def unknown(what: str, word: str, choices: Iterable[str], listing: str = "") -> ConfigError:
    """An unknown name: the closest in the line, the rest in columns, `listing` the command that shows all."""
    choices = sorted(choices)
    near = closest(word, choices)
    return ConfigError(
        f"{what} '{word}' is not known{guess(near)}", columns([*near, *(c for c in choices if c not in near)], listing)
    )


def guess(near: list[str]) -> str:
    """The end of a line about an unknown name: what may be meant."""
    return f"; did you mean {', '.join(near)}?" if near else ""


def columns(names: list[str], listing: str = "") -> list[str]:
    """Names in as many lines as are allowed, and how many more there are."""
    width = max((len(name) for name in names), default=1) + 2
    each = max(1, COLUMNS // width)
    rows = [names[i : i + each] for i in range(0, len(names), each)]
    if len(rows) <= MOST_LINES:
        return ["  " + "".join(f"{name:<{width}}" for name in row).rstrip() for row in rows]
    shown = rows[: MOST_LINES - 1]
    rest = len(names) - each * len(shown)
    tail = f"  and {rest} more" + (f": {listing}" if listing else "")
    return [*("  " + "".join(f"{name:<{width}}" for name in row).rstrip() for row in shown), tail]
