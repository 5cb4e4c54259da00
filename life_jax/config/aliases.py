"""conf/alias: the names that are declared for our devices, models, options and engines."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from life_jax.config.schema import paths, yaml_files

TABLES = {"hw": "hardware", "model": "model", "opt": "format", "engine": "engine"}  # group -> conf/alias/NAME.yaml


def aliases(group: str) -> dict[str, list[str]]:
    """Label -> the declared names that stand for it (of an option or engine: also with others, or on some devices)."""
    of: dict[str, list[str]] = {}
    pairs: Iterable[tuple[str, Any]] = table(TABLES[group]).items() if group != "engine" else (
        (str(rule["name"]), rule["engine"]) for rule in rules("engine")
    )  # fmt: skip
    for name, target in pairs:
        targets = target.values() if isinstance(target, Mapping) else [target]
        for label in dict.fromkeys(x for t in targets for x in (t if isinstance(t, list) else [t])):
            of.setdefault(str(label), []).append(name)
    return of


@cache
def table(name: str) -> dict[str, Any]:
    """conf/alias/NAME.yaml, a table of declared names."""
    return yaml_files.read_yaml(paths.choices("alias")[name])


@cache
def rules(name: str) -> tuple[dict[str, Any], ...]:
    """conf/alias/NAME.yaml, a list of rules by beginnings of names, the first match of which wins."""
    return tuple(yaml_files.read_list(paths.choices("alias")[name]))
