"""What a page asks: names and numbers, as words of the command line. None of them reaches a file of this machine."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from life_jax.config import word_values
from life_jax.config import words as command_words
from life_jax.config.schema.errors import ConfigError
from life_jax.config.short_words import SHORT_WORDS, long_key
from life_jax.config.vocabulary import NAMED, SECTIONS
from life_jax.config.words import KEY

NAMES = ("hw", "model", "opt", "engine")
MOST_NAMES, MOST_NUMBERS, MOST_LETTERS = 64, 48, 200
MOST_CASES = 1500  # combinations of labels in one question
MOST_POINTS = 40_000  # of all its cases
OF_FILES = (".yaml", ".yml", ".json", ".gguf", ".csv", ".nc")
NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]|\.\.|^[./~]|:/|^[A-Za-z]:$")


@dataclass(frozen=True)
class Question:
    """Names and numbers that a page has chosen.

    hw, model, engine: names as typed. opt: stacks of options. numbers: by word, such as batch, hw.v100.memory_gb or
    axes.bandwidth_gb_per_s, which sets it for all devices. base: words of the command line that hold for every
    question.
    """

    hw: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    opt: tuple[tuple[str, ...], ...] = ((),)
    engine: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    base: tuple[str, ...] = ()

    def words(self, axes: Mapping[str, Sequence[float]] | None = None, **plain: Any) -> list[str]:
        """Words of the command line. axes: values by short or long key, which replace its number; plain: other words,
        such as metrics."""
        axes = axes or {}
        moved = {_bare(f"axes.{key}") for key in axes}
        words: dict[str, Any] = {}
        for key in ("hw", "model"):
            if names := getattr(self, key):
                words[key] = names[0] if len(names) == 1 else list(names)
        if len(self.opt) > 1:
            words["axes.opt"] = [list(stack) for stack in self.opt]
        elif self.opt and self.opt[0]:
            words["opt"] = self.opt[0][0] if len(self.opt[0]) == 1 else list(self.opt[0])
        if self.engine:
            words["engine" if len(self.engine) == 1 else "axes.engine"] = (
                self.engine[0] if len(self.engine) == 1 else list(self.engine)
            )
        for key, value in self.numbers.items():
            if _bare(key) not in moved:
                words[key] = [_whole(value)] if key.startswith("axes.") else _whole(value)
        words |= {f"axes.{key}": [_whole(value) for value in values] for key, values in axes.items()}
        plain = {key: _whole(value) if isinstance(value, float) else value for key, value in plain.items()}
        return [*self.base, *command_words.from_keywords({**words, **plain})]


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else float(value)


def _bare(key: str) -> str:
    """The key of the number that a word sets: batch and workload.batch and axes.batch are batch."""
    parts = long_key(key).split(".")
    if parts[0] in ("hw", "model"):
        return ".".join(parts[2:])
    return ".".join(parts[1:])


def read(content: Any, files: frozenset[str] = frozenset(), base: Sequence[str] = ()) -> Question:
    """The Question in the JSON of a request. Raises ConfigError where it is none, and for names of files.

    files: names of files that the command line has, which may be asked for again; base: its other words.
    """
    if not isinstance(content, Mapping):
        raise ConfigError("a question is an object with hw, model, opt, engine and numbers")
    for key in content:
        if key not in (*NAMES, "numbers"):
            raise ConfigError(f"a question has no '{str(key)[:40]}'; it has {', '.join(NAMES)} and numbers")
    stacks = content.get("opt") or [[]]
    if not isinstance(stacks, list) or len(stacks) > MOST_NAMES:
        raise ConfigError(f"opt: a list of at most {MOST_NAMES} stacks is needed")
    chosen = {key: _names(key, content.get(key) or [], files) for key in ("hw", "model", "engine")}
    opt = tuple(_names("opt", stack, files) for stack in stacks)
    return Question(**chosen, opt=opt, numbers=_numbers(content.get("numbers") or {}), base=tuple(base))


def _names(key: str, typed: Any, files: frozenset[str]) -> tuple[str, ...]:
    if not isinstance(typed, list) or len(typed) > MOST_NAMES or not all(isinstance(name, str) for name in typed):
        raise ConfigError(f"{key}: a list of at most {MOST_NAMES} names is needed")
    for name in typed:
        _refuse_file(key, name, files)
    return tuple(typed)


def _refuse_file(key: str, name: str, files: frozenset[str]) -> None:
    """Raise ConfigError for a name that a file or a folder of this machine may have."""
    if name in files:
        return
    shown = name.encode("ascii", "backslashreplace").decode()[:60]
    if not name.strip() or len(name) > MOST_LETTERS:
        raise ConfigError(f"{key}={shown}: a name of 1 to {MOST_LETTERS} letters is needed")
    if NO_NAME.search(name) or name.lower().endswith(OF_FILES) or name.count("/") > 1:
        raise ConfigError(f"{key}={shown}: files are named on the command line: life-jax explore {key}=FILE")
    if key == "model" and (Path(name) / "config.json").exists():  # which the command line would take for it
        raise ConfigError(f"model={shown} is a folder here; those are named on the command line")


def _numbers(typed: Any) -> dict[str, float]:
    if not isinstance(typed, Mapping) or len(typed) > MOST_NUMBERS:
        raise ConfigError(f"numbers: at most {MOST_NUMBERS} numbers by word are needed")
    for key, value in typed.items():
        head = str(key).split(".", 1)[0]
        if not KEY.fullmatch(key) or len(key) > MOST_LETTERS or (key not in SHORT_WORDS and "." not in key):
            raise ConfigError(
                f"'{key[:40]}' is no word of a number; such are batch, engine.KEY, hw.LABEL.KEY, axes.KEY"
            )
        if key not in SHORT_WORDS and head not in (*SECTIONS, "axes"):
            raise ConfigError(
                f"'{key[:40]}' is no word of a number; the first part is one of {', '.join(SECTIONS)}, axes"
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{key[:40]}: a finite number is needed")
    return dict(typed)


def of_command_line(words: Sequence[str]) -> tuple[Question, frozenset[str]]:
    """The Question that words of the command line begin with, and the names in it that are files.

    What no page changes (a convention, a cost file, a folder of configs) stays in `base`. Raises ConfigError.
    """
    rest, _ = command_words.take_folders(words)
    names: dict[str, Any] = {}
    numbers: dict[str, float] = {}
    base = [word for word in words if word not in rest]
    for word in rest:
        pair = command_words.key_and_text(word)
        key, text = pair if pair is not None else ("", "")
        plain = key.removeprefix("axes.")
        if plain in NAMED and (key == plain or plain in ("opt", "engine")):
            is_list = text.startswith("[")
            names[plain] = word_values.value(key, text) if is_list else [text.strip("'\"")]
            if plain == "opt" and key == plain:
                names[plain] = [names[plain]]
            continue
        try:
            value = word_values.value(key, text) if key else None
        except ConfigError:
            value = None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and (key in SHORT_WORDS or command_words.sets_number(key)):
            numbers[key] = float(value)  # type: ignore[arg-type]
        else:
            base.append(word)
    listed = {key: tuple(map(str, value)) for key, value in names.items() if key != "opt"}
    opt = tuple(tuple(map(str, stack)) for stack in names.get("opt", [[]]))
    files = {name for of in (*listed.values(), *opt) for name in of if NO_NAME.search(name) or "/" in name}
    files |= {name for of in (*listed.values(), *opt) for name in of if name.lower().endswith(OF_FILES)}
    files |= {name for name in listed.get("model", ()) if (Path(name) / "config.json").exists()}
    return Question(**listed, opt=opt, numbers=numbers, base=tuple(base)), frozenset(files)
