"""Further families that recombine what others have: looped layers, extra norms and scales, windows, shared experts."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import (
    LOCAL,
    NO_WIDTH,
    Family,
    Words,
    after_first,
    all_alike,
    every,
    experts,
    latent,
    mixers,
    note,
    sparse_step,
    window,
)
from life_jax.config.checkpoints.families.dense import four_times, learned
from life_jax.config.checkpoints.families.hybrid import LINEAR, gated_delta
from life_jax.config.checkpoints.families.recurrent import CONV
from life_jax.config.checkpoints.families.variants import (
    ALL_BIASES,
    ATTENTION_BIAS,
    BIAS_FLAGS,
    PLAIN,
    TIED,
    layer_rope,
)

UNTRAINED = {"norm": "rmsnorm_no_weight"}


def extra(facts: dict[str, Any], per_layer: int, outside: int = 0) -> None:
    """Learned numbers that no product has: of every layer, and outside of layers."""
    facts["layer_vectors"] = facts.get("layer_vectors", 0) + per_layer
    facts["vectors"] = facts.get("vectors", 0) + outside


def axk1(read: Fields, facts: dict[str, Any]) -> None:
    """A.X K1: a further norm behind the experts."""
    for layer in facts["layers"]:
        if layer.get("ffn") == "moe":
            layer["layer_vectors"] = facts["hidden_size"]


def bitnet(read: Fields, facts: dict[str, Any]) -> None:
    """BitNet b1.58: norms of the inputs of both output projections."""
    extra(facts, facts["num_attention_heads"] * facts["head_dim"] + facts["intermediate_size"])


def diffllama(read: Fields, facts: dict[str, Any]) -> None:
    """DiffLlama: four vectors that make the weight of the second softmax."""
    extra(facts, 4 * facts["head_dim"])
    read.seen.add("lambda_std_dev")


def doge(read: Fields, facts: dict[str, Any]) -> None:
    """Doge: scales of both residuals; a small product that makes the mask, and its rate."""
    if read.flag("is_moe"):
        raise read.refuse("is_moe", "false: its experts of single rows are not counted yet")
    heads = facts["num_key_value_heads"]
    extra(facts, 2 * facts["hidden_size"] + heads + heads * heads * facts["head_dim"])
    read.seen.update(("num_experts", "num_experts_per_tok", "keep_window_size", "is_moe"))


def looped(read: Fields, facts: dict[str, Any]) -> None:
    """Dory: attention and networks stand in layer_types one after the other; the layers in the middle run several
    times. Rates of the residuals, scales of queries, gates and networks are learned."""
    words = read.words("layer_types", len(facts["layers"])) or []
    both = "mlp" in words
    layers = len(facts["layers"]) // (2 if both else 1)
    first, last = (_section(read, name, both) for name in ("n_input_layers", "n_output_layers"))
    loops = read.count_or_none("n_recurrent_loops") or 1
    if first + last > layers:
        raise read.refuse("n_input_layers", f"with n_output_layers at most the {layers} layers")
    kinds = words[::2] if both else words
    kinds = kinds or ["full_attention" if (i + 1) % 4 == 0 else "sliding_attention" for i in range(layers)]
    if any(kind not in LOCAL for kind in kinds) or (both and set(words[1::2]) != {"mlp"}):
        raise read.refuse("layer_types", f"a list of {', '.join(LOCAL)}, perhaps with mlp behind each")
    facts["layers"], facts["num_hidden_layers"] = [{} for _ in range(layers)], layers
    for i, (layer, kind) in enumerate(zip(facts["layers"], kinds, strict=True)):
        if kind != "full_attention":
            layer["attention"] = "sliding_window"
        if first <= i < layers - last and loops > 1:
            layer["loops"] = loops
    facts["sliding_window"] = read.count("sliding_window")
    wide = facts["num_attention_heads"] * facts["head_dim"]
    extra(facts, 2 * facts["hidden_size"] + 2 * wide + 2 * facts["intermediate_size"], facts["vocab_size"])
    read.seen.update(("n_recurrent_layers", "recurrent_kv_cache_mode", "ngpt_alpha_init", "layer_types"))


def _section(read: Fields, name: str, both: bool) -> int:
    count = read.whole(name) or 0
    return count // 2 if both else count


def hierarchical(read: Fields, facts: dict[str, Any]) -> None:
    """HRM: a low stack runs L_cycles times in each of H_cycles, then a high stack once."""
    high, low = read.count("H_cycles"), read.count("L_cycles")
    each = read.count_or_none("num_layers_per_stack") or len(facts["layers"])  # an old file's layers are of a stack
    facts["layers"] = [{"loops": high * low} for _ in range(each)] + [{"loops": high} for _ in range(each)]
    facts["num_hidden_layers"] = 2 * each
    extra(facts, 0, facts["hidden_size"])
    read.seen.update(("L_bp_cycles", "embedding_scale", "prefix_lm"))


def ouro(read: Fields, facts: dict[str, Any]) -> None:
    """Ouro: all layers run total_ut_steps times; a gate says when to stop."""
    facts["loops"] = read.count_or_none("total_ut_steps") or 1
    extra(facts, 0, facts["hidden_size"] + 1)
    read.seen.add("early_exit_threshold")


def unrotated_full(read: Fields, facts: dict[str, Any]) -> None:
    """GPT-NeoX Japanese: the output bias of the last layer alone."""
    facts["intermediate_size"] = facts["hidden_size"] * (read.count_or_none("intermediate_multiple_size") or 4)
    extra(facts, 0, facts["hidden_size"])


def ctrl(read: Fields, facts: dict[str, Any]) -> None:
    """CTRL: sinuses for positions, which are not learned."""
    facts["intermediate_size"] = read.count("dff")


def cpmant(read: Fields, facts: dict[str, Any]) -> None:
    """CPM-Ant: tables of segments and of positions between them; prompt tokens are part of the table of tokens."""
    facts["intermediate_size"] = read.count("dim_ff")
    segments, buckets = read.count("segment_types"), read.count("position_bias_num_buckets")
    more = read.count("prompt_types") * read.count("prompt_length")
    d, heads = facts["hidden_size"], facts["num_attention_heads"]
    extra(facts, 0, segments * d + (segments * segments + buckets) * heads)
    if facts["tie_word_embeddings"]:  # the head is stored by itself all the same
        facts["tie_word_embeddings"] = False
    extra(facts, 0, more * d)
    facts["max_position_embeddings"] = read.count_or_none("position_bias_max_distance") or 2048
    read.seen.add("position_bias_max_distance")


def mllama(read: Fields, facts: dict[str, Any]) -> None:
    """Llama 3.2 Vision: layers that attend an image are stored, and run only where there is one."""
    cross = read.indices("cross_attention_layers", len(facts["layers"]))
    for i, layer in enumerate(facts["layers"]):
        if i in cross:
            layer.update(loops=0, qk_norm="per_head", layer_vectors=2)
    extra(facts, 0, 8 * facts["hidden_size"])  # rows of the table beyond those of the head
    read.seen.add("cross_attention_layers")


def moshi(read: Fields, facts: dict[str, Any]) -> None:
    """Moshi's text model: gate and up together have the width that is said; a row for the start."""
    facts["intermediate_size"] = read.count("ffn_dim") // 2
    extra(facts, 0, facts["hidden_size"])


