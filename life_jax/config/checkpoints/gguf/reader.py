"""The metadata and tensors of one GGUF file, layer by layer; files that hold no language model are refused."""

import re
from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.gguf.encoders import UNREAD
from life_jax.config.checkpoints.gguf.file import GgufFile, StoredTensor, metadata_of
from life_jax.config.schema.errors import ConfigError

MOST_LAYERS, LARGEST = 4096, 10**9
DRAFTS = {"eagle": "eagle", "eagle3": "eagle3", "medusa": "medusa"}
IMAGES = ("flux", "sd1", "sd3", "sdxl", "wan", "qwen_image", "lumina2", "ltxv", "hyvid", "aura", "pixart", "hidream",
          "cosmos", "z_image", "flux2")  # fmt: skip


# Ollama stores towers for images and sound in the file of the language model
OTHER_TOWER = re.compile(r"(?:v|mm|a|s)\.")
# Ollama's own conversion of gpt-oss: name in it -> name in llama.cpp's
RENAMED = {"attn_out.weight": "attn_output.weight", "attn_out.bias": "attn_output.bias",
           "attn_sinks": "attn_sinks.weight"}  # fmt: skip


def _renamed(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Tensors by llama.cpp's names."""
    found = dict(tensors)
    for name in tensors:
        parts = name.split(".", 2)
        if len(parts) < 3 or parts[0] != "blk" or parts[2] not in RENAMED:
            continue
        ours = f"blk.{parts[1]}.{RENAMED[parts[2]]}"
        if ours not in tensors:
            found[ours] = found.pop(name)
    return found


class Reader:
    """Metadata and tensors of one file, layer by layer."""

    def __init__(self, file: GgufFile) -> None:
        self.path, self.tensors = file.path, _renamed(file.tensors)
        self.architecture = str(file.metadata.get("general.architecture", ""))
        self.metadata = metadata_of(file)
        _refuse_other_kinds(file, self.architecture)
        extra = self.whole("nextn_predict_layers", 0) if "nextn_predict_layers" in self.metadata else 0
        self.layers = self.whole("block_count", 1, MOST_LAYERS) - extra
        if self.layers < 1:
            raise ConfigError(f"{self.path}: {self.architecture}.nextn_predict_layers leaves no layer")
        self.unread: list[str] = []
        self.beside_text = sum(self.tensors.pop(name).bytes for name in list(self.tensors) if OTHER_TOWER.match(name))
        self.by_layer: list[dict[str, StoredTensor]] = [{} for _ in range(self.layers)]
        for name, tensor in list(self.tensors.items()):
            parts = name.split(".", 2)
            if parts[0] == "blk" and len(parts) == 3 and parts[1].isdigit():
                number = int(parts[1][:6])
                if number >= self.layers:  # heads of multi-token prediction
                    del self.tensors[name]
                    continue
                self.by_layer[number][parts[2]] = tensor

    def get(self, key: str) -> Any:
        """A value of the metadata, None where it is not there."""
        return self.metadata.get(key)

    def refuse(self, key: str, accepted: str) -> ConfigError:
        """An error that names the file, the architecture's key, its value, and what would be accepted."""
        value = self.metadata.get(key)
        said = "is missing from the metadata" if value is None else f"is {str(value)[:60]}"
        return ConfigError(f"{self.path}: {self.architecture}.{key} {said} (accepted: {accepted})")

    def whole(self, key: str, low: int = 1, high: int = LARGEST, default: int | None = None) -> int:
        """A whole number; a list of equal ones is one."""
        value = self.metadata.get(key, default)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, f"a whole number from {low} to {high}")
        return value

    def each(self, key: str, low: int = 0, default: int | None = None) -> list[int]:
        """A whole number for each layer; one stands for all."""
        value = self.metadata.get(key, default)
        if not isinstance(value, list):
            return [self.whole(key, low, default=default)] * self.layers
        numbers = [one for one in value if isinstance(one, int) and not isinstance(one, bool) and low <= one <= LARGEST]
        if len(numbers) != len(value) or len(value) < self.layers:
            raise self.refuse(key, f"whole numbers of at least {low} for each of the {self.layers} layers")
        return numbers[: self.layers]

    def has(self, tensor: str) -> bool:
        """Whether any layer has it."""
        return any(tensor in layer for layer in self.by_layer)


def _refuse_other_kinds(file: GgufFile, architecture: str) -> None:
    """Files that hold something else than a language model, named for what they are."""
    kind, path = file.metadata.get("general.type"), file.path
    if kind == "mmproj" or architecture == "clip":
        raise ConfigError(f"{path} is a multimodal projector (mmproj): give the language model that it belongs to")
    if (
        kind == "adapter"
        or "adapter.type" in file.metadata
        or any(name.endswith((".lora_a", ".lora_b")) for name in file.tensors)
    ):
        raise ConfigError(f"{path} is a LoRA adapter: give its base model, and opt=lora for the adapter")
    if kind in ("imatrix", "vocab", "controlvector") or architecture == "controlvector":
        raise ConfigError(f"{path} holds {'a vocabulary' if kind == 'vocab' else kind or architecture}, no model")
    if architecture in UNREAD:
        raise ConfigError(f"{path}: {architecture} is an encoder that is not read from GGUF; give its config.json")
    if architecture in ("whisper", "outetts", "orpheus", "csm"):
        raise ConfigError(f"{path}: {architecture} hears or speaks; only language models are read from GGUF")
    if architecture in DRAFTS:
        raise ConfigError(f"{path}: {architecture} is a draft head: give its target, and opt={DRAFTS[architecture]}")
    if architecture in IMAGES:
        raise ConfigError(f"{path}: {architecture} makes images or video; only language models are read")
    if not architecture:
        raise ConfigError(f"{path}: general.architecture is missing from the metadata")
    if not file.tensors:
        raise ConfigError(f"{path} holds a vocabulary and no tensors: it is no model (vocabulary-only file)")
