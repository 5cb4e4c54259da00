"""The config of a request: what its words choose and set, on top of conf/PRIMARY.yaml.

By Hydra's rules, but without Hydra where words and files are usual: it takes 17 ms a file, merging takes a thousandth
(docs/decisions/0023-usual-words-need-no-hydra.md). tests/config/test_composition.py holds both equal.
"""

import re
from collections.abc import Mapping
from typing import Any

from life_jax.config import conf_files
from life_jax.config.conf_files import UnusualError, merge
from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import names_file, read_yaml
from life_jax.config.words import Request

NAME = re.compile(r"(?!(?:true|false|null|nan|inf)$)[a-z_][a-z0-9_]*", re.IGNORECASE)  # between the dots of a key
Config = dict[str, Any]


def composed(request: Request, primary: str) -> tuple[Config, list[Config]]:
    """The config of the request with its first stack, and the options of each stack by label: plain data of the
    caller's own.

    primary: file of conf that the command begins from (sweep, explain, design). Raises ConfigError.
    """
    try:
        return without_hydra(request, primary)
    except UnusualError:
        return by_hydra(request, primary)


def by_hydra(request: Request, primary: str) -> tuple[Config, list[Config]]:
    """The same of any words and files. Raises ConfigError."""
    from life_jax.config import hydra_composition, hydra_words

    overrides = [hydra_words.overrides(request, stack) for stack in request.stacks]
    configs = hydra_composition.configs(primary, overrides, request.folders)
    return configs[0], [config.get("opt") or {} for config in configs]


def without_hydra(request: Request, primary: str) -> tuple[Config, list[Config]]:
    """The same for usual words and files; raises UnusualError where only Hydra can tell what they mean.

    Unusual are hydra.* words, keys that are no plain names, keys of something that is a value, and
    files as conf_files.content says.
    """
    if request.hydra:
        raise UnusualError("words for Hydra itself")
    own_groups = {group: name for group, name in request.groups.items() if names_file(name)}
    config = conf_files.primary(
        primary, {group: name for group, name in request.groups.items() if group not in own_groups}, request.folders
    )
    config.pop("hydra")
    config |= {
        group: {c.key: conf_files.content(group, c.name, request.folders) for c in choices if c.is_ours}
        for group, choices in (("hw", request.hw), ("model", request.model))
    }
    values: dict[str, Any] = {f"model.{c.key}.quantization": c.stored for c in request.model if c.weights}
    for group, name in own_groups.items():  # keys of a file of the user's on top of the default choice
        values |= {f"{group}.{key}": value for key, value in read_yaml(paths.user_path(name)).items()}
    values |= {**request.scalars, **{f"axes.{key}": value for key, value in request.axes.items()}, **request.plain}
    stacks = [{n: conf_files.content("opt", n, request.folders) for n in stack} for stack in request.stacks]
    for key, value in values.items():
        if key != "format":
            _set(key, value, stacks if key.startswith("opt.") else [config])
    config["opt"] = stacks[0]
    return config, stacks


def _set(key: str, value: Any, configs: list[Config]) -> None:
    """Put a value at a dotted key of each config (of options, which are those of `opt`, without it)."""
    steps = key.split(".")
    if not all(NAME.fullmatch(step) for step in steps):
        raise UnusualError(key)
    for config in configs:
        at = config
        for step in steps[1:-1] if steps[0] == "opt" else steps[:-1]:
            at = at.setdefault(step, {})
            if not isinstance(at, dict):
                raise UnusualError(key)
        merge(at, {steps[-1]: _usual(value)})


def _usual(value: Any) -> Any:
    """A copy of a value, if Hydra would take it as it is."""
    if isinstance(value, list | tuple):
        return [_usual(item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and NAME.fullmatch(key) for key in value):
            raise UnusualError("keys that are no plain names")
        return {key: _usual(item) for key, item in value.items()}
    return value
