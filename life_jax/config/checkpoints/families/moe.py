"""Families with a mixture of experts in some or all layers."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields, check_only, check_rest
from life_jax.config.checkpoints.families.base import (
    LOCAL,
    NO_WIDTH,
    Family,
    after_first,
    all_alike,
    every,
    experts,
    indexer,
    latent,
    mixers,
    no_rope_layers,
    note,
    sparse_step,
    window,
    window_above,
)

INDEXED: dict[str, dict[str, Any]] = {
    "indexed_attention": {},
    "deepseek_sparse_attention": {},
    "full_attention": {},
}


def minimax(read: Fields, facts: dict[str, Any]) -> None:
    """MiniMax-M1 and M2 where every layer has full attention."""
    if any(one != 1 for one in read.words("attn_type_list", len(facts["layers"])) or []):
        raise read.refuse("attn_type_list", "1 in every layer; linear attention without a delta rule is not known yet")


def rotated_part(read: Fields, facts: dict[str, Any]) -> None:
    """MiniMax: rotary_dim of head_dim."""
    rotated = read.count_or_none("rotary_dim") or facts["head_dim"]
    if rotated > facts["head_dim"]:
        raise read.refuse("rotary_dim", f"at most the head size, {facts['head_dim']}")
    facts["partial_rotary_factor"] = rotated / facts["head_dim"]


def glm4_moe(read: Fields, facts: dict[str, Any]) -> None:
    """GLM-4.5: norms of queries and keys where `use_qk_norm` is set."""
    facts["qk_norm"] = "per_head" if read.flag("use_qk_norm") else "none"


def phimoe(read: Fields, facts: dict[str, Any]) -> None:
    """Phi-3.5-MoE: a field that changes nothing here."""
    read.seen.add("max_window_layers")


def llama4_sparse(read: Fields, layers: int) -> list[bool]:
    """Every interleave_moe_layer_step-th layer, or those of moe_layers."""
    said = read.indices("moe_layers", layers)
    period = read.whole("interleave_moe_layer_step")
    if said or not period:
        return [i in said for i in range(layers)]
    return [(i + 1) % period == 0 for i in range(layers)]


def llama4(read: Fields, facts: dict[str, Any]) -> None:
    """Chunks where positions are rotated; the dense layers are wider than an expert; one shared expert."""
    width = facts["intermediate_size"]
    facts["shared_expert_intermediate_size"] = width
    facts["intermediate_size"] = read.count("intermediate_size_mlp")
    for layer in facts["layers"]:
        if layer.get("position") == "none":
            layer.pop("attention", None)
    if read.flag("use_qk_norm"):
        note(facts, "the weightless norm of queries and keys is not counted")


def ernie_sparse(read: Fields, layers: int) -> list[bool]:
    """ERNIE 4.5: experts in every moe_layer_interval-th layer between a first and a last one."""
    first, period = read.whole("moe_layer_start_index") or 0, read.count_or_none("moe_layer_interval") or 1
    key, last = read.find("moe_layer_end_index")
    if last is None or last == -1:
        last = layers - 1
    if isinstance(last, bool) or not isinstance(last, int) or not 0 <= last < layers:
        raise read.refuse(key, f"-1 or a layer from 0 to {layers - 1}")
    return [(i + 1) % period == 0 and first <= i <= last for i in range(layers)]


def hunyuan(read: Fields, facts: dict[str, Any]) -> None:
    """Hunyuan: shared experts have the width of as many routed ones, where they are used."""
    if read.flag("use_mixed_mlp_moe"):
        facts["shared_expert_intermediate_size"] = facts["moe_intermediate_size"] * (read.whole("shared_experts") or 1)


def dbrx(read: Fields, facts: dict[str, Any]) -> None:
    """DBRX: sizes stand in the objects `attn_config` and `ffn_config`."""
    attention, ffn = read.inner("attn_config", {}), read.inner("ffn_config", {})
    facts["num_key_value_heads"] = attention.count("kv_n_heads")
    facts["intermediate_size"] = facts["moe_intermediate_size"] = ffn.count("ffn_hidden_size")
    facts["num_experts"], facts["num_experts_per_tok"] = ffn.count("moe_num_experts"), ffn.count("moe_top_k")
    ffn.seen.update(("ffn_act_fn", "moe_loss_weight", "moe_normalize_expert_weights"))
    facts["ffn"] = "moe"
    check_only(ffn, {"hidden_size": facts["hidden_size"]})
    for inner in (attention, ffn):
        check_rest(inner)


ATTENTION_BIAS = {"attention_bias": "qkv_bias o_bias"}
PER_LAYER_WINDOW = {"use_sliding_window": False}
NO_BIAS = {"attention_bias": False}
MLA = {"attention": "mla"}
CHUNKS = {"full_attention": {}, "chunked_attention": {"attention": "chunked"}}

MIXTURES: dict[str, Family] = {
    "mixtral": Family(defaults={"num_key_value_heads": 8}, steps=(window, experts(width="intermediate_size"))),
    "qwen2_moe": Family(
        flags={"qkv_bias": "qkv_bias"},
        defaults={"qkv_bias": True, **PER_LAYER_WINDOW},
        steps=(window_above, experts(sparse_step, shared="width", gate=True)),
    ),
    "qwen3_moe": Family(
        facts={"qk_norm": "per_head"},
        flags=ATTENTION_BIAS,
        only={"use_qk_norm": True, "shared_expert_intermediate_size": 0},
        defaults={"num_experts": 128, "num_experts_per_tok": 8, **PER_LAYER_WINDOW},
        steps=(window_above, experts(sparse_step)),
    ),
    "olmoe": Family(facts={"qk_norm": "full"}, flags=ATTENTION_BIAS, steps=(experts(width="intermediate_size"),)),
    "phimoe": Family(
        facts={"norm": "layernorm"},
        flags={"attention_bias": "qkv_bias o_bias", "lm_head_bias": "head_bias"},
        steps=(window, experts(width="intermediate_size"), phimoe),
    ),
    "deepseek": Family(flags=ATTENTION_BIAS, steps=(experts(after_first, shared="number"),)),
    "deepseek_v2": Family(
        facts=MLA, only=NO_BIAS, ignored=("head_dim", "qk_head_dim"),
        steps=(latent, experts(after_first, shared="number")),
    ),
    "deepseek_v3": Family(
        facts=MLA, only=NO_BIAS, ignored=("head_dim", "qk_head_dim"),
        defaults={"first_k_dense_replace": 3, "n_shared_experts": 1},
        steps=(latent, experts(after_first, shared="number")),
    ),
    "deepseek_v32": Family(
        facts={"attention": "mla_sparse"}, only=NO_BIAS, ignored=("head_dim", "qk_head_dim"),
        steps=(mixers(all_alike("indexed_attention"), INDEXED), latent, indexer, experts(after_first, shared="number")),
    ),
    "glm_moe_dsa": Family(
        facts={"attention": "mla_sparse"}, only=NO_BIAS,
        defaults={"index_skip_topk_offset": 2},
        ignored=("head_dim", "qk_head_dim", "indexer_rope_interleave", "index_share_for_mtp_iteration",
                 "index_skip_topk_offset", "index_topk_freq", "index_topk_pattern"),
        steps=(mixers(all_alike("indexed_attention"), INDEXED), latent, indexer, experts(after_first, shared="number")),
    ),
    "gpt_oss": Family(
        facts={"attention_sinks": True, "router_bias": True, "expert_bias": True},
        flags=ATTENTION_BIAS,
        defaults={"attention_bias": True, "sliding_window": 128, "head_dim": 64},
        ignored=("initial_context_length",),
        steps=(mixers(every("", 2, "sliding_attention", "full_attention"), LOCAL), experts(width="intermediate_size")),
    ),
    "llama4_text": Family(
        flags=ATTENTION_BIAS,
        only={"for_llm_compressor": False},
        defaults={"head_dim": 128, "attention_chunk_size": 8192, "use_qk_norm": True},
        steps=(mixers(all_alike("chunked_attention"), CHUNKS), no_rope_layers,
               experts(llama4_sparse, width="intermediate_size"), llama4),
    ),
    "granitemoe": Family(flags=ATTENTION_BIAS, steps=(experts(width="intermediate_size"),)),
    "granitemoeshared": Family(flags=ATTENTION_BIAS, steps=(experts(width="intermediate_size", shared="width"),)),
    "glm4_moe": Family(
        flags={"attention_bias": "qkv_bias"},
        defaults={"partial_rotary_factor": 0.5, "first_k_dense_replace": 1, "n_shared_experts": 1},
        steps=(experts(after_first, shared="number"), glm4_moe),
    ),
    "ernie4_5_moe": Family(
        facts={"router_bias": True},
        only={"use_bias": False},
        defaults={"tie_word_embeddings": True},
        steps=(experts(ernie_sparse, shared="number"),),
    ),
    "minimax_m2": Family(
        facts={"qk_norm": "full"},
        only={"use_qk_norm": True, "qk_norm_type": "per_layer", "shared_intermediate_size": 0},
        ignored=("use_routing_bias",),
        steps=(minimax, rotated_part, experts(width="intermediate_size")),
    ),
    "hunyuan_v1_moe": Family(
        facts={"qk_norm": "per_head"},
        flags=ATTENTION_BIAS,
        only={"use_qk_norm": True, "use_cla": False},
        ignored=("cla_share_factor", "moe_drop_tokens", "moe_random_routing_dropped_token", "norm_topk_prob",
                 "capacity_factor", "group_limited_greedy"),
        steps=(experts(), hunyuan),
    ),
    "dbrx": Family(
        facts={"norm": "layernorm_no_bias"}, steps=(dbrx,), sizes=NO_WIDTH, ignored=("emb_pdrop", "resid_pdrop"),
    ),
}  # fmt: skip
