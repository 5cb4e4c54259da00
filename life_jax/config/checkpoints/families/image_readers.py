"""Decoders that caption or read an image: their own attention and that to the image, whose encoder is not counted.

The products that a token makes to attend the image are counted, the image's keys and values are not.
"""

from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import Family, Step, warn
from life_jax.config.checkpoints.families.dense import learned
from life_jax.config.checkpoints.families.encoders import BIASES, POST_NORM, TIED, WORDS, masked

NORMED = {"norm": "layernorm", "ffn": "plain", "position": "learned", "embedding_norm": True}
SIZES = ("hidden_size", "vocab_size", "max_position_embeddings")
TRAINING = ("scale_embedding", "is_decoder", "encoder_layers", "encoder_attention_heads", "label_smoothing")


def attends_image(facts: dict[str, Any], source: int, *, biases: int, norm: int) -> None:
    """Adds what a layer has for its image, of `source` elements a token.

    biases: vectors of the width of the model that its products add; norm: those of its norm.
    """
    d = facts["hidden_size"]
    facts["side_outputs"] = 2 * d  # queries and outputs
    facts["layer_vectors"] = facts.get("layer_vectors", 0) + 2 * source * d + (biases + norm) * d
    warn(facts, "its image is not counted, only the products of its tokens that attend the image")


def bart_decoder(rows: int, source: str = "") -> Step:
    """The decoder of BART alone; rows: of its table beyond the positions; source: names the width of the image."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        heads = read.count("decoder_attention_heads")
        if facts["hidden_size"] % heads:
            raise read.refuse("decoder_attention_heads", f"a divisor of d_model, {facts['hidden_size']}")
        facts.update(num_attention_heads=heads, num_key_value_heads=heads, head_dim=facts["hidden_size"] // heads)
        facts["intermediate_size"] = read.count("decoder_ffn_dim")
        facts["num_hidden_layers"] = read.count("decoder_layers")
        facts["layers"] = [{} for _ in range(facts["num_hidden_layers"])]
        facts["learned_positions"] = facts["max_position_embeddings"] + rows
        width = read.count_or_none(source) if source else None
        attends_image(facts, width or facts["hidden_size"], biases=4, norm=2)

    return step


def trocr(read: Fields, facts: dict[str, Any]) -> None:
    """TrOCR: BART's decoder, whose norm of the table and learned positions can be switched off."""
    bart_decoder(2, "cross_attention_hidden_size")(read, facts)
    facts["embedding_norm"] = read.flag("layernorm_embedding")
    if not read.flag("use_learned_position_embeddings"):
        facts.update(position="none", learned_positions=0)


def blip(read: Fields, facts: dict[str, Any]) -> None:
    """BLIP: a BERT that decodes."""
    attends_image(facts, read.count_or_none("encoder_hidden_size") or 768, biases=4, norm=2)
    read.seen.add("projection_dim")


def git(read: Fields, facts: dict[str, Any]) -> None:
    """GIT: the image's tokens stand before the text; a product and a norm bring them to the width of the model."""
    said = read.config.get("vision_config")
    seen = Fields(said if isinstance(said, dict) else {}, f"{read.family} vision_config of", {})
    d = facts["hidden_size"]
    facts["vectors"] = (seen.count_or_none("hidden_size") or 768) * d + 3 * d
    if read.count_or_none("num_image_with_embedding"):
        raise read.refuse("num_image_with_embedding", "absent: embeddings of frames are not counted")
    warn(facts, "the encoder of its image is not counted; tokens of the image are part of prompt_tokens")
    read.seen.add("vision_config")


def pix2struct(read: Fields, facts: dict[str, Any]) -> None:
    """Pix2Struct: T5's decoder with a gated network and a table of relative positions."""
    size, heads = read.count_or_none("d_kv") or 64, read.count("num_attention_heads")
    facts.update(num_attention_heads=heads, num_key_value_heads=heads, head_dim=size)
    facts["intermediate_size"] = read.count_or_none("d_ff") or 2048
    facts["max_position_embeddings"] = 512  # as its checkpoints were trained; distances have no limit
    facts["vectors"] = (read.count_or_none("relative_attention_num_buckets") or 32) * heads
    attends_image(facts, facts["hidden_size"], biases=0, norm=1)
    read.seen.update(("relative_attention_max_distance", "dense_act_fn"))


IMAGE_READERS: dict[str, Family] = {
    "trocr": Family(
        facts={**NORMED, **BIASES, "head_bias": False, "final_norm": False}, sizes=SIZES, steps=(trocr,),
        defaults={**TIED, "use_learned_position_embeddings": True, "layernorm_embedding": True}, ignored=TRAINING,
    ),
    "pp_formulanet_text": Family(
        facts={**NORMED, **BIASES, "head_bias": False}, sizes=SIZES, steps=(bart_decoder(2),), ignored=TRAINING,
    ),
    "blip_text_model": Family(
        facts={**NORMED, **BIASES, **POST_NORM}, steps=(learned(0), masked, blip), defaults=TIED,
        ignored=(*WORDS, *TRAINING, "sep_token_id"),
    ),
    "git": Family(
        facts={**NORMED, **BIASES, **POST_NORM}, steps=(learned(0), git), ignored=(*WORDS, *TRAINING),
    ),
    "pix2struct_text_model": Family(
        facts={"position": "relative"}, sizes=("num_hidden_layers", "hidden_size", "vocab_size"), steps=(pix2struct,),
        ignored=(*TRAINING, "is_encoder_decoder"),
        names={"num_attention_heads": ("num_heads",), "num_hidden_layers": ("num_layers",)},
    ),
}  # fmt: skip
