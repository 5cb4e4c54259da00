"""Reads the config.json of a dense decoder into the keys of conf/model/NAME.yaml.

A family is one record: what its code always does, what it assumes where config.json is
silent, and which of its switches set which keys. Every field of a config.json is read, known
not to change the graph, or refused: nothing that could change a cost is passed over.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from life_jax.config.errors import ConfigError
from life_jax.config.schema import ModelFile

LARGEST = 10**9

# Our word, then the words of config.json for it.
ALIASES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "n_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "num_key_value_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head_dim": ("head_dim", "kv_channels"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner"),
    "vocab_size": ("vocab_size",),
    "max_position_embeddings": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"),
    "partial_rotary_factor": ("partial_rotary_factor", "rotary_pct", "rope_pct"),
}

# Fields that say how a model was trained, is sampled, is stored, or which cheap function it applies.
HARMLESS = re.compile(
    r"_.*|.*token_ids?|.*dropout.*|.*pdrop|layerdrop|.*_eps|.*epsilon|init.*|.*_init|.*initializer.*|summary_.*"
    r"|rope_.*|rotary_emb_base|original_max_position_embeddings|alibi_bias_max"
    r"|hidden_act|hidden_activation|.*activation_function|activation|clip_qkv|.*_multiplier|logits?_scal.*"
    r"|scale_attn.*|reorder_and_upcast_attn|.*softmax.*|upcast.*|.*_fusion|skip_bias_add.*|slow_but_exact|offset_alibi"
    r"|architectures|auto_map|model_type|torch_dtype|dtype|fp16|bf16|fp32|transformers_version|.*use_cache"
    r"|use_flash_attn|attn_impl|tokenizer.*|id2label|label2id|task_specific_params|pretraining_tp|embedding_fraction"
    r"|return_dict.*|output_.*|do_sample|top_[kp]|typical_p|temperature|.*penalty.*|num_beam.*|num_return_sequences"
    r"|max_length|min_length|model_max_length|max_sequence_length|chunk_size_feed_forward|remove_invalid_values"
    r"|is_decoder|tf_legacy_loss|problem_type|norm_type|is_llama_config|unsloth_.*|transformers\.js_config|rotary_scaling_factor"
)


class Fields:
    """One config.json with its family's defaults; remembers which fields were asked for."""

    def __init__(self, config: Mapping[str, Any], family: str, defaults: Mapping[str, Any]):
        self.config, self.family, self.defaults = config, family, defaults
        self.seen: set[str] = set()

    def refuse(self, key: str, accepted: str) -> ConfigError:
        said = f"is {_short(self.config[key])}" if key in self.config else "is missing"
        return ConfigError(f"{self.family} config.json: {key} {said} (accepted: {accepted})")

    def find(self, name: str) -> tuple[str, Any]:
        """The field that says `name` and its value: config.json's, else the family's, else None."""
        names = ALIASES.get(name, (name,))
        said = [key for key in names if self.config.get(key) is not None]
        self.seen.update(names)
        for key in said[1:]:
            if self.config[key] != self.config[said[0]]:
                raise self.refuse(key, f"the same as {said[0]}, {_short(self.config[said[0]])}")
        if said:
            return said[0], self.config[said[0]]
        silent = not any(key in self.config for key in names)
        return names[0], self.defaults.get(name) if silent else None

    def count(self, name: str) -> int:
        value = self.count_or_none(name)
        if value is None:
            names = ", ".join(ALIASES.get(name, (name,)))
            raise self.refuse(name, f"a whole number from 1 to {LARGEST}, under any of the names {names}")
        return value

    def count_or_none(self, name: str) -> int | None:
        key, value = self.find(name)
        if value is None:
            return None
        if not _is_number(value) or not 1 <= value <= LARGEST or value != int(value):
            raise self.refuse(key, f"a whole number from 1 to {LARGEST}")
        return int(value)

    def fraction(self, name: str) -> float:
        key, value = self.find(name)
        value = 1.0 if value is None else value
        if not _is_number(value) or not 0 < value <= 1:
            raise self.refuse(key, "a number above 0, at most 1")
        return float(value)

    def flag(self, name: str) -> bool:
        key, value = self.find(name)
        if not isinstance(value, bool | None):
            raise self.refuse(key, "true, false")
        return bool(value)


