"""x"""

from pathlib import Path
from typing import Any

from life_jax.config.schema import yaml_files


def read_file(file: Path) -> dict[str, Any]:
    """A config of ours, a config.json of Hugging Face, or the header of a .gguf file."""
    if file.suffix == ".json":
        from life_jax.config.checkpoints.huggingface import read_config

        return read_config(file)
    if file.suffix == ".gguf":
        from life_jax.config.checkpoints.gguf.model import read_gguf

        return read_gguf(file)
    return yaml_files.read_yaml(file)
