"""Words of the command line, KEY=VALUE, and of studies -> a Request, parsed and free of contradictions.

`+`, `++` or neither makes no difference. What is typed replaces what a study says.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from life_jax.config import choices, names, unknown_words, word_values
from life_jax.config.choices import Choice
from life_jax.config.engine_fit import AUTO
from life_jax.config.ranges import is_range
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.yaml_files import flatten
from life_jax.config.short_words import in_long_keys
from life_jax.config.study_words import bare_key, sets_number, with_study
from life_jax.config.vocabulary import (
    BESIDE,
    CHOSEN,
    DEFAULT_ENGINE,
    DEFAULT_MODEL,
    DESIGN,
    DRAFT,
    FLAGS_WITH_VALUE,
    GROUPS,
    HEADS,
    NAMED,
    OFFLOAD,
    PLAIN,
    PLAN,
    PREFILL,
    SECTIONS,
)

KEY = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Request:
    """The choices and values of a command's words, in labels of ours.

    engines: word as typed -> label of ours, or path, or auto; several where engines are compared (axes.engine).
    stacks: of options, of which stack_labels are the words as typed. groups: the chosen workload, engine and cost, a
    label or a path each. scalars and axes: dotted keys -> values. plain: words without a section. folders: of the user
    (--config-dir). hydra: words for Hydra itself. draft: the model that drafts, where one is named;
    beside: devices by OFFLOAD or PREFILL.
    """

    hw: tuple[Choice, ...]
    model: tuple[Choice, ...]
    stacks: tuple[tuple[str, ...], ...]
    stack_labels: tuple[str, ...]
    groups: Mapping[str, str]
    engines: Mapping[str, str]
    compares_engines: bool
    scalars: Mapping[str, Any]
    axes: Mapping[str, Any]
    plain: Mapping[str, Any]
    folders: tuple[Path, ...] = ()
    hydra: tuple[str, ...] = field(default=())
    draft: Choice | None = None
    beside: Mapping[str, Choice] = field(default_factory=dict)


def parse(words: Iterable[str], *, verb: str = "sweep", needs_hw: bool = True) -> Request:
    """A Request from words such as `hw=v100`, or ConfigError.

    verb: the command, life_jax.VERB. needs_hw: whether a device must be among the words.
    """
    typed, folders, hydra = _split(words)
    if "format" in typed:
        raise ConfigError("format= belongs to the command line; in Python the result is a dataset")
    merged = with_study(typed, folders)
    _refuse_unknown(merged, verb)
    if merged.get("convention") == "life_paper":  # whose efficiencies are of the datasheet's numbers
        merged.setdefault("engine", "ideal")
    axes = {key.removeprefix("axes."): value for key, value in merged.items() if key.startswith("axes.")}
    if "opt" in merged and "opt" in axes:
        raise ConfigError("opt= and axes.opt= are both given; opt= is one stack, axes.opt= compares stacks: use one")
    if "hw" not in merged and needs_hw:
        raise choices.no_device(verb, folders)
    hw = choices.devices_and_models("hw", merged["hw"], folders) if "hw" in merged else ()
    groups = {g: choices.file_of_group(g, str(merged[g]), folders) for g in CHOSEN if g in merged and g != "engine"}
    engines = choices.engines(merged.get("engine"), axes.pop("engine", None), hw, folders)
    engines = choices.as_of(engines, merged.get("engine.year"), hw, folders)
    own = [label for label in engines.values() if label != AUTO]
    if own:
        groups["engine"] = own[0]
    engine = groups.get("engine", DEFAULT_ENGINE)
    model = choices.devices_and_models("model", merged.get("model", DEFAULT_MODEL), folders, engine)
    draft = choices.single("model", merged.pop(DRAFT, None), folders, engine, DRAFT)
    typed_beside = {word: merged.pop(word) for word in (OFFLOAD, PREFILL) if word in merged}
    beside = {word: choices.single("hw", name, folders, engine, word) for word, name in typed_beside.items()}
    stacks, stack_labels, options = choices.stacks(merged.get("opt"), axes.pop("opt", None), engine, folders)
    labels = {"hw": _by_word(hw), "model": _by_word(model), "opt": options}
    scalars = _in_own_labels({k: v for k, v in merged.items() if "." in k and not k.startswith("axes.")}, typed, labels)
    _refuse_twins(scalars, axes)
    return Request(
        hw=hw,
        model=model,
        stacks=stacks,
        stack_labels=stack_labels,
        groups=groups,
        engines=engines,
        compares_engines="axes.engine" in merged,
        scalars=scalars,
        axes=axes,
        plain={key: merged[key] for key in (*PLAIN, *DESIGN, *PLAN) if key in merged and key != "study"},
        folders=folders,
        hydra=hydra,
        draft=draft,
        beside={word: choice for word, choice in beside.items() if choice is not None},
    )


def _by_word(chosen: Sequence[Choice]) -> dict[str, str]:
    """Word that may stand for a choice in SECTION.LABEL.KEY -> its key; a key means itself."""
    words = {word: choice.key for choice in reversed(chosen) for word in reversed(choice.words)}
    return words | {choice.key: choice.key for choice in chosen}


def _in_own_labels(
    scalars: Mapping[str, Any], typed: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Scalars by keys with labels of ours: hw.Tesla_T4.memory_gb -> hw.t4.memory_gb; what is typed replaces a study."""
    own: dict[str, Any] = {}
    typed_as: dict[str, str] = {}
    for key, value in scalars.items():
        section, _, rest = key.partition(".")
        label, dot, number = rest.partition(".")
        ours = f"{section}.{labels.get(section, {}).get(label, label)}{dot}{number}"
        if ours in typed_as and key in typed and typed_as[ours] in typed:
            raise ConfigError(f"{typed_as[ours]}= and {key}= are the same number, given twice")
        own[ours], typed_as[ours] = value, key
    return own


