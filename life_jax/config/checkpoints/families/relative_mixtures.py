"""Mixtures of experts with short convolutions behind keys, values and branches (Inkling), or before them (ZAYA)."""

from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import NO_WIDTH, Family, after_first, every, experts, mixers, note

HYBRID = {"hybrid": {}, "hybrid_sliding": {"attention": "sliding_window"}}
FIVE_OF_SIX = mixers(every("", 6, "hybrid_sliding", "hybrid"), HYBRID)
NAMES = {"sliding_window": ("sliding_window_size",), "conv_kernel_size": ("conv_kernel_size",)}
RESIDUAL_SCALES = 4  # of both inputs of a residual, a scale and a shift each


def inkling(read: Fields, facts: dict[str, Any]) -> None:
    """Inkling: a projection makes distances to positions; convolutions of keys, values and both branches."""
    d, kernel, shared = facts["hidden_size"], _stated(read, "conv_kernel_size", 4), _shared(read)
    relative, extent = _stated(read, "d_rel", 16), _stated(read, "rel_extent", 1024)
    for layer in facts["layers"]:
        heads, reach = _own_heads(read, facts, layer), extent
        keys = layer.get("num_key_value_heads", facts["num_key_value_heads"])
        size = layer.get("head_dim", facts["head_dim"])
        if layer.get("attention") == "sliding_window":
            reach = min(extent, facts["sliding_window"])
        sparse = layer.get("ffn") == "moe"
        layer["side_outputs"] = heads * relative + sparse * shared
        layer["layer_vectors"] = relative * reach + kernel * (2 * keys * size + 2 * d) + 1
    _note_convolutions(facts)
    read.seen.update(("n_shared_experts", "unpadded_vocab_size"))


def _stated(read: Fields, name: str, otherwise: int) -> int:
    """A number of config.json, else of the family's class, else the one that is given."""
    return read.count_or_none(name) or read.of_class(name) or otherwise


def _shared(read: Fields) -> int:
    return read.whole("shared_experts") or 0


def _own_heads(read: Fields, facts: dict[str, Any], layer: dict[str, Any]) -> int:
    """Query heads of a layer; windowed layers may have heads of their own."""
    if layer.get("attention") == "sliding_window":
        for ours in ("num_attention_heads", "num_key_value_heads", "head_dim"):
            layer[ours] = _stated(read, f"swa_{ours}", facts[ours])
    heads: int = layer.get("num_attention_heads", facts["num_attention_heads"])
    return heads


def inkling2(read: Fields, facts: dict[str, Any]) -> None:
    """Inkling 2: besides, a gate of the output, sinks made from the input, residuals of chosen earlier layers; where
    all positions are attended, convolutions that the input changes and three norms."""
    d, kernel = facts["hidden_size"], _stated(read, "conv_kernel_size", 4)
    relative, extent = _stated(read, "d_rel", 16), _stated(read, "rel_extent", 1024)
    for i, layer in enumerate(facts["layers"]):
        heads = _own_heads(read, facts, layer)
        keys = layer.get("num_key_value_heads", facts["num_key_value_heads"])
        size = layer.get("head_dim", facts["head_dim"])
        everywhere = layer.get("attention") != "sliding_window"
        changing = 2 * kernel * facts["num_key_value_heads"] if everywhere else 0
        layer["side_outputs"] = heads * (relative + size + 1) + changing
        queries = (3 if everywhere else 1) * (i > 0) + 1
        norms = 2 if everywhere else 0
        reach = extent if everywhere else min(extent, facts["sliding_window"])
        scales = relative * reach + heads * (size + relative)
        layer["layer_vectors"] = scales + kernel * (2 * keys * size + 2 * d) + (queries + norms) * d
    unused = facts["vocab_size"] - _stated(read, "unpadded_vocab_size", facts["vocab_size"])
    facts["vocab_size"] -= unused  # rows of the table that the head has not
    facts["vectors"] = d + unused * d
    _note_convolutions(facts)
    read.seen.add("n_layers_per_attn_res_block")


