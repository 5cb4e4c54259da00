"""Words of classes of requests, load.class.NAME.KEY=, -> words of numbers: a row for each class."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from life_jax.config import word_values, words
from life_jax.config.schema.errors import ConfigError, unknown

START, OF = "load.class.", "load.of"
KEYS = ("share", "prompt", "output", "cached", "ttft", "tpot")
NUMBER = r"\s*([0-9.eE+-]+)\s*"
LOG_NORMAL = re.compile(rf"lognormal\({NUMBER},{NUMBER}\)")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def is_word(key: str) -> bool:
    """Whether a key is about classes of requests."""
    return key == OF or key.startswith(START)


def taken(typed: Iterable[str], load: dict[str, Any]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The words that are not about classes, and the classes by name and key; what was said of them is added to `load`.

    Raises ConfigError for a key that no class has, for a name that is none, and for what is given twice.
    """
    rest: list[str] = []
    classes: dict[str, dict[str, str]] = {}
    for word in typed:
        pair = words.key_and_text(word)
        if pair is None or not is_word(pair[0]):
            rest.append(word)
            continue
        key, text = pair
        load[key.removeprefix("load.")] = text
        if key != OF:
            _collect(classes, key, text)
    return rest, classes


def _collect(classes: dict[str, dict[str, str]], key: str, text: str) -> None:
    name, _, of = key.removeprefix(START).partition(".")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{key}={text}: {START}NAME.KEY= is needed, such as {START}chat.prompt=1024")
    if of not in KEYS:
        raise unknown(f"{key}=: a class", of, KEYS)
    if of in classes.setdefault(name, {}):
        raise ConfigError(f"{key}={text}: it is given twice")
    classes[name][of] = text


def class_words(classes: Mapping[str, Mapping[str, str]], others: Mapping[str, Any]) -> list[str]:
    """Words of numbers for classes by name. others: what else was said of the load, by its word. Raises ConfigError
    where a class has no length, a number makes no sense, or lengths or targets of all requests are given as well."""
    if not classes:
        if "of" in others:
            raise ConfigError(f"{OF}={others['of']}: there are no classes; {START}NAME.prompt= and .output= make them")
        return []
    of_all = [word for word in ("prompt", "output", "trace", "target.ttft", "target.tpot") if word in others]
    if of_all:
        raise ConfigError(f"{of_all[0]}= is of all requests, {START}*= of each class; drop one of them")
    rows = [_row(name, numbers) for name, numbers in classes.items()]
    whole = sum(row[0] for row in rows)
    means = [sum(row[0] * row[place] for row in rows) / whole for place in (1, 3)]
    observed = [f"load.observed={others['of']}"] if "of" in others else []
    return [
        *observed,
        f"workload.prompt_tokens={means[0]}",
        f"workload.output_tokens={means[1]}",
        f"load.classes={rows}".replace(" ", ""),
        f"load.class_names=[{','.join(classes)}]",
    ]


def _row(name: str, numbers: Mapping[str, str]) -> list[float]:
    for key in ("prompt", "output"):
        if key not in numbers:
            raise ConfigError(f"{START}{name} has no {key}; {START}{name}.{key}=TOKENS says how long they are")
    prompt, output = (_length(name, key, numbers[key]) for key in ("prompt", "output"))
    share = _number(name, "share", numbers.get("share", "1"), least=0.0)
    limits = [_number(name, key, numbers[key], least=0.0) if key in numbers else 0.0 for key in ("ttft", "tpot")]
    cached = _number(name, "cached", numbers["cached"], least=-1e-12) if "cached" in numbers else 0.0
    if cached > 0.999:
        raise ConfigError(f"{START}{name}.cached={numbers['cached']}: a part from 0 to 0.999 is needed")
    return [share, *prompt, *output, max(cached, 0.0), *limits]


def _length(name: str, key: str, text: str) -> tuple[float, float]:
    """Mean [token] and coefficient of variation [1] of a length."""
    plain = text.strip("'\"")
    match = LOG_NORMAL.fullmatch(plain)
    if match:
        return _number(name, key, match[1], least=0.0), _number(name, key, match[2], least=-1e-12)
    if plain.startswith("[") or "(" in plain:
        raise ConfigError(
            f"{START}{name}.{key}={text}: tokens or lognormal(MEAN,CV) is needed; other lengths are a class"
        )
    return _number(name, key, plain, least=0.0), 0.0


def _number(name: str, key: str, text: str, *, least: float) -> float:
    value = word_values.value(f"{START}{name}.{key}", text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least < value < 1e12:
        raise ConfigError(f"{START}{name}.{key}={text}: a number above 0 is needed")
    return float(value)
