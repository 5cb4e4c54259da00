"""What names in published measurements stand for: our devices, models, engines, options, by declared aliases."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from life_jax.config import paths
from life_jax.config.check import check
from life_jax.config.door import read_yaml
from life_jax.config.errors import unknown
from life_jax.config.schema import OTHER_CLASS, DeviceFile, EfficiencyFile, EngineFile
from life_jax.specs import UNLIMITED


class NotUnderstood(Exception):
    """A row says something that has no meaning here; the message says what."""


# Unsloth's dynamic files before were near the plain type of their name: Qwen3-30B-A3B has 4.64 bits as UD-Q4_K_XL
DYNAMIC_SINCE = "2026-03"


def device(name: str) -> str | None:
    """The label of a device of this name, or the path of its own file."""
    if name.endswith((".yaml", ".yml")):  # a device's own file
        return name if Path(name).expanduser().is_file() else None
    return table("hardware").get(name) or _same(name, labels_of("hw"), MAKERS)


# words of a name that say who made a chip, or what was done to a model, but not which it is
MAKERS = ("nvidia", "geforce", "amd", "radeon", "instinct")
VARIANTS = ("instruct", "chat", "it", "hf", "gguf", "mlx", "awq", "gptq", "4bit", "8bit", "bf16", "fp16", "fp8")


@cache
def _same(name: str, labels: tuple[str, ...], without: tuple[str, ...] = ()) -> str | None:
    """A label that is the name but for capitals, organisation, punctuation and the words `without`."""

    def plain(text: str) -> str:
        words = re.split(r"[^a-z0-9.]+", text.lower().split("/")[-1])
        return re.sub(r"\W", "", "".join(word for word in words if word not in without))

    wanted = plain(name)
    return next((label for label in labels if plain(label) == wanted), None) if wanted else None


def model(name: str) -> str | None:
    """The label of a model of this name."""
    return table("model").get(name) or _same(name, labels_of("model"), VARIANTS)


def circumstances(source: str, engine: str, hardware: str) -> tuple[float, bool]:
    """Tokens that choose experts independently, and whether the call was the first: any number, and no, where it is
    not known how a measurement was made (conf/alias/source.yaml)."""
    said = {"source": source, "engine": engine, "hardware": hardware}
    known = (one for one in rules("source") if all(text.startswith(one.get(key, "")) for key, text in said.items()))
    found = next(known, {})
    return float(found.get("distinct_tokens", UNLIMITED)), bool(found.get("cold", False))


def engine(name: str, hw: str, date: str) -> tuple[str, bool]:
    """Our engine for an engine's name, and whether its attention is unfused; both may depend on a row's date."""

    def is_meant(one: Mapping[str, Any]) -> bool:
        return name.startswith(one["name"]) and ("until" not in one or "" < date < str(one["until"]))

    found = next((one for one in rules("engine") if is_meant(one)), {"engine": "generic"})
    ours = found["engine"]
    if isinstance(ours, Mapping):
        on = file("hw", hw, DeviceFile)
        ours = ours.get("CPU" if on.device_class == "cpu" and "CPU" in ours else on.vendor, ours["other"])
    unfused = found.get("unfused") or (bool(date) and date < str(found.get("fused_since", "")))
    return str(ours), bool(unfused)


def stack(weight_format: str, model: str, date: str, engine: str, hw: str) -> list[str]:
    """Options that a weight format's name stands for; some engines mean their own by it, a model's name may say that
    it is one of Unsloth's dynamic files.

    Where a device has no units for an engine's 8-bit math, the weights are expanded to 16 bit.
    """
    known, name = table("format"), weight_format.lower()
    plain = name.removeprefix("ud-")
    is_dynamic = plain != name or plain.endswith("_xl") or "-UD-" in model
    is_today = is_dynamic and not "" < date < DYNAMIC_SINCE
    meant = (f"ud-{plain}", plain) if is_today else (plain,) if is_dynamic else (weight_format, name)
    found = next((known[key] for key in meant if key in known), None)
    if found is None:
        raise NotUnderstood(f"weight format '{weight_format}' is not known")
    if isinstance(found, Mapping):
        found = next((options for start, options in found.items() if engine.startswith(start)), found["other"])
    rates = file("hw", hw, DeviceFile).peak_tflops
    weights_only = {"w8a8_fp8": "fp8"} if "fp8" not in rates else {}
    return [weights_only.get(option, option) for option in found]


def labels(hw: str, engine: str) -> tuple[str, str]:
    """The device and the engine of these names, or ConfigError with the closest ones."""
    for group, name in (("hw", hw), ("engine", engine)):
        known = paths.choices(group)
        if group == "hw" and device(name) == name and name not in known:  # a path
            continue
        if name not in known:
            raise unknown(f"{group}=", name, known)
        target = read_yaml(known[name]).get("defaults")
        hw = str(target[0]) if target and group == "hw" else hw
    return hw, engine


@cache
def labels_of(group: str) -> tuple[str, ...]:
    """Files of a group that stand for themselves; the rest only name another."""
    return tuple(name for name, path in paths.choices(group).items() if "name" in read_yaml(path))


@cache
def table(name: str) -> dict[str, Any]:
    """conf/alias/NAME.yaml."""
    return read_yaml(paths.choices("alias")[name])


@cache
def rules(name: str) -> tuple[dict[str, Any], ...]:
    """A table of beginnings, the first match of which wins."""
    import yaml

    return tuple(yaml.safe_load(paths.choices("alias")[name].read_text()))


@cache
def file(group: str, name: str, schema: type[Any]) -> Any:
    """A file of conf, or of one's own, checked against its schema."""
    path = paths.choices(group).get(name) or Path(name).expanduser()
    return check(read_yaml(path), schema, f"{group}.{name}")


def engine_file(name: str) -> EngineFile:
    return file("engine", name, EngineFile)  # type: ignore[no-any-return]


def efficiency_class(hw: str) -> str:
    return str(file("hw", hw, DeviceFile).efficiency_class)


def efficiency(hw: str) -> EfficiencyFile:
    name = efficiency_class(hw)
    known = paths.choices("efficiency")
    return file("efficiency", name if name in known else OTHER_CLASS, EfficiencyFile)  # type: ignore[no-any-return]
