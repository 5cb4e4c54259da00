"""Families with state-space or linear-attention layers."""

from typing import Any

from life_jax.config.checkpoints.config_fields import ALIASES, Fields
from life_jax.config.checkpoints.families.base import (
    NO_WIDTH,
    ONE_BRANCH,
    Family,
    Step,
    Words,
    all_alike,
    every,
    experts,
    mixers,
    note,
    sparse_step,
)

LINEAR = {"full_attention": {}, "linear_attention": {"attention": "gated_delta"}}
MAMBA2 = {
    "attention": {},
    "full_attention": {},
    "mamba": {"attention": "mamba2"},
    "linear_attention": {"attention": "mamba2"},
}
SSM = ("num_hidden_layers", "hidden_size", "vocab_size")
# A model without attention or feed-forward network: these sizes are required, and unused.
UNUSED = {
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "head_dim": 1,
    "intermediate_size": 1,
    "max_position_embeddings": 2**20,
    "position": "none",
    "ffn": "none",
    **ONE_BRANCH,
}


def gated_delta(read: Fields, facts: dict[str, Any]) -> None:
    """Sizes of gated delta-rule layers."""
    for name in ("num_key_heads", "num_value_heads", "key_head_dim", "value_head_dim"):
        facts[f"linear_{name}"] = read.count(f"linear_{name}")
    facts["conv_kernel_size"] = read.count_or_none("conv_kernel_size") or 4
    facts["conv_bias"] = False
    read.seen.add("full_attention_interval")


