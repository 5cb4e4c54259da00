"""Reading YAML: which words are meant as files, the mapping in a file, and its keys dotted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError

YAML = (".yaml", ".yml")


def names_file(word: str, endings: tuple[str, ...] = YAML) -> bool:
    """Whether a word is meant as the path of a file, there or not: it ends as such files do."""
    return word.endswith(endings)


def is_file(word: str, endings: tuple[str, ...] = YAML) -> bool:
    """Whether a word is the path of a file that is there and ends so; ~ is the user's home."""
    return names_file(word, endings) and Path(word).expanduser().is_file()


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