def from_keywords(keywords: Mapping[str, Any]) -> list[str]:
    """Words of Python's keywords: hw="v100", opt=["int4"], axes={"batch": [1, 8]} are hw=v100, opt=[int4],
    axes.batch=[1,8].

    Lists may be tuples or arrays of NumPy, texts may be paths; None is not given. Raises ConfigError for other values.
    """
    flat: dict[str, Any] = {}
    flatten({key: value for key, value in keywords.items() if value is not None}, "", flat)
    return [f"{key}={_text(key, value)}" for key, value in flat.items()]


def _text(key: str, value: Any) -> str:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and _is_text(key, value):
        return value
    return word_values.text(value.tolist() if hasattr(value, "tolist") else value, key)  # NumPy's and JAX's arrays


def key_and_text(word: str) -> tuple[str, str] | None:
    """KEY=VALUE, with `+` or `++` before it or not, as (KEY, VALUE); None where the word is not of this form."""
    key, equals, text = word.partition("=")
    key = key.lstrip("+").strip()
    return (key, text.strip()) if equals and KEY.fullmatch(key) else None


def read_words(words: Iterable[str], accepted: Sequence[str], usage: str) -> tuple[list[str], dict[str, str]]:
    """Words of a command that Hydra does not compose: those that are not KEY=VALUE (files), and text by key.

    accepted: the keys; usage: one line that shows them. Raises ConfigError for another key, a key twice, a flag.
    """
    plain: list[str] = []
    typed: dict[str, str] = {}
    for word in words:
        pair = key_and_text(word)
        if pair is None and word.startswith(("-", "~")):
            raise ConfigError(f"'{word}' is not understood: {usage}")
        if pair is None or (pair[0] not in accepted and paths.user_path(word).is_file()):
            plain.append(word)
            continue
        key, text = pair
        if key not in accepted:
            raise unknown_words.error(key, accepted, composed=False)
        if key in typed:
            raise ConfigError(f"{key}= is given twice")
        if not text:
            raise ConfigError(f"{key}= has no value")
        typed[key] = _unquoted_text(text)
    return plain, typed


def take(words: Iterable[str], key: str, accepted: Sequence[str]) -> tuple[str, list[str]]:
    """The value of KEY=, the first of `accepted` unless typed, and the other words."""
    pairs = [(key_and_text(word), word) for word in words]
    typed = [pair[1] for pair, _ in pairs if pair is not None and pair[0] == key]
    value = typed[-1] if typed else accepted[0]
    if value not in accepted:
        raise ConfigError(f"{key}={value} is not known; it can be {', '.join(accepted[:-1])} or {accepted[-1]}")
    return value, [word for pair, word in pairs if pair is None or pair[0] != key]