def looped(read: Fields, facts: dict[str, Any]) -> None:
    """Inkling 2 Loop: the layers in the middle run several times; between passes gates of low rank mix messages of each
    layer into queries, keys, values and networks."""
    inkling2(read, facts)
    d, layers = facts["hidden_size"], len(facts["layers"])
    first = _stated(read, "loop_layer_index_start", 0)
    end = _stated(read, "loop_layer_index_end", layers)
    if not first < end <= layers:
        raise read.refuse("loop_layer_index_end", f"above loop_layer_index_start, at most the {layers} layers")
    rank = _stated(read, "loop_gate_rank", 64)
    for layer in facts["layers"][first:end]:
        layer["loops"] = _stated(read, "loop_num_passes", 3)
        layer["side_outputs"] += MESSAGES * 4 * rank  # twice the width into a gate, as much out of it
    facts["vectors"] += (end - first) * MESSAGES * d


MESSAGES = 4  # of a layer: queries, keys, values, network


def _note_convolutions(facts: dict[str, Any]) -> None:
    note(facts, "convolutions and tables of distances are counted as parameters, not as products")


def zaya(read: Fields, facts: dict[str, Any]) -> None:
    """ZAYA: queries and keys are convolved in a compressed width; a router of three products, one expert that computes
    nothing; residuals are scaled and shifted."""
    d, heads, keys, size = (facts[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
    width, router = (heads + keys) * size, read.count_or_none("router_hidden_size") or 256
    facts["router_size"] = router
    first, second = (read.count_or_none(name) or 2 for name in ("cca_time0", "cca_time1"))
    convolved = width * (first + 1) + width * (size * second + 1) + keys
    routed = router + router + 2 * router + router  # bias into it, norm, biases, row of the expert that is none
    for i, layer in enumerate(facts["layers"]):
        layer["layer_vectors"] = convolved + 2 * RESIDUAL_SCALES * d + routed + (router if i else 0)
    facts["vectors"] = 2 * d
    _note_convolutions(facts)
    read.seen.update(("rope_parameters", "lm_head_bias"))


INKLING2 = Family(
    facts={"position": "relative", "embedding_norm": True},
    names=NAMES,
    sizes=NO_WIDTH,
    defaults={"head_dim": 128, "num_key_value_heads": 8},
    steps=(FIVE_OF_SIX, experts(), inkling2),
    ignored=(
        "log_scaling_n_floor",
        "log_scaling_alpha",
        "route_scale",
        "qk_l2_clip_threshold",
        "rel_l2_clip_threshold",
        "mlp_gate_softcap",
        "mlp_up_softcap",
    ),
)
RELATIVE_MIXTURES: dict[str, Family] = {
    "inkling_text": Family(
        facts={"position": "relative", "qk_norm": "per_head", "embedding_norm": True}, names=NAMES,
        defaults={"shared_experts": 2, "head_dim": 128, "num_key_value_heads": 8},
        steps=(FIVE_OF_SIX, experts(after_first, shared="number"), inkling),
        ignored=("log_scaling_n_floor", "log_scaling_alpha", "shared_expert_sink", "route_scale",
                 "number_of_conv_states", "logits_mup_width_multiplier", "chain_hidden_post_norm",
                 "mtp_hidden_states_first", "rms_norm_eps_moe_gate"),
    ),
    "inkling2_text": INKLING2,
    "inkling2_loop_text": replace(INKLING2, steps=(FIVE_OF_SIX, experts(), looped)),
    "zaya": Family(
        facts={"partial_rotary_factor": 0.5}, sizes=NO_WIDTH, only={"attention_bias": False, "lm_head_bias": False},
        defaults={"tie_word_embeddings": True, "head_dim": 128, "num_key_value_heads": 2}, names=NAMES,
        steps=(mixers(lambda read, layers: ["hybrid"] * layers, HYBRID), experts(), zaya),
    ),
}  # fmt: skip
