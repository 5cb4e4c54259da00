"""Families that recombine what others have: their norms, biases, windows, experts and latent attention."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import (
    LOCAL,
    NO_WIDTH,
    Family,
    Words,
    after_first,
    all_alike,
    every,
    experts,
    latent,
    mixers,
    unrotated,
    upper_windows,
    window,
    window_above,
)

PLAIN = {"ffn": "plain", "norm": "layernorm"}
ALL_BIASES = {"qkv_bias": True, "o_bias": True, "ffn_bias": True}
BIAS_FLAGS = {"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"}
ATTENTION_BIAS = {"attention_bias": "qkv_bias o_bias"}
TIED = {"tie_word_embeddings": True}
LATENT = {"attention": "mla"}
NO_BIAS = {"attention_bias": False}
HEADS = ("head_dim", "qk_head_dim", "q_head_dim")
FIRST_DENSE = {"first_k_dense_replace": 1, "shared_experts": 1}


def first_of(period: int) -> Words:
    """All of it in the first layer of each period, a window in the others."""
    return lambda read, layers: ["sliding_attention" if i % period else "full_attention" for i in range(layers)]


def only_local(read: Fields, facts: dict[str, Any], i: int) -> bool:
    """Positions are rotated in layers with a window only."""
    return facts["layers"][i].get("attention") == "sliding_window"


def layer_rope(read: Fields, facts: dict[str, Any]) -> None:
    """Granite: a base of 0 in layer_rope_theta stands for no rotation."""
    said = read.words("layer_rope_theta", len(facts["layers"])) or []
    for layer, base in zip(facts["layers"], said, strict=False):
        if not base:
            layer["position"] = "none"


def gpt_neo(read: Fields, facts: dict[str, Any]) -> None:
    """GPT-Neo: learned positions; the network is four times as wide as the model where nothing is said."""
    facts["intermediate_size"] = read.count_or_none("intermediate_size") or 4 * facts["hidden_size"]
    facts["learned_positions"] = facts["max_position_embeddings"]
    read.seen.update(("attention_layers", "window_size"))


def gpt_neo_words(read: Fields, layers: int) -> list[str]:
    """attention_types: [[[global, local], 12]]: each list of words so often."""
    said = read.config.get("attention_types") or [[["global", "local"], layers / 2]]
    read.seen.add("attention_types")
    kinds = {"global": "full_attention", "local": "sliding_attention"}
    try:
        words = [kinds[word] for pattern, times in said for _ in range(int(times)) for word in pattern]
    except (TypeError, ValueError, KeyError):
        words = []
    if len(words) != layers:
        raise read.refuse("attention_types", f"lists of global and local that make {layers} layers")
    return words


def positions_and(extra: int) -> Any:
    """A step that counts a table of learned positions with `extra` rows more than there are positions."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        facts["learned_positions"] = facts["max_position_embeddings"] + extra

    return step


def dense_or_sparse(read: Fields, layers: int) -> list[bool]:
    """By mlp_layer_types; where config.json is silent, all but the first num_dense_layers."""
    if read.config.get("mlp_layer_types") is not None:
        return after_first(read, layers)
    dense = read.whole("num_dense_layers")
    dense = read.whole("first_k_dense_replace") if dense is None else dense
    return [i >= (dense or 0) for i in range(layers)]


def aria(read: Fields, facts: dict[str, Any]) -> None:
    """Aria: shared experts together have the width of as many routed ones."""
    each = facts["intermediate_size"]
    facts["shared_expert_intermediate_size"] = (read.whole("shared_experts") or 0) * each


def laguna(read: Fields, facts: dict[str, Any]) -> None:
    """Query heads layer by layer; the gate is one number for each head, or for each of its elements."""
    for layer, heads in zip(
        facts["layers"], read.words("num_attention_heads_per_layer", len(facts["layers"])) or [], strict=False
    ):
        if type(heads) is not int or heads < 1 or heads % facts["num_key_value_heads"]:
            raise read.refuse("num_attention_heads_per_layer", "multiples of the key and value heads")
        if heads != facts["num_attention_heads"]:
            layer["num_attention_heads"] = heads
    key, gating = read.find("gating")
    if gating not in (None, True, "per-head", "per-element"):
        raise read.refuse(key, "true, per-head, per-element")
    whole = gating == "per-element"
    facts["attention_output_gate"], facts["attention_head_gate"] = whole, not whole


