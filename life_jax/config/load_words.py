"""Words of serve -> words of numbers: lengths as a number, a list or a distribution; targets; protocols; traces.

`prompt=lognormal(1024,1)` is workload.prompt_tokens=1024 and load.prompt_cv=1; `prompt=[128,2048]` is a mixture, and
`axes.prompt=[128,2048]` two lengths that are compared.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from life_jax.config import request_classes, request_trace, word_values, words
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError, unknown

NUMBER = r"\s*([0-9.eE+-]+)\s*"
LOG_NORMAL = re.compile(rf"lognormal\({NUMBER},{NUMBER}\)")
BENCHMARK = re.compile(rf"benchmark\({NUMBER}\)")
LENGTHS = {"prompt": "prompt", "load.prompt_tokens": "prompt", "output": "output", "load.output_tokens": "output"}
OF_SERVE = ("load.prompt_tokens", "load.output_tokens", "load.protocol")  # that other commands have other words for
TARGETS = {"ttft": "load.ttft_limit", "tpot": "load.tpot_limit", "percentile": "load.percentile"}
METHODS = ("formula", "simulate")
WITH_TARGETS = ("goodput", "max_rate")
ARRIVALS = ("rate", "concurrency")
AXES = {
    **{f"axes.load.{name}": f"axes.{name}" for name in ARRIVALS},
    **{f"axes.target.{name}": f"axes.{key.removeprefix('load.')}" for name, key in TARGETS.items()},
    **{f"axes.{key}": f"axes.{which}_tokens" for key, which in LENGTHS.items()},
}
METRICS = (
    "ttft_mean", "ttft_p50", "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p90", "tpot_p99", "itl_p99",
    "request_rate", "output_rate", "concurrency", "utilization",
)  # fmt: skip


@dataclass(frozen=True)
class LoadWords:
    """Words of serve in words of numbers.

    words: for `load`; method: formula or simulate; trace: the file of requests, where there is one; load: what was
    asked, for the report; targets: whether there are any; classes: names of classes of requests
    """

    words: tuple[str, ...]
    method: str
    trace: Path | None
    load: Mapping[str, Any]
    targets: bool = False
    classes: tuple[str, ...] = ()

    @property
    def prefix_room(self) -> float:
        """Tokens [token] that a prefix cache holds of a trace's prompts; infinite for all."""
        return float(self.load.get("prefix_room", math.inf))


def load_words(typed: Iterable[str]) -> LoadWords:
    """The words of serve. Raises ConfigError where a length, a target or a protocol makes no sense, or two of them are
    about one thing."""
    method, rest = words.take(typed, "method", METHODS)
    others: list[str] = []
    load: dict[str, Any] = {}
    trace = None
    targets = metrics = False
    rest, classes = request_classes.taken(rest, load)
    for word in rest:
        pair = words.key_and_text(word)
        key, text = pair if pair is not None else ("", "")
        if key in LENGTHS or key.removeprefix("axes.") in LENGTHS:
            which = LENGTHS[key.removeprefix("axes.")]
            if which in load:
                raise ConfigError(f"{key}={text}: the length of the {which} is given twice")
            load[which] = text
            others += lengths(key, which, text) if key in LENGTHS else [f"{AXES[key]}={text}"]
        elif key == "load.trace":
            trace = paths.user_path(text)
            load["trace"] = text
        elif key == "load.prefix_room":
            load["prefix_room"] = _room(key, text)
        elif key == "load.protocol":
            load["protocol"] = text
            others += _protocol(text)
        elif key.startswith(("target.", "axes.target.")):
            name = key.removeprefix("axes.").removeprefix("target.")
            if name not in TARGETS or (name == "percentile" and key.startswith("axes.")):
                raise unknown(f"{key}=: target", name, TARGETS)
            targets = targets or name != "percentile"
            load[key] = text
            others.append(f"{AXES.get(key, TARGETS[name])}={text}")
        else:
            metrics = metrics or key == "metrics"
            plain = AXES.get(key, key)
            if plain.removeprefix("load.").removeprefix("axes.") in ARRIVALS:
                load[plain.removeprefix("load.")] = text if plain.startswith("axes.") else word_values.value(key, text)
            others.append(f"{plain}={text}" if plain != key else word)
    others += request_classes.class_words(classes, load)
    targets = targets or any({"ttft", "tpot"} & set(of) for of in classes.values())
    _refuse_room_alone(load)
    ways = [name for name in (*ARRIVALS, "trace") if {name, f"axes.{name}"} & set(load)]
    if len(ways) > 1:
        raise ConfigError(f"{'= and '.join(ways)}= are given together; requests arrive by one of them")
    if targets and not metrics:
        names = (name for name in (*METRICS, *WITH_TARGETS) if f"axes.{name}" not in load)  # an axis is no metric
        others.append(f"metrics=[{','.join(names)}]")
    return LoadWords(tuple(others), method, trace, load, targets, tuple(classes))


