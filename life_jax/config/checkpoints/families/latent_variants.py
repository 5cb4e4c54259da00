"""Families of latent attention with gates, windows, selections and residual streams of their own."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import (
    NO_WIDTH,
    Family,
    after_first,
    every,
    experts,
    indexer,
    latent,
    mixers,
    no_rope_layers,
    note,
)

HEADS = ("head_dim", "qk_head_dim", "layer_types")
FIRST_DENSE = {"first_k_dense_replace": 1, "shared_experts": 1}
DELTA = {"full_attention": {"attention": "mla"}, "linear_attention": {"attention": "kda_full"}}
SELECTED = {"indexed_attention": {"attention": "mla_sparse"}, "linear_attention": {"attention": "kda"}}
SPARSE = {"attention": "mla_sparse"}
WINDOWS = {"indexed_attention": SPARSE, "full_attention": SPARSE, "sliding_attention": {"attention": "mla_window"}}


def axk2(read: Fields, facts: dict[str, Any]) -> None:
    """A.X K2: the query projection makes a gate; norms are gated through a low rank, those of dense layers once."""
    products = 2 * facts["hidden_size"] * (read.count_or_none("gated_norm_rank") or 16)
    for layer in facts["layers"]:
        layer["layer_vectors"] = products * (2 if layer.get("ffn") == "moe" else 1)
    note(facts, "the low-rank gates of norms are counted as parameters, not as products")


def bailing_words(read: Fields, layers: int) -> list[str]:
    """Ling 3: latent attention in the last layer of each group."""
    return list(every("layer_group_size", 6, "linear_attention", "full_attention")(read, layers))


def bailing(read: Fields, facts: dict[str, Any]) -> None:
    """Ling 3: delta attention as wide as latent attention's heads, whose outputs a gate scales."""
    heads = facts["num_attention_heads"]
    facts["linear_num_value_heads"] = read.count_or_none("linear_num_heads") or heads
    facts["linear_value_head_dim"] = read.count_or_none("linear_head_dim") or read.count("head_dim")
    facts["conv_kernel_size"] = read.count_or_none("short_conv_kernel_size") or 4
    facts["conv_bias"] = False
    for layer in facts["layers"]:
        if layer["attention"] == "mla":
            layer["side_outputs"] = heads
    read.seen.update(("head_dim", "layer_group_size", "linear_conv_kernel_dim", "conv_kernel_size"))


def hy_v4(read: Fields, facts: dict[str, Any]) -> None:
    """Hy 4: a gate as wide as the values, sinks, streams that are not mixed with each other; a layer of its own selects
    for the three behind it."""
    heads = facts["num_attention_heads"]
    facts["residual_streams"], facts["stream_mixing"] = read.count_or_none("hc_mult") or 4, False
    facts["side_outputs"], facts["layer_vectors"] = heads * facts["v_head_dim"], heads
    if read.config.get("indexer_types") is None:
        for i, layer in enumerate(facts["layers"]):
            layer["attention"] = "mla_sparse" if i == 0 or (i - 1) % 4 == 0 else "mla_sparse_reused"


def dots3_words(read: Fields, layers: int) -> list[str]:
    """dots 3: all positions in the first two layers and in every fourth, a window in the others."""
    return ["indexed_attention" if i < 2 or i % 4 == 1 else "sliding_attention" for i in range(layers)]


