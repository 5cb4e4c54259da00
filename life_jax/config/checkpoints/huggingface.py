"""Reads the config.json of a decoder into the keys of conf/model/NAME.yaml.

Every field of a config.json is read, known not to change the graph, or refused: nothing that
could change a cost is passed over.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from life_jax.config.checkpoints import other_json
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.config_fields import (
    ALIASES,
    HARMLESS,
    OTHER_TOWERS,
    WRITTEN_BY,
    Fields,
    check_only,
    check_rest,
    short,
)
from life_jax.config.checkpoints.families import class_defaults, flat_wrappers
from life_jax.config.checkpoints.families.base import Family, grouped, note, warn
from life_jax.config.checkpoints.families.index import FAMILIES, SAME
from life_jax.config.checkpoints.families.not_read import NOT_READ
from life_jax.config.checkpoints.quantization import section
from life_jax.config.checkpoints.quantization.section import SECTIONS
from life_jax.config.checkpoints.vision_tower import tower
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError, closest
from life_jax.config.schema.model_file import ModelFile
from life_jax.core import file_system

TEXT = ("text_config", "llm_config", "language_config", "language_model", "thinker_config")
OF_DRAFTERS = ("backbone_hidden_size", "use_ordered_embeddings", "num_centroids")  # beside a drafter's text model
MOST_LAYERS = 10_000
MOST_BYTES = 2**26  # of a config.json


def read_config(path: str | Path, name: str = "", source: str = "") -> dict[str, Any]:
    """Reads a config.json; the model is named after its folder unless a name is given."""
    path = Path(path)
    folder = path.resolve().parent.name if path.stem in ("config", "params", "mlc-chat-config") else path.stem
    try:
        config = _json(path)
        if not isinstance(config, dict):
            raise ConfigError("not a JSON object (accepted: the config.json of a model)")
        said, stored = other_json.config_of(config, path)
        return translate(said, name or folder, source, stored or _quantization_beside(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error


def _json(path: Path) -> Any:
    """The JSON in a file of at most MOST_BYTES. Raises OSError or ValueError, also for a key that is there twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
            raise ValueError(f"key '{twice[:80]}' is there twice")
        return content

    text = file_system.read_regular(path, MOST_BYTES).decode("utf-8-sig")
    return json.loads(text, object_pairs_hook=once)


# files beside a config.json that say how weights are stored: of ModelOpt, AutoGPTQ, llm-awq, ExLlamaV3, msModelSlim
BESIDE = ("hf_quant_config.json", "quantize_config.json", "quant_config.json", "quantization_config.json",
          "quant_model_description*.json")  # fmt: skip


def _quantization_beside(path: Path) -> dict[str, Any] | None:
    """The first of BESIDE in the same folder, None where there is none."""
    there = (other for name in BESIDE for other in sorted(path.parent.glob(name)))
    beside = next((other for other in there if other.name != path.name and other.is_file()), None)
    if beside is None:
        return None
    said = _json(beside)
    if not isinstance(said, dict):
        raise ConfigError(f"{beside.name} beside it is not a JSON object")
    return said


