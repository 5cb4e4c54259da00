"""Which models have drafts of their own, where heads that draft are published, and which engines run them."""

from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import read_yaml


@cache
def drafts() -> dict[str, dict[str, Any]]:
    """conf/drafts.yaml, by label of the option."""
    return read_yaml(paths.conf_dir() / "drafts.yaml")


def head(model: str) -> str:
    """Name on its hub of a head that drafts for a model (label); empty where none is known."""
    return str(drafts()["eagle3"]["heads"].get(model, ""))


def has_drafts(option: str, model: str) -> bool:
    """Whether a model (label) can be drafted for by an option (label): its own layer, a head, or text."""
    of = drafts()[option]
    if "heads" in of:
        return model in of["heads"]
    return "models" not in of or any(fnmatchcase(model, name) for name in of["models"])
