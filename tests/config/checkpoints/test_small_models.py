"""Families with gates, windows, streams and convolutions of their own: parameters, caches, products."""

import pytest
from small_models import COUNTS

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.scenario import Architecture
from life_jax.core.schedule import Step
from life_jax.models import decoder

BY_TYPE = {config["model_type"]: config for config, _ in COUNTS}
PRECISION = bits(PrecisionFile())


def built(of: str, **changes) -> Architecture:
    file = check(translate({**BY_TYPE[of], **changes}, "m"), ModelFile, "model.m")
    return architecture(file, "model.m")


def flops(model: Architecture, tokens: float = 8.0) -> dict[str, float]:
    graph = decoder.decoder(model, Step(1.0, tokens, 0.0), PRECISION)
    return {f"{op.name}_{op.block}": float(op.cost.matmul_flops) for op in graph.ops}


@pytest.mark.parametrize(("config", "parameters"), COUNTS, ids=lambda x: x["model_type"] if isinstance(x, dict) else "")
def test_parameters_are_those_that_torch_counts(config, parameters):
    model = built(config["model_type"])
    assert decoder.parameter_count(model) == parameters
    assert all(value >= 0 for value in flops(model).values())


def test_further_products_of_a_layer_are_computed_for_every_token():
    model = built("hy_v4")
    sides = [value for name, value in flops(model).items() if name.startswith("side_proj")]
    assert set(sides) == {2 * 8 * 64 * (4 * 12)}


def test_windows_over_latents_keep_no_more_than_the_window():
    model = built("dots3_note_text", layer_types=["sliding_attention"] * 4)
    few, many = (float(decoder.cache_bytes(model, tokens, PRECISION)) for tokens in (16.0, 1000.0))
    assert few == many == 4 * 16 * (12 + 6) * 2


def test_a_recurrence_of_channels_keeps_as_much_for_any_context():
    model = built("rwkv")
    assert decoder.cache_bytes(model, 1.0, PRECISION) == decoder.cache_bytes(model, 1e6, PRECISION) > 0


def test_streams_that_are_not_mixed_take_fewer_products_than_those_that_are():
    plain, mixed = (flops(built(name, hc_mult=4)) for name in ("hy_v4", "glm5_next_text"))
    assert plain["attention_hyper_mix_0"] == 0 < mixed["attention_hyper_mix_0"]
    assert "hyper_head_-1" not in mixed


def test_layers_without_rotation_have_no_rotated_part():
    model = built("mistral_large4_text")
    parts = {(block.position, block.attention["qk_rope_head_dim"]) for block in model.blocks}
    assert parts == {("rope", 4.0), ("none", 0.0)}


def test_experts_that_compute_nothing_are_counted_as_outputs_of_the_router_alone():
    file = check(translate({"model_type": "longcat_flash"}, "m"), ModelFile, "model.m")
    model = architecture(file, "model.m")
    # LongCat-Flash: 560 billion parameters, 18.6 to 31.3 (27 on average) for a token, arXiv:2509.01322
    assert decoder.parameter_count(model) == pytest.approx(560e9, rel=2e-3)
    assert decoder.active_parameter_count(model) == pytest.approx(27e9, rel=0.05)


def test_the_experts_that_longcats_class_counts_beside_those_it_chooses_change_nothing():
    plain, both = (translate({"model_type": "longcat_flash", **more}, "m") for more in ({}, {"num_experts_per_tok": 6}))
    assert both["num_experts_per_tok"] == plain["num_experts_per_tok"]


def test_layers_that_run_again_have_gates_for_the_messages_between_passes():
    once = decoder.parameter_count(built("inkling2_text"))
    loop = {"loop_layer_index_start": 1, "loop_layer_index_end": 3, "loop_num_passes": 2, "loop_gate_rank": 6}
    model = built("inkling2_text", model_type="inkling2_loop_text", **loop)
    gates, messages = 2 * 4 * (6 * 2 * 64 + 2 * 64 * 6), 2 * 4 * 64
    assert decoder.parameter_count(model) == once + gates + messages
    assert sum(float(block.repeats * block.loops) for block in model.blocks) == 2 + 2 * 2


def test_whisper_reads_frames_and_says_so():
    file = translate(BY_TYPE["whisper"], "m")
    assert "1500 for 30 s" in file["warnings"][0]
    model = built("whisper")
    encoder = [block for block in model.blocks if block.stack == "encoder"]
    assert float(sum(block.repeats for block in encoder)) == 2


def test_a_size_of_heads_that_is_left_out_is_rounded_down_and_said():
    assert "head_dim 10" in translate(BY_TYPE["glm4_moe"], "m")["warnings"][0]


@pytest.mark.parametrize(
    ("model_type", "changes", "part"),
    [("dots3_note_text", {"per_layer_config": [1]}, "an object with the layers' numbers"),
     ("dots3_note_text", {"per_layer_config": {"0": {"hidden_size": 1}}}, "for each layer an object"),
     ("mistral_large4_text", {"kv_source_layers": [0, 0, 2, 3]}, "each layer's own number"),
     ("xmod", {"languages": "en"}, "a list of languages"), ("roc_bert", {"concat_input": False}, "concat_input"),
     ("git", {"num_image_with_embedding": 6}, "num_image_with_embedding"),
     ("xlstm", {"num_heads": 3}, "a divisor of the width"), ("xlstm", {"qk_dim_factor": "wide"}, "above 0"),
     ("jetmoe", {"num_attention_heads": 6}, "of 2 experts 4 each")],
)  # fmt: skip
def test_what_such_a_family_cannot_be_is_refused(model_type, changes, part):
    with pytest.raises(ConfigError, match=part):
        translate({**BY_TYPE[model_type], **changes}, "m")


def test_attention_that_is_a_mixture_has_the_products_and_the_cache_that_torch_counts():
    model = built("jetmoe")  # on a CPU: FlopCounterMode of 64 tokens, keys and values of the cache
    graph = decoder.decoder(model, Step(1.0, 64.0, 0.0, 64.0), PRECISION)
    assert sum(float(op.cost.times(op.repeats).matmul_flops) for op in graph.ops) == 135_004_160
    assert decoder.kv_bytes_per_token(model, PRECISION) == 1536
    # of 8 experts, 2 chosen: query and output projection, gate, up and down
    spared = 3 * 6 * (2 * 128 * 128 + 3 * 128 * 256)
    assert decoder.parameter_count(model) - decoder.active_parameter_count(model) == spared


def test_a_matrix_memory_is_as_large_for_any_context():
    model = built("xlstm")
    memory = 3 * 2 * (32 * (64 + 1) + 1) * 4  # matrix, normalizer and scale of each head in fp32
    assert decoder.cache_bytes(model, 1.0, PRECISION) == decoder.cache_bytes(model, 1e6, PRECISION) == memory
    assert float(model.blocks[0].ffn["intermediate_size"]) == 384  # 341.4, up to a multiple of 64


def test_a_drafter_that_reads_the_cache_of_its_target_has_none_and_says_so():
    file = translate(BY_TYPE["gemma4_unified_assistant"], "m")
    assert any("drafts for" in text for text in file["warnings"])
    model = built("gemma4_unified_assistant")
    assert decoder.cache_bytes(model, 100.0, PRECISION) == 0
    reading = [op for op in decoder.decoder(model, Step(1.0, 1.0, 100.0), PRECISION).ops if op.name == "attention_qk"]
    assert sum(float(op.cost.kv_read) for op in reading) > 0
