"""Checks a mapping against a schema class: keys, types, choices, bounds."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from life_jax.config.schema.device_file import DTYPES
from life_jax.config.schema.errors import ConfigError, unknown

T = TypeVar("T")
LARGEST = 10**308  # whole number that is a float
THOUSANDS, FACTORS = re.compile(r"(\d+(?:\.\d+)?)([kKmM])"), {"k": 1e3, "m": 1e6}


def check(values: Mapping[str, Any], schema: type[T], where: str) -> T:
    """An instance of the dataclass `schema` from the values of a file or of words.

    where: the place in the user's words, such as hw.v100. Raises ConfigError, which names the place and what it
    accepts.
    """
    fields = {f.name: f for f in dataclasses.fields(schema)}  # type: ignore[arg-type]
    unlisted = [str(key) for key in values if key not in fields]
    numbers = _more_numbers(schema, unlisted, values, where) if unlisted else {}
    for key in unlisted:
        if key not in numbers:
            raise unknown(f"{where} has no key of that name:", key, fields)
    for key, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and values.get(key) is None:
            raise ConfigError(f"{where}.{key} is missing{_accepted(field)}")
    checked = {key: _value(value, fields[key], f"{where}.{key}") for key, value in values.items() if key in fields}
    if numbers:
        checked["numbers"] = {**(checked.get("numbers") or {}), **numbers}
    return schema(**{key: value for key, value in checked.items() if value is not None})


def _more_numbers(schema: type, keys: list[str], values: Mapping[str, Any], where: str) -> dict[str, float]:
    """Those of the keys that are no fields of the schema, but numbers that it knows otherwise."""
    known = schema.more_numbers() if hasattr(schema, "more_numbers") else {}
    return {key: check_number(values[key], known[key], f"{where}.{key}") for key in keys if key in known}


def check_number(value: Any, facts: Mapping[str, Any], where: str) -> float:
    """The value as a float, if it is a finite number within the bounds of its field, else ConfigError.

    facts: metadata of the field (unit, low, high, open_low); where: the place in the user's words.
    """
    unit = facts.get("unit", "1")
    unit = "" if unit == "1" else f" {unit}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = f"; a list is an axis, axes.{where.rsplit('.', 1)[-1]}=[...]" if isinstance(value, list) else ""
        if isinstance(value, str) and (short := THOUSANDS.fullmatch(value)):
            hint = f"; write {float(short[1]) * FACTORS[short[2].lower()]:.0f}"
        raise ConfigError(f"{where} is {value!r}, not a number{unit and f' in{unit}'}{hint}")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ConfigError(f"{where} has {len(f'{value:x}') * 5 // 4} digits or so; a number below 1e308 is needed")
    if not math.isfinite(value):
        raise ConfigError(f"{where} is {value}; a finite number{unit and f' in{unit}'} is needed")
    low, high = facts.get("low"), facts.get("high")
    too_low = low is not None and (value < low or (facts.get("open_low") and value == low))
    if too_low or (high is not None and value > high):
        raise ConfigError(f"{where} is {value:g}{unit}; it must be {bounds(facts)}{unit}")
    return float(value)


def bounds(facts: Mapping[str, Any]) -> str:
    """The values that a field takes, in words: "above 0 and at most 1"; empty where any number will do."""
    low, high = facts.get("low"), facts.get("high")
    lower = "" if low is None else f"{'above' if facts.get('open_low') else 'at least'} {low:g}"
    upper = "" if high is None else f"at most {high:g}"
    return " and ".join(part for part in (lower, upper) if part)


def _accepted(field: dataclasses.Field) -> str:
    facts = field.metadata
    if facts.get("number"):
        unit = facts.get("unit", "1")
        return f" ({facts.get('name', 'a number')}{'' if unit == '1' else f', in {unit}'})"
    return ""


def _value(value: Any, field: dataclasses.Field, where: str) -> Any:
    kind = str(field.type)
    if value is None:
        if "None" in kind or field.default is not dataclasses.MISSING:
            return None
        raise ConfigError(f"{where} is empty{_accepted(field)}")
    if "options" in field.metadata:
        if value not in field.metadata["options"]:
            raise unknown(where, str(value), field.metadata["options"])
        return value
    if field.metadata.get("number"):
        return check_number(value, field.metadata, where)
    if field.name == "peak_tflops":
        return _rates(value, where)
    return _plain(value, kind, where)


def _rates(value: Any, where: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} is {value!r}; a mapping such as {{fp16: 125, fp32: 15.7}} is needed")
    for dtype in value:
        if dtype not in DTYPES:
            raise unknown(f"{where} has a rate for", str(dtype), DTYPES)
    facts = {"unit": "TFLOP s-1", "low": 0, "open_low": True}
    return {dtype: check_number(rate, facts, f"{where}.{dtype}") for dtype, rate in value.items()}


def _plain(value: Any, kind: str, where: str) -> Any:
    """A text, bool, whole number, list, or mapping (whose content its reader checks), if the field is of that kind."""
    if kind.startswith("dict"):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} is {value!r}; a mapping of keys to values is needed")
        return value
    expected: dict[str, type | tuple[type, ...]] = {"bool": bool, "int": int, "str": str, "list": (list, tuple)}
    for word, types in expected.items():
        if word not in kind or (word == "str" and "list" in kind):
            continue
        wrong = not isinstance(value, types)
        if word == "int":
            wrong = wrong or isinstance(value, bool) or int(value) < 0
        if wrong:
            raise ConfigError(
                f"{where} is {value!r}; {'a whole number, 0 or more' if word == 'int' else word} is needed"
            )
        return _items(value, kind, where) if word == "list" else value
    return value


def _items(values: Sequence[Any], kind: str, where: str) -> tuple[Any, ...]:
    """The items of a list, if they are of its kind: names or numbers; what else a list holds its reader checks."""
    if kind.startswith("list[float]"):
        return tuple(check_number(value, {"low": 0}, where) for value in values)
    for value in values if kind.startswith("list[dict") else ():
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} has the item {str(value)[:40]}; mappings of keys to values are needed")
    for value in values if kind.startswith("list[str]") else ():
        if not isinstance(value, str):
            raise ConfigError(f"{where} has the item {str(value)[:40]}; names are needed")
    return tuple(values)
