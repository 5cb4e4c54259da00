"""Decoders whose code comes with their repository on a hub: InternLM, Baichuan, MiniCPM, ChatGLM and GLM-4-9B, and kin.

Most are Llama under other names. Sources: the modeling files beside the checkpoints (recalled).
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import Family

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
    "orion": Family(facts={"norm": "layernorm"}, ignored=UNUSED),
    "aquila": Family(ignored=UNUSED),
    "Yi": Family(ignored=UNUSED),
}  # fmt: skip
