"""The words of a plan's row, which give its numbers to serve or sweep."""

import re
from collections.abc import Mapping, Sequence

from life_jax.config.schema import axis_table
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.word_values import text as as_text
from life_jax.planner.space import Layout
from life_jax.studies.case import Keys
from life_jax.studies.study import Study

# words that a row says itself, or that are about the plan alone
OWN = (
    "hw", "model", "opt", "engine", "axes", "devices", "target", "quality", "confidence", "budget", "minimize", "write",
    "layout", "also", "out", "overwrite", "plot", "top", "rows", "sort", "format", "metrics", "at", "seed",
)  # fmt: skip


def words_of(
    study: Study, keys: Keys, layout: Layout, point: Mapping[str, float], own: Sequence[str] = (), *, loaded: bool
) -> list[str]:
    """The words of a row, which give its numbers to serve or sweep. own: further words of its own."""
    found = [f"hw={name(study.typed['hw'][keys.hw])}", f"model={name(study.typed['model'][keys.model])}"]
    stack = study.stacks[keys.opt]
    found += [f"opt={as_text(list(stack), 'opt')}"] if stack else []
    found += [f"engine={name(keys.engine)}", *layout.words]
    found += [f"{_long(key)}={value:g}" for key, value in point.items()]
    found += own
    set_already = {_long(key) for key in point} | {word.split("=")[0] for word in own}
    for word in study.words:
        key = re.split("=", word.lstrip("+"), maxsplit=1)[0]
        section = key.split(".")[0]
        other_label = section in ("hw", "model") and "." in key and key.split(".")[1] not in (keys.hw, keys.model)
        sets = section not in OWN or ("." in key and section in ("hw", "model", "engine"))
        sets = _is_of_stack(key, stack) if section in ("opt", "offload", "prefill", "draft") and "." in key else sets
        if sets and not other_label and SHORT_WORDS.get(key, key) not in set_already:
            found.append(word)
            set_already.add(SHORT_WORDS.get(key, key))
    w = study.composed.workload
    for key in ("prompt_tokens", "output_tokens", *(() if loaded else ("batch",))):
        if f"workload.{key}" not in set_already:
            found.append(f"workload.{key}={getattr(w, key):g}")
    return found


def _is_of_stack(key: str, stack: Sequence[str]) -> bool:
    """Whether a word is of an option of the stack, or names a device or a model that one takes."""
    takers = {"offload": ("offload",), "prefill": ("disaggregated", "hybrid"), "draft": ("speculative",)}
    section, name = key.split(".")[:2]
    return any(taker in stack for taker in takers.get(section, (name,)))


def _long(key: str) -> str:
    return f"{axis_table.section_of(key)}.{key}"


def name(name: str) -> str:
    """A name or a path as the value of a word."""
    return as_text(name, "name")
