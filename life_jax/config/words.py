"""Words of the command line (or of a study) -> a Request: what was asked, parsed and free of contradictions.

`+`, `++` or neither makes no difference. What is typed replaces what a study says.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from life_jax.config.ranges import is_range
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.errors import ConfigError, closest, columns, unknown
from life_jax.config.schema.yaml_files import YAML, flatten, names_file, read_yaml

DEFAULT_MODEL = "llama2_7b"
GROUPS = ("hw", "model", "opt")
CHOSEN = ("workload", "engine", "cost")  # one file of each, of the defaults list
SECTIONS = (*GROUPS, *CHOSEN, "precision")
PLAIN = (
    "study", "convention", "metrics", "elasticity", "gains", "gradients",
    "reduce", "pareto", "best", "quantiles", "histogram", "by", "plot", "out", "overwrite", "dtype", "format",
    "compress", "lazy", "sample", "seed", "shard", "executor", "cluster", "workers",
)  # fmt: skip
FLAGS_WITH_VALUE = ("--config-dir", "-cd")
LISTING = "python -m life_jax.catalog"
DESIGN = ("target", "free", "range", "minimize")  # words of life_jax.design
LABEL = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Choice:
    """A device or model: the label that it was typed as, and its config name or file."""

    label: str
    name: str
    file: Path | None = None


@dataclass(frozen=True)
class Request:
    """What was asked. `scalars` and `axes` map dotted keys to values; `typed` is what came from the words."""

    hw: tuple[Choice, ...]
    model: tuple[Choice, ...]
    stacks: tuple[tuple[str, ...], ...]
    groups: Mapping[str, str]
    scalars: Mapping[str, Any]
    axes: Mapping[str, Any]
    plain: Mapping[str, Any]
    folders: tuple[Path, ...] = ()
    hydra: tuple[str, ...] = field(default=())


def parse(words: Iterable[str], *, verb: str = "sweep", needs_hw: bool = True) -> Request:
    """A Request from words such as `hw=v100`, or ConfigError. `verb` is what life_jax.VERB is asked to do."""
    typed, folders, hydra = _split(words)
    if "format" in typed:
        raise ConfigError("format= belongs to python -m life_jax.explain and life_jax.design")
    merged = _with_study(typed, folders)
    _refuse_unknown(merged, verb)
    if merged.get("convention") == "life_paper":  # whose efficiencies are of the datasheet's numbers
        merged.setdefault("engine", "ideal")
    axes = {key.removeprefix("axes."): value for key, value in merged.items() if key.startswith("axes.")}
    if "opt" in merged and "opt" in axes:
        raise ConfigError("opt= and axes.opt= are both given; opt= is one stack, axes.opt= compares stacks: use one")
    stacks = _stacks(merged, axes.pop("opt", None), folders)
    scalars = {key: value for key, value in merged.items() if "." in key and not key.startswith("axes.")}
    _refuse_twins(scalars, axes)
    return Request(
        hw=_chosen("hw", merged, folders, verb) if needs_hw or "hw" in merged else (),
        model=_chosen("model", {"model": DEFAULT_MODEL, **merged}, folders, verb),
        stacks=stacks,
        groups={g: _group(g, str(merged[g]), folders) for g in CHOSEN if g in merged},
        scalars=scalars,
        axes=axes,
        plain={key: merged[key] for key in (*PLAIN, *DESIGN) if key in merged and key != "study"},
        folders=folders,
        hydra=hydra,
    )


def _split(words: Iterable[str]) -> tuple[dict[str, Any], tuple[Path, ...], tuple[str, ...]]:
    """Typed values by key, folders of the user, and words for Hydra itself."""
    typed: dict[str, Any] = {}
    folders: list[Path] = []
    hydra: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in FLAGS_WITH_VALUE:
            folders.append(_folder(rest.pop(0) if rest else ""))
            continue
        if any(word.startswith(f"{flag}=") for flag in FLAGS_WITH_VALUE):
            folders.append(_folder(word.split("=", 1)[1]))
            continue
        key, equals, text = word.partition("=")
        key = key.lstrip("+").strip()
        if not equals or not key or key.startswith(("-", "~")):
            raise ConfigError(f"'{word}' is not understood; words are KEY=VALUE, such as hw=v100 or axes.batch=[1,8]")
        if key.startswith("hydra."):
            hydra.append(word)
            continue
        if key in typed:
            raise ConfigError(f"{key}= is given twice; a list is one word, such as {key}=[A,B]")
        typed[key] = _value(key, text.strip())
    return typed, tuple(folders), tuple(hydra)


def _folder(text: str) -> Path:
    folder = Path(text).expanduser().resolve()
    if not text or not folder.is_dir():
        raise ConfigError(f"--config-dir {text}: no such folder; it holds hw/NAME.yaml, model/NAME.yaml, ...")
    return folder


def _value(key: str, text: str) -> Any:
    """Text of a word -> Python value, by Hydra's own grammar; ranges and single names stay text."""
    if text == "":
        raise ConfigError(f"{key}= has no value")
    single_name = key in ("hw", "model", "study", "out", "shard", "cluster", *CHOSEN) and not text.startswith("[")
    if single_name or is_range(text):
        unquoted = text[1:-1] if text[0] == text[-1] and text[0] in "'\"" and len(text) > 1 else text
        if key in ("hw", "model") and "," in unquoted and not Path(unquoted).exists():
            raise ConfigError(f"{key}={text}: write a list as {key}=[{text}]")
        return unquoted
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        value = OverridesParser.create().parse_override(f"{key}={text}").value()
    except HydraException:
        raise ConfigError(f"{key}={text} cannot be read; values are numbers, names, [lists] or ranges") from None
    return _unquoted(value)


