"""Decoders whose code comes with their repository on a hub: InternLM, Baichuan, MiniCPM, ChatGLM, GroveMoE and kin.

Most are Llama under other names. Sources: the modeling files beside the checkpoints (recalled).
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import LOCAL, Family, Words, experts, mixers, sparse_step, window_above

BIAS = {"bias": "qkv_bias o_bias"}
# of trainers and of kernels
UNUSED = (
    "attn_implementation",
    "attention_implementation",
    "fused_rmsnorm",
    "flash_attn_bias",
    "use_flash_attention_2",
)


def baichuan(read: Fields, facts: dict[str, Any]) -> None:
    """Baichuan: the 13B models say model_max_length alone and have ALiBi instead of rotated positions."""
    if read.config.get("max_position_embeddings") is None:
        facts["position"] = "alibi"


def grove(read: Fields, facts: dict[str, Any]) -> None:
    """GroveMoE: an adjugate expert of 128 for every two experts, which its code says and not its config.json."""
    sizes = {"adjugate_intermediate_size": ("parallel_expert_intermediate_size", 128), "experts_per_adjugate":
             ("num_experts_per_group", 2)}  # fmt: skip
    for ours, (theirs, usual) in sizes.items():
        facts[ours] = read.count_or_none(theirs) or usual
    for layer in facts["layers"]:
        if layer.get("ffn") == "moe":
            layer["ffn"] = "moe_adjugate"


def layout(name: str, yes: str, no: str) -> Words:
    """A word for each layer by a list of 0 and 1, `no` everywhere where there is none."""

    def words(read: Fields, layers: int) -> list[str]:
        said = read.words(name, layers) if read.config.get(name) else [0] * layers
        read.seen.add(name)
        if any(type(one) is not int or one not in (0, 1) for one in said or []):
            raise read.refuse(name, f"0 or 1 for each of the {layers} layers")
        return [yes if one else no for one in said or []]

    return words


def rope_layout(read: Fields, facts: dict[str, Any]) -> None:
    """SmallThinker: no positions where rope_layout has 0."""
    words = layout("rope_layout", "rope", "none")(read, len(facts["layers"])) if "rope_layout" in read.config else []
    for layer, word in zip(facts["layers"], words, strict=False):
        layer["position"] = word


def mixture_layout(read: Fields, layers: int) -> list[bool]:
    """SmallThinker: experts where moe_layer_layout has 1, which is everywhere where it is not there."""
    if not read.config.get("moe_layer_layout"):
        return [True] * layers
    return [word == "moe" for word in layout("moe_layer_layout", "moe", "dense")(read, layers)]


REMOTE: dict[str, Family] = {
    "internlm": Family(flags=BIAS, defaults={"bias": True}, ignored=UNUSED),
    "internlm2": Family(flags=BIAS, defaults={"bias": False}, ignored=UNUSED),
    "baichuan": Family(steps=(baichuan,), ignored=(*UNUSED, "gradient_checkpointing")),
    "minicpm": Family(
        flags={"attention_bias": "qkv_bias o_bias"},
        defaults={"tie_word_embeddings": True},
        ignored=(*UNUSED, "scale_emb", "dim_model_base", "scale_depth", "mup_denominator"),
    ),
    "chatglm": Family(
        facts={"partial_rotary_factor": 0.5},
        flags={"add_bias_linear": "qkv_bias o_bias ffn_bias", "add_qkv_bias": "qkv_bias"},
        only={"rmsnorm": True, "post_layer_norm": True, "apply_residual_connection_post_layernorm": False,
              "multi_query_attention": True, "pre_seq_len": None},
        defaults={"rmsnorm": True, "post_layer_norm": True, "multi_query_attention": True},
        names={
            "num_hidden_layers": ("num_layers",), "intermediate_size": ("ffn_hidden_size",),
            "vocab_size": ("padded_vocab_size",), "num_key_value_heads": ("multi_query_group_num",),
            "head_dim": ("kv_channels",), "max_position_embeddings": ("seq_length",),
        },
        ignored=(*UNUSED, "original_rope", "interleaved_qkv", "fp32_residual_connection", "rope_ratio", "vocab_size",
                 "apply_query_key_layer_scaling", "prefix_projection", "num_hidden_layers", "quantization_bit"),
    ),
    "grove_moe": Family(
        facts={"qk_norm": "per_head"}, flags={"attention_bias": "qkv_bias o_bias"},
        defaults={"use_sliding_window": False},
        ignored=("router_scaling_factor", "routed_scaling_factor", "use_expert_bias"),
        steps=(window_above, experts(sparse_step), grove),
    ),
    "smallthinker": Family(
        defaults={"tie_word_embeddings": False},
        names={
            "num_experts": ("moe_num_primary_experts",), "num_experts_per_tok": ("moe_num_active_primary_experts",),
            "moe_intermediate_size": ("moe_ffn_hidden_size",), "sliding_window": ("sliding_window_size",),
            "intermediate_size": ("ffn_hidden_size", "dense_ffn_hidden_size", "moe_ffn_hidden_size"),
        },
        ignored=("moe_enable_early_router", "moe_primary_router_apply_softmax", "moe_enable_secondary_experts",
                 "moe_num_secondary_experts", "moe_secondary_expert_size", "profile_sparsity", "repetition_penalty",
                 "num_ctx"),
        steps=(mixers(layout("sliding_window_layout", "sliding_attention", "full_attention"), LOCAL), rope_layout,
               experts(mixture_layout)),
    ),
    "orion": Family(facts={"norm": "layernorm"}, ignored=UNUSED),
    "aquila": Family(ignored=UNUSED),
    "Yi": Family(ignored=UNUSED),
}  # fmt: skip