def translate(
    config: Mapping[str, Any], name: str = "", source: str = "", beside: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The keys of ModelFile that the dict of a config.json says, without those at their default.

    beside: the file of BESIDE in its folder, which says the quantization where config.json does not.
    """
    text, towers, left_out = text_model(config)
    model_type = text.get("model_type")
    if _classes(config) & GROK:  # Grok-2's own config.json says that it is of type git
        model_type = text["model_type"] = "grok"
    if model_type is None:
        model_type = text["model_type"] = _type_by_class(config)
    known = SAME.get(model_type, model_type) if isinstance(model_type, str) else None
    if known == "deepseek_v2" and text.get("use_mla") is False:  # DeepSeek-OCR and -VL2 say the size of latents as 0
        known, text = "deepseek", {key: value for key, value in text.items() if key not in LATENT}
    if known not in FAMILIES:
        raise _unknown_family(model_type)
    family = FAMILIES[known]
    sizes = class_defaults.sizes(str(model_type)) or class_defaults.sizes(known)
    read = Fields(_flat(text, family), str(model_type), family.defaults, sizes, family.names, _written(known, sizes))
    origin = config.get("_name_or_path")
    origin = origin if isinstance(origin, str) else ""
    facts = {
        "name": name or origin.rstrip("/").rpartition("/")[2] or model_type,
        "family": model_type,
        "source": source or (f"config.json of {origin or name}" if origin or name else "config.json"),
        **shape(read, family),
    }
    headless = facts.pop("headless", {})
    if not towers and facts.get("generation") != "diffusion" and _headless(config):
        facts.update(headless, language_head=False, head_bias=False, tie_word_embeddings=False)
        warn(facts, f"{config['architectures'][0]} has no language head: none is counted")
    _store(read, facts, beside)
    seen = tower(config) if towers else {}
    facts.update(seen)
    if towers:
        about = "the vision tower counts where workload.image_tokens says so" if seen else "text model only"
        note(facts, f"{about}, other towers are not counted")
    _say(read, facts, left_out)
    defaults = {**{f.name: f.default for f in fields(ModelFile)}, **dict.fromkeys(ModelFile.more_numbers())}
    empty: tuple[Any, ...] = ([], "", None)
    return {
        key: facts[key]
        for key, default in defaults.items()
        if key in facts and facts[key] != default and facts[key] not in empty
    }


def _written(known: str | None, sizes: Mapping[str, int] | None) -> tuple[str, ...] | None:
    """The words of a family in its config.json: of its class; None where no class of transformers is known."""
    return None if sizes is None else (*sizes, *WRITTEN_BY.get(str(known), ()))


LATENT = ("use_mla", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
HEADLESS = re.compile(
    r"(?!.*(LMHead|Chat|DoubleHeads)).*(Model|For(SequenceClassification|TokenClassification|QuestionAnswering|"
    r"RewardModel|Embedding|TextEncoding|SentenceEmbedding|ProcessRewardModel|Retrieval))"
)


GROK = {"Grok1ForCausalLM", "Grok1ModelForCausalLM", "Grok2ForCausalLM"}


def _classes(config: Mapping[str, Any]) -> set[str]:
    """The classes that a config.json names."""
    said = config.get("architectures")
    return {name for name in said if isinstance(name, str)} if isinstance(said, list) else set()


def _type_by_class(config: Mapping[str, Any]) -> str | None:
    """The family that the class of a config.json without model_type is of (SmallThinker)."""
    named = {name.removesuffix("ForCausalLM").lower() for name in _classes(config) if name.endswith("ForCausalLM")}
    return next((name for name in FAMILIES if name.replace("_", "").replace("-", "").lower() in named), None)


def _headless(config: Mapping[str, Any]) -> bool:
    """Whether the class that a config.json names has no language head: an embedding or reward model."""
    classes = config.get("architectures")
    names = [name for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
    return bool(names) and all(HEADLESS.fullmatch(name) for name in names)


def _say(read: Fields, facts: dict[str, Any], left_out: list[str]) -> None:
    """What was assumed and what was passed over, for a study to say."""
    if read.filled:
        taken = ", ".join(f"{key} {value}" for key, value in read.filled.items())
        warn(facts, f"its config.json leaves out sizes; those of its class in transformers are taken: {taken}")
    unread = [*read.unread, *left_out]
    if unread:
        more = f" and {len(unread) - 6} more" if len(unread) > 6 else ""
        warn(facts, f"fields of its config.json that are not read: {', '.join(unread[:6])}{more}")


def _store(read: Fields, facts: dict[str, Any], beside: Mapping[str, Any] | None) -> None:
    """How the checkpoint stores its weights and its cache."""
    listed = [read.config[key] for key in SECTIONS if read.config.get(key) not in (None, {})]
    said = listed[0] if listed else None
    if len(listed) > 1 and all(isinstance(part, Mapping) and section.method_of(part) == "mlx" for part in listed):
        said = {key: value for part in listed for key, value in part.items()}  # MLX writes one section twice
    if said is None:
        said = beside
    elif beside is not None and isinstance(said, Mapping) and section.method_of(said) == "modelopt":
        inner = beside.get("quantization")
        said = {**(inner if isinstance(inner, Mapping) else {}), **said}
    if said is None:
        return
    if isinstance(said, Mapping) and read.config.get("expert_dtype") is not None:
        said = {"expert_dtype": read.config["expert_dtype"], **said}
    order = facts["order"]
    known = {*(f.name for f in fields(ModelFile)), *ModelFile.more_numbers()}
    file = check({key: value for key, value in facts.items() if key in known}, ModelFile, read.family)
    facts["quantization"], cache, unknown = section.read_section(
        said, architecture(file, read.family), order, read.family
    )
    facts["kv_cache"] = [cache] if cache else []
    warn(facts, *unknown)


def _unknown_family(model_type: Any) -> ConfigError:
    """The closest families, and what a file of one's own must say."""
    names = sorted({*FAMILIES, *SAME})
    close = closest(str(model_type), names) or names[:5]
    if isinstance(model_type, str) and model_type in NOT_READ:
        return ConfigError(f"model_type {short(model_type)} is not read: {NOT_READ[model_type]}")
    needed = [f.name for f in fields(ModelFile) if f.default is f.default_factory is MISSING]
    return ConfigError(
        f"model_type {short(model_type)} is not known (known: {', '.join(close)} and {len(names) - len(close)} more);"
        f" model=FILE.yaml takes a shape of one's own, with {', '.join(needed)}, and the kinds of its layers"
    )


def text_model(config: Mapping[str, Any]) -> tuple[dict[str, Any], bool, list[str]]:
    """The config.json of the text model; whether it was inside that of a model with more towers; fields beside it that
    are not read."""
    inner = next((key for key in TEXT if isinstance(config.get(key), dict)), None)
    if inner is None:
        flat = flat_wrappers.unwrapped(config)
        return flat or dict(config), flat is not None, []
    text = dict(config[inner])
    nested = next((key for key in TEXT if isinstance(text.get(key), dict)), None)
    if nested is not None and "hidden_size" not in text:  # a text model within a thinker
        stored = {key: text[key] for key in SECTIONS if key in text}
        text = {**stored, **text[nested]}
    outer = {key: value for key, value in config.items() if key != inner}
    wrapper = str(config.get("model_type"))
    named = (key for key in outer if key not in OF_DRAFTERS and not OTHER_TOWERS.fullmatch(key))
    beside = Fields({key: outer[key] for key in named}, wrapper, {})
    left_out = _beside_the_text(beside, text)
    for key in ("tie_word_embeddings", *OF_DRAFTERS, *SECTIONS):
        if outer.get(key) is not None:
            text.setdefault(key, outer[key])
    text.setdefault("model_type", class_defaults.text_model(wrapper))
    return text, True, left_out


def _beside_the_text(outer: Fields, text: Mapping[str, Any]) -> list[str]:
    """Fields beside the text model that are not known; one that a text model has, and this one has not, is refused."""
    unread = []
    of_text = {name for names in ALIASES.values() for name in names} | {
        key for family in FAMILIES.values() for key in (*family.flags, *family.only, *family.defaults)
    }
    for key, value in outer.config.items():
        if not value or HARMLESS.fullmatch(key) or key in text:
            continue
        if key in of_text:
            check_rest(Fields({key: value}, outer.family, {}))
        unread.append(key)
    return unread


def _flat(config: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Without what the family ignores, and with the rotated part that rope_parameters may say."""
    ignored = re.compile("|".join(family.ignored) or r"(?!)")
    flat = {key: value for key, value in config.items() if not ignored.fullmatch(key)}
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
    if facts.get("num_hidden_layers", 1) > MOST_LAYERS:
        raise read.refuse(read.find("num_hidden_layers")[0], f"at most {MOST_LAYERS}")
    latent = str(family.facts.get("attention", "")).startswith("mla")
    if "num_attention_heads" in facts and not latent:
        facts["num_key_value_heads"] = _kv_heads(read, facts["num_attention_heads"])
        facts["head_dim"] = head_dim(read, facts)
    read.seen.update(("num_key_value_heads", "num_kv_heads", "n_head_kv") if latent else ())
    facts["tie_word_embeddings"] = read.flag("tie_word_embeddings")
    if family.facts.get("position", "rope") == "rope":
        facts["partial_rotary_factor"] = read.fraction("partial_rotary_factor")
    facts.update(family.facts)
    for key, targets in family.flags.items():
        facts.update(dict.fromkeys(targets.split(), read.flag(key)))
    facts["layers"] = [{} for _ in range(facts.get("num_hidden_layers", 0))]
    for step in family.steps:
        step(read, facts)
    grouped(facts)
    if facts["num_attention_heads"] % facts["num_key_value_heads"]:
        key = read.find("num_key_value_heads")[0]
        raise read.refuse(key, f"a divisor of the {facts['num_attention_heads']} query heads")
    read.seen.update(SECTIONS)
    check_only(read, family.only)
    check_rest(read)
    return facts


def _kv_heads(read: Fields, heads: int) -> int:
    """Key and value heads: those of the class where config.json says neither these nor the query heads."""
    said = read.count_or_none("num_key_value_heads")
    if said is None and "num_attention_heads" in read.filled:
        said = read.of_class("num_key_value_heads")
    return said or heads


def head_dim(read: Fields, facts: Mapping[str, Any]) -> int:
    """The size of a head: config.json's, else the width over the heads, rounded down as classes of transformers do.

    Raises ConfigError where that is not whole otherwise.
    """
    size, heads = facts["hidden_size"], facts["num_attention_heads"]
    stated = read.count_or_none("head_dim")
    if stated is None and size % heads and size > heads and read.sizes:
        read.filled["head_dim"] = size // heads
    elif stated is None and size % heads:
        raise read.refuse("head_dim", f"a whole number, since hidden_size {size} is no multiple of {heads} heads")
    return stated or size // heads
