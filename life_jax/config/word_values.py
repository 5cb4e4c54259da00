"""What is typed behind KEY= as a Python value, and back: numbers, names and [lists] by themselves, the rest by Hydra's
grammar.

Importing Hydra's parser takes a tenth of a second; tests/config/test_word_values.py holds both equal.
"""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError
from life_jax.config.short_words import SHORT_WORDS

WHOLE = re.compile(r"[+-]?(?:0|[1-9]\d*)", re.ASCII)
FLOAT = re.compile(r"[+-]?(?:(?:(?:0|[1-9]\d*)\.\d*|\.\d+)(?:[eE][+-]?\d+)?|(?:0|[1-9]\d*)[eE][+-]?\d+|inf)", re.ASCII)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[-./:+@%]+[A-Za-z0-9_]+)*")
CONSTANTS = {"true": True, "false": False, "null": None, "nan": float("nan"), "inf": float("inf")}
QUOTED = re.compile(r"'[^'\\$\n]*'|\"[^\"\\$\n]*\"")
MOST_DIGITS = 400  # of a whole number; floats have no more, and Python reads no more than ten times as many
MOST_LISTS = 64  # levels, as of YAML
DIGITS = re.compile(rf"\d{{{MOST_DIGITS + 1}}}", re.ASCII)
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
TOKEN = re.compile(rf"[ \t]*([\[\],]|{QUOTED.pattern}|[^\[\]{{}}(),'\"\s]+)")


def text(value: Any, key: str) -> str:
    """The text that `value` reads as this Python value; a tuple is a list, a path its text.

    key: what an error names. Raises ConfigError for a value of another kind.
    """
    if isinstance(value, list | tuple):
        return "[" + ",".join(text(item, key) for item in value) + "]"
    if isinstance(value, Path):
        return text(str(value), key)
    if isinstance(value, str):
        return value if NAME.fullmatch(value) and value.lower() not in CONSTANTS else render(value)
    if hasattr(value, "item"):  # a number of NumPy or JAX
        return text(value.item(), key)
    if value is None or isinstance(value, bool | int | float):
        return render(value)
    raise ConfigError(f"{key} is {value!r:.60}; numbers, names, lists of them and mappings of keys to them are read")


def render(value: Any) -> str:
    """A Python value as text in Hydra's grammar, which Hydra reads back as that value."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(render(item) for item in value) + "]"
    if isinstance(value, str):
        # Hydra takes backslashes as they are, but for those before a quote or at the end
        return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value) + "'"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{render(item)}" for key, item in value.items()) + "}"
    return repr(value)


def value(key: str, text: str, hint: str = "") -> Any:
    """The value that KEY=text means. hint: what an error adds. Raises ConfigError."""
    if len(text) > MOST_DIGITS and DIGITS.search(text):
        raise ConfigError(f"{key}: a number of more than {MOST_DIGITS} digits; one below 1e308 is needed")
    if len(text) > MOST_LISTS and _depth(text) > MOST_LISTS:
        raise ConfigError(f"{key}: lists in more than {MOST_LISTS} levels")
    if KEY.fullmatch(key):
        try:
            return _usual(text)
        except _UnusualError:
            pass
    return _by_hydra(key, text, hint)


def _depth(text: str) -> int:
    """Levels of brackets and braces in a text, those in quotes among them."""
    return max(itertools.accumulate((character in "[{(") - (character in "]})") for character in text))


class _UnusualError(Exception):
    """A text for Hydra's grammar."""


def _usual(text: str) -> Any:
    """One value, or lists of them at any depth."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        if (match := TOKEN.match(text, at)) is None:
            raise _UnusualError(text)
        tokens.append(match[1])
        at = match.end()
    tokens.reverse()  # the next one is popped
    whole = _next(tokens)
    if tokens:
        raise _UnusualError(text)
    return whole


def _next(tokens: list[str]) -> Any:
    token = tokens.pop() if tokens else ""
    if token != "[":
        return _scalar(token)
    items: list[Any] = []
    while not (tokens and tokens[-1] == "]" and not items):
        items.append(_next(tokens))
        if not tokens or tokens[-1] not in (",", "]"):
            raise _UnusualError(token)
        if tokens[-1] == "]":
            break
        tokens.pop()
    tokens.pop()
    return items


def _scalar(token: str) -> Any:
    if WHOLE.fullmatch(token):
        return int(token)
    if FLOAT.fullmatch(token):
        return float(token)
    if QUOTED.fullmatch(token):
        return token[1:-1]
    if NAME.fullmatch(token):
        return CONSTANTS.get(token.lower(), token)
    raise _UnusualError(token)


def _by_hydra(key: str, text: str, hint: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Sweep
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(f"{key}={text}").value()
    except HydraException:
        raise ConfigError(f"{key}={text} cannot be read; values are numbers, names, [lists] or ranges{hint}") from None
    if isinstance(parsed, Sweep):  # which Hydra would run one after the other
        axis = (
            key
            if key.startswith("axes.") or not (key in SHORT_WORDS or "." in key)
            else f"axes.{key.rsplit('.', 1)[-1]}"
        )
        raise ConfigError(f"{key}={text}: write a list as {axis}=[{text}]")
    return _unquoted(parsed)


def _unquoted(value: Any) -> Any:
    """Hydra's quoted strings as plain text, at any depth."""
    if isinstance(value, list):
        return [_unquoted(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _unquoted(item) for key, item in value.items()}
    return value if isinstance(value, str | bool | int | float) or value is None else str(getattr(value, "text", value))