def post_norm(read: Fields, facts: dict[str, Any]) -> None:
    """HyperCLOVA X: norms behind both branches where use_post_norm is set."""
    facts["norms_per_layer"] = 4 if read.flag("use_post_norm") else 2


def lfm3(read: Fields, facts: dict[str, Any]) -> None:
    """LFM3: convolutions, windows, a gate on each head, norms behind both branches."""
    facts["conv_kernel_size"], facts["conv_bias"] = read.count_or_none("conv_L_cache") or 7, read.flag("conv_bias")
    facts["conv_channels"] = facts["hidden_size"]
    facts["norms_per_layer"] = 4 if read.flag("use_sandwich_norm") else 2
    facts["attention_head_gate"] = read.flag("use_attention_gate")
    sliding = [layer for layer in facts["layers"] if layer.get("attention") == "sliding_window"]
    if sliding:
        facts["sliding_window"] = read.count("sliding_window")
    read.seen.add("sliding_window")


def openai_gpt(read: Fields, facts: dict[str, Any]) -> None:
    """GPT: norms behind the branches, so none at the end."""
    read.seen.add("afn")


def sparse_after(read: Fields, layers: int) -> list[bool]:
    """Cohere 2 MoE: mlp_layer_types, else experts in every layer after the first dense ones."""
    if read.config.get("mlp_layer_types") is not None:
        return after_first(read, layers)
    return [i >= (read.whole("first_k_dense_replace") or 0) for i in range(layers)]


def cohere2_moe(read: Fields, facts: dict[str, Any]) -> None:
    """Positions are rotated in layers with a window only; dense layers may have a width of their own."""
    for layer in facts["layers"]:
        if layer.get("attention") != "sliding_window" and "sliding_window" in facts:
            layer["position"] = "none"
    dense = read.count_or_none("prefix_dense_intermediate_size")
    if dense:
        facts["intermediate_size"] = dense


