"""What names in published measurements stand for: our devices, models, engines, options, by declared aliases."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from life_jax.config.checkpoints.model_files import read_file
from life_jax.config.schema import paths
from life_jax.config.schema.check import check
from life_jax.config.schema.engine_file import OTHER_CLASS, EfficiencyFile, EngineFile
from life_jax.config.schema.errors import closest, guess, unknown
from life_jax.config.schema.files import DeviceFile
from life_jax.config.schema.yaml_files import YAML, is_file, read_yaml


class NotUnderstood(Exception):
    """A row says something that has no meaning here; the message says what."""


def not_known(what: str, name: str) -> NotUnderstood:
    """what: device, model or weight format."""
    return NotUnderstood(f"{what} '{name}' is not known{guess(_near(what, name))}")


@cache
def _near(what: str, name: str) -> list[str]:
    """The names that look most like it; a file may have the same one ten thousand times."""
    choices = {
        "device": lambda: known("hw"),
        "model": lambda: known("model"),
        "weight format": lambda: {**table("format"), **paths.choices("opt")},
    }
    return closest(name, choices[what](), 3)


# Unsloth's dynamic files before were near the plain type of their name: Qwen3-30B-A3B has 4.64 bits as UD-Q4_K_XL
DYNAMIC_SINCE = "2026-03"


def device(name: str) -> str | None:
    """The label of a device of this name, or the path of its own file."""
    if is_file(name):
        return name
    return table("hardware").get(name) or _same(name, "hw", MAKERS)


def model(name: str) -> str | None:
    """The label of a model of this name, or the path of its own config.json, .gguf or YAML."""
    if is_file(name, (".json", ".gguf", *YAML)):
        return name
    plain = FILE_TYPE.sub("", name)
    stages = (_same(plain, "model", words) for words in (VARIANTS, (*VARIANTS, *RELEASES)))
    return table("model").get(name) or next((found for found in stages if found), None)


# words of a name that say who made a chip, or what was done to a model, but not which it is
MAKERS = ("nvidia", "geforce", "amd", "radeon", "instinct", "tesla", "apple", "intel", "generation")
VARIANTS = ("instruct", "chat", "it", "hf", "gguf", "mlx", "awq", "gptq", "4bit", "8bit", "bf16", "fp16", "fp8")
RELEASES = ("meta", "base", "thinking", "preview", "[48]k", r"v\d\.\d", r"\d{4}")
# what a file of weights adds to its model's name: `-Q4_K_M`, `:70b-instruct-q4_0`, `-UD-IQ2_XXS.gguf`
FILE_TYPE = re.compile(r"([-_:. ](ud[-_])?(i?q\d\w*|mxfp4|nvfp4|w\da\d\d?|int[48]|f16))?(\.gguf)?$", re.IGNORECASE)


@cache
def _same(name: str, group: str, without: tuple[str, ...]) -> str | None:
    """The label that the name stands for: a label, or else a declared name, that is the same but for capitals,
    organisation, punctuation, order, and words that match `without`; but for spaces too, if that leaves one label."""
    wanted = _words(name, without)
    labels, declared = shipped(group), table(ALIASES[group])
    found = (_alike(wanted, {one: _words(one, without) for one in names}) for names in (labels, declared))
    one = next((one for one in found if one), None) if wanted else None
    return (labels | declared)[one] if one else None


def _alike(wanted: Sequence[str], names: Mapping[str, Sequence[str]]) -> str | None:
    for same in (list, sorted):
        for name, words in names.items():
            if same(words) == same(wanted):
                return name
    # OPT-1.3B and OPT-13B are the same letters
    joined = [name for name, words in names.items() if "".join(words) == "".join(wanted)]
    return joined[0] if len(joined) == 1 else None


@cache
def _words(name: str, without: tuple[str, ...]) -> tuple[str, ...]:
    split = re.split(r"[^a-z0-9.]+", re.sub(r"\((r|tm)\)", "", name.lower()).split("/")[-1])
    kept = (word for word in split if not any(re.fullmatch(one, word) for one in without))
    return tuple(part for word in kept for part in word.split(".") if part)


ALIASES = {"hw": "hardware", "model": "model"}


@cache
def shipped(group: str) -> dict[str, str]:
    """Name of a file -> label: itself, or the one that the file only names."""
    targets = {name: read_yaml(path).get("defaults") for name, path in paths.choices(group).items()}
    return {name: str(target[0]) if target else name for name, target in targets.items()}


def known(group: str) -> dict[str, str]:
    """Name -> label: names of files, and the declared ones of conf/alias."""
    return shipped(group) | table(ALIASES[group])


def circumstances(row: Mapping[str, str]) -> dict[str, Any]:
    """What is known of how a published measurement was made (conf/alias/source.yaml), in the words of a Setting:
    `distinct_tokens` that choose experts independently, whether the call was `cold`, the type of 16-bit math `half`."""
    said = {key: row.get(key) or "" for key in ("source", "engine", "hardware", "model")}
    said["hardware"] = row.get("canonical") or said["hardware"]
    known = (
        one
        for one in rules("source")
        if all(said[key].startswith(one.get(key, "")) for key in said)
        and ("ids" not in one or one["ids"][0] <= (row.get("id") or "") <= one["ids"][1])
    )
    found = next(known, {})
    return {key: found[key] for key in ("distinct_tokens", "cold", "half") if key in found}


def engine(name: str, hw: str, date: str) -> tuple[str, bool]:
    """Our engine for an engine's name (also its label here, or the path of its file), and whether its attention is
    unfused; both may depend on a row's date. What no rule knows is taken for `generic`."""
    if _is_own(name):
        return name, False
    found = _rule(name, date) or {"engine": "generic"}
    ours = found["engine"]
    if isinstance(ours, Mapping):
        on = file("hw", hw, DeviceFile)
        ours = ours.get("CPU" if on.device_class == "cpu" and "CPU" in ours else on.vendor, ours["other"])
    unfused = found.get("unfused") or (bool(date) and date < str(found.get("fused_since", "")))
    return str(ours), bool(unfused)


