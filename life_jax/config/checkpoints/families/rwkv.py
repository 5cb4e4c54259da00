"""RWKV-4, RWKV-6 and RWKV-7, in the words of flash-linear-attention and of RWKV's own repositories."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import NO_WIDTH, Family

SIZES = tuple(name for name in NO_WIDTH if name != "num_attention_heads")
FACTS = {"norm": "layernorm", "embedding_norm": True, "position": "none", "ffn": "rwkv_channel"}
ONLY = {"norm_first": True, "norm_bias": True}
IGNORED = ("attn_mode", "fuse_norm", "fuse_cross_entropy", "fuse_linear_cross_entropy", "use_l2warp", "hidden_act",
           "rescale_every", "model_version", "head_size_divisor", "attention_hidden_size")  # fmt: skip


def _width(read: Fields, facts: dict[str, Any], ratio: float) -> None:
    """intermediate_size, else a multiple of 32 near hidden_ratio times the width of the model."""
    key, said = read.find("hidden_ratio")
    said = ratio if said is None else said
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said <= 100:
        raise read.refuse(key, "a number above 0, at most 100")
    width = read.count_or_none("intermediate_size")
    facts["intermediate_size"] = width or -(-int(facts["hidden_size"] * said) // 32) * 32


def _heads(read: Fields, facts: dict[str, Any], size: int) -> None:
    d = facts["hidden_size"]
    if d % size:
        raise read.refuse("head_dim", f"a divisor of hidden_size, {d}")
    facts["head_dim"] = size
    facts["num_attention_heads"] = facts["num_key_value_heads"] = d // size


def rwkv7(read: Fields, facts: dict[str, Any]) -> None:
    """Low ranks; the first layer has no residual of values, and so no rank of that."""
    _heads(read, facts, read.count_or_none("head_dim") or read.count_or_none("head_size") or 64)
    if read.count_or_none("num_heads") not in (None, facts["num_attention_heads"]):
        raise read.refuse("num_heads", f"hidden_size over head_dim, {facts['num_attention_heads']}")
    for name, key in (("decay_rank", "decay"), ("gate_rank", "gate"), ("rate_rank", "a"), ("value_rank", "v")):
        facts[name] = read.count(f"{key}_low_rank_dim")
    value, values = read.find("value_dim")
    if values not in (None, facts["hidden_size"], [facts["hidden_size"]] * len(facts["layers"])):
        raise read.refuse(value, f"hidden_size, {facts['hidden_size']}")
    for i, layer in enumerate(facts["layers"]):
        layer["value_rank"] = facts["value_rank"] if i else 0
    _width(read, facts, 4)


def rwkv6(read: Fields, facts: dict[str, Any]) -> None:
    """RWKV's own files say head_size, and mean keys as wide as values; others say how wide keys are."""
    d, own = facts["hidden_size"], read.count_or_none("head_size")
    parts = []
    for name, otherwise in (("expand_k", 1.0 if own else 0.5), ("expand_v", 1.0)):
        key, part = read.find(name)
        part = otherwise if part is None else part
        if isinstance(part, bool) or not isinstance(part, int | float) or not 0 < part <= 16:
            raise read.refuse(key, "a number above 0, at most 16")
        parts.append(d * part)
    heads = d // own if own else read.count("num_heads")
    if own and read.count_or_none("num_attention_heads"):
        read.seen.add("num_heads")
    if own and d % own:
        raise read.refuse("head_size", "a divisor of hidden_size")
    if any(width % heads for width in parts):
        raise read.refuse("num_heads", "a divisor of the widths of keys and values")
    facts["num_attention_heads"] = facts["num_key_value_heads"] = heads
    facts["head_dim"], facts["linear_value_head_dim"] = (int(width // heads) for width in parts)
    wide = own is not None and d >= 4096
    facts["mix_rank"] = read.count_or_none("proj_low_rank_dim") or (64 if wide else 32)
    facts["decay_rank"] = read.count_or_none("gate_low_rank_dim") or (128 if wide else 64)
    facts["channel_receptance"] = True
    _width(read, facts, 3.5)


def rwkv4(read: Fields, facts: dict[str, Any]) -> None:
    """RWKV-4: channels of time mixing, and a network four times as wide as the model where nothing is said."""
    d = facts["hidden_size"]
    facts["lru_width"] = read.count_or_none("attention_hidden_size") or d
    facts["num_attention_heads"] = facts["num_key_value_heads"] = 1
    facts["head_dim"] = facts["lru_width"]
    facts["intermediate_size"] = read.count_or_none("intermediate_size") or 4 * d
    facts["channel_receptance"] = True


RWKV: dict[str, Family] = {
    "rwkv": Family(
        facts={**FACTS, "attention": "rwkv4"}, sizes=SIZES, ignored=("rescale_every", "model_version"), steps=(rwkv4,),
        defaults={"max_position_embeddings": 1024},
    ),
    "rwkv6": Family(
        facts={**FACTS, "attention": "rwkv6"}, sizes=SIZES, only=ONLY, ignored=IGNORED, steps=(rwkv6,),
        defaults={"max_position_embeddings": 4096},
    ),
    "rwkv7": Family(
        facts={**FACTS, "attention": "rwkv7"}, sizes=SIZES, only=ONLY, ignored=IGNORED, steps=(rwkv7,),
        defaults={"max_position_embeddings": 4096, "decay_low_rank_dim": 64, "gate_low_rank_dim": 128,
                  "a_low_rank_dim": 64, "v_low_rank_dim": 16},
    ),
}  # fmt: skip
