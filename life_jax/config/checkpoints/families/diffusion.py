"""Families of diffusion language models: every step reads prompt and output in both directions and caches nothing, or
it denoises a block behind a cache.

References: Nie et al. 2025, arXiv:2502.09992 (LLaDA); Ye et al. 2025, arXiv:2508.15487 (Dream); Cheng et al. 2025,
arXiv:2510.06303 (SDAR); Wu et al. 2025, arXiv:2509.26328 (Fast-dLLM v2); Bie et al. 2025, arXiv:2512.15745 (LLaDA2.0).
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import NO_WIDTH, Family, Step, after_first, experts, sparse_step, warn

DIFFUSION = {"generation": "diffusion", "attention": "bidirectional"}
IN_BLOCKS = {"generation": "block_diffusion", "attention": "block_causal"}


def in_blocks(otherwise: int) -> Step:
    """Tokens of a block: block_size, or bd_size; `otherwise` what is usual for the family, which is then said."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        said = [read.count_or_none(name) for name in ("block_size", "block_length", "bd_size")]
        stated = next((number for number in said if number is not None), None)
        facts["diffusion_block"] = stated or otherwise
        if stated is None:
            warn(facts, f"its config.json does not say how many tokens a block has: {otherwise} are taken")

    return step


def ling(read: Fields, facts: dict[str, Any]) -> None:
    """Ling 1 and 2: norms of each head where use_qk_norm says so; shared experts by their number and width."""
    facts["qk_norm"] = "per_head" if read.flag("use_qk_norm") else "none"
    number = read.whole("shared_experts") or 0
    width = read.count_or_none("moe_shared_expert_intermediate_size") or facts["moe_intermediate_size"]
    facts["shared_expert_intermediate_size"] = number * width
    read.seen.update(("sliding_window", "max_window_layers", "use_sliding_window", "shared_width"))


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


LING: dict[str, Any] = {
    "flags": {"use_qkv_bias": "qkv_bias", "use_bias": "o_bias ffn_bias"},
    "only": {"norm_head": False, "norm_softmax": False, "multi_gate": False},
    "ignored": (
        "moe_router_enable_expert_bias", "moe_router_enable_routed_scaling", "moe_router_topk_scaling_factor",
        "router_type", "score_function", "use_rmsnorm", "max_window_layers", "mtp_loss_scaling_factor", "use_rope",
        "num_nextn_predict_layers", "moe_router_enable_shared_expert", "group_norm_size", "linear_silu",
    ),
}  # fmt: skip
DIFFUSIONS: dict[str, Family] = {
    # not of diffusion itself, but the shape of LLaDA2
    "bailing_moe": Family(**LING, steps=(experts(after_first), ling)),
    "llada2_moe": Family(
        **LING, facts=IN_BLOCKS, defaults={"use_qk_norm": True}, steps=(experts(after_first), ling, in_blocks(32))
    ),
    "sdar": Family(
        facts={**IN_BLOCKS, "qk_norm": "per_head"}, flags={"attention_bias": "qkv_bias o_bias"},
        only={"use_sliding_window": False}, steps=(in_blocks(4),),
        ignored=("max_window_layers", "sliding_window", "fuse_cross_entropy", "mask_token_id", "debug"),
    ),
    "sdar_moe": Family(
        facts={**IN_BLOCKS, "qk_norm": "per_head"}, flags={"attention_bias": "qkv_bias o_bias"},
        only={"use_sliding_window": False}, steps=(experts(sparse_step), in_blocks(4)),
        ignored=("max_window_layers", "sliding_window", "fuse_cross_entropy", "mask_token_id", "debug"),
    ),
    "Fast_dLLM_Qwen": Family(
        facts={**IN_BLOCKS, "qkv_bias": True}, only={"use_sliding_window": False}, steps=(in_blocks(32),),
        ignored=("max_window_layers", "sliding_window", "mask_token_id", "sub_block_size", "small_block_size"),
    ),
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