def _unquoted(value: Any) -> Any:
    """Hydra's quoted strings as plain text, at any depth."""
    if isinstance(value, list):
        return [_unquoted(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _unquoted(item) for key, item in value.items()}
    return value if isinstance(value, str | bool | int | float) or value is None else str(getattr(value, "text", value))


def _with_study(typed: Mapping[str, Any], folders: tuple[Path, ...]) -> dict[str, Any]:
    """A study's words, replaced by what is typed: also a scalar by an axis of its name, and the other way round."""
    if "study" not in typed:
        return dict(typed)
    said = _study_words(str(typed["study"]), folders)
    for key in typed:
        said.pop(key, None)
        if key in ("opt", "axes.opt"):
            said.pop("opt", None), said.pop("axes.opt", None)
        elif key.startswith("axes."):
            said = {k: v for k, v in said.items() if k.startswith("axes.") or "." not in k or _bare(k) != key[5:]}
        elif "." in key:
            said.pop(f"axes.{_bare(key)}", None)
    return {**said, **typed}


def _bare(key: str) -> str:
    """The key of the number: workload.batch -> batch, hw.v100.peak_tflops.fp16 -> peak_tflops.fp16."""
    section, rest = key.split(".", 1)
    return rest.split(".", 1)[-1] if section in GROUPS else rest


def _study_words(name: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    known = paths.studies(folders)
    file = Path(name) if names_file(name) else known.get(name)
    if file is None or not file.is_file():
        raise unknown("study", name, known, f"{LISTING} study")
    content = read_yaml(file)
    flat: dict[str, Any] = {}
    flatten({k: v for k, v in content.items() if k != "description"}, "", flat)
    return flat


def _refuse_unknown(words: Mapping[str, Any], verb: str) -> None:
    first_words = (*SECTIONS, *PLAIN, "axes", "limit", *(DESIGN if verb == "design" else ()))
    for key in words:
        head = key.split(".", 1)[0]
        if head not in first_words or (head in ("axes", "precision", "limit", "target", "range") and "." not in key):
            raise _unknown_key(key, first_words)
        if "." in key and head in PLAIN:
            raise ConfigError(f"{key}=: {head} has no parts; write {head}=VALUE")


def _unknown_key(key: str, first_words: tuple[str, ...]) -> ConfigError:
    """Someone who types bandwidth_gb_per_s=900 is told where it belongs."""
    for number in axis_table.axis_keys():
        if key == number:
            section = axis_table.section_of(number)
            place = f"{section}.LABEL.{number}" if section in GROUPS else f"{section}.{number}"
            return ConfigError(f"'{key}' is not a word by itself; write {place}=VALUE or axes.{number}=[...]")
    near = closest(key, (*first_words, *(f"axes.{k}" for k in axis_table.axis_keys())))
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return ConfigError(f"'{key}=' is not known{hint}", columns([f"{word}=" for word in first_words]))


def _refuse_twins(scalars: Mapping[str, Any], axes: Mapping[str, Any]) -> None:
    bare = {_bare(key): key for key in scalars}
    for key in axes:
        axis_table.facts(key)  # refuses an axis that does not exist
        if key in bare:
            raise ConfigError(
                f"{bare[key]}= and axes.{key}= are both given; a number is typed once, fixed or as an axis"
            )


def _stacks(words: Mapping[str, Any], axis: Any, folders: tuple[Path, ...]) -> tuple[tuple[str, ...], ...]:
    if axis is None:
        asked = words.get("opt", [])
        return (_stack([asked] if isinstance(asked, str) else asked, "opt", folders),)
    if not isinstance(axis, list) or not all(isinstance(stack, list) for stack in axis):
        raise ConfigError("axes.opt= is a list of stacks, such as axes.opt=[[],[int4],[int4,kv8]]")
    if not axis:
        raise ConfigError("axes.opt is empty; give at least one stack, such as axes.opt=[[],[int4]]")
    stacks = tuple(_stack(stack, "axes.opt", folders) for stack in axis)
    if len(set(stacks)) < len(stacks):
        raise ConfigError("axes.opt= has the same stack twice")
    return stacks


def _stack(asked: Any, where: str, folders: tuple[Path, ...]) -> tuple[str, ...]:
    if not isinstance(asked, list):
        raise ConfigError(f"{where}={asked}: a stack is a list of options, such as [int4,kv8]")
    known = paths.choices("opt", folders)
    names = tuple(str(name) for name in asked)
    for name in names:
        if name not in known:
            raise unknown(f"{where}=: option", name, known, f"{LISTING} opt")
        if names.count(name) > 1:
            raise ConfigError(f"{where}=: option '{name}' is twice in one stack")
    return names


def _chosen(group: str, words: Mapping[str, Any], folders: tuple[Path, ...], verb: str) -> tuple[Choice, ...]:
    known = paths.choices(group, folders)
    what = {"hw": "device", "model": "model"}[group]
    if group not in words:
        example = f"python -m life_jax.{verb} hw=v100"
        raise ConfigError(
            f"no device is given: hw=NAME is needed, such as {example}", columns(list(known), f"{LISTING} hw")
        )
    asked = words[group] if isinstance(words[group], list) else [words[group]]
    if not asked:
        raise ConfigError(f"{group}= is an empty list; give at least one {what}")
    chosen = tuple(_choice(group, what, str(name), known) for name in asked)
    labels = [c.label for c in chosen]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(f"{group}=: {what} '{label}' is listed twice")
    return chosen


def _choice(group: str, what: str, name: str, known: Mapping[str, Path]) -> Choice:
    if name in known:
        return Choice(name, name)
    suffixes = {"hw": YAML, "model": (*YAML, ".json", ".gguf")}[group]
    if "/" not in name and not names_file(name, suffixes):
        raise unknown(f"{group}=: {what}", name, known, f"{LISTING} {group}")
    file = Path(name).expanduser()
    if file.is_dir() and (file / "config.json").is_file():
        file = file / "config.json"
    if not file.is_file():
        raise ConfigError(f"{group}={name}: no such file (nor a {what} of that name)")
    stem = file.parent.resolve().name if file.name == "config.json" else file.stem
    return Choice(LABEL.sub("_", stem), name, file)


def _group(group: str, name: str, folders: tuple[Path, ...]) -> str:
    known = paths.choices(group, folders)
    if names_file(name):
        read_yaml(Path(name).expanduser())  # refused here if it is none
        return name
    if name not in known:
        raise unknown(group, name, known, f"{LISTING} {group}")
    return name
