"""Words of plan: lengths as serve has them, the space where none is given, and what is asked of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from life_jax.config import words as command_words
from life_jax.config.load_words import LENGTHS, lengths
from life_jax.config.schema import paths
from life_jax.config.schema.check import check_number
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.weight_format_names import split_format
from life_jax.config.word_values import text as as_text
from life_jax.config.word_values import value as read_value
from life_jax.forecasting.metrics import METRICS

COUNTS = re.compile(r"(\d+)\.\.(\d+)")
MOST_DEVICES = 64
TARGETS = {"ttft": "s", "tpot": "s", "e2e": "s"}  # metric -> unit
BUDGETS = {"usd": "USD", "usd_per_hour": "USD/h", "watt": "W"}
LAYOUT = {  # words of a layout, short and long -> short
    word: short
    for short, long in SHORT_WORDS.items()
    if short in ("tp", "pp", "ep", "dp", "cp")
    for word in (short, long, f"axes.{short}", f"axes.{long.split('.')[1]}")
}
OFFLOAD, DISAGGREGATED = "offload", "disaggregated"  # options that also= takes beside drafts
AXES = ("opt", "engine", "max_sequences", "token_budget", "chunk_tokens")  # of which plan takes several


@dataclass(frozen=True)
class PlanQuestion:
    """What is asked of a space of designs.

    devices: counts of a device. targets: of ttft, tpot and e2e [s], at most. percentile: of the requests that keep
    within them. quality: least part of the likelihood [1], None for any. confidence: probability [1] with which a
    design must meet each target. budgets: usd, usd_per_hour, watt, at most. minimize: metrics that rows are ordered by.
    write: folder for launch scripts. also: options that are tried beside each format, those of which
    few designs are in question alone (also_if_few) or all. layout: numbers of layouts that were typed, by short word.
    """

    devices: tuple[int, ...]
    targets: Mapping[str, float]
    percentile: float
    quality: float | None
    confidence: float
    budgets: Mapping[str, float]
    minimize: tuple[str, ...]
    write: str | None
    layout: Mapping[str, tuple[int, ...]]
    also: tuple[str, ...] = ()
    also_if_few: bool = False


@cache
def defaults() -> dict[str, Any]:
    """conf/plan.yaml."""
    return read_yaml(paths.conf_dir() / "plan.yaml")


def with_defaults(typed: Iterable[str]) -> list[str]:
    """The words with those that stand for them: all devices, engine=auto and the usual stacks where none are given;
    lengths as numbers, engine=[A,B] as axes.engine. Raises ConfigError."""
    others: list[str] = []
    keys: dict[str, str] = {}
    for word in typed:
        key, text = command_words.key_and_text(word) or ("", "")
        if key:
            keys[key] = text
        others += _as_in_sweep(word, key, text)
    for key in keys:
        if key.startswith("load.trace"):
            raise ConfigError("load.trace=: plan takes rate= or concurrency=; serve reads traces")
        if key.startswith("axes.") and key not in LAYOUT and key.removeprefix("axes.") not in AXES:
            raise ConfigError(f"plan takes no {key}; it takes {', '.join(f'axes.{axis}' for axis in AXES)}")
    if "study" in keys:
        return others
    if "hw" not in keys:
        others.append("hw=all")
    if not {"engine", "axes.engine"} & keys.keys():
        others.append("engine=auto")
    if not {"opt", "axes.opt"} & keys.keys() and not _carries_format(keys.get("model", "")):
        others.append(f"axes.opt={as_text(defaults()['stacks'], 'axes.opt')}")
        others += [] if "also" in keys else ["also=auto"]
    return others


def without_beside(words: Iterable[str]) -> list[str]:
    """The words without those of options that also= tries (opt.eagle3.acceptance=0.6, offload.hw=NAME) and that are in
    no stack: they are for stacks that are made later."""
    pairs = [(command_words.key_and_text(word) or ("", ""), word) for word in words]
    stacks = " ".join(text for (key, text), _ in pairs if key in ("opt", "axes.opt"))
    if "study" in (key for (key, _), _ in pairs) or "none" in (text for (key, text), _ in pairs if key == "also"):
        return list(words)
    later = [name for name in defaults()["also_all"] if name not in stacks and _is_tried(name, pairs)]
    starts = tuple(f"opt.{name}." for name in later) + (("offload.",) if OFFLOAD in later else ())
    return [word for (key, _), word in pairs if not starts or not key.startswith(starts)]


def of_options_beside(words: Iterable[str], left: Iterable[str]) -> dict[str, list[str]]:
    """Option -> words of it that `without_beside` has left out of `words`."""
    kept, found = set(left), dict[str, list[str]]()
    for word in words:
        key, _ = command_words.key_and_text(word) or ("", "")
        if key and word not in kept:
            section, name = key.split(".")[:2]
            found.setdefault(name if section == "opt" else section, []).append(word)
    return found


def _is_tried(name: str, pairs: Iterable[tuple[tuple[str, str], str]]) -> bool:
    typed = next((text for (key, text), _ in pairs if key == "also"), "none")
    names = defaults().get({"auto": "also_usual"}.get(typed, f"also_{typed}"))
    return name in (typed if names is None else names)


def _as_in_sweep(word: str, key: str, text: str) -> list[str]:
    """A word of plan in words that sweep understands."""
    if key in LENGTHS:
        return lengths(key, LENGTHS[key], text)
    if (short := LAYOUT.get(key)) is not None:
        return [f"layout.{short}={text}"]
    if key == "engine" and text == "all":
        return [f"axes.engine={as_text(defaults()['engines'], key)}"]
    if key == "engine" and text.startswith("["):
        return [f"axes.engine={text}"]
    return [word]


def _carries_format(text: str) -> bool:
    """Whether the name of a model says how its weights are stored."""
    names = read_value("model", text) if text.startswith("[") else [text]
    return any(split_format(str(name))[1] for name in names)


def plan_question(composed: Mapping[str, Any]) -> PlanQuestion:
    """The checked question of a composed config. Raises ConfigError."""
    targets = dict(composed["target"] or {})
    percentile = targets.pop("percentile", 50.0)
    check_number(percentile, {"low": 0, "open_low": True, "high": 100}, "target.percentile")
    if not 0 < percentile < 100:
        raise ConfigError(f"target.percentile is {percentile:g}; it must be above 0 and below 100")
    load = composed["load"] or {}
    if "e2e" in targets and (load.get("rate") or load.get("concurrency")):
        raise ConfigError("target.e2e= is of one user; under load give target.ttft= and target.tpot=")
    if percentile != 50 and not (load.get("rate") or load.get("concurrency")):
        raise ConfigError("target.percentile= is of requests under load; give rate= or concurrency=, such as rate=4")
    minimize = composed["minimize"]
    names = tuple(map(str, minimize if isinstance(minimize, list) else [minimize]))
    for name in names:
        if name not in METRICS or METRICS[name].better is None:
            raise unknown("minimize=: metric", name, [n for n, m in METRICS.items() if m.better is not None])
    quality = composed["quality"]
    return PlanQuestion(
        devices=_counts("devices", composed["devices"]),
        targets=_limits("target", targets, TARGETS),
        percentile=float(percentile),
        quality=None if quality in ("any", None) else _part("quality", quality),
        confidence=_confidence(composed["confidence"]),
        budgets=_limits("budget", composed["budget"] or {}, BUDGETS),
        minimize=names,
        layout={key: _counts(key, value) for key, value in (composed["layout"] or {}).items()},
        also=_also(composed["also"]),
        also_if_few=composed["also"] == "auto",
        write=_folder(composed["write"]),
    )


def _also(typed: Any) -> tuple[str, ...]:
    """Options that are tried beside each format: none, usual (auto: where they are few), all, or a list."""
    known = defaults()["also_all"]
    if isinstance(typed, str) and typed in ("none", "auto", "usual", "all"):
        return () if typed == "none" else tuple(defaults()["also_all" if typed == "all" else "also_usual"])
    names = list(map(str, typed)) if isinstance(typed, list) else [str(typed)]
    for name in names:
        if name not in known:
            raise unknown("also=", name, ["none", "usual", "all", *known])
    return tuple(dict.fromkeys(names))


def _folder(typed: Any) -> str | None:
    """The name of a folder. Raises ConfigError for what is none."""
    if isinstance(typed, bool) or not isinstance(typed, str | int | None):
        raise ConfigError(f"write={str(typed)[:60]}: the name of a folder is needed")
    return None if typed is None else str(typed)


def _counts(word: str, typed: Any) -> tuple[int, ...]:
    """Counts of devices: one, a list or FROM..TO, sorted."""
    match = COUNTS.fullmatch(str(typed))
    counts = list(range(int(match[1]), int(match[2]) + 1)) if match else typed if isinstance(typed, list) else [typed]
    for count in counts:
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_DEVICES:
            raise ConfigError(f"{word}={typed}: whole numbers from 1 to {MOST_DEVICES}, such as 1..8 or [1,2,4,8]")
    if not counts:
        raise ConfigError(f"{word}={typed} is empty; give a number, FROM..TO or a list")
    return tuple(sorted(set(counts)))


def _limits(word: str, typed: Mapping[str, Any], units: Mapping[str, str]) -> dict[str, float]:
    """Numbers above 0 by name. units: of all names that there are."""
    for name in typed:
        if name not in units:
            raise unknown(f"{word}.: ", name, units)
    above = {"low": 0, "open_low": True}
    return {n: check_number(value, {**above, "unit": units[n]}, f"{word}.{n}") for n, value in typed.items()}


def _part(word: str, value: Any) -> float:
    return check_number(value, {"low": 0, "high": 1, "open_low": True}, word)


def _confidence(value: Any) -> float:
    number = _part("confidence", value)
    if number >= 1:
        raise ConfigError("confidence is 1; it must be below 1: no forecast is certain")
    return number
