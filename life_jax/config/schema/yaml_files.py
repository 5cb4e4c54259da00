"""Reading YAML: the mapping in a file, and its keys dotted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file, or ConfigError naming the file."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(content, Mapping):
        raise ConfigError(f"{file}: a mapping of keys to values is needed")
    return dict(content)


def flatten(content: Mapping[str, Any], prefix: str, into: dict[str, Any]) -> None:
    for key, value in content.items():
        if isinstance(value, Mapping):
            flatten(value, f"{prefix}{key}.", into)
        else:
            into[f"{prefix}{key}"] = value
