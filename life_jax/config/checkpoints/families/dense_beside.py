"""Mixtures with a dense network beside the experts (Arctic, Grok); Hunyuan-Large, whose layers share keys and values.

A dense network that reads what the experts read is a shared expert of its width. Sources: the modeling files beside the
checkpoints (recalled); snowflake.com/en/blog/arctic-open-efficient-foundation-language-models-snowflake (480 billion);
Sun et al. 2024, arXiv:2411.02265 (Hunyuan-Large, 389 billion, cross-layer attention).
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import Family, experts, note

SERVING = ("capacity_factor", "moe_drop_tokens", "moe_random_routing_dropped_token", "group_limited_greedy",
           "moe_eval_capacity_factor", "moe_train_capacity_factor", "moe_min_capacity", "moe_token_dropping",
           "enable_expert_tensor_parallelism", "parallel_attn_mlp_res")  # fmt: skip


def arctic(read: Fields, facts: dict[str, Any]) -> None:
    """Arctic: experts in every moe_layer_frequency-th layer, beside them a network as wide as the model behind a norm
    of its own."""
    period = read.count_or_none("moe_layer_frequency") or 1
    for i, layer in enumerate(facts["layers"]):
        if (i + 1) % period:
            layer.pop("ffn", None)
        elif read.flag("use_residual"):
            layer.update(shared_expert_intermediate_size=facts["hidden_size"], layer_vectors=facts["hidden_size"])


def grok(read: Fields, facts: dict[str, Any]) -> None:
    """Grok-2: with residual_moe a dense network beside the experts, whose outputs are averaged."""
    if read.flag("residual_moe"):
        facts["shared_expert_intermediate_size"] = read.count("intermediate_size")
    read.seen.update(("sliding_window", "sliding_window_size", "global_attn_every_n", "intermediate_size"))


def hunyuan_large(read: Fields, facts: dict[str, Any]) -> None:
    """Hunyuan-Large: shared experts where use_mixed_mlp_moe says so; of every cla_share_factor layers the first makes
    keys and values for all."""
    if read.flag("use_mixed_mlp_moe"):
        shared = read.whole("shared_experts") or 1
        facts["shared_expert_intermediate_size"] = facts["moe_intermediate_size"] * shared
    facts["qk_norm"] = "per_head" if read.flag("use_qk_norm") else "none"
    every = read.count_or_none("cla_share_factor") or 2
    if read.flag("use_cla"):
        for i, layer in enumerate(facts["layers"]):
            if i % every:
                layer["keys_values"] = "reused"
        note(facts, f"of every {every} layers the first makes keys and values for all")


DENSE_BESIDE: dict[str, Family] = {
    "arctic": Family(
        flags={"attention_bias": "qkv_bias"}, only={"sliding_window": None}, ignored=SERVING,
        steps=(experts(width="intermediate_size"), arctic), defaults={"use_residual": True},
    ),
    "grok": Family(
        facts={"norms_per_layer": 4}, steps=(experts(), grok),
        ignored=("attn_temperature_len", "embedding_multiplier_scale", "output_multiplier_scale",
                 "attn_output_multiplier", "max_attn_value", "attn_logit_softcapping", "final_logit_softcapping",
                 "router_logit_softcapping", "use_residual_moe", "scaling_factor", "extrapolation_factor"),
        defaults={"num_key_value_heads": 8, "head_dim": 128},
    ),
    "hunyuan": Family(
        flags={"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"}, ignored=SERVING,
        steps=(experts(width="intermediate_size"), hunyuan_large),
    ),
}  # fmt: skip