def dots3(read: Fields, facts: dict[str, Any]) -> None:
    """dots 3: windowed layers have other heads and latents, by per_layer_config or by words beginning with swa_; a gate
    of each head, a norm of the rotated part of the keys."""
    for name in ("index_n_heads", "index_head_dim", "index_topk", "sliding_window"):
        facts[name] = read.count(name)
    key, said = read.find("per_layer_config")
    if said is not None and not isinstance(said, dict):
        raise read.refuse(key, "an object with the layers' numbers")
    for i, layer in enumerate(facts["layers"]):
        names = (str(i), f"{i:02d}")
        listed: Any = next((said[name] for name in names if name in said), {}) if said else None
        if listed is None and layer["attention"] == "mla_window":
            layer.update({name: read.count_or_none(f"swa_{name}") or usual for name, usual in OF_WINDOWS.items()})
        elif listed:
            if not isinstance(listed, dict) or set(listed) - set(OF_WINDOWS) - {"head_dim"}:
                raise read.refuse(key, f"for each layer an object with {', '.join(OF_WINDOWS)}")
            inner = Fields(listed, f"{read.family} {key} of", {})
            layer.update({name: inner.count(name) for name in listed if name != "head_dim"})
        own = {**facts, **layer}
        layer.update(num_key_value_heads=own["num_attention_heads"], side_outputs=own["num_attention_heads"])
        layer["head_dim"] = own["qk_nope_head_dim"] + own["qk_rope_head_dim"]
        layer["layer_vectors"] = own["qk_rope_head_dim"]
    read.seen.add("swa_head_dim")


def dots3_shared(read: Fields, facts: dict[str, Any]) -> None:
    """dots 3: the width of the shared expert is said by itself."""
    facts["shared_expert_intermediate_size"] = read.count_or_none("shared_width") or 1536
    read.seen.add("n_shared_experts")


OF_WINDOWS = {
    "num_attention_heads": 64, "num_key_value_heads": 64, "q_lora_rank": 1024, "kv_lora_rank": 1024,
    "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 128,
}  # fmt: skip


def longcat(read: Fields, facts: dict[str, Any]) -> None:
    """LongCat-Flash: a layer is two of latent attention and a dense network, and experts beside the first network; some
    experts compute nothing."""
    chosen, real, empty = read.count("moe_topk"), read.count("num_experts"), read.whole("zero_expert_num")
    empty = (read.of_class("zero_expert_num") or 0) if empty is None else empty
    facts["intermediate_size"] = read.count("ffn_hidden_size")
    facts.update(num_experts=real, moe_intermediate_size=read.count("expert_ffn_hidden_size"))
    facts["num_experts_per_tok"] = max(round(chosen * real / (real + empty)), 1)
    pair = [{"ffn": "moe_and_dense", "side_outputs": empty}, {}]
    facts["layers"] = [dict(half) for _ in facts["layers"] for half in pair]
    facts["num_hidden_layers"] = len(facts["layers"])
    if empty:
        note(facts, f"of {chosen} experts that a token chooses, {facts['num_experts_per_tok']} compute, on average")


def glm5_next(read: Fields, facts: dict[str, Any]) -> None:
    """GLM-5 Next: delta attention beside selected latents that are not rotated, whose keys are pooled; streams whose
    mean is taken at the end."""
    facts["linear_num_value_heads"], facts["linear_value_head_dim"] = (
        read.count(name) for name in ("linear_num_heads", "linear_head_dim")
    )
    facts["conv_kernel_size"], facts["conv_bias"] = read.count_or_none("conv_kernel_size") or 4, False
    facts.update(position="none", residual_streams=read.count_or_none("hc_mult") or 4, stream_head=False)
    for name in ("index_n_heads", "index_head_dim", "index_topk"):
        facts[name] = read.count(name)
    types = read.words("indexer_types", len(facts["layers"])) or ["full"] * len(facts["layers"])
    pooled = read.count_or_none("index_kpool") or 16
    for layer, kind in zip(facts["layers"], types, strict=True):
        if layer["attention"] == "mla_sparse" and kind != "full":
            layer["attention"] = "mla_sparse_reused"
        elif layer["attention"] == "mla_sparse":
            layer.update(side_outputs=facts["index_head_dim"], layer_vectors=pooled * facts["index_head_dim"])
    note(facts, f"the indexer's keys are counted for every token, not for {pooled} together")


