"""Families of models: what their code always does, what it assumes where config.json is silent.

A family is one record: facts, switches and the steps that a table cannot say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from life_jax.config.fields import Fields, check_only, check_rest

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
