"""Reads the config.json of a decoder into the keys of conf/model/NAME.yaml.

Every field of a config.json is read, known not to change the graph, or refused: nothing that
could change a cost is passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from life_jax.config.errors import ConfigError
from life_jax.config.families import FAMILIES, Family, four_times, mpt
from life_jax.config.fields import Fields, check_only, check_rest, short
from life_jax.config.schema import ModelFile


def read_config(path: str | Path, name: str = "", source: str = "") -> dict[str, Any]:
    """Reads a config.json; the model is named after its folder unless a name is given."""
    path = Path(path)
    folder = path.resolve().parent.name if path.stem == "config" else path.stem
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ConfigError("not a JSON object (accepted: the config.json of a model)")
        return translate(config, name or folder, source)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error


def translate(config: Mapping[str, Any], name: str = "", source: str = "") -> dict[str, Any]:
    """The keys of ModelFile that the dict of a config.json says, without those at their default."""
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise ConfigError(f"model_type {short(model_type)} is not known (known: {', '.join(sorted(FAMILIES))})")
    family = FAMILIES[model_type]
    nested = config.get("rope_parameters") or {}
    config = {key: value for key, value in config.items() if key not in family.ignored}
    if isinstance(nested, dict) and "partial_rotary_factor" in nested:
        config.setdefault("partial_rotary_factor", nested["partial_rotary_factor"])
    read = Fields(config, model_type, family.defaults)
    origin = config.get("_name_or_path")
    origin = origin if isinstance(origin, str) else ""
    facts = {
        "name": name or origin.rstrip("/").rpartition("/")[2] or model_type,
        "family": model_type,
        "source": source or (f"config.json of {origin or name}" if origin or name else "config.json"),
        **shape(read, family),
    }
    defaults = {f.name: f.default for f in fields(ModelFile)}
    return {key: facts[key] for key in defaults if key in facts and facts[key] != defaults[key]}


def shape(read: Fields, family: Family) -> dict[str, Any]:
    """Sizes, then the family's facts, switches and steps; refuses whatever was not asked for."""
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "max_position_embeddings")
    facts: dict[str, Any] = {name: read.count(name) for name in names}
    facts["num_key_value_heads"] = read.count_or_none("num_key_value_heads") or facts["num_attention_heads"]
    facts["head_dim"] = head_dim(read, facts)
    if not {four_times, mpt} & set(family.steps):
        facts["intermediate_size"] = read.count("intermediate_size")
    facts["tie_word_embeddings"] = read.flag("tie_word_embeddings")
    if family.facts.get("position", "rope") == "rope":
        facts["partial_rotary_factor"] = read.fraction("partial_rotary_factor")
    facts.update(family.facts)
    for key, targets in family.flags.items():
        facts.update(dict.fromkeys(targets.split(), read.flag(key)))
    for step in family.steps:
        step(read, facts)
    if facts["num_attention_heads"] % facts["num_key_value_heads"]:
        key = read.find("num_key_value_heads")[0]
        raise read.refuse(key, f"a divisor of the {facts['num_attention_heads']} query heads")
    check_only(read, family.only)
    check_rest(read)
    return facts


def head_dim(read: Fields, facts: Mapping[str, Any]) -> int:
    size, heads = facts["hidden_size"], facts["num_attention_heads"]
    stated = read.count_or_none("head_dim")
    if stated is None and size % heads:
        raise read.refuse("head_dim", f"a whole number, since hidden_size {size} is no multiple of {heads} heads")
    return stated or size // heads
