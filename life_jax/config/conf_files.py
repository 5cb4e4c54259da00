"""Files of conf by label, or of the user by path: read and checked against their schema, once in a process."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from life_jax.config.checkpoints.model_files import read_file
from life_jax.config.schema import paths
from life_jax.config.schema.check import check
from life_jax.config.schema.engine_file import OTHER_CLASS, EfficiencyFile, EngineFile
from life_jax.config.schema.errors import unknown
from life_jax.config.schema.files import DeviceFile


@cache
def file(group: str, name: str, schema: type[Any]) -> Any:
    """The checked file of a label in a folder of conf (hw, model, engine, ...), or of a path.

    Raises ConfigError, which calls the file GROUP.NAME.
    """
    path = paths.choices(group).get(name) or Path(name).expanduser()
    return check(read_file(path), schema, f"{group}.{name}")


def merged(file: Path, group: Mapping[str, Path]) -> dict[str, Any]:
    """The content of a file; of one that starts from others of its group (`defaults:`), theirs under its own.

    group: files of the group by label. Raises ConfigError where a file cannot be read or is not there.
    """
    content = read_file(file)
    below: dict[str, Any] = {}
    for name in content.pop("defaults", None) or []:
        if name != "_self_":
            if name not in group:
                raise unknown(f"{file}: defaults", str(name), group)
            below |= merged(group[name], group)
    return below | content


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
