"""Reads the config.json of a decoder into the keys of conf/model/NAME.yaml.

Every field of a config.json is read, known not to change the graph, or refused: nothing that
could change a cost is passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from life_jax.config.checkpoints.config_fields import OTHER_TOWERS, Fields, check_only, check_rest, short
from life_jax.config.checkpoints.families.base import Family, grouped, note
from life_jax.config.checkpoints.families.index import FAMILIES, SAME
from life_jax.config.checkpoints.families.quantized import stored_as
from life_jax.config.checkpoints.vision_tower import tower
from life_jax.config.schema.errors import ConfigError, closest
from life_jax.config.schema.model_file import ModelFile

TEXT = ("text_config", "llm_config", "language_config", "language_model", "thinker_config")
MOST_LAYERS = 10_000


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
    text, towers = text_model(config)
    model_type = text.get("model_type")
    known = SAME.get(model_type, model_type) if isinstance(model_type, str) else None
    if known not in FAMILIES:
        raise _unknown_family(model_type)
    family = FAMILIES[known]
    read = Fields(_flat(text, family), str(model_type), family.defaults)
    origin = config.get("_name_or_path")
    origin = origin if isinstance(origin, str) else ""
    facts = {
        "name": name or origin.rstrip("/").rpartition("/")[2] or model_type,
        "family": model_type,
        "source": source or (f"config.json of {origin or name}" if origin or name else "config.json"),
        **shape(read, family),
    }
    seen = tower(config) if towers else {}
    facts.update(seen)
    if towers:
        beside = "the vision tower counts where workload.image_tokens says so" if seen else "text model only"
        note(facts, f"{beside}, other towers are not counted")
    defaults = {f.name: f.default for f in fields(ModelFile)}
    empty: tuple[Any, ...] = ([], "", None)
    return {
        key: facts[key]
        for key, default in defaults.items()
        if key in facts and facts[key] != default and facts[key] not in empty
    }


def _unknown_family(model_type: Any) -> ConfigError:
    """The closest families, and what a file of one's own must say."""
    names = sorted({*FAMILIES, *SAME})
    close = closest(str(model_type), names) or names[:5]
    needed = [f.name for f in fields(ModelFile) if f.default is f.default_factory is MISSING]
    return ConfigError(
        f"model_type {short(model_type)} is not known (known: {', '.join(close)} and {len(names) - len(close)} more);"
        f" model=FILE.yaml takes a shape of one's own, with {', '.join(needed)}, and the kinds of its layers"
    )


def text_model(config: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The config.json of the text model, and whether it was found inside that of a model with more towers."""
    inner = next((key for key in TEXT if isinstance(config.get(key), dict)), None)
    if inner is None:
        return dict(config), False
    text = dict(config[inner])
    outer = {key: value for key, value in config.items() if key != inner}
    check_rest(
        Fields({k: v for k, v in outer.items() if not OTHER_TOWERS.fullmatch(k)}, str(config.get("model_type")), {})
    )
    for key in ("tie_word_embeddings", "quantization_config"):
        if outer.get(key) is not None:
            text.setdefault(key, outer[key])
    text.setdefault("model_type", config.get("model_type"))
    return text, True


def _flat(config: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Without what the family ignores, and with the rotated part that rope_parameters may say."""
    flat = {key: value for key, value in config.items() if key not in family.ignored}
    kinds = flat.get("layers_block_type")
    if isinstance(kinds, list):
        flat.setdefault("num_hidden_layers", len(kinds))
    nested = flat.get("rope_parameters")
    if isinstance(nested, dict) and "partial_rotary_factor" in nested:
        flat.setdefault("partial_rotary_factor", nested["partial_rotary_factor"])
    return flat


def shape(read: Fields, family: Family) -> dict[str, Any]:
    """Sizes, then the family's facts, switches and steps; refuses whatever was not asked for."""
    facts: dict[str, Any] = {name: read.count(name) for name in family.sizes}
    if facts["num_hidden_layers"] > MOST_LAYERS:
        raise read.refuse(read.find("num_hidden_layers")[0], f"at most {MOST_LAYERS}")
    latent = str(family.facts.get("attention", "")).startswith("mla")
    if "num_attention_heads" in facts and not latent:
        facts["num_key_value_heads"] = read.count_or_none("num_key_value_heads") or facts["num_attention_heads"]
        facts["head_dim"] = head_dim(read, facts)
    read.seen.update(("num_key_value_heads", "num_kv_heads", "n_head_kv") if latent else ())
    facts["tie_word_embeddings"] = read.flag("tie_word_embeddings")
    if family.facts.get("position", "rope") == "rope":
        facts["partial_rotary_factor"] = read.fraction("partial_rotary_factor")
    facts.update(family.facts)
    for key, targets in family.flags.items():
        facts.update(dict.fromkeys(targets.split(), read.flag(key)))
    facts["layers"] = [{} for _ in range(facts["num_hidden_layers"])]
    for step in family.steps:
        step(read, facts)
    grouped(facts)
    if facts["num_attention_heads"] % facts["num_key_value_heads"]:
        key = read.find("num_key_value_heads")[0]
        raise read.refuse(key, f"a divisor of the {facts['num_attention_heads']} query heads")
    if read.find("quantization_config")[1] is not None:
        facts["quantization"], left_out = stored_as(read.config["quantization_config"], read.family)
        if left_out:
            note(facts, left_out)
    check_only(read, family.only)
    check_rest(read)
    return facts


def head_dim(read: Fields, facts: Mapping[str, Any]) -> int:
    size, heads = facts["hidden_size"], facts["num_attention_heads"]
    stated = read.count_or_none("head_dim")
    if stated is None and size % heads:
        raise read.refuse("head_dim", f"a whole number, since hidden_size {size} is no multiple of {heads} heads")
    return stated or size // heads