Step = Callable[[Fields, dict[str, Any]], None]


@dataclass(frozen=True)
class Family:
    """What one model_type means beyond its config.json."""

    facts: Mapping[str, Any] = field(default_factory=dict)  # keys of ModelFile that never vary
    flags: Mapping[str, str] = field(default_factory=dict)  # a switch of config.json, the keys it sets
    defaults: Mapping[str, Any] = field(default_factory=dict)  # as transformers assumes them
    only: Mapping[str, Any] = field(default_factory=dict)  # switches with the one setting that can be expressed
    ignored: tuple[str, ...] = ()  # fields that change no cost in this family
    steps: tuple[Step, ...] = ()  # what a table cannot say


def four_times(read: Fields, facts: dict[str, Any]) -> None:
    """The feed-forward network is four times as wide as the model unless config.json says its width."""
    facts["intermediate_size"] = read.count_or_none("intermediate_size") or 4 * facts["hidden_size"]


def window(read: Fields, facts: dict[str, Any]) -> None:
    """Reads a sliding window as full attention, with a note where it is shorter than the context."""
    read.seen.update(("sliding_window", "use_sliding_window", "max_window_layers"))
    per_layer = read.config.get("use_sliding_window") is not None or "use_sliding_window" in read.defaults
    size = read.count_or_none("sliding_window") if not per_layer or read.flag("use_sliding_window") else None
    if size is None or size >= facts["max_position_embeddings"]:
        return
    if per_layer:
        raise read.refuse("use_sliding_window", "false; windows in some layers only are not read yet")
    facts["notes"] = f"attends at most {size} positions (sliding window); counted as full attention beyond"


def learned(extra_rows: int) -> Step:
    def step(read: Fields, facts: dict[str, Any]) -> None:
        facts["learned_positions"] = facts["max_position_embeddings"] + extra_rows

    return step


def one_key_value_head(read: Fields, facts: dict[str, Any]) -> None:
    facts["num_key_value_heads"] = 1 if read.flag("multi_query") else facts["num_attention_heads"]


def opt(read: Fields, facts: dict[str, Any]) -> None:
    if read.count_or_none("word_embed_proj_dim") not in (None, facts["hidden_size"]):
        raise read.refuse("word_embed_proj_dim", f"hidden_size, {facts['hidden_size']}")


def gptj(read: Fields, facts: dict[str, Any]) -> None:
    rotated = read.count_or_none("rotary_dim") or facts["head_dim"]
    if rotated > facts["head_dim"]:
        raise read.refuse("rotary_dim", f"at most the head size, {facts['head_dim']}")
    facts["partial_rotary_factor"] = rotated / facts["head_dim"]


def mpt(read: Fields, facts: dict[str, Any]) -> None:
    facts["intermediate_size"] = facts["hidden_size"] * read.count("expansion_ratio")
    attention = read.config.get("attn_config")
    read.seen.update(("attn_config", "learned_pos_emb"))
    if not isinstance(attention, dict):
        raise read.refuse("attn_config", "an object with alibi: true")
    inner = Fields(attention, "mpt attn_config of", {"attn_type": "multihead_attention", "alibi": True})
    check_only(inner, {"attn_type": "multihead_attention", "alibi": True})
    check_rest(inner)


def falcon(read: Fields, facts: dict[str, Any]) -> None:
    new, parallel = read.flag("new_decoder_architecture"), read.flag("parallel_attn")
    kv_heads = read.count_or_none("num_key_value_heads") or facts["num_attention_heads"]
    one_key_value_head(read, facts)
    if new:
        facts["num_key_value_heads"] = kv_heads
    norms = read.count_or_none("num_ln_in_parallel_attn") or (2 if new else 1)
    if norms > 2 or (norms == 2 and not new and parallel):
        raise read.refuse("num_ln_in_parallel_attn", "1, or 2 with new_decoder_architecture")
    facts["parallel"], facts["norms_per_layer"] = parallel, norms if parallel else 2
    facts["position"] = "alibi" if read.flag("alibi") else "rope"


