"""Families with an encoder and a decoder that attends its output: T5, BART and what came of them.

The decoder begins with one token of its own; the prompt is what the encoder reads.
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import Family, Step, warn

TIED = {"tie_word_embeddings": True}
SIZES = ("hidden_size", "vocab_size")
ENCODER = {"stack": "encoder", "attention": "bidirectional"}
DECODER = {"stack": "decoder", "attention": "full_cross"}
BIASES = {"qkv_bias": True, "o_bias": True, "ffn_bias": True}
ACTIVATIONS = ("relu", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "silu", "swish", "tanh", "linear")
TRAINING = (
    "scale_embedding", "force_bos_token_to_be_generated", "use_prompt", "prompt_length",
    "prompt_mid_dim", "normalize_before", "normalize_embedding", "add_bias_logits", "add_final_layer_norm",
    "static_position_embeddings", "extra_pos_embeddings", "share_encoder_decoder_embeddings", "decoder_vocab_size",
    "num_hidden_layers", "gradient_checkpointing", "save_step", "do_blenderbot_90_layernorm", "classif_dropout",
    "layernorm_variant", "encoder_layerdrop", "decoder_layerdrop", "unk_token_id", "num_attention_heads", "use_scan",
)  # fmt: skip


def _stacks(facts: dict[str, Any], encoder: int, decoder: int, own: dict[str, Any] | None = None) -> None:
    """So many layers of an encoder, with its own sizes, and of a decoder."""
    facts["layers"] = [{**ENCODER, **(own or {})} for _ in range(encoder)] + [dict(DECODER) for _ in range(decoder)]
    facts["num_hidden_layers"] = encoder + decoder


def _heads(read: Fields, facts: dict[str, Any], heads: int) -> None:
    if facts["hidden_size"] % heads:
        raise read.refuse("decoder_attention_heads", f"a divisor of d_model, {facts['hidden_size']}")
    facts.update(num_attention_heads=heads, num_key_value_heads=heads, head_dim=facts["hidden_size"] // heads)


def bart(rows: int | None, *, sinuses: bool = False) -> Step:
    """Sizes of both stacks; a table of positions for each.

    rows: of a table beyond max_position_embeddings, None where there is no table. sinuses: whether it is not learned,
    though stored.
    """

    def step(read: Fields, facts: dict[str, Any]) -> None:
        _heads(read, facts, read.count("decoder_attention_heads"))
        facts["intermediate_size"] = read.count("decoder_ffn_dim")
        facts["max_position_embeddings"] = read.count("max_position_embeddings")
        own: dict[str, Any] = {}
        heads, width = read.count("encoder_attention_heads"), read.count("encoder_ffn_dim")
        if heads != facts["num_attention_heads"]:
            if facts["hidden_size"] % heads:
                raise read.refuse("encoder_attention_heads", f"a divisor of d_model, {facts['hidden_size']}")
            own.update(num_attention_heads=heads, num_key_value_heads=heads, head_dim=facts["hidden_size"] // heads)
        if width != facts["intermediate_size"]:
            own["intermediate_size"] = width
        _stacks(facts, read.count("encoder_layers"), read.count("decoder_layers"), own)
        if rows is not None:
            facts["learned_positions"] = facts["encoder_positions"] = facts["max_position_embeddings"] + rows

    return step


def bigbird(read: Fields, facts: dict[str, Any]) -> None:
    """BigBird-Pegasus: blocks of the encoder's attention are not counted; its output projections have biases."""
    bart(0)(read, facts)
    if read.find("attention_type")[1] == "block_sparse":
        warn(facts, "its block-sparse attention is counted as full attention")
    read.seen.update(("attention_type", "block_size", "num_random_blocks", "use_bias"))


def t5(read: Fields, facts: dict[str, Any]) -> None:
    """Relative positions, one table for each stack; a head size of its own; gated where feed_forward_proj says so."""
    facts["num_attention_heads"] = facts["num_key_value_heads"] = read.count("num_attention_heads")
    facts["head_dim"], facts["intermediate_size"] = read.count("d_kv"), read.count("d_ff")
    kind = read.find("feed_forward_proj")[1]
    name = kind.removeprefix("gated-") if isinstance(kind, str) else ""
    if name not in ACTIVATIONS:
        raise read.refuse("feed_forward_proj", f"one of {', '.join(ACTIVATIONS)}, or gated- and one of them")
    facts["ffn"] = "gated" if kind != name else "plain"
    encoder = read.count("num_layers")
    decoder = read.count_or_none("num_decoder_layers") or encoder
    _stacks(facts, encoder, decoder)
    facts["vectors"] = 2 * _buckets(read) * facts["num_attention_heads"]
    facts["max_position_embeddings"] = read.count_or_none("n_positions") or 512
    read.seen.update(("relative_attention_max_distance", "is_gated_act", "dense_act_fn", "scale_decoder_outputs"))