def knows_engine(name: str) -> bool:
    """Whether something says what an engine of this name is."""
    return _is_own(name) or _rule(name, "") is not None


def _is_own(engine: str) -> bool:
    return engine in paths.choices("engine") or is_file(engine)


def _rule(name: str, date: str) -> Mapping[str, Any] | None:
    """The first rule for the name, as it is written or else in any capitals."""
    dated = [one for one in rules("engine") if "until" not in one or "" < date < str(one["until"])]
    written = (one for one in dated if name.startswith(one["name"]))
    folded = (one for one in dated if name.lower().startswith(one["name"].lower()))
    return next(written, None) or next(folded, None)


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
    options, ours = weight_format.split("+"), paths.choices("opt")
    if found is None and all(option in ours for option in options):
        return options  # in our own words, which mean the same under every engine
    if found is None:
        raise not_known("weight format", weight_format)
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
    return shipped("hw").get(hw, hw), engine


def labels_of(group: str) -> tuple[str, ...]:
    """Files of a group that stand for themselves; the rest only name another."""
    return tuple(name for name, label in shipped(group).items() if name == label)


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
    return check(read_file(path), schema, f"{group}.{name}")


def engine_file(name: str) -> EngineFile:
    return file("engine", name, EngineFile)  # type: ignore[no-any-return]


def efficiency_class(hw: str) -> str:
    return str(file("hw", hw, DeviceFile).efficiency_class)


def efficiency(hw: str) -> EfficiencyFile:
    name = efficiency_class(hw)
    known = paths.choices("efficiency")
    return file("efficiency", name if name in known else OTHER_CLASS, EfficiencyFile)  # type: ignore[no-any-return]