def zero_experts(read: Fields, facts: dict[str, Any]) -> None:
    """Ernie 4.5 VL: routed experts of text, and of images, which text does not use; scores' corrections are stored."""
    said = read.config.get("moe_num_experts")
    widths = (
        read.words("moe_intermediate_size", 2) if isinstance(read.config.get("moe_intermediate_size"), list) else None
    )
    count = said[0] if isinstance(said, list) else said
    count = count or 64
    text, seen = (int(widths[0]), int(widths[1])) if widths else (1536, 512)
    d, chosen = facts["hidden_size"], read.count_or_none("moe_k") or 6
    shared = (read.whole("moe_num_shared_experts") or 2) * text
    facts.update(num_experts=count, num_experts_per_tok=chosen, moe_intermediate_size=text)
    facts["shared_expert_intermediate_size"], facts["shared_expert_gate"] = shared, False
    where = after_first(read, len(facts["layers"]))
    for layer, sparse in zip(facts["layers"], where, strict=True):
        if sparse:
            layer["ffn"] = "moe"
            layer["layer_vectors"] = 2 * count + count * d + count * 3 * d * seen
    read.seen.update(("moe_num_experts", "moe_intermediate_size", "moe_k", "num_experts_per_tok",
                      "moe_layer_interval", "moe_layer_start_index", "moe_layer_end_index", "moe_num_shared_experts",
                      "moe_capacity", "moe_gate", "moe_layer_end_index", "num_experts"))  # fmt: skip


def muse_spark(read: Fields, facts: dict[str, Any]) -> None:
    """Muse Spark: experts in a narrower width behind norms of their own; gates of both residuals, one more norm."""
    d, inside = facts["hidden_size"], read.count("moe_hidden_size")
    facts["moe_latent_size"] = inside
    for layer in facts["layers"]:
        layer["layer_vectors"] = 3 * d + (2 * inside if layer.get("ffn") == "moe" else 0)


def idefics(read: Fields, facts: dict[str, Any]) -> None:
    """IDEFICS: layers that attend an image are stored between those of the text, and run only where there is one."""
    d, f = facts["hidden_size"], facts["intermediate_size"]
    said = read.config.get("vision_config")
    seen = Fields(said if isinstance(said, dict) else {}, f"{read.family} vision_config of", {})
    source = seen.count_or_none("embed_dim") or 768
    crossing = len(facts["layers"]) // (read.count_or_none("cross_layer_interval") or 1)
    extra(facts, 0, crossing * (2 * d * d + 2 * source * d + 3 * d * f + 2 * d + 2))
    extra(facts, 0, (read.whole("additional_vocab_size") or 0) * d * (1 if facts["tie_word_embeddings"] else 2))
    note(facts, "layers that attend an image are stored and not run")
    read.seen.update(
        ("alpha_initializer", "alphas_initializer_range", "alpha_type", "perceiver_config", "vision_config")
    )


def lara(read: Fields, layers: int) -> list[str]:
    """Lara: linear, windowed and full attention; layer_types says where."""
    return ["full_attention" if (i + 1) % 4 == 0 else "linear_attention" for i in range(layers)]


WITH_WINDOWS = {**LINEAR, **LOCAL}
KOLIBRI: Words = every("", 5, "sliding_attention", "full_attention")

