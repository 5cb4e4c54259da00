"""What Hydra composes, merged without it: the same dictionaries, 20 times sooner.

Most tests ask of forecasts, not of the command line, and Hydra takes a fifth of a second for every study. Words that
this does not understand, and words that are wrong, go to Hydra. tests/config/test_composition.py holds both equal.
"""

import ast
import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader
from places import CONF

from life_jax.config import compose

HYDRA = compose._hydra
CONSTANTS = {"null": None, "true": True, "false": False, "inf": float("inf"), "nan": float("nan")}


class NotUnderstoodError(Exception):
    """Words for Hydra."""


@functools.cache
def _file(path: Path) -> Any:
    """A file of conf in Hydra's own dialect of YAML (1e3 is a number)."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=get_yaml_loader())


def _chosen(group: str, name: str) -> dict[str, Any]:
    path = CONF / group / f"{name}.yaml"
    if not path.is_file():
        raise NotUnderstoodError(name)
    content = copy.deepcopy(_file(path))
    aliases = content.pop("defaults", [])
    if not all(isinstance(alias, str) for alias in aliases):
        raise NotUnderstoodError(name)
    merged: dict[str, Any] = {}
    for one in (*(_chosen(group, alias) for alias in aliases if alias != "_self_"), content):
        _merge(merged, one)
    return merged


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _primary(name: str, choices: dict[str, str]) -> dict[str, Any]:
    """conf/NAME.yaml on top of its defaults list; choices: the file of each group that is not the default."""
    content = copy.deepcopy(_file(CONF / f"{name}.yaml"))
    merged: dict[str, Any] = {}
    for entry in content.pop("defaults"):
        if entry == "_self_":
            _merge(merged, content)
        elif isinstance(entry, str):
            _merge(merged, _primary(entry, choices))
        else:
            ((group, default),) = entry.items()
            _merge(merged, {group: _chosen(group, choices.pop(group, default))})
    return merged


def _value(text: str) -> Any:
    """A value as life_jax.config.hydra_words.render writes it, without mappings and escapes."""
    if "{" in text or "\\" in text:
        raise NotUnderstoodError(text)

    def plain(node: ast.expr) -> Any:
        if isinstance(node, ast.List):
            return [plain(item) for item in node.elts]
        if isinstance(node, ast.Name) and node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -plain(node.operand)
        if isinstance(node, ast.Constant):
            return node.value
        raise NotUnderstoodError(text)

    try:
        return plain(ast.parse(text, mode="eval").body)
    except SyntaxError:
        raise NotUnderstoodError(text) from None


def composed(primary: str, words: list[str]) -> dict[str, Any]:
    """The config of conf/PRIMARY.yaml with these words of life_jax.config.hydra_words on top."""
    choices, placed, values = {}, [], []
    for word in words:
        key, _, value = word.partition("=")
        if key.startswith("++"):
            values.append((key[2:].split("."), _value(value)))
        elif key.startswith("+") and "@" in key:
            group, place = key[1:].split("@")
            placed.append((place.split("."), _chosen(group, value)))
        elif key.isidentifier():
            choices[key] = value
        else:
            raise NotUnderstoodError(word)
    found = _primary(primary, choices)
    found.pop("hydra")
    if choices:
        raise NotUnderstoodError(str(choices))
    for path, value in (*placed, *values):
        at = found
        for key in path[:-1]:
            at = at.setdefault(key, {})
            if not isinstance(at, dict):
                raise NotUnderstoodError(".".join(path))
        if isinstance(value, dict) and isinstance(at.get(path[-1]), dict):
            _merge(at[path[-1]], value)
        else:
            at[path[-1]] = value
    return found


@contextlib.contextmanager
def without_hydra() -> Iterator[Callable[[str, list[str]], dict[str, Any]]]:
    """In the place of life_jax.config.compose._hydra."""

    def one(primary: str, words: list[str]) -> dict[str, Any]:
        try:
            return composed(primary, words)
        except NotUnderstoodError:
            with HYDRA() as compose_one:
                return compose_one(primary, words)

    yield one