def qwen(read: Fields, facts: dict[str, Any]) -> None:
    if facts["intermediate_size"] % 2:
        raise read.refuse("intermediate_size", "an even number: gate and up together")
    facts["intermediate_size"] //= 2


def stablelm(read: Fields, facts: dict[str, Any]) -> None:
    facts["norms_per_layer"] = 1 if facts["parallel"] else 2


def smollm3(read: Fields, facts: dict[str, Any]) -> None:
    facts["notes"] = "some layers have no rotary embedding; counted as rotated in all"


PLAIN = {"ffn": "plain", "norm": "layernorm"}
ALL_BIASES = {"qkv_bias": True, "o_bias": True, "ffn_bias": True}
BIAS_FLAGS = {"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"}
PER_LAYER_WINDOW = {"use_sliding_window": False}
TIED = {"tie_word_embeddings": True}

FAMILIES: dict[str, Family] = {
    "llama": Family(flags=BIAS_FLAGS),
    "mistral": Family(defaults={"num_key_value_heads": 8}, steps=(window,)),
    "qwen": Family(
        facts={"qkv_bias": True},
        only={"no_bias": True},
        defaults={"no_bias": True},
        steps=(qwen,),
        ignored=("seq_length", "use_dynamic_ntk", "use_logn_attn", "onnx_safe"),
    ),
    "qwen2": Family(facts={"qkv_bias": True}, defaults=PER_LAYER_WINDOW, steps=(window,)),
    "qwen3": Family(
        facts={"qk_norm": "per_head"},
        flags={"attention_bias": "qkv_bias o_bias"},
        defaults={"head_dim": 128, **PER_LAYER_WINDOW},
        steps=(window,),
    ),
    "gemma": Family(flags={"attention_bias": "qkv_bias o_bias"}, defaults={"head_dim": 256, **TIED}),
    "phi": Family(
        facts={**PLAIN, **ALL_BIASES, "head_bias": True, "parallel": True, "norms_per_layer": 1},
        defaults={"partial_rotary_factor": 0.5},
    ),
    "phi3": Family(only={"full_attn_mod": 1}, ignored=("interpolate_factor",), steps=(window,)),
    "gpt2": Family(facts={**PLAIN, **ALL_BIASES, "position": "learned"}, defaults=TIED, steps=(four_times, learned(0))),
    "gptj": Family(
        facts={**PLAIN, "ffn_bias": True, "head_bias": True, "parallel": True, "norms_per_layer": 1},
        defaults={"rotary_dim": 64},
        ignored=("rotary",),
        steps=(four_times, gptj),
    ),
    "gpt_neox": Family(
        facts={**PLAIN, "ffn_bias": True},
        flags={"attention_bias": "qkv_bias o_bias", "use_parallel_residual": "parallel"},
        defaults={"attention_bias": True, "use_parallel_residual": True, "partial_rotary_factor": 0.25},
    ),
    "opt": Family(
        facts={**PLAIN, "position": "learned"},
        flags={"enable_bias": "qkv_bias o_bias ffn_bias"},
        defaults={"enable_bias": True, "do_layer_norm_before": True, "layer_norm_elementwise_affine": True, **TIED},
        only={"do_layer_norm_before": True, "layer_norm_elementwise_affine": True, "_remove_final_layer_norm": False},
        ignored=("prefix",),
        steps=(opt, learned(2)),
    ),
    "bloom": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "alibi", "embedding_norm": True},
        defaults={"max_position_embeddings": 2048, **TIED},
        steps=(four_times,),
    ),
    "falcon": Family(
        facts=PLAIN,
        flags={"bias": "qkv_bias o_bias ffn_bias"},
        steps=(four_times, falcon),
        defaults={"multi_query": True, "parallel_attn": True, "max_position_embeddings": 2048, **TIED},
    ),
    "mpt": Family(
        facts={"ffn": "plain", "norm": "layernorm_no_bias", "position": "alibi"},
        steps=(mpt,),
        defaults={"expansion_ratio": 4, "no_bias": True, **TIED},
        only={"no_bias": True},
    ),
    "gpt_bigcode": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "learned"},
        defaults={"multi_query": True, **TIED},
        ignored=("inference_runner", "pad_key_length", "pre_allocate_kv_cache", "validate_runner_input"),
        steps=(four_times, one_key_value_head, learned(0)),
    ),
    "starcoder2": Family(
        facts=PLAIN,
        flags={"use_bias": "qkv_bias o_bias ffn_bias"},
        ignored=("mlp_type",),
        steps=(window,),
        defaults={"use_bias": True, "num_key_value_heads": 2, **TIED},
    ),
    "stablelm": Family(
        facts={"norm": "layernorm"},
        flags={"use_qkv_bias": "qkv_bias", "use_parallel_residual": "parallel"},
        defaults={"partial_rotary_factor": 0.25},
        steps=(stablelm,),
    ),
    "olmo": Family(facts={"norm": "layernorm_no_weight"}, flags={"attention_bias": "qkv_bias o_bias"}),
    "olmo2": Family(facts={"qk_norm": "full"}, flags={"attention_bias": "qkv_bias o_bias"}),
    "cohere": Family(
        facts={"norm": "layernorm_no_bias", "parallel": True, "norms_per_layer": 1},
        flags={"attention_bias": "qkv_bias o_bias"},
        defaults=TIED,
    ),
    "smollm3": Family(
        flags=BIAS_FLAGS,
        defaults={"num_key_value_heads": 4, **PER_LAYER_WINDOW, **TIED},
        ignored=("no_rope_layers", "no_rope_layer_interval"),
        steps=(window, smollm3),
    ),
    "granite": Family(flags=BIAS_FLAGS),
}


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
        raise ConfigError(f"model_type {_short(model_type)} is not known (known: {', '.join(sorted(FAMILIES))})")
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
        "parameters_source": "counted from the shape",
        **shape(read, family),
    }
    facts["parameters"] = count_parameters(facts)
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


