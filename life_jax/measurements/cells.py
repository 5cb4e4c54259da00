"""Numbers as people write them in tables: thousands separators, decimal commas, units, `16k`.

A cell is understood only where one reading is plain; all else is Unreadable, with a reason for the row's report.
"""

import math
import re
import unicodedata
from collections.abc import Iterable

TOKENS = ("prompt_tokens", "output_tokens", "ctx_depth", "ubatch")
MEANS = ("batch", "prompt_tokens", "output_tokens")  # a table may hold means over requests, which are no whole numbers
COUNTS = (*TOKENS, "batch", "tp", "threads", "concurrency", "requests")
NUMBERS = (*COUNTS, "value", "request_rate", "burst", "prompt_cv", "output_cv")
NOTHING = ("n/a", "na", "nan", "none", "null", "nil", "-", "--", "?", "#n/a", "tbd", "unknown")  # nothing was entered
MOST_CHARACTERS = 64  # of a number with its unit
SURE = "sure"  # a decimal mark: the cell is written as programs write numbers, and 550.125 is a decimal in any column

# what may follow the number -> factor to the column's own unit
_TOKEN_UNITS = dict.fromkeys(("token", "tokens", "tok", "toks", "ctx", "token(s)"), 1.0)
_SEQUENCES = dict.fromkeys(
    ("seq", "seqs", "sequence", "sequences", "req", "reqs", "request", "requests", "prompt", "prompts", "stream",
     "streams", "user", "users", "x"),
    1.0,
)  # fmt: skip
_UNITS: dict[str, dict[str, float]] = {
    **dict.fromkeys(TOKENS, _TOKEN_UNITS),
    **dict.fromkeys(("batch", "concurrency", "requests"), _SEQUENCES),
    "request_rate": dict.fromkeys(("/s", "req/s", "requests/s", "rps", "qps", "requests/sec", "hz"), 1.0),
    "tp": dict.fromkeys(
        ["x", "gpu", "gpus", "device", "devices", "way", "-way", "card", "cards", "chip", "chips"], 1.0
    ),
    "threads": dict.fromkeys(["t", "thread", "threads", "thread(s)", "core", "cores"], 1.0),
}
_TIME = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
}
_PER_TOKEN = ("", "/tok", "/token", "/output token", " per token", " per output token")
_TOK = ("tok", "token", "tokens", "toks", "t")
_RATE = {f"{tok}{per}": 1.0 for tok in _TOK for per in ("/s", "/sec", "/second", " per second", " per s")}
_RATE |= dict.fromkeys(("tps", "tok s-1"), 1.0)
_RATE |= {f"k{name}": 1e3 for name in list(_RATE)}

_DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?")
_SPACES = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f ](?=\d{3}(?!\d))|(?<=\d)['\u2019_](?=\d{3}(?!\d))")
_CELL = re.compile(
    r"(?P<sign>[-+\u2212]?)(?P<number>(?:\d[\d.,]*|\.\d+)(?:[eE][-+]?\d{1,3})?)(?:\s*(?:±|\+/-)\s*[\d.,]+)?"
    r"(?P<unit>\s*[^\d\s].*)?",
    re.ASCII,
)
# thousands in threes, or as in India in twos but for the last three
_GROUPS = {
    mark: re.compile(
        rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+|\d{{1,2}}(?:{re.escape(mark)}\d\d)+{re.escape(mark)}\d{{3}}"
    )
    for mark in ",."
}
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")


class Unreadable(ValueError):
    """A cell that has no plain meaning; the message says what is wrong with it."""


def _western(text: str) -> str:
    """Digits of every script as 0 to 9, and full-width characters as usual ones."""
    if text.isascii():
        return text
    plain = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in text)
    return plain.replace("\u066b", ".").replace("\u066c", ",").replace("\uff0c", ",").replace("\uff0e", ".")


def is_empty(text: str) -> bool:
    """Whether a cell says that nothing was entered."""
    return not text or text.strip().lower() in ("", *NOTHING)


def number(text: str, column: str, metric: str = "", decimal: str = SURE) -> float:
    """The number of a cell in the column's own unit.

    Args:
        text: the cell.
        column: `value`, or one of COUNTS; it says which units may follow the number.
        metric: of the row, for `value`: seconds of `..._s`, tokens per second of `..._tok_s`.
        decimal: the mark before decimals in this file, "." or ","; "" where that is not known; SURE after a program.

    Raises:
        Unreadable: the cell is no number, may be two numbers, or has another quantity's unit.
    """
    if _DIGITS.fullmatch(text) and (decimal == SURE or "." not in text):
        return _finite(text, text)
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"{text[:20]!r}... is longer than {MOST_CHARACTERS} characters")
    stripped = _western(text.strip()).removeprefix("'")  # with which spreadsheets keep what is typed as text
    if stripped.startswith('="') and stripped.endswith('"'):  # how spreadsheets keep a number as text
        stripped = stripped[2:-1].strip()
    if is_empty(stripped):
        raise Unreadable(f"{stripped!r} is no number" if stripped else "nothing is there")
    if stripped[0] in "~<>≈≤≥":
        raise Unreadable(f"{stripped!r} is not exact: write the number that is meant")
    match = _CELL.fullmatch(_SPACES.sub("", stripped))
    if match is None:
        raise Unreadable(f"{stripped!r} is no number")
    digits = plain(match["number"], column, decimal)
    value = _finite(digits, stripped)
    unit = (match["unit"] or "").strip().strip("[]()").strip().lower()
    if unit[:2] == "ki" and column in TOKENS:
        value, unit = 1024 * value, unit[2:].strip()
    elif unit[:1] == "k" and unit not in _RATE:
        value, unit = _thousands(value, column, stripped), unit[1:].strip()
    factor = units(column, metric).get(unit) if unit else 1.0
    if factor is None:
        expected = ", ".join(list(units(column, metric))[:4])
        raise Unreadable(f"{stripped!r}: '{unit}' is no unit of {column}" + (f" ({expected})" if expected else ""))
    return (-value if match["sign"] in ("-", "\u2212") else value) * factor


