"""Text models inside models of images and text, where they differ from families that stand alone."""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import LOCAL, Family, after_first, every, experts, mixers, note, warn
from life_jax.config.checkpoints.families.layers import gemma4, gemma4_words
from life_jax.config.checkpoints.families.recombined import ALL_BIASES, ATTENTION_BIAS, BIAS_FLAGS, PLAIN, TIED, extra


def kosmos(both: bool) -> Any:
    """A step: norms inside the network, and of attention's output where `both`; a table of segments where not."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        d, width = facts["hidden_size"], facts["intermediate_size"]
        extra(facts, 2 * width + 2 * d * both, 0 if both else 2 * d)
        read.seen.update(("scale_embedding", "add_cross_attention", "activation_function"))

    return step


def unequal_ends(read: Fields, facts: dict[str, Any]) -> None:
    """Molmo 2: the table has rows for tokens of images, which the head has not."""
    extra(facts, 0, (read.whole("additional_vocab_size") or 0) * facts["hidden_size"])


def reference_windows(read: Fields, facts: dict[str, Any]) -> None:
    """Unlimited-OCR: windows that keep the image in reach, counted as full attention."""
    words = read.words("layer_types", len(facts["layers"])) or ()
    if any(word not in ("reference_sliding_attention", "full_attention") for word in words):
        raise read.refuse("layer_types", "a list of reference_sliding_attention and full_attention")
    if "reference_sliding_attention" in words:
        warn(facts, "its windows, which keep the image in reach, are counted as full attention")
    read.seen.add("sliding_window")


def beam(read: Fields, facts: dict[str, Any]) -> None:
    """Beam: a bias of the gate of each head."""
    extra(facts, facts["num_attention_heads"])


SIX = every("", 6, "sliding_attention", "full_attention")


def chameleon(read: Fields, facts: dict[str, Any]) -> None:
    """Chameleon: norms of queries and keys with weights and biases of their own for each head."""
    facts["qk_norm"] = "full"
    facts["layer_vectors"] = (facts["num_attention_heads"] + facts["num_key_value_heads"]) * facts["head_dim"]
    note(facts, "the biases of the norms of queries and keys are counted as parameters alone")


VISION_LANGUAGE: dict[str, Family] = {
    "chameleon": Family(
        flags={"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"}, steps=(chameleon,),
        ignored=("vq_config", "vocabulary_map", "model_parallel_size", "swin_norm"),
    ),
    "kosmos_2_text_model": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "none"}, defaults=TIED, steps=(kosmos(True),),
        names={"num_hidden_layers": ("layers",), "hidden_size": ("embed_dim",)},
    ),
    "kosmos_2_5_text_model": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "none"}, defaults=TIED, steps=(kosmos(False),),
        names={"num_hidden_layers": ("layers",), "hidden_size": ("embed_dim",)},
    ),
    "molmo2_text": Family(
        facts={"qk_norm": "per_head"}, flags={"qkv_bias": "qkv_bias"}, steps=(unequal_ends,),
        ignored=("rope_scaling_layers", "qk_norm_type", "use_qk_norm", "norm_after"),
        defaults={"additional_vocab_size": 128, "num_key_value_heads": 8},
    ),
    "muse_glimmer_text": Family(
        facts={"norms_per_layer": 4, "attention_output_gate": True}, flags=BIAS_FLAGS,
        steps=(mixers(SIX, LOCAL),), ignored=("qk_scale_factor",),
        defaults={"num_key_value_heads": 2, "head_dim": 128},
    ),
    "paddleocr_vl_text": Family(
        flags={"use_bias": "qkv_bias o_bias ffn_bias"},
        defaults={"num_key_value_heads": 2, "head_dim": 128, **TIED},
    ),
    "unlimited_ocr_text": Family(
        flags=ATTENTION_BIAS, steps=(reference_windows, experts(after_first, shared="number")),
        defaults={"first_k_dense_replace": 1},
    ),
    "glm4v_text": Family(
        facts={"norms_per_layer": 4}, flags={"attention_bias": "qkv_bias"},
        defaults={"partial_rotary_factor": 0.5, "attention_bias": True},
    ),
    "gemma4_unified_text": Family(
        facts={"norms_per_layer": 4, "qk_norm": "per_head"}, flags=ATTENTION_BIAS,
        defaults={"head_dim": 256, "sliding_window": 1024, "num_key_value_heads": 4, **TIED},
        ignored=("use_bidirectional_attention", "per_layer_config"), steps=(mixers(gemma4_words, LOCAL), gemma4),
    ),
    "beam": Family(
        facts={"norms_per_layer": 4, "qk_norm": "per_head", "attention_output_gate": True}, flags=ATTENTION_BIAS,
        steps=(mixers(SIX, LOCAL), experts(after_first), beam),
        defaults={"first_k_dense_replace": 3, "num_key_value_heads": 8, "head_dim": 128},
    ),
}  # fmt: skip
