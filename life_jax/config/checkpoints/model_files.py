"""Which file of a user's says the shape of a model, and its reader."""

import re
from pathlib import Path
from typing import Any

from life_jax.config.schema import yaml_files
from life_jax.config.schema.errors import ConfigError

IN_FOLDERS = ("config.json", "params.json", "mlc-chat-config.json")
BLOB = re.compile(r"sha256[-:][0-9a-f]{64}")  # as Ollama names files of weights
LATER_SHARD = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
# of a file that was cut with `split`, whose first part has the header: .gguf.part1of3, .gguf-split-a
PART = re.compile(r"\.gguf[.-](?:part(\d{1,3})of\d{1,3}|split-([a-z]))$", re.IGNORECASE)
PROJECTOR = re.compile(r"mmproj|imatrix|-lora", re.IGNORECASE)


def read_file(file: Path) -> dict[str, Any]:
    """A config of ours, a config.json of Hugging Face or its like, or the header of a .gguf file."""
    if file.suffix == ".json":
        from life_jax.config.checkpoints.huggingface import read_config

        return read_config(file)
    part = PART.search(file.name)
    if part and (part[1] or part[2].lower()) not in ("1", "a"):
        raise ConfigError(f"{file} is a later part of a file that was cut: name its first part, which has the header")
    if part or file.suffix == ".gguf" or BLOB.fullmatch(file.name):
        from life_jax.config.checkpoints.gguf.model import read_gguf

        return read_gguf(file)
    return yaml_files.read_yaml(file)


def has_header(name: str) -> bool:
    """Whether a name without an ending of ours is that of a file of weights with a header: a blob or a part."""
    file = name.rpartition("/")[2]
    return BLOB.fullmatch(file) is not None or PART.search(file) is not None


def refuse_unread(file: Path) -> None:
    """Raises ConfigError for a file that is there and is of no kind that says a shape, such as .safetensors."""
    if not file.is_file():
        return
    beside = file.parent / "config.json"
    instead = f"give {beside} beside it" if beside.is_file() else "give the config.json of its model"
    raise ConfigError(f"model={file}: files of this kind are not read (read are .json, .gguf, .yaml); {instead}")


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