def umt5(read: Fields, facts: dict[str, Any]) -> None:
    """UMT5: every layer has a table of relative positions of its own."""
    t5(read, facts)
    facts["vectors"], facts["layer_vectors"] = 0, _buckets(read) * facts["num_attention_heads"]


def _buckets(read: Fields) -> int:
    return read.count_or_none("relative_attention_num_buckets") or 32


def _bart(step: Step, **facts: Any) -> Family:
    return Family(
        facts={"norm": "layernorm", "ffn": "plain", "position": "learned", "final_norm": False, **BIASES, **facts},
        sizes=SIZES, steps=(step,), defaults=TIED, ignored=TRAINING,
    )  # fmt: skip


def whisper(read: Fields, facts: dict[str, Any]) -> None:
    """Whisper: an encoder of frames of sound, of which 30 s are 1500, behind two convolutions; keys have no bias."""
    bart(None)(read, facts)
    d, bands = facts["hidden_size"], read.count_or_none("num_mel_bins") or 80
    frames, tokens = read.count("max_source_positions"), read.count("max_target_positions")
    facts.update(encoder_positions=frames, learned_positions=tokens, max_position_embeddings=max(frames, tokens))
    facts["vectors"] = 3 * bands * d + 3 * d * d + 2 * d
    for layer in facts["layers"]:
        layer["layer_vectors"] = (2 if layer["stack"] == "encoder" else 4) * d
    warn(facts, "prompt_tokens are frames of sound, 1500 for 30 s; its convolutions are not counted")
    read.seen.update(("median_filter_width", "use_weighted_layer_sum", "classifier_proj_size"))


def udop(read: Fields, facts: dict[str, Any]) -> None:
    """UDOP: T5 with patches, tables of places on a page, and three more tables of relative positions in each stack."""
    t5(read, facts)
    d, patch = facts["hidden_size"], read.count_or_none("patch_size") or 16
    patches = 2 * (d * (read.count_or_none("num_channels") or 3) * patch * patch + d)
    places = 2 * (read.count_or_none("max_2d_position_embeddings") or 1024) * d
    tables = read.find("relative_bias_args")[1]
    more = 2 * len(tables if isinstance(tables, list) else [1, 2, 3]) * _buckets(read) * facts["num_attention_heads"]
    facts["vectors"] += patches + places + more
    read.seen.update(("image_size", "relative_bias_args"))


SPECTRUM = ("apply_spec_augment", "mask_time_prob", "mask_time_length", "mask_time_min_masks", "mask_feature_prob",
            "mask_feature_length", "mask_feature_min_masks", "forced_decoder_ids", "suppress_tokens")  # fmt: skip
NORMED_TABLES = {"embedding_norm": True, "encoder_embedding_norm": True}
NORMED_ENDS = {"final_norm": True, "encoder_final_norm": True}
T5: dict[str, Any] = {
    "facts": {"position": "relative", **NORMED_ENDS},
    "sizes": SIZES,
    "names": {"num_attention_heads": ("num_heads",)},
    "ignored": ("num_hidden_layers",),
}

ENCODER_DECODERS: dict[str, Family] = {
    "t5": Family(**T5, steps=(t5,), defaults={**TIED, "feed_forward_proj": "relu"}),
    "mt5": Family(**T5, steps=(t5,), defaults={**TIED, "feed_forward_proj": "gated-gelu"}),
    "umt5": Family(**T5, steps=(umt5,), defaults={**TIED, "feed_forward_proj": "gated-gelu"}),
    "bart": _bart(bart(2), **NORMED_TABLES),
    "plbart": _bart(bart(2), **NORMED_TABLES),
    "mvp": _bart(bart(2), **NORMED_TABLES),
    "mbart": _bart(bart(2), **NORMED_TABLES, **NORMED_ENDS),
    "blenderbot": _bart(bart(0), **NORMED_ENDS),
    "blenderbot-small": _bart(bart(0), **NORMED_TABLES),
    "pegasus": _bart(bart(0), **NORMED_ENDS),
    "marian": _bart(bart(0)),
    "whisper": Family(
        facts={"norm": "layernorm", "ffn": "plain", "position": "learned", **BIASES, **NORMED_ENDS, "qkv_bias": False},
        sizes=SIZES, steps=(whisper,), defaults=TIED, ignored=(*TRAINING, *SPECTRUM),
        names={"max_position_embeddings": ("max_target_positions",)},
    ),
    "udop": Family(**T5, steps=(udop,), defaults={**TIED, "feed_forward_proj": "relu"}),
    # NLLB-200 too
    "m2m_100": _bart(bart(None), **NORMED_ENDS, position="none"),
    "bigbird_pegasus": _bart(bigbird, **NORMED_TABLES, qkv_bias=False, o_bias=False),
}  # fmt: skip