def mistral_large4(read: Fields, facts: dict[str, Any]) -> None:
    """Mistral Large 4: an indexer that reads the hidden state behind a norm, learned scales of both softmaxes; layers
    that are not rotated have no rotated part of a head."""
    layers = len(facts["layers"])
    for name in ("index_n_heads", "index_head_dim", "index_topk"):
        facts[name] = read.count(name)
    scales = 2 * (facts["index_n_heads"] + facts["num_attention_heads"])
    facts.update(attention="mla_sparse", layer_vectors=2 * facts["hidden_size"] + scales)
    facts["vectors"] = facts["qk_rope_head_dim"] // 2  # a rate of each frequency
    no_rope_layers(read, facts)
    for layer in facts["layers"]:
        if layer.get("position") == "none":
            layer.update(qk_nope_head_dim=facts["qk_nope_head_dim"] + facts["qk_rope_head_dim"], qk_rope_head_dim=0)
    if read.config.get("kv_source_layers") not in (None, list(range(layers))):
        raise read.refuse("kv_source_layers", "each layer's own number: shared latents are not counted")
    read.seen.update(("kv_source_layers", "indexer_types"))


LATENT_VARIANTS: dict[str, Family] = {
    "axk2": Family(
        facts={"attention_output_gate": True}, only={"attention_bias": False},
        ignored=(*HEADS, "rope_interleave", "indexer_rope_interleave"), defaults=FIRST_DENSE,
        steps=(latent, indexer, experts(after_first, shared="number"), axk2),
    ),
    "bailing_hybrid": Family(
        facts={"attention": "mla"}, only={"attention_bias": False},
        defaults={"first_k_dense_replace": 2, "shared_experts": 1, "head_dim": 128},
        ignored=("qk_head_dim", "kda_safe_gate", "kda_lower_bound", "num_mtp_layers"),
        steps=(mixers(bailing_words, DELTA), latent, bailing, experts(after_first, shared="number")),
    ),
    "dots3_note_text": Family(
        facts={"attention": "mla"}, only={"attention_bias": False, "mlp_bias": False},
        defaults={**FIRST_DENSE, "sliding_window": 512}, ignored=("head_dim", "qk_head_dim", "use_dsa"),
        names={"shared_width": ("shared_experts_intermediate_size",), "sliding_window": ("sliding_window_size",)},
        steps=(mixers(dots3_words, WINDOWS), latent, dots3, experts(after_first), dots3_shared),
    ),
    "hy_v4": Family(
        facts={"attention": "mla"}, only={"attention_bias": False}, defaults=FIRST_DENSE,
        ignored=(*HEADS, "hc_magnitude", "learnable_sink_init"),
        steps=(latent, indexer, hy_v4, experts(after_first, shared="number")),
    ),
    "glm5_next_text": Family(
        only={"attention_bias": False}, defaults={**FIRST_DENSE, "first_k_dense_replace": 3, "qk_rope_head_dim": 0},
        ignored=("head_dim", "qk_head_dim", "hc_sinkhorn_iters", "linear_lower_bound",
                 "index_kpool_always_select_tail"),
        steps=(mixers(every("", 4, "linear_attention", "indexed_attention"), SELECTED), latent, glm5_next,
               experts(after_first, shared="number")),
    ),
    "mistral_large4_text": Family(
        facts={"attention": "mla"}, only={"attention_bias": False}, defaults=FIRST_DENSE, ignored=HEADS,
        steps=(latent, mistral_large4, experts(after_first, shared="number")),
    ),
    "longcat_flash": Family(
        facts={"attention": "mla", "router_bias": False}, only={"attention_bias": False, "router_bias": False},
        sizes=NO_WIDTH, steps=(latent, longcat),
        ignored=(*HEADS, "zero_expert_type", "attention_method", "num_experts_per_tok"),
        names={"num_hidden_layers": ("num_layers",)},
    ),
}  # fmt: skip