def single_expert(read: Fields, facts: dict[str, Any]) -> None:
    """Norms of queries and keys where `use_qk_norm` is set."""
    facts["qk_norm"] = "per_head" if read.flag("use_qk_norm") else "none"


VARIANTS: dict[str, Family] = {
    "apertus": Family(facts={"ffn": "plain", "qk_norm": "per_head", "activation_parameters": 2}, flags=ATTENTION_BIAS),
    "cwm": Family(
        flags={"mlp_bias": "ffn_bias"}, only=NO_BIAS,
        defaults={"head_dim": 128, "num_key_value_heads": 8, "sliding_window": 8192},
        steps=(mixers(first_of(4), LOCAL),),
    ),
    "dots1": Family(
        facts={"qk_norm": "per_head"}, flags=ATTENTION_BIAS,
        defaults={"sliding_window": 4096, "max_window_layers": 62},
        steps=(mixers(upper_windows, LOCAL), experts(after_first, shared="number")),
    ),
    "exaone": Family(flags=BIAS_FLAGS, defaults={"num_key_value_heads": 8}),
    "exaone_moe": Family(
        facts={"qk_norm": "per_head"}, defaults={**FIRST_DENSE, "sliding_window": 4096},
        steps=(mixers(every("sliding_window_pattern", 4, "sliding_attention", "full_attention"), LOCAL),
               unrotated(only_local), experts(after_first, shared="number")),
        ignored=("sliding_window_pattern",),
    ),
    "flex_olmo": Family(
        facts={"qk_norm": "full"}, flags=ATTENTION_BIAS, steps=(experts(width="intermediate_size"),),
        defaults={"num_experts": 7, "num_experts_per_tok": 5},
    ),
    "glm4_moe_lite": Family(
        facts=LATENT, only=NO_BIAS, ignored=HEADS, defaults=FIRST_DENSE,
        steps=(latent, experts(dense_or_sparse, shared="number")),
    ),
    "mistral4": Family(
        facts=LATENT, only=NO_BIAS, ignored=HEADS, defaults={"shared_experts": 1},
        steps=(latent, experts(after_first, shared="number")),
    ),
    "sarvam_mla": Family(
        facts=LATENT, only=NO_BIAS, ignored=HEADS, defaults=FIRST_DENSE,
        steps=(latent, experts(after_first, shared="number")),
    ),
    "youtu": Family(facts=LATENT, only=NO_BIAS, ignored=HEADS, defaults=TIED, steps=(latent,)),
    "minicpm3": Family(
        facts=LATENT, flags={}, only=NO_BIAS, ignored=(*HEADS, "scale_emb", "scale_depth", "dim_model_base"),
        steps=(latent,), defaults=TIED,
    ),
    "helium": Family(
        flags={"attention_bias": "qkv_bias", "mlp_bias": "ffn_bias"}, defaults={"head_dim": 128},
    ),
    "internlm3": Family(flags=BIAS_FLAGS, defaults={"head_dim": 128, "num_key_value_heads": 2}),
    "iquestcoder": Family(flags=BIAS_FLAGS, defaults={"head_dim": 128, "num_key_value_heads": 8}),
    "jais2": Family(facts=PLAIN, flags=BIAS_FLAGS, defaults={"attention_bias": True, "mlp_bias": True}),
    "nanochat": Family(facts={"ffn": "plain", "norm": "rmsnorm_no_weight"}, flags=ATTENTION_BIAS),
    "solar_open": Family(
        flags={"attention_bias": "qkv_bias"}, sizes=NO_WIDTH,
        defaults={"head_dim": 128, "num_key_value_heads": 8, "shared_experts": 1},
        ignored=("intermediate_size", "use_qk_norm"),
        steps=(experts(after_first, shared="number"),),
    ),
    "sarvam_moe": Family(
        flags=ATTENTION_BIAS, defaults={"head_dim": 64, "use_qk_norm": True, **FIRST_DENSE},
        steps=(experts(after_first, shared="number"), single_expert),
    ),
    "vaultgemma": Family(
        flags=ATTENTION_BIAS, defaults={"head_dim": 256, "sliding_window": 4096, **TIED},
        steps=(mixers(every("", 2, "sliding_attention", "full_attention"), LOCAL),),
    ),
    "afmoe": Family(
        facts={"norms_per_layer": 4, "qk_norm": "per_head", "attention_output_gate": True, "router_bias": True},
        flags=ATTENTION_BIAS,
        defaults={"head_dim": 128, "sliding_window": 1024, "num_dense_layers": 1, "shared_experts": 2},
        ignored=("mup_enabled", "route_scale", "route_norm", "score_func", "global_attn_every_n_layers",
                 "num_limited_groups", "num_expert_groups", "load_balance_coeff", "use_grouped_mm"),
        steps=(mixers(every("global_attn_every_n_layers", 4, "sliding_attention", "full_attention"), LOCAL),
               unrotated(only_local), experts(dense_or_sparse, shared="number")),
    ),
    "hy_v3": Family(
        facts={"qk_norm": "per_head"}, flags=ATTENTION_BIAS, only={"mlp_bias": False},
        defaults={"head_dim": 128, **FIRST_DENSE}, ignored=("enable_moe_fp32_combine", "router_scaling_factor"),
        steps=(experts(dense_or_sparse, shared="number"),),
    ),
    "mellum": Family(
        facts={"qk_norm": "per_head"}, flags=ATTENTION_BIAS, defaults={"head_dim": 128, "sliding_window": 1024},
        ignored=("mtp_layer_types", "mtp_mlp_layer_types", "num_mtp_layers"),
        steps=(mixers(all_alike("full_attention"), LOCAL), experts(dense_or_sparse)),
    ),
    "laguna": Family(
        facts={"qk_norm": "per_head", "router_bias": True}, flags=ATTENTION_BIAS,
        defaults={"head_dim": 128, "sliding_window": 512, "first_k_dense_replace": 1},
        ignored=("moe_apply_router_weight_on_input", "moe_router_logit_softcapping", "moe_routed_scaling_factor",
                 "swa_rope_parameters", "per_layer_config"),
        steps=(mixers(all_alike("full_attention"), LOCAL), laguna, experts(dense_or_sparse, shared="width")),
    ),
    "granite_swa": Family(
        facts={"attention_sinks": True}, flags=BIAS_FLAGS,
        defaults={"num_key_value_heads": 4, "sliding_window": 128, **TIED},
        steps=(mixers(first_of(4), LOCAL), layer_rope),
    ),
    "granitemoe_swa": Family(
        facts={"attention_sinks": True}, flags=ATTENTION_BIAS, defaults={"sliding_window": 128},
        steps=(mixers(first_of(4), LOCAL), layer_rope, experts(width="intermediate_size", shared="width")),
    ),
    "gpt_neo": Family(
        facts={**PLAIN, "o_bias": True, "ffn_bias": True, "position": "learned"}, sizes=NO_WIDTH,
        defaults={"sliding_window": 256, **TIED}, steps=(mixers(gpt_neo_words, LOCAL), gpt_neo),
    ),
    "xglm": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "none"}, defaults=TIED,
        only={"add_cross_attention": False}, ignored=("scale_embedding",),
    ),
    "biogpt": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "learned"}, defaults=TIED, ignored=("scale_embedding",),
        steps=(positions_and(2),),
    ),
    "persimmon": Family(
        facts={**PLAIN, **ALL_BIASES, "qk_norm": "per_head"}, only={"qk_layernorm": True},
        defaults={"partial_rotary_factor": 0.5, "qk_layernorm": True},
    ),
    "aria_text": Family(flags=ATTENTION_BIAS, only={"mlp_bias": False}, defaults={"shared_experts": 2},
                        steps=(experts(width="intermediate_size"), aria)),
    "phi4_multimodal": Family(
        steps=(window,), ignored=("vision_config", "audio_config", "embd_layer", "img_processor", "audio_processor",
                                  "vision_lora", "speech_lora", "full_attn_mod", "interpolate_factor"),
    ),
    "qwen2_5_vl_text": Family(
        facts={"qkv_bias": True}, defaults={"use_sliding_window": False}, steps=(window_above,),
        ignored=("vision_config", "image_token_id", "video_token_id", "vision_start_token_id", "spatial_patch_size"),
    ),
}  # fmt: skip