RECOMBINED: dict[str, Family] = {
    "axk1": Family(
        facts={"attention": "mla"}, only={"attention_bias": False}, ignored=("head_dim", "qk_head_dim"),
        defaults={"first_k_dense_replace": 1, "n_shared_experts": 1},
        steps=(latent, experts(after_first, shared="number"), axk1),
    ),
    "bitnet": Family(flags=BIAS_FLAGS, steps=(bitnet,)),
    "cohere2_moe": Family(
        facts={"norm": "layernorm_no_bias", "parallel": True, "norms_per_layer": 1}, flags=ATTENTION_BIAS,
        defaults={"sliding_window": 4096, **TIED},
        ignored=("shared_expert_combination_strategy", "expert_selection_fn", "prefix_dense_sliding_window_pattern",
                 "num_shared_experts", "prefix_dense_rope"),
        steps=(mixers(every("sliding_window_pattern", 4, "sliding_attention", "full_attention"), LOCAL),
               experts(sparse_after, width="intermediate_size"), cohere2_moe),
    ),
    "diffllama": Family(flags=ATTENTION_BIAS, steps=(diffllama,)),
    "doge": Family(facts={"qk_norm": "per_head"}, flags=BIAS_FLAGS, steps=(doge,)),
    "dory": Family(
        facts={**UNTRAINED, "attention_output_gate": True, "norms_per_layer": 4}, steps=(looped,),
        defaults={"n_recurrent_loops": 2, "num_key_value_heads": 4, "head_dim": 256},
    ),
    "hrm_text": Family(facts={**UNTRAINED, "attention_output_gate": True, "final_norm": False}, steps=(hierarchical,)),
    "ouro": Family(
        facts={"norms_per_layer": 4}, steps=(window, ouro), only={"use_sliding_window": False},
        ignored=("max_window_layers", "sliding_window"),
    ),
    "gpt_neox_japanese": Family(
        facts=PLAIN, defaults=TIED, sizes=NO_WIDTH, steps=(unrotated_full,), ignored=("use_parallel_residual",),
    ),
    "ctrl": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "none", "head_bias": True}, defaults=TIED, sizes=NO_WIDTH,
        steps=(ctrl,),
    ),
    "openai-gpt": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "learned", "final_norm": False}, defaults=TIED, sizes=NO_WIDTH,
        steps=(four_times, learned(0), openai_gpt),
    ),
    "cpmant": Family(
        facts={"position": "relative"}, defaults=TIED, sizes=NO_WIDTH[:-1], steps=(cpmant,),
        names={"head_dim": ("dim_head",)}, ignored=("prompt_types_",),
    ),
    "flint": Family(
        facts={"qk_norm": "per_head", "attention_sinks": True}, flags=ATTENTION_BIAS,
        steps=(mixers(all_alike("full_attention"), LOCAL), experts(sparse_step, shared="width")),
        defaults={"num_key_value_heads": 4, "head_dim": 128, "mlp_only_layers": [0, 1]},
    ),
    "hyperclovax": Family(flags=BIAS_FLAGS, steps=(post_norm,), defaults={"use_post_norm": True}),
    "kolibri1": Family(
        facts={"qk_norm": "per_head", "norms_per_layer": 4}, flags=ATTENTION_BIAS, sizes=NO_WIDTH,
        steps=(mixers(KOLIBRI, LOCAL), experts(shared="width")), defaults={"num_key_value_heads": 4, "head_dim": 128},
    ),
    "lara_mini": Family(
        facts={"qk_norm": "per_head"}, flags=ATTENTION_BIAS, sizes=NO_WIDTH,
        defaults={**TIED, "num_key_value_heads": 4, "head_dim": 128},
        steps=(mixers(lara, WITH_WINDOWS), gated_delta, experts(shared="width")),
    ),
    "lfm3": Family(
        facts={"qk_norm": "per_head"},
        defaults={**TIED, "num_key_value_heads": 4, "head_dim": 128, "use_sandwich_norm": True,
                  "use_attention_gate": True},
        steps=(mixers(all_alike("conv"), {**CONV, **LOCAL}), lfm3),
    ),
    "mllama_text_model": Family(
        steps=(mllama,), defaults={"num_key_value_heads": 8, "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38]},
    ),
    "moshi": Family(
        sizes=NO_WIDTH, steps=(window, moshi), defaults={"sliding_window": 3000},
        ignored=("num_codebooks", "audio_encoder_config", "depth_decoder_config", "audio_vocab_size"),
    ),
    "ernie4_5_vl_moe_text": Family(
        facts={"expert_bias": False}, only={"use_bias": False}, defaults={**TIED, "first_k_dense_replace": 1},
        steps=(zero_experts,), ignored=("moe_use_aux_free", "mrope_section"),
    ),
    "muse_spark_text": Family(
        facts={"attention_output_gate": True}, flags=ATTENTION_BIAS,
        ignored=("qk_scale_factor", "output_multiplier", "post_norm_eps", "residual_gate_temperature"),
        steps=(mixers(all_alike("full_attention"), LOCAL), layer_rope, experts(after_first), muse_spark),
        defaults={"sliding_window": 2048},
    ),
    "idefics": Family(
        only={"use_resampler": False, "qk_layer_norms": False}, steps=(idefics,),
        ignored=("freeze_text_layers", "freeze_text_module_exceptions", "freeze_lm_head", "freeze_vision_layers",
                 "freeze_vision_module_exceptions"),
        defaults={"max_position_embeddings": 2048},
    ),
    "cosmos3_edge_text": Family(facts={"ffn": "plain"}, flags=BIAS_FLAGS),
}  # fmt: skip
