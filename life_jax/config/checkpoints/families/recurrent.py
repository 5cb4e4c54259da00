"""Families whose mixers are short convolutions, linear attention, or attention beside a state space."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields, check_rest
from life_jax.config.checkpoints.families.base import (
    NO_WIDTH,
    Family,
    after_first,
    every,
    experts,
    latent,
    mixers,
    note,
)
from life_jax.config.checkpoints.families.hybrid import mamba1

CONV = {"full_attention": {}, "conv": {"attention": "short_conv"}}
LIGHTNING = {"full_attention": {}, "linear_attention": {"attention": "lightning"}}
KDA = {"full_attention": {"attention": "mla"}, "linear_attention": {"attention": "kda"}}
DELTA = {"full_attention": {}, "linear_attention": {"attention": "gated_delta"}}
ZAMBA1 = {"linear_attention": {"attention": "mamba1"}, "hybrid": {"attention": "shared_mamba1"}}
ZAMBA2 = {"linear_attention": {"attention": "mamba2"}, "hybrid": {"attention": "shared_mamba2"}}
ZAMBA1["mamba"], ZAMBA2["mamba"] = ZAMBA1["linear_attention"], ZAMBA2["linear_attention"]
GRIFFIN = {"sliding_attention": {"attention": "sliding_window"}, "linear_attention": {"attention": "rg_lru"}}


def indexed(read: Fields, layers: int) -> list[str]:
    """LFM2: attention in the layers of full_attn_idxs, all of them where config.json is silent."""
    said = read.config.get("full_attn_idxs")
    full = read.indices("full_attn_idxs", layers) if said is not None else range(layers)
    read.seen.add("full_attn_idxs")
    return ["full_attention" if i in full else "conv" for i in range(layers)]


def short_conv(read: Fields, facts: dict[str, Any]) -> None:
    """The convolution of LFM2, and its feed-forward width, which may be said before it is adjusted."""
    facts["conv_kernel_size"], facts["conv_bias"] = read.count_or_none("conv_L_cache") or 3, read.flag("conv_bias")
    facts["conv_channels"] = facts["hidden_size"]
    if read.count_or_none("conv_dim") not in (None, facts["hidden_size"]):
        raise read.refuse("conv_dim", f"hidden_size, {facts['hidden_size']}")
    if read.flag("tie_embedding"):
        facts["tie_word_embeddings"] = True


def adjusted_width(read: Fields, facts: dict[str, Any]) -> None:
    """LFM2: two thirds of block_ff_dim, times a factor, up to a multiple."""
    said, width = read.count_or_none("block_ff_dim"), read.count_or_none("intermediate_size")
    width = said or width or read.count("intermediate_size")
    key, factor = read.find("block_ffn_dim_multiplier")
    multiple = read.count_or_none("block_multiple_of") or 256
    if read.flag("block_auto_adjust_ff_dim"):
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= 100:
            raise read.refuse(key, "a number above 0, at most 100")
        width = -(-int(factor * int(2 * width / 3)) // multiple) * multiple
    facts["intermediate_size"] = width


def after_dense(read: Fields, layers: int) -> list[bool]:
    """Experts in all layers after the first `num_dense_layers`."""
    dense = read.whole("num_dense_layers") or 0
    return [i >= dense for i in range(layers)]


def falcon_h1(read: Fields, facts: dict[str, Any]) -> None:
    """Heads share mamba_d_ssm channels, else expand times the width of the model."""
    inner = read.count_or_none("mamba_d_ssm") or read.count("expand") * facts["hidden_size"]
    heads, size = read.count("ssm_heads"), read.find("ssm_head_dim")[1]
    if inner % heads or (size not in (None, "auto") and read.count("ssm_head_dim") * heads != inner):
        raise read.refuse(read.find("ssm_head_dim")[0], f"mamba_d_ssm, {inner}, over mamba_n_heads, {heads}")
    facts["ssm_inner_size"], facts["ssm_num_heads"] = inner, heads
    facts["ssm_num_groups"], facts["ssm_state_size"] = read.count("ssm_groups"), read.count("ssm_state_size")
    facts["conv_kernel_size"], facts["conv_bias"] = read.count("conv_kernel_size"), read.flag("conv_bias")
    facts["ssm_gate_norm"] = read.flag("mamba_rms_norm")
    read.seen.update(("expand", "mamba_expand", "mamba_use_mlp"))


def lightning_words(read: Fields, layers: int) -> list[str]:
    """MiniMax-01: attn_type_list, 1 for attention; by default every second layer, the first one first."""
    said = read.words("attn_type_list", layers)
    if said is None:
        return ["linear_attention" if i % 2 else "full_attention" for i in range(layers)]
    if any(one not in (0, 1) or isinstance(one, bool) for one in said):
        raise read.refuse("attn_type_list", "a list of 0 and 1")
    return ["full_attention" if one else "linear_attention" for one in said]


def rotary_dim(read: Fields, facts: dict[str, Any]) -> None:
    """MiniMax-01: rotary_dim of each head is rotated; there are no shared experts."""
    rotated = read.count_or_none("rotary_dim") or facts["head_dim"]
    if rotated > facts["head_dim"]:
        raise read.refuse("rotary_dim", f"at most the head size, {facts['head_dim']}")
    facts["partial_rotary_factor"] = rotated / facts["head_dim"]
    if read.whole("shared_intermediate_size"):
        raise read.refuse("shared_intermediate_size", "0: MiniMax-01 has no shared experts")


def kimi_words(read: Fields, layers: int) -> list[str]:
    """Kimi Linear: the lists of linear_attn_config, which count layers from 1; else every fifth attends all."""
    if read.config.get("linear_attn_config") is None:
        return ["full_attention" if i and i % 4 == 0 else "linear_attention" for i in range(layers)]
    inner = read.inner("linear_attn_config", {})
    found: dict[int, str] = {}
    for key, word in (("full_attn_layers", "full_attention"), ("kda_layers", "linear_attention")):
        said = inner.config.get(key)
        if not isinstance(said, list) or not all(type(i) is int and 1 <= i <= layers for i in said):
            raise inner.refuse(key, f"a list of layers from 1 to {layers}")
        found.update(dict.fromkeys(said, word))
    if len(found) != layers:
        raise inner.refuse("full_attn_layers", f"with kda_layers every layer from 1 to {layers}")
    return [found[i + 1] for i in range(layers)]


def kimi_linear(read: Fields, facts: dict[str, Any]) -> None:
    """Delta attention has heads of its own; latent attention is not rotated."""
    inner = read.inner("linear_attn_config", {}) if read.config.get("linear_attn_config") is not None else read
    heads, size, kernel = ("num_heads", "head_dim", "short_conv_kernel_size") if inner is not read else (
        "linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim"
    )  # fmt: skip
    for key in (heads, size):
        if inner.config.get(key) is None and inner is not read:
            raise inner.refuse(key, "a whole number")
    facts["linear_num_value_heads"] = _whole(inner, heads, 32)
    facts["linear_value_head_dim"] = _whole(inner, size, 128)
    facts["conv_kernel_size"], facts["conv_bias"] = _whole(inner, kernel, 4), False
    facts["position"] = "none"
    if inner is not read:
        inner.seen.update(("full_attn_layers", "kda_layers", "gate_lower_bound"))
        if inner.flag("use_full_rank_gate"):
            for layer in facts["layers"]:
                if layer["attention"] == "kda":
                    layer["attention"] = "kda_full_gate"
        check_rest(inner)


def kimi_k3(read: Fields, facts: dict[str, Any]) -> None:
    """Kimi K3: gates as wide as the values of latent attention, routed experts in a narrower width behind a norm, and
    in front of each branch a weighted sum of what earlier blocks of layers left (one norm and one score)."""
    inside, weighed = read.count_or_none("routed_expert_hidden_size"), read.count_or_none("attn_res_block_size")
    gated, normed, d = read.flag("mla_use_output_gate"), read.flag("latent_moe_use_norm"), facts["hidden_size"]
    if inside:
        facts["moe_latent_size"] = inside
    for layer in facts["layers"]:
        gate = facts["num_attention_heads"] * facts["v_head_dim"] if gated and layer["attention"] == "mla" else 0
        side, vectors = gate + (2 if weighed else 0), 2 * d if weighed else 0
        vectors += inside if inside and normed and layer.get("ffn") == "moe" else 0
        layer.update({name: n for name, n in (("side_outputs", side), ("layer_vectors", vectors)) if n})
    if weighed:
        facts["vectors"] = 2 * d
        note(facts, "the sums over earlier blocks of layers are counted as products, not as memory traffic")


def _whole(read: Fields, key: str, otherwise: int) -> int:
    """A number under exactly this name."""
    read.seen.add(key)
    value = read.config.get(key, otherwise)
    if type(value) is not int or not 1 <= value <= 10**9:
        raise read.refuse(key, "a whole number from 1 to 1000000000")
    return value


def olmo_hybrid(read: Fields, facts: dict[str, Any]) -> None:
    """As many heads as attention has; keys of three quarters of the width, values of twice that."""
    heads = facts["num_attention_heads"]
    keys = read.count_or_none("linear_num_key_heads") or heads
    size = read.count_or_none("linear_key_head_dim") or int(0.75 * facts["hidden_size"] / keys)
    facts["linear_num_key_heads"], facts["linear_key_head_dim"] = keys, size
    facts["linear_num_value_heads"] = read.count_or_none("linear_num_value_heads") or heads
    facts["linear_value_head_dim"] = read.count_or_none("linear_value_head_dim") or 2 * size
    facts["conv_kernel_size"], facts["conv_bias"] = read.count_or_none("conv_kernel_size") or 4, False
    nested = read.config.get("rope_parameters")
    facts["position"] = "rope" if isinstance(nested, dict) and nested.get("rope_theta") else "none"
    read.seen.update(("linear_allow_neg_eigval", "linear_a_log_min", "linear_a_log_max", "linear_dt_min"))
    read.seen.update(("linear_dt_max", "linear_dt_init_floor"))


def griffin_words(read: Fields, layers: int) -> list[str]:
    """RecurrentGemma: block_types over and over."""
    said = read.config.get("block_types") or ["recurrent", "recurrent", "attention"]
    read.seen.update(("block_types", "_block_types"))
    kinds = {"recurrent": "linear_attention", "attention": "sliding_attention"}
    if not isinstance(said, list | tuple) or not all(isinstance(one, str) and one in kinds for one in said):
        raise read.refuse("block_types", "a list of recurrent and attention")
    return [kinds[said[i % len(said)]] for i in range(layers)]


def griffin(read: Fields, facts: dict[str, Any]) -> None:
    """The width of the MLP stands for gate and up together."""
    if facts["intermediate_size"] % 2:
        raise read.refuse("intermediate_size", "an even number: gate and up together")
    facts["intermediate_size"] //= 2
    facts["lru_width"] = read.count_or_none("lru_width") or facts["hidden_size"]
    if facts["lru_width"] % facts["num_attention_heads"]:
        raise read.refuse("lru_width", f"a multiple of the {facts['num_attention_heads']} heads")
    facts["conv_kernel_size"] = read.count_or_none("conv1d_width") or 4


def zamba_words(read: Fields, layers: int) -> list[str]:
    """Zamba: the third layer is hybrid, then one in each period."""
    period, offset = read.count_or_none("attn_layer_period") or 6, read.whole("attn_layer_offset")
    offset = 4 if offset is None else offset
    rest = ["hybrid" if i % period == offset else "mamba" for i in range(max(layers - 3, 0))]
    return ["mamba", "mamba", "hybrid", *rest][:layers]


def zamba2_words(read: Fields, layers: int) -> list[str]:
    """Zamba 2: the layers of hybrid_layer_ids, else the pattern of the model with 54 layers."""
    if read.config.get("hybrid_layer_ids") is not None:
        hybrid = read.indices("hybrid_layer_ids", layers)
        return ["hybrid" if i in hybrid else "mamba" for i in range(layers)]
    pattern = ["mamba", *(["mamba"] * 5 + ["hybrid"]) * 7, *["mamba"] * 4, "hybrid", *["mamba"] * 3, "hybrid"]
    return (pattern + ["mamba"] * layers)[:layers]


def zamba_sizes(read: Fields, facts: dict[str, Any]) -> None:
    """Attention is twice as wide as the model."""
    width = read.count_or_none("attention_hidden_size") or 2 * facts["hidden_size"]
    if width != 2 * facts["hidden_size"] or width % facts["num_attention_heads"]:
        raise read.refuse("attention_hidden_size", "twice hidden_size, a multiple of num_attention_heads")
    facts["head_dim"] = read.count_or_none("attention_head_dim") or width // facts["num_attention_heads"]
    facts["shared_width"] = facts["intermediate_size"]
    facts["shared_blocks"] = read.count_or_none("num_mem_blocks") or 1
    facts["position"] = "rope" if read.flag("use_mem_rope") else "none"
    facts.update(ffn="none", norms_per_layer=1)
    read.seen.update(("kv_channels", "num_query_groups", "layers_block_type", "hybrid_layer_ids"))


def zamba1(read: Fields, facts: dict[str, Any]) -> None:
    """Zamba: Mamba layers whose channels are divided among heads."""
    mamba1(read, facts)
    if facts["ssm_inner_size"] % (read.count_or_none("n_mamba_heads") or 1):
        raise read.refuse("n_mamba_heads", f"a divisor of {facts['ssm_inner_size']}")


def zamba2(read: Fields, facts: dict[str, Any]) -> None:
    """Zamba2: Mamba-2 layers; the network is four times as wide as the model where nothing is said."""
    facts["intermediate_size"] = read.count_or_none("intermediate_size") or 4 * facts["hidden_size"]
    heads, inner = read.count("n_mamba_heads"), read.count("expand") * facts["hidden_size"]
    if inner % heads:
        raise read.refuse("n_mamba_heads", f"a divisor of {inner}")
    facts["ssm_inner_size"], facts["ssm_num_heads"] = inner, heads
    facts["ssm_num_groups"], facts["ssm_state_size"] = read.count("mamba_ngroups"), read.count("ssm_state_size")
    facts["conv_kernel_size"], facts["conv_bias"] = read.count("conv_kernel_size"), read.flag("conv_bias")
    facts["adapter_rank"] = read.count_or_none("adapter_rank") or 128
    facts["attention_adapters"] = read.flag("use_shared_attention_adapter")
    read.seen.update(("mamba_headdim", "ssm_head_dim", "mamba_head_dim"))


RECURRENT: dict[str, Family] = {
    "lfm2": Family(
        facts={"qk_norm": "per_head"}, sizes=NO_WIDTH,
        defaults={"num_key_value_heads": 8, "tie_word_embeddings": True, "block_auto_adjust_ff_dim": True,
                  "block_ffn_dim_multiplier": 1.0, "max_position_embeddings": 128_000},
        ignored=("theta", "conv_dim_out", "conv_use_xavier_init", "block_dim", "block_mlp_init_scale",
                 "block_norm_eps", "block_out_init_scale", "block_use_swiglu", "block_use_xavier_init",
                 "use_pos_enc"),
        steps=(mixers(indexed, CONV), short_conv, adjusted_width),
    ),
    "lfm2_moe": Family(
        facts={"qk_norm": "per_head"},
        defaults={"num_key_value_heads": 8, "tie_word_embeddings": True, "num_dense_layers": 2},
        ignored=("use_expert_bias", "use_pos_enc"),
        steps=(mixers(indexed, CONV), short_conv, experts(after_dense)),
    ),
    "falcon_h1": Family(
        facts={"attention": "full_mamba2"},
        flags={"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"},
        only={"mamba_proj_bias": False, "projectors_bias": False},
        defaults={"num_key_value_heads": 8, "mamba_d_ssm": 1024, "ssm_heads": 128, "ssm_groups": 1, "expand": 2,
                  "ssm_state_size": 256, "conv_kernel_size": 4, "conv_bias": True},
        ignored=("mamba_norm_before_gate", "layers_block_type", "layer_types", "mlp_multipliers", "ssm_multipliers",
                 "mlp_expansion_factor", "attn_layer_indices"),
        steps=(falcon_h1,),
    ),
    "minimax": Family(
        defaults={"num_key_value_heads": 8},
        ignored=("block_size", "full_attn_alpha_factor", "full_attn_beta_factor", "linear_attn_alpha_factor",
                 "linear_attn_beta_factor", "mlp_alpha_factor", "mlp_beta_factor", "postnorm", "layernorm_.*",
                 "shared_moe_mode"),
        steps=(mixers(lightning_words, LIGHTNING), rotary_dim, experts(width="intermediate_size")),
    ),
    "kimi_linear": Family(
        facts={"attention": "mla"}, only={"attention_bias": False, "mla_use_nope": True},
        defaults={"first_k_dense_replace": 1, "shared_experts": 1, "max_position_embeddings": 1_048_576},
        ignored=("head_dim", "qk_head_dim", "moe_router_activation_func", "use_grouped_topk", "activation_situ_.*"),
        steps=(
            mixers(kimi_words, KDA), latent, kimi_linear, experts(after_first, shared="number"), kimi_k3,
        ),
    ),
    "olmo_hybrid": Family(
        facts={"qk_norm": "full"}, flags={"attention_bias": "qkv_bias o_bias"},
        steps=(mixers(every("", 4, "linear_attention", "full_attention"), DELTA), olmo_hybrid),
    ),
    "zamba": Family(
        only={"mamba_proj_bias": False},
        defaults={"tie_word_embeddings": True, "expand": 2, "conv_kernel_size": 4, "conv_bias": True,
                  "ssm_state_size": 16, "n_mamba_heads": 2},
        ignored=("hidden_mamba_act", "head_dim"),
        steps=(mixers(zamba_words, ZAMBA1), zamba1, zamba_sizes),
    ),
    "zamba2": Family(
        only={"add_bias_linear": False}, sizes=NO_WIDTH,
        defaults={"tie_word_embeddings": True, "expand": 2, "conv_kernel_size": 4, "conv_bias": True,
                  "ssm_state_size": 64, "n_mamba_heads": 8, "mamba_ngroups": 1},
        ignored=("kv_channels", "use_long_context", "use_mem_eff_path", "ft_lora", "head_dim", "use_shared_mlp_adapter",
                 ),
        steps=(mixers(zamba2_words, ZAMBA2), zamba2, zamba_sizes),
    ),
    "recurrent_gemma": Family(
        facts={"o_bias": True, "ffn_bias": True, "conv_bias": True}, flags={"attention_bias": "qkv_bias"},
        defaults={"tie_word_embeddings": True, "partial_rotary_factor": 0.5, "sliding_window": 2048,
                  "max_position_embeddings": 8192},
        ignored=("w_init_variance_scale", "final_w_init_variance_scale", "logits_soft_cap"),
        steps=(mixers(griffin_words, GRIFFIN), griffin),
    ),
}  # fmt: skip
