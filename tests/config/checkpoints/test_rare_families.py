"""Families by their own words: counts as published, or by hand of small shapes."""

from typing import Any

import pytest
from configs import DEEPSEEK, OPT

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.models import decoder

SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 96,
         "max_position_embeddings": 512, "tie_word_embeddings": False}  # fmt: skip
ATTENTION = 2 * 64 * 64 + 2 * 64 * 32  # of four heads of 16 over two for keys and values
BESIDE = 2 * 2 * 64 + 64 + 2 * 96 * 64  # norms and both ends


def parameters(config: dict[str, Any]) -> float:
    return decoder.parameter_count(architecture(check(translate(config), ModelFile, "model"), "model"))


def test_opt_350m_has_a_narrow_table_and_norms_behind_its_branches() -> None:
    small = {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16, "ffn_dim": 4096}
    narrow = {"vocab_size": 50272, "word_embed_proj_dim": 512, "do_layer_norm_before": False}
    assert parameters({**OPT, **small, **narrow}) == 331_196_416  # of facebook/opt-350m, as published


def test_smallthinker_is_told_by_its_class_and_says_every_layer() -> None:
    said = {
        "architectures": ["SmallThinkerForCausalLM"], **SMALL, "num_key_value_heads": 2, "head_dim": 16,
        "moe_num_primary_experts": 4, "moe_num_active_primary_experts": 2, "moe_ffn_hidden_size": 32,
        "sliding_window_size": 128, "sliding_window_layout": [0, 1], "rope_layout": [0, 1], "moe_layer_layout": [1, 1],
    }  # fmt: skip
    facts = translate(said)
    assert parameters(said) == 2 * (ATTENTION + 64 * 4 + 4 * 3 * 64 * 32) + BESIDE
    assert facts["layers"][0]["position"] == "none" and facts["layers"][1]["attention"] == "sliding_window"
    with pytest.raises(ConfigError, match="sliding_window_layout"):
        translate({**said, "sliding_window_layout": [0, 2]})


def test_grove_has_an_adjugate_expert_for_every_two_experts() -> None:
    said = {"model_type": "grove_moe", **SMALL, "num_key_value_heads": 2, "head_dim": 16, "num_experts": 4,
            "num_experts_per_tok": 2, "moe_intermediate_size": 32, "intermediate_size": 32}  # fmt: skip
    normed = 2 * 2 * 16
    assert parameters(said) == 2 * (ATTENTION + 64 * 4 + 3 * 64 * (4 * 32 + 2 * 128)) + normed + BESIDE


def test_a_matrix_may_stand_for_attention_or_for_the_network() -> None:
    parts = [
        {"attention": {"n_heads_in_group": 2}, "ffn": {"replace_with_linear": True}},
        {"attention": {"replace_with_linear": True}, "ffn": {"ffn_mult": 1.5}},
    ]
    said = {"model_type": "nemotron-nas", **SMALL, "block_configs": parts}
    width = 256  # 2/3 of 1.5 x 64, up to a multiple of 256
    assert parameters(said) == ATTENTION + 2 * 64 * 64 + 3 * 64 * width + BESIDE
    kinds = [(layer.get("attention", "full"), layer.get("ffn", "gated")) for layer in translate(said)["layers"]]
    assert kinds == [("full", "linear"), ("linear", "gated")]


def test_deepseek_without_latents_has_heads_of_their_own() -> None:
    plain = {"use_mla": False, "q_lora_rank": None, "kv_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0,
             "v_head_dim": 0, "model_type": "deepseek_v2"}  # fmt: skip
    assert translate({**DEEPSEEK, **plain}).get("attention", "full") == "full"


OF_TOWERS: dict[str, dict[str, Any]] = {
    "minicpmv": {
        "version": 2.6, "query_num": 64, "slice_config": {"patch_size": 14}, "vision_config": {"hidden_size": 8},
        "batch_vision_input": True, "drop_vision_last_layer": False, "image_size": 448, "patch_size": 14,
    },
    "dots_ocr": {"attention_bias": True, "vision_config": {"embed_dim": 8}},
    "molmo": {
        "qkv_bias": True, "norm_after": False, "attention_layer_norm": False, "layer_norm_type": "rms",
        "intermediate_size": 256, "embedding_size": 96, "weight_tying": False, "use_position_ids": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("wrapper", OF_TOWERS)
def test_fields_of_towers_beside_those_of_the_text_model_are_told_apart(wrapper: str) -> None:
    text = {**SMALL, "num_key_value_heads": 2, "intermediate_size": 128}
    said = {**text, "model_type": wrapper, **OF_TOWERS[wrapper]}
    assert parameters(said) == parameters({**text, "model_type": "qwen2"})
    assert "text model only" in translate(said)["notes"]


def test_another_version_or_kind_of_layer_of_such_a_model_is_refused() -> None:
    said = {**SMALL, "num_key_value_heads": 2, "intermediate_size": 128}
    with pytest.raises(ConfigError, match=r"version '9' \(accepted: 2.5, 2.6"):
        translate({**said, "model_type": "minicpmv", "version": "9"})
    with pytest.raises(ConfigError, match="norm_after"):
        translate({**said, "model_type": "molmo", **OF_TOWERS["molmo"], "norm_after": True})


def test_a_window_that_is_left_out_is_that_of_the_class_and_null_is_none() -> None:
    layers = ["sliding_attention"] * 3 + ["full_attention"]
    said = {"model_type": "muse_glimmer_text", **SMALL, "num_hidden_layers": 4, "num_key_value_heads": 2}
    said |= {"head_dim": 16, "intermediate_size": 128, "max_position_embeddings": 8192, "layer_types": layers}
    facts = translate(said)
    assert facts["sliding_window"] == 2048
    assert [layer.get("attention", "full") for layer in facts["layers"]] == ["sliding_window", "full"]
    assert "sliding_window" not in translate({**said, "sliding_window": None})
