"""Words that choose many devices or models at once: all, globs (h100*), class:CLASS."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from life_jax.config import conf_files
from life_jax.config.names import Folders
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import device_classes
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.yaml_files import read_yaml

ALL, CLASS = "all", "class:"
OF_THE_PAPER = "life_"  # devices that LIFE's paper made up, which `all`, globs that do not say it and classes leave out


def labels(group: str, typed: str, folders: Folders) -> list[str] | None:
    """The labels of ours that a word stands for; None where it is no such word.

    group: hw or model. Raises ConfigError for a glob without a match, and a class that is not known.
    """
    if typed in paths.choices(group, folders):
        return None
    if typed == ALL:
        return _usual(group, folders)
    if group == "hw" and typed.startswith(CLASS):
        return _of_class(typed.removeprefix(CLASS), folders)
    if "*" not in typed and "?" not in typed:
        return None
    pattern = typed.lower()
    known = paths.choices(group, folders) if pattern.startswith(OF_THE_PAPER) else _usual(group, folders)
    matching = [label for label in known if fnmatchcase(label.lower(), pattern)]
    if not matching:
        kind = {"hw": "device", "model": "model"}[group]
        raise ConfigError(f"{group}=: no {kind} is called '{typed}'; python -m life_jax.catalog {group} lists them")
    return sorted(matching)


def _usual(group: str, folders: Folders) -> list[str]:
    return sorted(label for label in paths.choices(group, folders) if not label.startswith(OF_THE_PAPER))


def _of_class(name: str, folders: Folders) -> list[str]:
    """Labels of a class of devices, or of what devices are used in."""
    known, classes = uses(), [c for c in device_classes() if c != "other"]
    if name not in known and name not in classes:
        raise unknown("hw=class:", name, [*known, *classes])
    rule = known.get(name, {"classes": [name]})
    return [
        label for label in _usual("hw", folders)
        if (_class_of(label, folders) in rule.get("classes", ()) or _is_any(label, rule.get("names", ())))
        and not _is_any(label, rule.get("but", ()))
    ]  # fmt: skip


def _is_any(label: str, patterns: Any) -> bool:
    return any(fnmatchcase(label, pattern) for pattern in patterns)


@cache
def uses() -> dict[str, Any]:
    """conf/device_use.yaml: what devices are used in, and which they are."""
    return read_yaml(paths.conf_dir() / "device_use.yaml")


@cache
def _class_of(label: str, folders: Folders) -> str:
    return str(conf_files.composed("hw", label, folders).get("device_class", "other"))