def _split(words: Iterable[str]) -> tuple[dict[str, Any], tuple[Path, ...], tuple[str, ...]]:
    """Typed values by key, folders of the user, and words for Hydra itself."""
    typed: dict[str, Any] = {}
    hydra: list[str] = []
    rest, folders = take_folders(words)
    for place, word in enumerate(rest):
        pair = key_and_text(word)
        if pair is None:
            raise unknown_words.no_pair(word, rest[place + 1 :], lambda name: _group_of(name, folders))
        key, text = pair
        if key.startswith("hydra."):
            hydra.append(word)
            continue
        if key in typed:
            raise ConfigError(f"{key}= is given twice; a list is one word, such as {key}=[A,B]")
        typed[key] = _value(key, text, folders)
    return in_long_keys(typed), folders, tuple(hydra)


def take_folders(words: Iterable[str]) -> tuple[list[str], tuple[Path, ...]]:
    """The words without --config-dir DIR (or =DIR, or -cd), and its folders; ConfigError where one is no folder."""
    rest, left, folders = list(words), [], []
    while rest:
        word = rest.pop(0)
        flag, equals, folder = word.partition("=")
        if flag in FLAGS_WITH_VALUE:
            folders.append(_folder(folder if equals else rest.pop(0) if rest else ""))
        else:
            left.append(word)
    return left, tuple(folders)


def _folder(text: str) -> Path:
    folder = paths.user_path(text).resolve()
    if not text or not folder.is_dir():
        raise ConfigError(f"--config-dir {text}: no such folder; it holds hw/NAME.yaml, model/NAME.yaml, ...")
    return folder


def _value(key: str, text: str, folders: tuple[Path, ...]) -> Any:
    """Text of a word -> Python value; ranges and single names stay text."""
    if text == "":
        raise ConfigError(f"{key}= has no value")
    if _is_text(key, text):
        plain = _unquoted_text(text)
        if key in GROUPS and "," in text and plain == text and not _is_known(key, text, folders):
            raise ConfigError(f"{key}={text}: write a list as {key}=[{text}]")
        return plain
    quoted = f'; in a list, a name with parentheses or commas is quoted: {key}=["A (B)",C]' if key in NAMED else ""
    return word_values.value(key, text, quoted)


def _is_text(key: str, text: str) -> bool:
    """Whether the value of a word is its text as it stands: a name, a path or a range."""
    is_name = key in (*GROUPS, "study", "out", "shard", "cluster", *BESIDE, *CHOSEN) and not text.startswith("[")
    return is_name or is_range(text)


def _unquoted_text(text: str) -> str:
    """A text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _is_known(group: str, name: str, folders: tuple[Path, ...]) -> bool:
    """Whether the name, which has a comma, is one name."""
    if group == "opt":
        return names.options(name, DEFAULT_ENGINE, folders) is not None
    return Path(name).exists() or {"hw": names.device, "model": names.model}[group](name, folders) is not None


def _group_of(name: str, folders: tuple[Path, ...]) -> str | None:
    """The group that a name is of by itself, None where it is of none."""
    if names.device(name, folders) is not None:
        return "hw"
    if names.model(name, folders) is not None:
        return "model"
    return "opt" if names.options(name, DEFAULT_ENGINE, folders) is not None else None


def _refuse_unknown(words: Mapping[str, Any], verb: str) -> None:
    of_verb = {"design": DESIGN, "plan": PLAN}.get(verb, ())
    first_words = (*SECTIONS, *PLAIN, "axes", "limit", "at", *HEADS, *of_verb)
    for key in words:
        head = key.split(".", 1)[0]
        if head not in first_words or (
            head in ("axes", "precision", "limit", "at", "target", "range", "budget", "layout") and "." not in key
        ):
            raise unknown_words.error(key, first_words)
        if head in HEADS and key not in BESIDE:
            raise unknown("the word", f"{key}=", [f"{word}=" for word in BESIDE])
        if "." in key and head in PLAIN:
            raise ConfigError(f"{key}=: {head} has no parts; write {head}=VALUE")


def _refuse_twins(scalars: Mapping[str, Any], axes: Mapping[str, Any]) -> None:
    bare = {bare_key(key): key for key in scalars if sets_number(key)}
    for key in axes:
        if key == axis_table.ALL_RATES:
            raise unknown("axis", key, axis_table.axis_keys())
        axis_table.facts(key)  # refuses an axis that does not exist
        if key in bare:
            raise ConfigError(
                f"{bare[key]}= and axes.{key}= are both given; a number is typed once, fixed or as an axis"
            )
