"""Steps of dense families that a table cannot say."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields, check_only, check_rest
from life_jax.config.checkpoints.families.base import Step


def four_times(read: Fields, facts: dict[str, Any]) -> None:
    """The feed-forward network is four times as wide as the model unless config.json says its width."""
    facts["intermediate_size"] = read.count_or_none("intermediate_size") or 4 * facts["hidden_size"]


def learned(extra_rows: int) -> Step:
    """A step that counts a table of learned positions with this many rows more than there are positions."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        facts["learned_positions"] = facts["max_position_embeddings"] + extra_rows

    return step


def one_key_value_head(read: Fields, facts: dict[str, Any]) -> None:
    """One KV head where `multi_query` is set, else one for each query head."""
    facts["num_key_value_heads"] = 1 if read.flag("multi_query") else facts["num_attention_heads"]


def opt(read: Fields, facts: dict[str, Any]) -> None:
    """OPT: norms behind the branches, and then none at the end, and a table that is narrower than the model, with a
    product on either side (350M); norms without weights (Galactica)."""
    width = read.count_or_none("word_embed_proj_dim")
    if width and width != facts["hidden_size"]:
        rows = facts["max_position_embeddings"] + 2  # which are as wide as the model all the same
        facts["vectors"] = rows * (facts["hidden_size"] - width)
        facts["embedding_size"] = facts["head_size"] = width
        facts["head_layer_bias"] = False
    if not read.flag("do_layer_norm_before") or read.flag("_remove_final_layer_norm"):
        facts["final_norm"] = False
    if not read.flag("layer_norm_elementwise_affine"):
        facts["norm"] = "layernorm_no_weight"


def gptj(read: Fields, facts: dict[str, Any]) -> None:
    """GPT-J: rotary_dim of each head is rotated, all of it where it is null."""
    rotated = read.count_or_none("rotary_dim") or facts["head_dim"]
    if rotated > facts["head_dim"]:
        raise read.refuse("rotary_dim", f"at most the head size, {facts['head_dim']}")
    facts["partial_rotary_factor"] = rotated / facts["head_dim"]


def mpt(read: Fields, facts: dict[str, Any]) -> None:
    """MPT: the network's width is a multiple of the model's; only ALiBi and one KV head each are known."""
    facts["intermediate_size"] = facts["hidden_size"] * read.count("expansion_ratio")
    attention = read.config.get("attn_config")
    read.seen.update(("attn_config", "learned_pos_emb"))
    if not isinstance(attention, dict):
        raise read.refuse("attn_config", "an object with alibi: true")
    inner = Fields(attention, "mpt attn_config of", {"attn_type": "multihead_attention", "alibi": True})
    check_only(inner, {"attn_type": "multihead_attention", "alibi": True})
    check_rest(inner)


def falcon(read: Fields, facts: dict[str, Any]) -> None:
    """Falcon: KV heads and the number of norms by its three architectures."""
    new, parallel = read.flag("new_decoder_architecture"), read.flag("parallel_attn")
    kv_heads = read.count_or_none("num_key_value_heads") or facts["num_attention_heads"]
    one_key_value_head(read, facts)
    if new:
        facts["num_key_value_heads"] = kv_heads
    norms = read.count_or_none("num_ln_in_parallel_attn") or (2 if new else 1)
    if norms > 2 or (norms == 2 and not new and parallel):
        raise read.refuse("num_ln_in_parallel_attn", "1, or 2 with new_decoder_architecture")
    facts["parallel"], facts["norms_per_layer"] = parallel, norms if parallel else 2
    facts["position"] = "alibi" if read.flag("alibi") else "rope"


def qwen(read: Fields, facts: dict[str, Any]) -> None:
    """Qwen 1: `intermediate_size` is of gate and up together."""
    if facts["intermediate_size"] % 2:
        raise read.refuse("intermediate_size", "an even number: gate and up together")
    facts["intermediate_size"] //= 2


def stablelm(read: Fields, facts: dict[str, Any]) -> None:
    """StableLM: one norm in a parallel layer, else two."""
    facts["norms_per_layer"] = 1 if facts["parallel"] else 2


def normed_heads(switch: str) -> Step:
    """A step that counts norms of queries and keys, with numbers of their own for each head, where the switch is on."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        if read.flag(switch):
            facts["qk_norm"] = "full"  # as many learned numbers as queries and keys are wide

    return step


def alternating(read: Fields, layers: int) -> list[str]:
    """Gemma 2: local, global, local, ..."""
    return ["sliding_attention" if i % 2 == 0 else "full_attention" for i in range(layers)]


def exaone_pattern(read: Fields, layers: int) -> list[str]:
    """LLLG: local and global layers; the last one is global."""
    pattern = read.config.get("sliding_window_pattern", 4)
    period = pattern.find("G") + 1 if isinstance(pattern, str) else pattern
    if not isinstance(period, int) or isinstance(period, bool) or period < 0:
        raise read.refuse("sliding_window_pattern", "a whole number or a word such as LLLG")
    last = layers - 1
    return [
        "full_attention" if not period or (i + 1) % period == 0 or i == last else "sliding_attention"
        for i in range(layers)
    ]


def local_only(read: Fields, facts: dict[str, Any], i: int) -> bool:
    """Positions in local layers only, where there are any."""
    return "sliding_window" not in facts or facts["layers"][i].get("attention") == "sliding_window"


def blocks(read: Fields, facts: dict[str, Any]) -> None:
    """Nemotron-NAS: width, group size and presence of every part, layer by layer; a matrix may stand for one."""
    said = read.words("block_configs", len(facts["layers"])) or []
    d, kv_heads = facts["hidden_size"], []
    for layer, block in zip(facts["layers"], said, strict=True):
        attention, ffn = (
            Fields(block.get(part) or {}, f"{read.family} block_configs of", {}) for part in ("attention", "ffn")
        )
        if attention.flag("no_op"):
            layer.update(attention="none", norms_per_layer=1)
        elif attention.flag("replace_with_linear"):
            layer.update(attention="linear")
        else:
            kv_heads.append(facts["num_attention_heads"] // attention.count("n_heads_in_group"))
            layer["num_key_value_heads"] = kv_heads[-1]
        if ffn.flag("no_op"):
            layer.update(ffn="none", norms_per_layer=1)
        elif ffn.flag("replace_with_linear"):
            layer.update(ffn="linear")
        else:
            factor = ffn.find("ffn_mult")[1]
            if not isinstance(factor, float | int) or not 0 < factor < 100:
                raise ffn.refuse("ffn_mult", "a number above 0, at most 100")
            layer["intermediate_size"] = -(-int(2 * factor * d / 3) // 256) * 256
        check_rest(attention)
        check_rest(ffn)
    if not kv_heads:
        raise read.refuse("block_configs", "an attention and an ffn for each layer")
    facts["num_key_value_heads"] = max(kv_heads)
    facts["intermediate_size"] = max(layer.get("intermediate_size", 1) for layer in facts["layers"])
    for layer in facts["layers"]:
        if layer.get("attention") in ("none", "linear"):
            layer["num_key_value_heads"] = facts["num_key_value_heads"]
