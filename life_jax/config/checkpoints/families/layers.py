"""Families whose layers differ in their heads, their windows, or in whose keys and values they attend."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import LOCAL, Family, after_first, every, experts, mixers, note, warn


def first_and_every_sixth(read: Fields, layers: int) -> list[str]:
    """MiMo-V2: by hybrid_layer_pattern (1 for a window), else all of it in the first and in every sixth layer."""
    said = read.words("hybrid_layer_pattern", layers)
    if said is None:
        said = [int(i > 0 and (i + 1) % 6 != 0) for i in range(layers)]
    if any(one not in (0, 1) or isinstance(one, bool) for one in said):
        raise read.refuse("hybrid_layer_pattern", "a list of 0 and 1")
    return ["sliding_attention" if one else "full_attention" for one in said]


def mimo_v2(read: Fields, facts: dict[str, Any]) -> None:
    """Windowed layers have heads of their own and sinks; sliding_window_size leaves out the token itself."""
    facts["v_head_dim"] = read.count_or_none("v_head_dim") or facts["head_dim"]
    if read.count_or_none("sliding_window_size") and "sliding_window" in facts:
        facts["sliding_window"] = read.count("sliding_window_size") + 1
    own = {
        "num_attention_heads": read.count_or_none("swa_num_attention_heads") or facts["num_attention_heads"],
        "num_key_value_heads": read.count_or_none("swa_num_key_value_heads") or 2 * facts["num_key_value_heads"],
        "head_dim": read.count_or_none("swa_head_dim") or facts["head_dim"],
        "v_head_dim": read.count_or_none("swa_v_head_dim") or facts["v_head_dim"],
        "attention_sinks": True if read.find("add_swa_attention_sink_bias")[1] is None else read.flag(
            "add_swa_attention_sink_bias"
        ),
    }  # fmt: skip
    everywhere = {"attention_sinks": read.flag("add_full_attention_sink_bias")}
    for layer in facts["layers"]:
        layer.update(own if layer.get("attention") == "sliding_window" else everywhere)
    read.seen.add("attention_chunk_size")


def mimo_sparse(read: Fields, layers: int) -> list[bool]:
    """MiMo: experts where the lists of config.json say so, without them in all layers but the first."""
    said = after_first(read, layers)
    if read.config.get("mlp_layer_types") is None and read.config.get("moe_layer_freq") is None:
        return [i > 0 for i in range(layers)]
    return said


def step_sparse(read: Fields, layers: int) -> list[bool]:
    """Step 3: mlp_layer_types, the numbers of moe_layers_enum, else all but the first three."""
    if read.config.get("mlp_layer_types") is not None:
        return after_first(read, layers)
    key, said = read.find("moe_layers_enum")
    if said is None:
        return [i >= (read.whole("first_k_dense_replace") or 3) for i in range(layers)]
    numbers = said.split(",") if isinstance(said, str) else said
    if not isinstance(numbers, list) or not all(str(one).strip().isdigit() for one in numbers):
        raise read.refuse(key, f"numbers of layers from 0 to {layers - 1}")
    return [i in {int(one) for one in numbers} for i in range(layers)]


def step3(read: Fields, facts: dict[str, Any]) -> None:
    """Windowed layers may have another number of query heads."""
    key, setting = read.find("attention_other_setting")
    if setting is not None and not isinstance(setting, dict):
        raise read.refuse(key, "an object")
    other = Fields(setting or {}, f"{read.family} {key} of", {})
    heads = read.count_or_none("num_sliding_attention_heads") or other.count_or_none("num_attention_heads")
    for layer in facts["layers"]:
        if layer.get("attention") == "sliding_window" and heads:
            layer["num_attention_heads"] = heads


def gemma4(read: Fields, facts: dict[str, Any]) -> None:
    """Layers that attend everything have larger heads, whose keys may be values; the last ones may reuse the keys
    and values of earlier ones, and be twice as wide then."""
    kv_heads, size = read.count_or_none("num_global_key_value_heads"), read.count_or_none("global_head_dim") or 512
    tied, shared = read.flag("attention_k_eq_v"), read.whole("num_kv_shared_layers") or 0
    own = len(facts["layers"]) - shared
    target = read.count_or_none("backbone_hidden_size")  # of the model that this one drafts for
    if own < 0 or (own == 0 and target is None):
        raise read.refuse("num_kv_shared_layers", f"fewer than the {len(facts['layers'])} layers")
    if target is not None:
        _drafter(read, facts, target)
    wide = read.flag("use_double_wide_mlp")
    for i, layer in enumerate(facts["layers"]):
        if layer.get("attention") != "sliding_window":
            layer.update(head_dim=size, partial_rotary_factor=_full_rotation(read))
            if tied:
                layer.update(
                    keys_values="shared_projection", num_key_value_heads=kv_heads or facts["num_key_value_heads"]
                )
        if i >= own:
            layer["keys_values"] = "reused"
            if wide:
                layer["intermediate_size"] = 2 * facts["intermediate_size"]
    per_layer_inputs(read, facts)
    if read.flag("enable_moe_block"):
        width = facts["intermediate_size"]
        experts()(read, facts)
        facts["intermediate_size"] = width
        for layer in facts["layers"]:
            layer["ffn"] = "moe_beside"
    read.seen.update(("num_experts", "top_k_experts", "moe_intermediate_size", "expert_intermediate_size"))
    note(facts, "the weightless norms of values and of the router's input are not counted as parameters")


def gemma4_words(read: Fields, layers: int) -> list[str]:
    """Gemma 4: a window in five of six layers, but in the last one none."""
    words = list(every("", 6, "sliding_attention", "full_attention")(read, layers))
    return [*words[:-1], "full_attention"]


def _drafter(read: Fields, facts: dict[str, Any], target: int) -> None:
    """Gemma 4's assistants: they read the cache of their target, whose hidden states are projected to theirs and back;
    the head may be ordered by centroids."""
    centroids = read.count_or_none("num_centroids") or 2048
    products = 3 * target + (centroids if read.flag("use_ordered_embeddings") else 0)
    facts["vectors"] = products * facts["hidden_size"]
    note(facts, "projections from and to its target are counted as parameters, not as products")
    warn(facts, "its layers read the keys and values of the model that it drafts for, whose cache is not counted")
    read.seen.add("centroid_intermediate_top_k")


def gemma3n(read: Fields, facts: dict[str, Any]) -> None:
    """The last layers reuse keys and values; several residual streams, a low-rank path, inputs for each layer."""
    own = len(facts["layers"]) - (read.whole("num_kv_shared_layers") or 0)
    if own < 1:
        raise read.refuse("num_kv_shared_layers", f"fewer than the {len(facts['layers'])} layers")
    for layer in facts["layers"][own:]:
        layer["keys_values"] = "reused"
    facts["residual_streams"], facts["laurel_rank"] = read.count("altup_num_inputs"), read.count("laurel_rank")
    if facts["residual_streams"] < 2:
        raise read.refuse("altup_num_inputs", "2 or more")
    per_layer_inputs(read, facts)


def _full_rotation(read: Fields) -> float:
    """The part of a head that full attention rotates: rope_parameters.full_attention, else a quarter."""
    nested = read.config.get("rope_parameters")
    full = nested.get("full_attention") if isinstance(nested, dict) else None
    part = full.get("partial_rotary_factor", 1.0) if isinstance(full, dict) else 0.25
    if isinstance(part, bool) or not isinstance(part, int | float) or not 0 < part <= 1:
        raise read.refuse("rope_parameters", "a partial_rotary_factor above 0, at most 1")
    return float(part)


def per_layer_inputs(read: Fields, facts: dict[str, Any]) -> None:
    """Gemma 3n: an embedding of each layer's own, of this width and this many rows."""
    width = read.whole("hidden_size_per_layer_input") or 0
    rows = read.count_or_none("vocab_size_per_layer_input")
    if width:
        facts["per_layer_width"], facts["per_layer_vocab"] = width, rows or facts["vocab_size"]


