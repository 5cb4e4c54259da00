"""Families whose code lies on a hub beside the checkpoint, and fields that their files have: published totals."""

from typing import Any

import pytest
from configs import REMOTE_COUNTS, sizes
from gguf_bytes import F32, HIDDEN, WIDTH, dense, metadata, written

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.gguf.model import read_gguf
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import kv_bytes_per_token, parameter_count


def count(facts: dict[str, Any]) -> float:
    return float(parameter_count(architecture(check(facts, ModelFile, "model"), "model")))


@pytest.mark.parametrize(
    ("config", "published"), REMOTE_COUNTS, ids=[config["model_type"] for config, _ in REMOTE_COUNTS]
)
def test_parameters_are_those_that_were_published(config, published):
    assert count(translate(config)) == pytest.approx(published, rel=3e-3)


def test_baichuan_has_rotated_positions_where_it_says_how_many_there_are():
    whole = sizes("baichuan", 512, 2, 4, 1024, 1000, 4096)
    alone = {**whole, "max_position_embeddings": None, "model_max_length": 4096}
    assert translate(alone)["position"] == "alibi"
    assert "position" not in translate(whole)


def test_a_width_of_dense_layers_is_passed_over_where_all_layers_have_experts():
    numbers = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 128, "head_dim": 128}
    moe = sizes("qwen3_5_moe_text", 512, 4, 4, 1024, 1000, 4096, shared_expert_intermediate_size=128, **numbers)
    without = {key: value for key, value in moe.items() if key != "intermediate_size"}
    assert count(translate(moe)) == count(translate(without))


def test_norms_inside_of_bitnet_are_counted(tmp_path):
    inside = {f"blk.0.{name}_sub_norm.weight": ((size,), F32) for name, size in (("attn", HIDDEN), ("ffn", WIDTH))}
    plain = read_gguf(written(tmp_path / "a.gguf", metadata("bitnet", 1), dense(1)))
    whole = read_gguf(written(tmp_path / "b.gguf", metadata("bitnet", 1), dense(1) | inside))
    assert count(whole) - count(plain) == HIDDEN + WIDTH


def test_an_embedding_model_of_gemma_is_an_encoder_with_windows(tmp_path):
    keys = metadata("gemma-embedding", 6, attention__sliding_window=512)
    projected = {"dense_2.weight": ((HIDDEN, WIDTH), F32), "dense_3.weight": ((WIDTH, HIDDEN), F32)}
    facts = read_gguf(written(tmp_path / "a.gguf", keys, dense(6, tied=True) | projected))
    assert [layer["attention"] for layer in facts["layers"]] == ["bidirectional_window", "bidirectional"]
    assert facts["vectors"] == 2 * HIDDEN * WIDTH
    assert facts["language_head"] is False


def test_keys_of_every_second_layer_are_those_of_the_layer_before():
    (shared,) = (config for config, _ in REMOTE_COUNTS if config["model_type"] == "hunyuan")
    model = architecture(check(translate(shared), ModelFile, "m"), "m")
    assert float(kv_bytes_per_token(model, bits(PrecisionFile()))) == 32 * 2 * 8 * 80 * 2


def test_a_block_that_is_not_said_is_taken_and_said():
    (config,) = (config for config, _ in REMOTE_COUNTS if config["model_type"] == "llada2_moe")
    silent = translate({key: value for key, value in config.items() if key != "block_size"})
    assert silent["diffusion_block"] == 32 and "32 are taken" in silent["warnings"][0]
