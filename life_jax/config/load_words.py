"""Words of serve -> words of numbers: lengths as a number, a list or a distribution; targets; protocols; traces.

`prompt=lognormal(1024,1)` is workload.prompt_tokens=1024 and load.prompt_cv=1; `prompt=[128,2048]` is a mixture.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from life_jax.config import word_values, words
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError, unknown

NUMBER = r"\s*([0-9.eE+-]+)\s*"
LOG_NORMAL = re.compile(rf"lognormal\({NUMBER},{NUMBER}\)")
BENCHMARK = re.compile(rf"benchmark\({NUMBER}\)")
LENGTHS = {"prompt": "prompt", "load.prompt_tokens": "prompt", "output": "output", "load.output_tokens": "output"}
TARGETS = {"ttft": "load.ttft_limit", "tpot": "load.tpot_limit", "percentile": "load.percentile"}
METHODS = ("formula", "simulate")
WITH_TARGETS = ("goodput", "max_rate")
METRICS = (
    "ttft_mean", "ttft_p50", "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p90", "tpot_p99", "itl_p99",
    "request_rate", "output_rate", "concurrency", "utilization",
)  # fmt: skip


@dataclass(frozen=True)
class LoadWords:
    """Words of serve in words of numbers.

    words: for `load`; method: formula or simulate; trace: the file of requests, where there is one; load: what was
    asked, for the report
    """

    words: tuple[str, ...]
    method: str
    trace: Path | None
    load: Mapping[str, Any]


def load_words(typed: Iterable[str]) -> LoadWords:
    """The words of serve. Raises ConfigError where no load is given, or a length, a target or a protocol makes no
    sense."""
    method, rest = words.take(typed, "method", METHODS)
    others: list[str] = []
    load: dict[str, Any] = {}
    trace = None
    targets = metrics = False
    for word in rest:
        pair = words.key_and_text(word)
        key, text = pair if pair is not None else ("", "")
        if key in LENGTHS:
            if LENGTHS[key] in load:
                raise ConfigError(f"{key}={text}: the length of the {LENGTHS[key]} is given twice")
            load[LENGTHS[key]] = text
            others += lengths(key, LENGTHS[key], text)
        elif key == "load.trace":
            trace = paths.user_path(text)
            load["trace"] = text
        elif key == "load.protocol":
            load["protocol"] = text
            others += _protocol(text)
        elif key.startswith("target."):
            name = key.removeprefix("target.")
            if name not in TARGETS:
                raise unknown(f"{key}=: target", name, TARGETS)
            targets = targets or name != "percentile"
            load[key] = text
            others.append(f"{TARGETS[name]}={text}")
        else:
            metrics = metrics or key == "metrics"
            if key in ("rate", "concurrency", "load.rate", "load.concurrency"):
                load[key.removeprefix("load.")] = word_values.value(key, text)
            others.append(word)
    asked = [key for key in ("rate", "concurrency", "trace") if key in load]
    if not asked:
        raise ConfigError(
            "rate=, concurrency= or load.trace= is missing: how do requests arrive? rate=4 is four a second, "
            "concurrency=32 keeps 32 up"
        )
    if len(asked) > 1:
        raise ConfigError(f"{'= and '.join(asked)}= are given together; requests arrive by one of them")
    if targets and not metrics:
        others.append(f"metrics=[{','.join((*METRICS, *WITH_TARGETS))}]")
    return LoadWords(tuple(others), method, trace, load)


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


def _protocol(text: str) -> list[str]:
    plain = text.strip("'\"")
    if plain == "steady":
        return []
    match = BENCHMARK.fullmatch(plain)
    if not match:
        raise ConfigError(f"load.protocol={text}: steady or benchmark(REQUESTS) is needed")
    return [f"load.requests={match[1]}"]