def check_only(read: Fields, only: Mapping[str, Any]) -> None:
    for name, accepted in only.items():
        key, value = read.find(name)
        if value is not None and (value != accepted or type(value) is not type(accepted)):
            raise read.refuse(key, f"{_short(accepted)}; nothing else can be expressed yet")


def check_rest(read: Fields) -> None:
    """Raises at the first field that is switched on and that nothing asked for."""
    for key, value in read.config.items():
        quiet = key in read.seen or not value or HARMLESS.fullmatch(key)
        if key == "layer_types" and isinstance(value, Iterable) and set(map(str, value)) == {"full_attention"}:
            continue
        if not quiet:
            raise ConfigError(
                f"{read.family} config.json: {key} {_short(value)} is not read yet"
                " (accepted: absent, null, false; remove it if it changes no cost)"
            )


def count_parameters(facts: Mapping[str, Any]) -> int:
    """Learned parameters of a dense decoder, tied ones once."""
    said = {f.name: f.default for f in fields(ModelFile) if f.default is not MISSING} | dict(facts)
    d, v, f, a = (said[key] for key in ("hidden_size", "vocab_size", "intermediate_size", "head_dim"))
    q, kv = said["num_attention_heads"] * a, said["num_key_value_heads"] * a
    norm = {"layernorm": 2, "layernorm_no_weight": 0}.get(said["norm"], 1) * d
    inward = 2 if said["ffn"] == "gated" else 1
    layer = d * (2 * q + 2 * kv) + (inward + 1) * d * f + said["norms_per_layer"] * norm
    layer += said["qkv_bias"] * (q + 2 * kv) + said["o_bias"] * d + said["ffn_bias"] * (inward * f + d)
    layer += {"none": 0, "per_head": 2 * a, "full": q + kv}[said["qk_norm"]]
    ends = (v + said["learned_positions"]) * d + norm * (1 + said["embedding_norm"])
    head = (not said["tie_word_embeddings"]) * d * v + said["head_bias"] * v
    return said["num_hidden_layers"] * layer + ends + head


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 60 else text[:57] + "..."
