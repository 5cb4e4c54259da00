"""Families of diffusion language models: every step reads prompt and output in both directions and caches nothing.

References: Nie et al. 2025, arXiv:2502.09992 (LLaDA); Ye et al. 2025, arXiv:2508.15487 (Dream).
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import NO_WIDTH, Family, experts

DIFFUSION = {"generation": "diffusion", "attention": "bidirectional"}


def llada(read: Fields, facts: dict[str, Any]) -> None:
    """LLaDA: OLMo's words; the table has embedding_size rows, of which vocab_size are tokens."""
    facts["vocab_size"] = max(facts["vocab_size"], read.count_or_none("embedding_size") or 0)
    width = read.count_or_none("mlp_hidden_size")
    if width is None:
        ratio = read.count_or_none("mlp_ratio") or 4
        width = ratio * facts["hidden_size"]
    facts["intermediate_size"] = width
    facts["tie_word_embeddings"] = read.flag("weight_tying")
    if read.config.get("num_experts"):
        facts["qk_norm"] = "per_head" if read.flag("qk_layernorm") else "none"
        experts(_every_layer)(read, facts)
    read.seen.update(("mlp_ratio", "moe_layer_freq", "num_experts", "num_experts_per_tok", "expert_intermediate_size"))


def _every_layer(read: Fields, layers: int) -> list[bool]:
    said = read.words("moe_layer_freq", layers) if isinstance(read.config.get("moe_layer_freq"), list) else None
    return [bool(one) for one in said] if said else [True] * layers


DIFFUSIONS: dict[str, Family] = {
    "llada": Family(
        facts=DIFFUSION, sizes=NO_WIDTH, steps=(llada,),
        flags={"include_qkv_bias": "qkv_bias", "include_bias": "o_bias ffn_bias"},
        only={"alibi": False, "rope": True, "layer_norm_with_affine": True, "attention_layer_norm": False,
              "multi_query_attention": False, "scale_logits": False},
        defaults={"rope": True, "layer_norm_with_affine": True},
        names={
            "num_key_value_heads": ("n_kv_heads",), "max_position_embeddings": ("max_sequence_length",),
            "moe_intermediate_size": ("expert_intermediate_size",),
        },
        ignored=("block_type", "block_group_size", "layer_norm_type", "activation_type", "bias_for_layer_norm",
                 "attention_layer_norm_with_affine", "input_emb_norm", "precision", "dense_intermediate_size_",
                 "rope_full_precision", "flash_attention", "residual_dropout", "attention_dropout",
                 "embedding_dropout", "shared_expert_intermediate_size", "router_num_group", "router_topk_group",
                 "num_shared_experts", "routed_scaling_factor", "moe_router_score_function",
                 "moe_router_topk_scaling_factor", "moe_router_enable_expert_bias", "dense_intermediate_size"),
    ),
    "Dream": Family(
        facts={**DIFFUSION, "qkv_bias": True}, only={"use_sliding_window": False},
        ignored=("max_window_layers", "sliding_window", "pad_token_id", "mask_token_id"),
    ),
}  # fmt: skip