def units(column: str, metric: str = "") -> dict[str, float]:
    """Units that may follow a number of the column, with the factor to the column's own."""
    if column != "value":
        return _UNITS.get(column, {})
    if metric.endswith("tok_s"):
        return _RATE
    if metric.startswith("tpot"):
        return {f"{name}{per}": factor for name, factor in _TIME.items() for per in _PER_TOKEN}
    if metric.endswith("_rate"):
        return _UNITS["request_rate"] if metric == "request_rate" else _RATE
    return _TIME if metric.endswith("_s") or metric.startswith(("ttft", "e2e", "itl")) else {}


def plain(text: str, column: str, decimal: str) -> str:
    """The digits of a number without thousands separators and with a decimal point.

    Raises Unreadable where its marks have no plain meaning, or two.
    """
    digits, exponent, power = text.partition("e") if "e" in text else text.partition("E")
    comma, point = "," in digits, "." in digits
    if comma and point:
        last = max(",.", key=digits.rfind)
        whole, _, fraction = digits.rpartition(last)
        if not _GROUPS["," if last == "." else "."].fullmatch(whole) or not fraction.isdigit():
            raise Unreadable(f"'{text}' mixes points and commas")
        digits = f"{re.sub('[.,]', '', whole)}.{fraction}"
    elif comma or point:
        digits = _one_mark(digits, "," if comma else ".", column, decimal)
    return digits + exponent + power


def _one_mark(digits: str, mark: str, column: str, decimal: str) -> str:
    """Digits with marks of one kind, which separate thousands or decimals."""
    if digits.count(mark) > 1:
        if not _GROUPS[mark].fullmatch(digits):
            raise Unreadable(f"'{digits}' is no number")
        return digits.replace(mark, "")
    whole, _, fraction = digits.partition(mark)
    as_decimal, as_thousands = f"{whole or 0}.{fraction or 0}", whole + fraction
    if decimal == SURE and mark == ".":
        return as_decimal
    decimal = "." if decimal == SURE else decimal
    if not _AMBIGUOUS.fullmatch(digits):
        if decimal not in ("", mark):
            raise Unreadable(f"'{digits}': this file writes decimals with '{decimal}'")
        if column in COUNTS and mark == "," and not decimal:
            raise Unreadable(f"'{digits}' is no whole number")
        return as_decimal
    if column in COUNTS:
        # nobody writes 16.384 of a token; a mean over requests is told by the decimal point of the rest of the file
        if mark != decimal and (mark == "," or decimal == ","):
            return as_thousands
        if mark == decimal == "." and column not in (*TOKENS, "tp", "threads"):
            return as_decimal
    elif decimal:
        return as_decimal if mark == decimal else as_thousands
    raise Unreadable(f"'{digits}' may be {as_thousands} or {as_decimal}")


def _thousands(value: float, column: str, text: str) -> float:
    """A number followed by k: 1024 where powers of two are usual and 2.4 % less would not be, 1000 for a rate."""
    if column == "value":
        return 1000 * value
    if column in TOKENS and value >= 1 and value == 2 ** int(math.log2(value)):
        return 1024 * value
    raise Unreadable(f"'{text}' may be {1000 * value:g} or {1024 * value:g}: write the number")


def _finite(digits: str, text: str) -> float:
    try:
        value = float(digits)
    except ValueError:
        raise Unreadable(f"'{text}' is no number") from None
    if not math.isfinite(value):
        raise Unreadable(f"'{text[:20]}' is too large")
    return value


def decimal_mark(cells: Iterable[str]) -> str:
    """The mark before decimals, "." or ",", told by cells that can be read in one way only; "" where none tells."""
    marks = set()
    for text in cells:
        match = _CELL.fullmatch(_SPACES.sub("", text.strip()[:MOST_CHARACTERS]))
        digits = re.split("[eE]", match["number"])[0] if match else ""
        if "," in digits and "." in digits:
            marks.add(max(",.", key=digits.rfind))
        elif any(digits.count(mark) == 1 for mark in ",.") and not _AMBIGUOUS.fullmatch(digits):
            marks.add("," if "," in digits else ".")
        elif any(_GROUPS[mark].fullmatch(digits) and digits.count(mark) > 1 for mark in ",."):
            marks.add("." if "," in digits else ",")
    return marks.pop() if len(marks) == 1 else ""
