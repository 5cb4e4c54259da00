"""What transformers fills in where a config.json is silent (conf/class_defaults.yaml)."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import read_yaml


@cache
def _tables() -> dict[str, Any]:
    return read_yaml(paths.conf_dir() / "class_defaults.yaml")


def sizes(model_type: str) -> Mapping[str, int] | None:
    """The whole numbers that the class of a model_type has by default, as config.json names them; None if unknown."""
    found: Mapping[str, int] | None = _tables()["sizes"].get(model_type)
    return found


def text_model(wrapper: str) -> str:
    """The model_type of the text model that a wrapper has by default; its own where it has no other."""
    return str(_tables()["text_models"].get(wrapper, wrapper))