FAMILIES_BY_LAYER: dict[str, Family] = {
    "mimo_v2_flash": Family(
        flags={"attention_bias": "qkv_bias"},
        defaults={"head_dim": 192, "v_head_dim": 128, "sliding_window": 129, "first_k_dense_replace": 1},
        ignored=("hybrid_block_size", "attention_value_scale", "swa_rope_theta", "layernorm_epsilon"),
        steps=(mixers(first_and_every_sixth, LOCAL), mimo_v2, experts(mimo_sparse, shared="number")),
    ),
    "gemma3n_text": Family(
        facts={"norms_per_layer": 4, "qk_norm": "per_head"},
        flags={"attention_bias": "qkv_bias o_bias"},
        defaults={"head_dim": 256, "sliding_window": 512, "hidden_size_per_layer_input": 256, "altup_num_inputs": 4,
                  "vocab_size_per_layer_input": 262144, "tie_word_embeddings": True, "num_kv_shared_layers": 15,
                  "laurel_rank": 64, "altup_correct_scale": True},
        only={"altup_correct_scale": True},
        ignored=("activation_sparsity_pattern", "altup_active_idx", "altup_coef_clip", "altup_lr_multiplier"),
        steps=(mixers(every("", 5, "sliding_attention", "full_attention"), LOCAL), gemma3n),
    ),
    "gemma4_text": Family(
        facts={"norms_per_layer": 4, "qk_norm": "per_head"},
        flags={"attention_bias": "qkv_bias o_bias"},
        defaults={"head_dim": 256, "sliding_window": 512, "hidden_size_per_layer_input": 256,
                  "vocab_size_per_layer_input": 262144, "tie_word_embeddings": True},
        ignored=("use_bidirectional_attention", "per_layer_config", "expert_intermediate_size"),
        steps=(mixers(gemma4_words, LOCAL), gemma4),
    ),
    "step3p5": Family(
        facts={"qk_norm": "per_head", "attention_head_gate": True},
        flags={"attention_bias": "qkv_bias o_bias"},
        only={"mlp_bias": False},
        names={"num_key_value_heads": ("num_attention_groups",)},
        defaults={"head_dim": 128, "num_key_value_heads": 8, "num_experts": 288, "shared_width": 1280},
        ignored=("n_shared_experts", "use_moe_router_bias", "per_layer_config", "partial_rotary_factors",
                 "yarn_only_types", "use_head_wise_attn_gate", "need_fp32_gate", "moe_router_activation",
                 "norm_expert_weight", "use_moe", "gating"),
        steps=(mixers(lambda read, layers: ["full_attention"] * layers, LOCAL), step3,
               experts(step_sparse, shared="width")),
    ),
}  # fmt: skip
