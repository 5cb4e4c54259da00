"""Which engine fits a device and a format: where engines run, what they read, and engine=auto."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.yaml_files import read_list, read_yaml

AUTO, GENERIC = "auto", "generic"
PLAIN = "plain"  # a stack that says no format of files
HUB = "hub"  # checkpoints of hubs, which quantized weights of no other format are
GGUF = "gguf"
BLOCK_CACHES = "kv_q"  # beginning of labels: --cache-type-k of llama.cpp
CACHES = BLOCK_CACHES, "kv_fp8"  # that some software lacks (llama-server --cache-type-k; vllm serve --kv-cache-dtype)
QUANTIZING = ("weight_quantization", "activation_quantization", "rotated_quantization")  # kinds of options
UNQUANTIZED = ("w16", "int16")
# beginnings of labels of options -> format of the files that hold such weights; of kind `gguf` every option is one
FORMATS = {
    "mlx_": "mlx", "mlc_": "mlc", "exl": "exl", BLOCK_CACHES: GGUF,
    **dict.fromkeys(("fp8", "w8a8", "w4a4", "nvfp4", "nf4"), "hub"),
}  # fmt: skip


WRITTEN = {"gguf": "GGUF", "hub": "safetensors", "mlx": "MLX", "mlc": "MLC", "exl": "EXL"}  # as people write them


def file_formats(stack: Iterable[str], kinds: Mapping[str, str]) -> list[str]:
    """Formats of files that a stack of options needs.

    stack: labels. kinds: label -> kind of the option.
    """
    found = []
    for label in stack:
        named = next((form for start, form in FORMATS.items() if label.startswith(start)), "")
        form = GGUF if kinds.get(label) == GGUF else named
        if form and form not in found:
            found.append(form)
    return found


def is_quantized(stack: Iterable[str], kinds: Mapping[str, str]) -> bool:
    """Whether a stack of options says that weights are stored in fewer bits than 16."""
    return any(kinds.get(label) in QUANTIZING and label not in UNQUANTIZED for label in stack)


def runs_on(places: Iterable[str], device: DeviceFile) -> bool:
    """Whether a device is at one of the places: its vendor, its class, or both."""
    return any(_is_at(place, device.vendor, device.device_class) for place in places)


@cache
def _is_at(place: str, vendor: str, device_class: str) -> bool:
    rest = place.removeprefix(vendor).strip()
    return rest in ("", device_class) if place.startswith(vendor) else place == device_class


def why_impossible(
    engine: EngineFile, device: DeviceFile, stack: Iterable[str], kinds: Mapping[str, str]
) -> str | None:
    """Why software cannot run a stack of options on a device; None where it can, or nothing is known of it."""
    if engine.runs_on and not runs_on(engine.runs_on, device):
        return f"engine {engine.name} runs on {', '.join(engine.runs_on)} alone"
    unread = [form for form in file_formats(stack, kinds) if engine.formats and form not in engine.formats]
    if unread:
        named = "+".join(stack)
        read, needed = " and ".join(WRITTEN.get(form, form) for form in engine.formats), unread[0]
        return f"engine {engine.name} reads {read} files, and opt={named} needs {WRITTEN.get(needed, needed)}"
    for label in stack:
        if engine.formats and _is_of_blocks(label) != (tuple(engine.formats) == (GGUF,)) and label.startswith(CACHES):
            whose = "llama.cpp's" if _is_of_blocks(label) else "that of engines of checkpoints from hubs"
            return f"engine {engine.name} has no such cache: opt={label} is {whose}"
    return None


def _is_of_blocks(label: str) -> bool:
    """Whether an option is a cache in blocks of ggml, as llama.cpp and programs around it have it."""
    return label.startswith(BLOCK_CACHES)


def automatic(device: DeviceFile, stack: Iterable[str], kinds: Mapping[str, str]) -> str:
    """The label of the engine that people run on a device for a stack of options."""
    stack = tuple(stack)
    forms = file_formats(stack, kinds) or ([HUB] if is_quantized(stack, kinds) else [PLAIN])
    return _by_rule(device.vendor, device.device_class, forms[0])


@cache
def _by_rule(vendor: str, device_class: str, form: str) -> str:
    for rule in _rules():
        fits = _is_at(rule["device"], vendor, device_class) and device_class not in rule.get("but", ())
        if fits and rule.get("format", form) == form and vendor in rule.get("vendors", [vendor]):
            return str(rule["engine"])
    return GENERIC


@cache
def _rules() -> list[dict[str, Any]]:
    return read_list(paths.conf_dir() / "auto_engine.yaml")


@cache
def fits() -> dict[str, dict[str, Any]]:
    """Engine -> devices that its fit has seen, and errors on devices that were left out (conf/engine_fits.yaml)."""
    return read_yaml(paths.conf_dir() / "engine_fits.yaml")


def never_seen(engine: str, devices: Iterable[str]) -> list[str]:
    """Those of the devices (labels) on which a fitted engine was not measured; none where it was measured on none."""
    of = fits().get(engine)
    return [] if of is None else [label for label in devices if label not in of["devices"]]