def sweep_words(typed: Iterable[str]) -> tuple[str, ...]:
    """The words of sweep with those of serve in words of numbers: load.trace=, load.protocol=, target.*= and the
    lengths, load.prompt_tokens=. What they share with a static batch, `prompt` and `output`, is left as typed."""
    words_typed = tuple(typed)
    keys = [_key(word) for word in words_typed]
    room = [word for word, key in zip(words_typed, keys, strict=True) if key == "load.prefix_room"]
    of_classes = [w for w, k in zip(words_typed, keys, strict=True) if request_classes.is_word(k)]
    numbers = [w for w in load_words(of_classes).words if not w.startswith("metrics=")] if of_classes else []
    for word, key in zip(words_typed, keys, strict=True):
        if request_classes.is_word(key):
            continue
        if key == "load.trace":
            numbers += with_trace(load_words([word, *room]))
        elif key == "load.prefix_room":
            _refuse_room_alone(dict.fromkeys(name.removeprefix("load.") for name in keys))
        elif key in OF_SERVE or key.startswith("target."):
            numbers += (w for w in load_words([word]).words if not w.startswith("metrics="))
        else:
            numbers.append(word)
    return tuple(numbers)


def _key(word: str) -> str:
    """Key of a word without axes., empty where it has none."""
    pair = words.key_and_text(word)
    return "" if pair is None else pair[0].removeprefix("axes.")


def _refuse_room_alone(load: Mapping[str, Any]) -> None:
    if "prefix_room" in load and "trace" not in load:
        raise ConfigError("load.prefix_room= is of a trace whose blocks are known; give load.trace=, or load.cached=")


def _room(key: str, text: str) -> float:
    room = word_values.value(key, text)
    if isinstance(room, bool) or not isinstance(room, int | float) or not room > 0:
        raise ConfigError(f"{key}={text}: tokens that the prefix cache holds are needed, above 0")
    return float(room)


def lengths(key: str, which: str, text: str) -> list[str]:
    """Words of numbers for the lengths of prompts or outputs."""
    plain = text.strip("'\"")
    match = LOG_NORMAL.fullmatch(plain)
    if match:
        return [f"workload.{which}_tokens={match[1]}", f"load.{which}_cv={match[2]}"]
    if "(" in plain:
        raise ConfigError(f"{key}={text}: lognormal(MEAN,CV), a number or a list is needed")
    value = word_values.value(key, plain)
    if not isinstance(value, list):
        return [f"workload.{which}_tokens={plain}"]
    rows = [row if isinstance(row, list) else [row, 1] for row in value]
    fine = all(
        len(row) == 2 and all(isinstance(x, int | float) and not isinstance(x, bool) and 0 < x < 1e12 for x in row)
        for row in rows
    )
    if not rows or not fine:
        raise ConfigError(f"{key}={text}: [N,M] or [[N,PART],[M,PART]] is needed, all above 0")
    mean = sum(n * part for n, part in rows) / sum(part for _, part in rows)
    return [f"workload.{which}_tokens={mean}", f"load.{which}s={rows}".replace(" ", "")]


def with_trace(asked: LoadWords) -> tuple[str, ...]:
    """The words, with the rate and the lengths of the trace where there is one. Raises ConfigError for a file that is
    no trace."""
    if asked.trace is None:
        return asked.words
    return (*asked.words, *request_trace.as_words(request_trace.read(asked.trace, asked.prefix_room)))


def _protocol(text: str) -> list[str]:
    plain = text.strip("'\"")
    if plain == "steady":
        return []
    match = BENCHMARK.fullmatch(plain)
    if not match:
        raise ConfigError(f"load.protocol={text}: steady or benchmark(REQUESTS) is needed")
    return [f"load.requests={match[1]}"]
