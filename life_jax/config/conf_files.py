"""Files of conf by label, or of the user by path: read and checked against their schema, once in a process."""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from life_jax.config import hydra_composition
from life_jax.config.aliases import TABLES, table
from life_jax.config.checkpoints.model_files import read_file
from life_jax.config.schema import paths
from life_jax.config.schema.check import check
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.efficiency_file import OTHER_CLASS, EfficiencyFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.yaml_files import read_text

Folders = tuple[Path, ...]
SELF = "_self_"  # in a list of defaults, the keys of the file itself
UNUSUAL = re.compile(r"@package")


class UnusualError(Exception):
    """What only Hydra can compose."""


def file(group: str, name: str, schema: type[Any]) -> Any:
    """The checked file of a label in a folder of conf (hw, model, engine, ...), or of a path.

    Raises ConfigError, which calls the file GROUP.NAME.
    """
    return _checked(group, name, schema, version(group, name))  # type: ignore[arg-type]


def version(group: str, name: str) -> tuple[str, int, int] | None:
    """What tells a file of the user from another one, or from itself before it was changed; None for labels of ours."""
    if name in paths.choices(group):
        return None
    path = paths.user_path(name)
    try:
        state = path.stat()
    except OSError:  # which the reader says
        return str(path), 0, 0
    return str(path.resolve()), state.st_mtime_ns, state.st_size


@lru_cache(maxsize=4096)
def _checked(group: str, name: str, schema: Any, of: tuple[str, int, int] | None) -> Any:
    path = paths.choices(group).get(name) or paths.user_path(name)
    return check(merged(path, group), schema, f"{group}.{name}")


def content(group: str, name: str, folders: Folders = (), above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What the file of a label of ours has, on top of the files that its `defaults:` names; the caller's own copy.

    folders: of the user, which come before ours. Raises ConfigError where a file cannot be read, and UnusualError where
    only Hydra can tell what a file of the user means: a @package, defaults of other groups. ${...} is text.
    """
    file = paths.own_choices(group, folders).get(name) if folders else None
    if file is None:
        return _copy(_shipped(group, _long_name(group, name)))
    if UNUSUAL.search(read_text(file)):
        raise UnusualError(f"{file}")
    return merged(file, group, folders, above)


def composed(group: str, name: str, folders: Folders = ()) -> dict[str, Any]:
    """The same of any file, by Hydra where only Hydra can tell. Raises ConfigError."""
    try:
        return content(group, name, folders)
    except UnusualError:
        return hydra_composition.file(group, name, folders)


def merged(file: Path, group: str, folders: Folders = (), above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a file has, of any kind that is read, on top of those of its group that its `defaults:` names.

    above: files that begin from this one. Raises ConfigError and UnusualError as `content` does.
    """
    if file in above:
        raise ConfigError(f"{file}: its defaults lead back to itself")
    own = read_file(file)
    below = own.pop("defaults", None) or []
    if not isinstance(below, list) or not all(isinstance(label, str) for label in below):
        raise UnusualError(f"{file}: defaults")
    merged: dict[str, Any] = {}
    for label in (*below, *([] if SELF in below else [SELF])):
        if label != SELF and _long_name(group, label) not in paths.choices(group, folders):
            raise unknown(f"{file}: defaults", label, paths.choices(group, folders))
        merge(merged, own if label == SELF else content(group, label, folders, (*above, file)))
    return merged


def primary(name: str, chosen: Mapping[str, str], folders: Folders = ()) -> dict[str, Any]:
    """What conf/NAME.yaml has, on top of its defaults list; the caller's own copy.

    chosen: the file of each group of that list that is not the one it names. Raises as `content` does.
    """
    if any((folder / f"{name}.yaml").exists() for folder in folders):
        raise UnusualError(f"a {name}.yaml of the user's")
    own = _copy(_shipped_primary(name))
    merged: dict[str, Any] = {}
    for entry in own.pop("defaults"):
        if entry == SELF:
            merge(merged, own)
        elif isinstance(entry, str):
            merge(merged, primary(entry, chosen, folders))
        else:
            merge(merged, {g: content(g, chosen.get(g, default), folders) for g, default in entry.items()})
    return merged


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put values over others, mappings key by key, as Hydra does."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


@cache
def _shipped(group: str, name: str) -> dict[str, Any]:
    """A file of ours; as many are kept as there are."""
    return merged(paths.choices(group)[name], group)


@cache
def _shipped_primary(name: str) -> dict[str, Any]:
    return read_file(paths.conf_dir() / f"{name}.yaml")


def _copy(value: Any) -> Any:
    """A copy of plain data, all mappings and lists in it included."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _long_name(group: str, name: str) -> str:
    """The label of ours that a short name of conf/alias stands for, where it is no label itself."""
    return name if name in paths.choices(group) or group not in TABLES else str(table(TABLES[group]).get(name, name))


def engine_file(name: str) -> EngineFile:
    """The file of an engine, by label or path."""
    return file("engine", name, EngineFile)  # type: ignore[no-any-return]


def efficiency_class(hw: str) -> str:
    """The class of devices whose efficiencies a device (label or path) has."""
    return str(file("hw", hw, DeviceFile).efficiency_class)


def efficiency(hw: str) -> EfficiencyFile:
    """What software usually reaches on the class of a device (label or path); of a class never measured, the mean."""
    name = efficiency_class(hw)
    known = paths.choices("efficiency")
    return file("efficiency", name if name in known else OTHER_CLASS, EfficiencyFile)  # type: ignore[no-any-return]
