"""Reading YAML as Hydra does: which words are meant as files, the mapping or list in a file, its keys dotted."""

import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.yaml_check import MOST_BYTES, refuse_bombs
from life_jax.core import file_system

# numbers to Hydra that are text to PyYAML: 1e-3, 2.5E3
FLOAT = re.compile(
    r"(?:[-+]?\d+(?:_\d+)*(?:\.[\d_]*(?:[eE][-+]?\d+)?|[eE][-+]?\d+)|\.\d+(?:_\d+)*(?:[eE][-+]\d+)?"
    r"|[-+]?\d+(?:_\d+)*(?::[0-5]?\d)+\.[\d_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    re.ASCII,
)
DATE = "tag:yaml.org,2002:timestamp"
YAML = (".yaml", ".yml")


def names_file(word: str, endings: tuple[str, ...] = YAML) -> bool:
    """Whether a word is meant as the path of a file, there or not: it ends as such files do."""
    return word.endswith(endings)


def is_file(word: str, endings: tuple[str, ...] = YAML) -> bool:
    """Whether a word is the path of a file that is there and ends so; ~ is the user's home."""
    return names_file(word, endings) and paths.user_path(word).is_file()


@cache
def _loader() -> Any:
    """PyYAML's safe loader, in C where it is built so, by Hydra's rules.

    A key that is there twice is refused, 1e-3 is a number, 2024-01-01 is text.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys: set[Any] = set()
            for key_node, _ in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":
                    continue
                key = self.construct_object(key_node, deep=True)
                if isinstance(key, str | int | float) and key in keys:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key '{key}' is there twice", key_node.start_mark
                    )
                keys.add(key if isinstance(key, str | int | float) else id(key_node))
            return super().construct_mapping(node, deep)

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != DATE]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }
    return Loader


def read_text(file: Path) -> str:
    """The text of a YAML file of at most MOST_BYTES, in UTF-8. Raises ConfigError naming the file."""
    try:
        return file_system.read_regular(file, MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
        raise ConfigError(f"{file}: cannot be read: {reason}") from None


def _content(file: Path) -> Any:
    """What is in a file: of ours as it is, of others only after `refuse_bombs`. Everything is data; ${...} is text."""
    import yaml

    text = read_text(file)
    try:
        if not paths.is_shipped(file):
            refuse_bombs(text)
        return yaml.load(text, _loader())
    except ConfigError as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        reason = getattr(error, "problem", None) or (str(error).splitlines() or ["it is nested too deeply"])[0]
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise ConfigError(f"{file}: cannot be read: {reason}{place}") from None


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError naming the file where it cannot be read or is no mapping.

    A file from outside is refused if it is longer than 4 MiB, nested deeper than 64 levels, stands for more than
    200 000 values, refers to itself, or has tags that name types.
    """
    content = _content(file)
    if not isinstance(content, Mapping):
        raise ConfigError(f"{file}: a mapping of keys to values is needed")
    return dict(content)


def read_list(file: Path) -> list[Any]:
    """The list in a YAML file. Raises ConfigError naming the file where it cannot be read or is no list."""
    content = _content(file)
    if not isinstance(content, list):
        raise ConfigError(f"{file}: a list is needed")
    return content


def as_yaml(content: Mapping[str, Any]) -> str:
    """Plain data (what JSON can hold, under names) as the text of a YAML file, in its own order.

    The text of each part is remembered: a device or a model is in the config of every study of it.
    """
    if not content:
        return "{}\n"
    return "".join([_part_as_yaml(json.dumps({key: value})) for key, value in content.items()])


@lru_cache(maxsize=1024)
def _part_as_yaml(part: str) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(json.loads(part), Dumper=dumper, sort_keys=False, width=120)
    return text


def flatten(content: Mapping[str, Any], prefix: str, into: dict[str, Any]) -> None:
    """Writes the values of nested mappings under dotted keys, each behind `prefix`, into `into`."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            flatten(value, f"{prefix}{key}.", into)
        else:
            into[f"{prefix}{key}"] = value
