"""Tab completion of all commands: `eval "$(life-jax -sc install=bash)"`, or with zsh or fish in place of bash."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Any

from life_jax.config.aliases import TABLES, table
from life_jax.config.choices import HERE
from life_jax.config.many import ALL, CLASS, uses
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.device_file import device_classes
from life_jax.config.schema.errors import ConfigError
from life_jax.config.settings import PICTURES, REDUCTIONS, REPORT
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.vocabulary import CHOSEN, DESIGN, PLAIN, SECTIONS

PROGRAM = "life-jax"
OF_FILES = (*(f"{key}=" for key in ("hw", "model", "engine", "opt", "batch", "prompt", "output", "concurrency", "out")),
            "overwrite=true")  # words of validate and calibrate  # fmt: skip
OF_COMMAND = {
    "design": DESIGN,
    "serve": ("target", "method"),
    "plan": ("target", "devices", "budget", "quality", "confidence", "write", "minimize", "also"),
    "explore": ("port", "open"),
}
WITH_PARTS = ("target", "range", "budget")
LISTED = ("hw", "model", "opt", "engine", "cost", "workload", "study", "metric", "axis")  # kinds of life-jax catalog
NUMBERED = ("axes.", "at.")  # a number follows by its key
METRIC_WORDS = ("metrics", "best", "pareto", "minimize", "sort")
KEY_WORDS = ("elasticity", "gradients", "free", "by")

BASH = """_life_jax() {
    local line="${COMP_LINE:0:$COMP_POINT}" IFS=$'\\n'
    local word="${line##* }"
    COMPREPLY=($(COMP_LINE="$line" COMP_POINT="${#line}" "${COMP_WORDS[0]}" -sc query=bash 2>/dev/null))
    # what stands before the last = or : of a word is no part of what readline replaces, but in quotes
    [[ $word != [\\'\\"]* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[=:]}"}"}")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} != *[=.,] ]] && compopt +o nospace
}
complete -o default -o nospace -F _life_jax PROGRAMS"""
ZSH = """_life_jax() {
    local -a offered
    offered=(${(f)"$(COMP_LINE="${words[1,$CURRENT]}" "${words[1]}" -sc query=zsh 2>/dev/null)"})
    (( $#offered )) && compadd -Q -S '' -- $offered || _files
}
compdef _life_jax PROGRAMS"""
FISH = """for program in PROGRAMS
    complete -c $program -a '(COMP_LINE=(commandline -cp) '$program' -sc query=fish)'
end"""
SHELLS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def complete(task: str, commands: Iterable[str]) -> str:
    """What -sc TASK prints: install=SHELL a script for the shell, query=SHELL the words that go on the line COMP_LINE.

    commands: names of all commands. Raises ConfigError for another task.
    """
    kind, _, shell = task.partition("=")
    if kind not in ("install", "query") or shell not in SHELLS:
        raise ConfigError(f"-sc {task}: install=SHELL is needed, with one of {', '.join(SHELLS)}")
    names = list(commands)
    if kind == "install":
        return SHELLS[shell].replace("PROGRAMS", " ".join([PROGRAM, *(f"{PROGRAM}-{name}" for name in names)]))
    line = os.environ.get("COMP_LINE", " ".join([*map(os.path.basename, sys.argv[:1]), ""]))
    return "\n".join(candidates(_words(line), names))


def _words(line: str) -> list[str]:
    """The words of a line, the last of which is being typed; a quote that opens one is no part of it."""
    words, quote = [""], ""
    for letter in line:
        if letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        elif letter == " " and not quote:
            words.append("")
        else:
            words[-1] += letter
    return [*(word for word in words[:-1] if word), words[-1]]


def candidates(words: list[str], commands: Iterable[str]) -> list[str]:
    """Words that begin as the last one does. words: of the line, the program first. commands: names of all commands."""
    program, *rest = words
    name = Path(program).name.removeprefix(PROGRAM).removeprefix("-")
    if not name and len(rest) < 2:
        return _starting([*sorted(commands), "--help"], rest[0] if rest else "")
    name, typed = name or rest[0], rest[-1] if rest else ""
    plus = typed[: len(typed) - len(typed.lstrip("+"))]
    key, equals, value = typed[len(plus) :].partition("=")
    if name == "catalog":
        plain = [word for word in rest[:-1] if not word.startswith("-") and "=" not in word and word != name]
        return _starting([*([] if plain else LISTED), "format=json", "format=csv", "format=md"], typed)
    if equals:
        head = value[: max(value.rfind("["), value.rfind(",")) + 1]
        return [f"{plus}{key}={head}{name}" for name in _starting(_values(key), value[len(head) :])]
    if name in ("validate", "calibrate"):
        return _starting(OF_FILES, typed)
    return [plus + word for word in _starting(_keys(name, key), key)]


def _starting(names: Iterable[str], start: str) -> list[str]:
    return [name for name in names if name.startswith(start)]


def _keys(command: str, typed: str) -> Iterable[str]:
    """Words before the equals sign, as far as a dot that is typed says which."""
    section, dot, rest = typed.partition(".")
    if not dot:
        plain = dict.fromkeys(("hw", "model", "opt", *CHOSEN, *SHORT_WORDS, "study", *PLAIN, "format"))
        more = [f"{word}{'.' if word in WITH_PARTS else '='}" for word in OF_COMMAND.get(command, ())]
        parts = [f"{word}." for word in ("axes", "at", "limit", *(s for s in SECTIONS if s != "opt"))]
        flags = ["--help", "--hydra-help", "--cfg", "--config-dir"] if typed[:1] == "-" else []
        return [*(f"{word}=" for word in plain), *more, *parts, *flags]
    if f"{section}." in NUMBERED or section == "range":
        return [f"{section}.{key}=" for key in _axis_words()]
    if section in ("limit", "target"):
        return [f"{section}.{metric}=" for metric in _metrics()]
    if section in ("hw", "model") and "." in rest:
        label = rest.split(".", 1)[0]
        return [f"{section}.{label}.{key}=" for key in _numbers(section)]
    return [f"{section}.{key}=" for key in _numbers(section)] if section in axis_table.FILES else []


def _axis_words() -> list[str]:
    short = [word for word, key in SHORT_WORDS.items() if key != f"workload.{word}"]
    return list(dict.fromkeys([*short, *axis_table.axis_keys()]))


def _numbers(section: str) -> list[str]:
    schema: Any = axis_table.FILES[section]
    return [f.name for f in fields(schema) if f.metadata.get("number") or f.metadata.get("options")]


@cache
def _metrics() -> tuple[str, ...]:
    from life_jax.forecasting.metrics import METRICS

    return tuple(METRICS)


def _values(key: str) -> Iterable[str]:
    """Names that may stand behind the equals sign, or in a list there."""
    if key in METRIC_WORDS:
        return [*_metrics(), *(f"-{metric}" for metric in _metrics() if key == "sort")]
    if key in KEY_WORDS:
        return ["true", *_axis_words()] if key == "elasticity" else _axis_words()
    fixed: Mapping[str, Callable[[], Iterable[str]]] = {
        "hw": lambda: [*_labels("hw"), ALL, HERE, *(f"{CLASS}{name}" for name in (*uses(), *device_classes()))],
        "model": lambda: [*_labels("model"), ALL],
        "opt": lambda: paths.choices("opt"),
        "axes.opt": lambda: paths.choices("opt"),
        "engine": lambda: [*paths.choices("engine"), "auto"],
        "axes.engine": lambda: [*paths.choices("engine"), "auto"],
        "study": paths.studies,
        "plot": lambda: (*PICTURES, REPORT),
        "reduce": lambda: REDUCTIONS,
        "format": lambda: ("text", "json", "csv", "md"),
        "dtype": lambda: ("float32", "float64"),
        "convention": lambda: ("exact", "life_paper"),
        "executor": lambda: ("local", "dask"),
        "method": lambda: ("formula", "simulate"),
        "rows": lambda: ("all",),
        "compress": lambda: ("zstd",),
        **{word: lambda: ("true", "false") for word in ("overwrite", "lazy", "gains")},
        **{group: partial(paths.choices, group) for group in ("workload", "load", "cost")},
    }
    return fixed[key]() if key in fixed else ()


def _labels(group: str) -> list[str]:
    """Our labels and the short names of conf/alias."""
    short = [name for name in table(TABLES[group]) if name.replace("_", "").isalnum()]
    return list(dict.fromkeys([*paths.choices(group), *short]))
