"""What a stack of options keeps of a model's quality: rows of its own, of its family, or a law (conf/quality.yaml)."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.core.scenario import Quality

SIZE = re.compile(r"_(?:e|a)?\d+(?:_\d+)?[bm](?:_.*)?$")  # of a label: llama3_8b, qwen3_30b_a3b, gemma3n_e4b
SAME_FAMILY = {"llama3_1": "llama3", "llama3_2": "llama3", "llama3_3": "llama3", "qwen2_5": "qwen2"}
END = 1.2816  # of the normal distribution: 80 % lie within
FLOOR = 1e-4  # nats: what rows below it say is that nothing was lost
# options of these kinds change what is computed when, and no result
EXACT = (
    "fusion", "chunked_prefill", "tiling", "attention_scores", "lora", "lora_merged", "latent_form", "speculation",
    "offload", "disaggregation", "disk", "two_batches", "sequence_parallel",
)  # fmt: skip
PLAIN = ("bf16", "f16", "w16", "int16")  # formats of at least 16 bit


@dataclass(frozen=True)
class Loss:
    """Nats a token that an option costs a model, the standard deviation of their logarithm, and where it is from."""

    nats: float
    spread: float
    source: str


def family(label: str) -> str:
    """The family of a model: its label without the size and what stands behind it."""
    name = SIZE.sub("", label)
    return SAME_FAMILY.get(name, name)


def quality(model: str, options: Sequence[str], kinds: Mapping[str, str]) -> tuple[Quality, str]:
    """What a stack keeps of the base's likelihood [1], with the ends of its 80 % interval, and where that is from.

    model: label. options: labels of a stack. kinds: label -> kind of the option. Nats of options add up, as those of
    independent small errors do. Quality() where an option has no data: it is not known then.
    """
    return _quality(model, tuple((option, kinds.get(option, "")) for option in options))


@cache
def _quality(model: str, options: tuple[tuple[str, str], ...]) -> tuple[Quality, str]:
    """The same of labels and kinds: one object for all devices."""
    found: list[Loss] = []
    for option, kind in options:
        if option in PLAIN or kind in EXACT:
            continue
        loss = loss_of(model, option)
        if loss is None:
            return Quality(), f"nothing is published of {option}"
        found.append(loss)
    if not found:
        return Quality(1.0, 1.0, 1.0), "the base itself"
    nats = sum(loss.nats for loss in found)
    spread = math.sqrt(sum((loss.nats * loss.spread) ** 2 for loss in found)) / nats
    low, high = (math.exp(-nats * math.exp(side * END * spread)) for side in (1, -1))
    return Quality(math.exp(-nats), low, high), "; ".join(dict.fromkeys(loss.source for loss in found))


@cache
def loss_of(model: str, option: str) -> Loss | None:
    """What an option costs a model: by rows of the model, else of its family, else by the law; None without any."""
    facts = _facts()
    spreads: Mapping[str, float] = facts["spreads"]
    rows: list[Mapping[str, Any]] = [row for row in facts["rows"] if row["option"] == option]
    own = [row for row in rows if row["model"] == model]
    related = [row for row in rows if family(row["model"]) == family(model)]
    for level, chosen in (("row", own), ("family_row", related)):
        if chosen:
            return Loss(_mean(row["nats"] for row in chosen), spreads[level], _sources(chosen))
    if option not in facts["formats"]:
        return None
    effect = facts["families"].get(family(model))
    estimate = facts["formats"][option]
    nats = estimate["nats"] * math.exp(effect or 0.0)
    spread = max(estimate.get("spread", 0.0), spreads["none" if effect is None else "family"])
    return Loss(nats, spread, f"{option}: estimated from its kind, {estimate['kind']}")


def _mean(nats: Iterable[float]) -> float:
    """Geometric mean, of what is above the floor."""
    logs = [math.log(max(n, FLOOR)) for n in nats]
    return math.exp(sum(logs) / len(logs))


def _sources(rows: Iterable[Mapping[str, Any]]) -> str:
    known = _facts()["sources"]
    cited = dict.fromkeys(f"{known[row['source']]['source']} ({row['model']})" for row in rows)
    return "; ".join(cited)


@cache
def _facts() -> dict[str, Any]:
    return read_yaml(paths.conf_dir() / "quality.yaml")