def mamba1(read: Fields, facts: dict[str, Any]) -> None:
    """Sizes of Mamba layers; the rank of the time step is a sixteenth of the width where it is `auto`."""
    facts["ssm_inner_size"] = read.count("expand") * facts["hidden_size"]
    facts["ssm_state_size"] = read.count("ssm_state_size")
    _, rank = read.find("ssm_rank")
    facts["ssm_time_step_rank"] = -(-facts["hidden_size"] // 16) if rank in (None, "auto") else read.count("ssm_rank")
    facts["conv_kernel_size"], facts["conv_bias"] = read.count("conv_kernel_size"), read.flag("conv_bias")


def mamba2(read: Fields, facts: dict[str, Any]) -> None:
    """Sizes of Mamba-2 layers; heads share `expand` times the width where their size is `auto`."""
    heads, size = read.count("ssm_heads"), read.find("ssm_head_dim")[1]
    size = read.count("expand") * facts["hidden_size"] // heads if size == "auto" else read.count("ssm_head_dim")
    facts["ssm_inner_size"], facts["ssm_num_heads"] = heads * size, heads
    facts["ssm_num_groups"], facts["ssm_state_size"] = read.count("ssm_groups"), read.count("ssm_state_size")
    facts["conv_kernel_size"], facts["conv_bias"] = read.count("conv_kernel_size"), read.flag("conv_bias")
    read.seen.update(("expand", "mamba_expand", "ssm_rank", "time_step_rank"))


def pure_mamba2(read: Fields, facts: dict[str, Any]) -> None:
    """Mamba 2 alone calls its heads num_heads and head_dim."""
    inner, heads, size = read.count("expand") * facts["hidden_size"], read.count("num_heads"), read.count("head_dim")
    if heads * size != inner:
        raise read.refuse("head_dim", f"num_heads times head_dim, {heads * size}, must be expand times hidden_size")
    facts["ssm_inner_size"], facts["ssm_num_heads"] = inner, heads
    facts["ssm_num_groups"], facts["ssm_state_size"] = read.count("ssm_groups"), read.count("ssm_state_size")
    facts["conv_kernel_size"], facts["conv_bias"] = read.count("conv_kernel_size"), read.flag("conv_bias")


def alone(read: Fields, facts: dict[str, Any]) -> None:
    """Notes that a model is nothing but recurrent layers."""
    note(facts, "no attention and no feed-forward network, whose sizes are given as 1; no limit of positions")


def falcon_mamba(read: Fields, facts: dict[str, Any]) -> None:
    """Notes what is not counted of Falcon-Mamba."""
    note(facts, "the weightless norm of time step, B and C is not counted")


def periodic(name: str, hit: Any, miss: Any) -> Words:
    """A rule: `hit` in every NAME_period-th layer from NAME_offset on, `miss` in the others."""

    def words(read: Fields, layers: int) -> list[Any]:
        period, offset = read.count(f"{name}_period"), read.whole(f"{name}_offset") or 0
        return [hit if i % period == offset else miss for i in range(layers)]

    return words


def jamba_experts(read: Fields, facts: dict[str, Any]) -> None:
    """One expert is a dense layer; the router then does not exist."""
    if read.count("num_experts") > 1:
        experts(periodic("expert_layer", True, False), width="intermediate_size")(read, facts)
    read.seen.update(("expert_layer_period", "expert_layer_offset", "num_experts_per_tok"))


def bamba_words(read: Fields, layers: int) -> list[str]:
    """Attention in the layers of `attn_layer_indices`, Mamba-2 in the others."""
    attention = read.indices("attn_layer_indices", layers)
    return ["attention" if i in attention else "mamba" for i in range(layers)]


def rotated_64(read: Fields, facts: dict[str, Any]) -> None:
    """Bamba rotates attn_rotary_emb of head_dim, half of it by default."""
    rotated = read.count_or_none("attn_rotary_emb") or facts["head_dim"] // 2
    facts["partial_rotary_factor"] = min(rotated / facts["head_dim"], 1.0)


def granite_hybrid(read: Fields, facts: dict[str, Any]) -> None:
    """Experts and a shared MLP side by side, or the shared MLP alone."""
    key, said = read.find("position_embedding_type")
    if said not in (None, "rope", "nope"):
        raise read.refuse(key, "rope, nope")
    facts["position"] = "rope" if said == "rope" else "none"
    shared = read.whole("shared_width") or 0
    if read.whole("num_experts"):
        experts(width="intermediate_size", shared="width")(read, facts)
    else:
        facts["intermediate_size"] = shared or facts["intermediate_size"]
        read.seen.add("num_experts_per_tok")


def nemotron_h(read: Fields, facts: dict[str, Any]) -> None:
    """One branch a layer: M a state space, * attention, - an MLP, E routed experts without a gate."""
    letters = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
    key, layers = "hybrid_override_pattern", len(facts["layers"])
    pattern = read.words(key, layers)
    if pattern is None:
        key, pattern = read.find("layer_types")[0], read.words("layer_types", layers)
    if pattern is None:
        raise read.refuse(key, f"an entry for each of the {layers} layers")
    kinds = {
        "mamba": {"attention": "mamba2", "ffn": "none"},
        "attention": {"attention": "full", "ffn": "none"},
        "mlp": {"attention": "none", "ffn": "plain"},
        "moe": {"attention": "none", "ffn": "moe_plain"},
    }
    kinds |= {"linear_attention": kinds["mamba"], "full_attention": kinds["attention"]}
    for layer, letter in zip(facts["layers"], pattern, strict=True):
        word = letters.get(str(letter), str(letter))
        if word not in kinds:
            raise read.refuse(key, "M, *, - and E, or " + ", ".join(kinds))
        layer.update(kinds[word])
    if any(layer["ffn"] == "moe_plain" for layer in facts["layers"]):
        experts(lambda read, layers: [False] * layers, shared="width")(read, facts)
        facts["moe_latent_size"] = read.count_or_none("moe_latent_size")
    read.seen.update(("num_experts", "num_experts_per_tok", "shared_experts", "shared_width", "moe_intermediate_size"))
    read.seen.update(("n_shared_experts", "moe_latent_size", *ALIASES["shared_experts"], *ALIASES["shared_width"]))
    read.seen.update((*ALIASES["num_experts"], *ALIASES["num_experts_per_tok"]))
    facts.update(ONE_BRANCH)
    facts["position"] = "none"


def hybrid(words: Words, kinds: dict[str, Any], *more: Step) -> tuple[Step, ...]:
    """Steps of a family whose layers mix tokens in different ways."""
    return (mixers(words, kinds), *more)


QWEN: dict[str, Any] = {
    "facts": {"qk_norm": "per_head", "attention_output_gate": True},
    "flags": {"attention_bias": "qkv_bias o_bias"},
    "defaults": {"head_dim": 256, "partial_rotary_factor": 0.25},
    "only": {"attn_output_gate": True},
}
QWEN_LAYERS = every("full_attention_interval", 4, "linear_attention", "full_attention")
NO_BIAS = {"use_bias": False}
MAMBA1 = {"expand": 2, "conv_kernel_size": 4, "conv_bias": True, "ssm_state_size": 16, "tie_word_embeddings": True}

HYBRIDS: dict[str, Family] = {
    "qwen3_next": Family(
        **QWEN, steps=hybrid(QWEN_LAYERS, LINEAR, gated_delta, experts(sparse_step, shared="width", gate=True))
    ),
    "qwen3_5_text": Family(**QWEN, ignored=("mlp_only_layers",), steps=hybrid(QWEN_LAYERS, LINEAR, gated_delta)),
    "qwen3_5_moe_text": Family(
        **QWEN, sizes=NO_WIDTH,
        steps=hybrid(QWEN_LAYERS, LINEAR, gated_delta, experts(sparse_step, shared="width", gate=True)),
    ),
    "mamba": Family(
        facts={**UNUSED, "attention": "mamba1"}, only=NO_BIAS, sizes=SSM, steps=(mamba1, alone),
        defaults=MAMBA1,
        ignored=("intermediate_size", "d_inner", "ssm_cfg", "rms_norm", "fused_add_norm", "pad_vocab_size_multiple",
                 "d_model", "n_layer"),
    ),
    "falcon_mamba": Family(
        facts={**UNUSED, "attention": "mamba1"}, only=NO_BIAS, sizes=SSM, steps=(mamba1, alone, falcon_mamba),
        defaults=MAMBA1,
        ignored=("intermediate_size",),
    ),
    "mamba2": Family(
        facts={**UNUSED, "attention": "mamba2"}, only={**NO_BIAS, "rms_norm": True, "norm_before_gate": True},
        sizes=SSM, steps=(pure_mamba2, alone), ignored=("time_step_rank", "intermediate_size", "norm_before_gate"),
        defaults={"expand": 2, "conv_kernel_size": 4, "conv_bias": True, "ssm_state_size": 128, "ssm_groups": 8},
    ),
    "jamba": Family(
        facts={"position": "none", "ssm_inner_norms": True},
        only={"mamba_proj_bias": False, "mamba_inner_layernorms": True},
        defaults={"attn_layer_period": 8, "attn_layer_offset": 4, "expert_layer_period": 2, "expert_layer_offset": 1,
                  "expand": 2, "conv_kernel_size": 4, "conv_bias": True, "ssm_state_size": 16, "num_experts": 16,
                  "num_experts_per_tok": 2},
        ignored=("calc_logits_for_entire_prompt",),
        steps=hybrid(
            periodic("attn_layer", "attention", "mamba"),
            {**MAMBA2, "mamba": {"attention": "mamba1"}}, mamba1, jamba_experts,
        ),
    ),
    "bamba": Family(
        flags={"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"}, only={"mamba_proj_bias": False},
        defaults={"conv_bias": True, "ssm_groups": 1, "conv_kernel_size": 4},
        steps=hybrid(bamba_words, MAMBA2, mamba2, rotated_64),
    ),
    "granitemoehybrid": Family(
        flags={"attention_bias": "qkv_bias o_bias"},
        only={"mamba_proj_bias": False, "normalization_function": "rmsnorm"},
        defaults={"conv_bias": True, "ssm_groups": 1, "conv_kernel_size": 4, "expand": 2, "ssm_head_dim": "auto"},
        ignored=("init_method",),
        steps=hybrid(all_alike("mamba"), MAMBA2, mamba2, granite_hybrid),
    ),
    "nemotron_h": Family(
        flags={"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"},
        only={**NO_BIAS, "mamba_proj_bias": False},
        defaults={"conv_bias": True, "conv_kernel_size": 4, "ssm_groups": 8},
        ignored=("layer_norm_epsilon", "sliding_window", "moe_shared_expert_overlap", "mtp_hybrid_override_pattern",
                 "mtp_layers_block_type"),
        steps=(mamba2, nemotron_h),
    ),
}  # fmt: skip
