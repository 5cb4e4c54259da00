"""Families that attend what a light indexer selects, or compressed positions: DeepSeek-V4, MiniMax-M3."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import NO_WIDTH, Family, after_first, experts, note

RATIOS = {
    "sliding_attention": 0,
    "compressed_sparse_attention": "compressed_sparse_attention",
    "heavily_compressed_attention": "heavily_compressed_attention",
}
RATES = {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}


def deepseek_v4(read: Fields, facts: dict[str, Any]) -> None:
    """Sizes, and for each layer how many tokens one of its compressed entries stands for."""
    facts["q_lora_rank"], facts["sliding_window"] = read.count("q_lora_rank"), read.count("sliding_window")
    for name in ("o_groups", "o_lora_rank"):
        facts[name] = read.count(name)
    if facts["num_attention_heads"] % facts["o_groups"]:
        raise read.refuse("o_groups", f"a divisor of the {facts['num_attention_heads']} heads")
    facts["residual_streams"] = read.count("hc_mult")
    rotated = read.count_or_none("qk_rope_head_dim")
    if rotated is not None:
        if rotated > facts["head_dim"]:
            raise read.refuse("qk_rope_head_dim", f"at most the head size, {facts['head_dim']}")
        facts["partial_rotary_factor"] = rotated / facts["head_dim"]
    for layer, (rate, indexed) in zip(facts["layers"], _rates(read, len(facts["layers"])), strict=True):
        if rate:
            layer["compress_rate"] = rate
        if indexed:
            layer.update({name: read.count(name) for name in ("index_topk", "index_n_heads", "index_head_dim")})
    read.seen.update(("index_topk", "index_n_heads", "index_head_dim"))
    if read.config.get("expert_dtype") == "fp4" and read.config.get("quantization_config") is None:
        note(facts, "experts that are stored at 4 bit are counted like the other weights")


def _rates(read: Fields, layers: int) -> list[tuple[int, bool]]:
    """Tokens of an entry, and whether entries are selected: by compress_ratios (0, 4, 128), by layer_types, or two
    heavily compressed layers and then both kinds in turn."""
    read.seen.update(("compress_ratios", "compress_rates", "layer_types", "compress_rate_csa", "compress_rate_hca"))
    said = read.config.get("compress_ratios")
    if said is not None:
        known = {0: (0, False), 4: (4, True), 128: (128, False)}
        if not isinstance(said, list) or len(said) < layers or any(type(x) is not int or x not in known for x in said):
            raise read.refuse("compress_ratios", f"0, 4 or 128 for each of the {layers} layers")
        return [known[x] for x in said[:layers]]
    rates = read.config.get("compress_rates") or {}
    words = read.words("layer_types", layers) or [
        "compressed_sparse_attention" if i % 2 and i > 1 else "heavily_compressed_attention" for i in range(layers)
    ]
    found = []
    for word in words:
        if word not in RATIOS:
            raise read.refuse("layer_types", "a list of " + ", ".join(RATIOS))
        rate = rates.get(word, RATES.get(word, 0)) if isinstance(rates, dict) else 0
        if type(rate) is not int or rate < 0 or (word in RATES and rate < 1):
            raise read.refuse("compress_rates", "tokens of an entry by kind of layer")
        found.append((rate, word == "compressed_sparse_attention"))
    return found


def minimax_m3(read: Fields, facts: dict[str, Any]) -> None:
    """Blocks are selected in the layers of sparse_attention_freq; dense layers and shared experts have own widths."""
    layers = len(facts["layers"])
    said = read.config.get("sparse_attention_config")
    inner = read.inner("sparse_attention_config", {}) if said is not None else read
    names = {
        "index_n_heads": "sparse_num_index_heads",
        "index_head_dim": "sparse_index_dim",
        "index_block_size": "sparse_block_size",
        "index_topk_blocks": "sparse_topk_blocks",
    }
    where = inner.words("sparse_attention_freq", layers) if inner is not read else None
    if where is None:
        words = read.words("layer_types", layers) or ["full_attention"] * layers
        if any(word not in ("full_attention", "minimax_m3_sparse") for word in words):
            raise read.refuse("layer_types", "a list of full_attention and minimax_m3_sparse")
        where = [word == "minimax_m3_sparse" for word in words]
    if any(where):
        for ours, theirs in names.items():
            facts[ours] = inner.count(theirs) if inner is not read and theirs in inner.config else read.count(ours)
    for layer, sparse in zip(facts["layers"], where, strict=True):
        if sparse:
            layer["attention"] = "block_sparse"
    read.seen.update((*names, "layer_types", "index_local_blocks", "sparse_attention_config"))
    rotated = read.count_or_none("rotary_dim") or facts["head_dim"]
    if rotated > facts["head_dim"]:
        raise read.refuse("rotary_dim", f"at most the head size, {facts['head_dim']}")
    facts["partial_rotary_factor"] = rotated / facts["head_dim"]


def dense_width(read: Fields, facts: dict[str, Any]) -> None:
    """The width of the layers without experts."""
    facts["intermediate_size"] = read.count_or_none("dense_intermediate_size") or facts["intermediate_size"]
    read.seen.update(("n_shared_experts",))


SPARSE: dict[str, Family] = {
    "deepseek_v4": Family(
        facts={"attention": "compressed"}, sizes=NO_WIDTH, only={"attention_bias": False, "mlp_bias": False},
        defaults={"head_dim": 512, "num_key_value_heads": 1, "shared_experts": 1, "hc_mult": 4, "sliding_window": 128,
                  "q_lora_rank": 1024, "o_groups": 8, "o_lora_rank": 1024, "index_topk": 512, "index_n_heads": 64,
                  "index_head_dim": 128},
        ignored=("hc_sinkhorn_iters", "num_hash_layers", "mlp_layer_types", "compress_rope_theta",
                 "intermediate_size"),
        steps=(deepseek_v4, experts(shared="number")),
    ),
    "minimax_m3_vl_text": Family(
        facts={"qk_norm": "per_head"},
        only={"use_qk_norm": True, "qk_norm_type": "per_head", "attention_output_gate": False},
        defaults={"head_dim": 128, "num_key_value_heads": 4, "rotary_dim": 64, "shared_width": 3072,
                  "dense_intermediate_size": 12288, "index_n_heads": 4, "index_head_dim": 128,
                  "index_block_size": 128, "index_topk_blocks": 16},
        ignored=("use_routing_bias", "use_gemma_norm", "moe_intermediate_size"),
        steps=(minimax_m3, experts(after_first, width="intermediate_size", shared="width"), dense_width),
    ),
}  # fmt: skip
