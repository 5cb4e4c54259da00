"""Which file of a user's says the shape of a model, and its reader."""

import re
from pathlib import Path
from typing import Any

from life_jax.config.schema import yaml_files
from life_jax.config.schema.errors import ConfigError

IN_FOLDERS = ("config.json", "params.json", "mlc-chat-config.json")
BLOB = re.compile(r"sha256[-:][0-9a-f]{64}")  # as Ollama names files of weights
LATER_SHARD = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
PROJECTOR = re.compile(r"mmproj|imatrix|-lora", re.IGNORECASE)


def read_file(file: Path) -> dict[str, Any]:
    """A config of ours, a config.json of Hugging Face or its like, or the header of a .gguf file."""
    if file.suffix == ".json":
        from life_jax.config.checkpoints.huggingface import read_config

        return read_config(file)
    if file.suffix == ".gguf" or BLOB.fullmatch(file.name):
        from life_jax.config.checkpoints.gguf.model import read_gguf

        return read_gguf(file)
    return yaml_files.read_yaml(file)


def in_folder(folder: Path) -> Path | None:
    """The file of a folder that says the shape of its model: one of IN_FOLDERS, or its only .gguf file; of a model in
    Hugging Face's cache that of its newest snapshot. None where there is none.

    Raises ConfigError where several models are in it.
    """
    said = next((folder / name for name in IN_FOLDERS if (folder / name).is_file()), None)
    if said is not None:
        return said
    snapshots = [path for path in folder.glob("snapshots/*") if (path / "config.json").is_file()]
    if snapshots:
        return max(snapshots, key=lambda path: path.stat().st_mtime) / "config.json"
    found = sorted(
        path for path in folder.glob("*.gguf") if not LATER_SHARD.search(path.name) and not PROJECTOR.search(path.name)
    )
    if len(found) > 1:
        named = ", ".join(path.name for path in found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
        raise ConfigError(f"model={folder}: a folder with several models; name one of {named}")
    return found[0] if found else None
