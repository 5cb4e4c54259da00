"""Reading config.json: families, refusals in one line, and configs bent at random."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import (
    COUNTS,
    DEEPSEEK,
    FALCON7,
    GEMMA3,
    GPT2,
    GPT_OSS,
    GPTJ,
    LLAMA,
    LLAMA4,
    MAMBA2,
    MISTRAL,
    MIXTRAL,
    MPT,
    NEMOTRON_H,
    NEOX,
    OPT,
    PHI2,
    QWEN2,
    QWEN_MOE,
    REMOTE_COUNTS,
)
from default_models import COUNTS as DEFAULT_COUNTS
from default_models import LAYERS, PUBLISHED
from places import ROOT
from small_models import COUNTS as SMALL_COUNTS

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.families.not_read import NOT_READ
from life_jax.config.checkpoints.huggingface import FAMILIES, read_config, translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import parameter_count


def model_type(config: Any) -> str:
    return config["model_type"] if isinstance(config, dict) else ""


@pytest.mark.parametrize(("config", "parameters"), COUNTS, ids=model_type)
def test_a_family_is_read_into_the_shape_that_has_its_published_parameters(config: dict, parameters: int) -> None:
    said = translate(config, "some_name")
    file = check(said, ModelFile, "model.some_name")
    assert parameter_count(architecture(file, "model.some_name")) == parameters
    assert file.family == config["model_type"]


def test_keys_at_their_default_are_left_out() -> None:
    assert translate(LLAMA | {"_name_or_path": "meta-llama/Meta-Llama-3-8B"}) == {
        "name": "Meta-Llama-3-8B",
        "family": "llama",
        "source": "config.json of meta-llama/Meta-Llama-3-8B",
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "max_position_embeddings": 8192,
    }


def test_a_window_is_read_unless_it_is_off_or_longer_than_the_context() -> None:
    assert translate(MISTRAL)["attention"] == "sliding_window"
    assert translate(MISTRAL)["sliding_window"] == 4096
    for unlimited in (MISTRAL | {"sliding_window": None}, MISTRAL | {"sliding_window": 32768}, QWEN2):
        assert not {"attention", "sliding_window", "layers"} & set(translate(unlimited))
    upper = translate(QWEN2 | {"use_sliding_window": True, "max_window_layers": 10})
    assert upper["layers"] == [{"repeats": 10, "attention": "full"}, {"repeats": 14, "attention": "sliding_window"}]


def kinds(config: dict) -> list[tuple[int, ...]]:
    return [tuple(entry.values()) for entry in translate(config)["layers"]]


def test_layers_of_several_kinds_are_told_apart() -> None:
    assert kinds(GEMMA3) == [(22, "sliding_window"), (4, "full")]
    assert kinds(GEMMA3 | {"sliding_window_pattern": 2}) == [(13, "sliding_window"), (13, "full")]
    assert kinds(GEMMA3 | {"layer_types": ["full_attention"] + ["sliding_attention"] * 25}) == [
        (1, "full"),
        (25, "sliding_window"),
    ]
    assert kinds(DEEPSEEK) == [(3, "gated"), (58, "moe")]
    assert kinds(DEEPSEEK | {"moe_layer_freq": [0] * 5 + [1] * 56}) == [(5, "gated"), (56, "moe")]
    assert kinds(QWEN_MOE | {"mlp_only_layers": [0, 7]}) == [(2, "gated"), (46, "moe")]
    assert kinds(QWEN_MOE | {"decoder_sparse_step": 3}) == [(32, "gated"), (16, "moe")]
    assert kinds(LLAMA4) == [(24, "chunked", "gated"), (12, "chunked", "moe"), (12, "full", "moe", "none")]
    assert kinds(NEMOTRON_H) == [(24, "mamba2", "none"), (24, "none", "plain"), (4, "full", "none")]
    assert "layers" not in translate(MIXTRAL) and translate(MIXTRAL)["ffn"] == "moe"


def test_the_text_model_of_a_model_with_more_towers_is_read() -> None:
    outer = {"model_type": "gemma3", "vision_config": {"hidden_size": 1152}, "image_token_index": 262144}
    inner = {key: value for key, value in GEMMA3.items() if key != "model_type"}
    said = translate({**outer, "text_config": inner})
    assert said["notes"] == "text model only, other towers are not counted"
    same = {"family", "name", "notes", "source"}
    assert {k: v for k, v in said.items() if k not in same} == {
        k: v for k, v in translate(GEMMA3).items() if k not in same
    }
    with pytest.raises(ConfigError, match="num_experts"):
        translate({**outer, "text_config": GEMMA3, "num_experts": 8})


def compressed(weights: dict, **more: Any) -> dict:
    group = {"targets": ["Linear"], "weights": weights, **more}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"]}


STORED = [
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, ["w8a8_fp8", "fp8"]),
    ({"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}, ["int4_zp"]),
    ({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True}, ["int4_g32"]),
    ({"quant_method": "bitsandbytes", "load_in_8bit": True}, ["int8"]),
    ({"quant_algo": "NVFP4", "quant_method": "modelopt", "ignore": ["lm_head"]}, ["w4a4_nvfp4", "nvfp4"]),
    (compressed({"type": "int", "num_bits": 8}, input_activations={"num_bits": 8}), ["w8a8", "int8"]),
    (compressed({"type": "float", "num_bits": 8}), ["fp8_weight_only"]),
]


@pytest.mark.parametrize(("said", "options"), STORED)
def test_how_the_weights_are_stored_names_options(said: dict, options: list[str]) -> None:
    found = translate(LLAMA | {"quantization_config": said})["quantization"]
    assert found == options
    assert all((ROOT / "conf" / "opt" / f"{one}.yaml").exists() for one in options)


def test_experts_alone_are_stored_narrow() -> None:
    kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    said = translate(GPT_OSS | {"quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": kept}})
    assert said["quantization"] == ["mxfp4_experts"] and "warnings" not in said


def test_fields_beside_the_structure_are_said_and_structural_ones_end_the_reading() -> None:
    said = translate(LLAMA | {"use_bfloat16": True, "moe_config": None, "pretraining_recipe": "v2"})
    assert said["warnings"] == ["fields of its config.json that are not read: pretraining_recipe"]
    inner = {"model_type": "qwen3_moe", **{k: v for k, v in QWEN_MOE.items() if k != "model_type"}}
    tower = {"encoder_patch_size": 16, "tile_size": 512, "some_mode": "new", "vision_config": {}}
    said = translate({"model_type": "other_vl", "text_config": inner, **tower})
    assert said["warnings"] == ["fields of its config.json that are not read: some_mode"]


@pytest.mark.parametrize("name", ["Qwen2Model", "LlamaForSequenceClassification", "Qwen2ForRewardModel"])
def test_a_model_without_a_language_head_has_none(name: str) -> None:
    whole = check(translate(QWEN2), ModelFile, "model")
    bare = check(translate(QWEN2 | {"architectures": [name]}), ModelFile, "model")
    head = 0 if QWEN2.get("tie_word_embeddings") else QWEN2["vocab_size"] * QWEN2["hidden_size"]
    counts = [parameter_count(architecture(file, "model")) for file in (whole, bare)]
    assert counts[0] - counts[1] == head and name in bare.warnings[0]
    for headed in ("GPT2LMHeadModel", "InternVLChatModel", "Qwen2ForCausalLM"):
        assert "language_head" not in translate(QWEN2 | {"architectures": [headed]})


def test_rotary_part_is_found_under_any_of_its_names() -> None:
    nested = {key: value for key, value in NEOX.items() if key != "rotary_pct"}
    nested["rope_parameters"] = {"partial_rotary_factor": 0.25, "rope_type": "default"}
    assert translate(nested) == translate(NEOX)
    assert translate(GPTJ)["partial_rotary_factor"] == 64 / 256


def test_parallel_and_serial_residuals() -> None:
    assert translate(NEOX)["parallel"] and "norms_per_layer" not in translate(NEOX)
    assert "parallel" not in translate(NEOX | {"use_parallel_residual": False})
    assert translate(FALCON7)["norms_per_layer"] == 1
    assert "parallel" not in translate(FALCON7 | {"parallel_attn": False})


REFUSED = [
    ({}, "model_type"),
    (LLAMA | {"model_type": "llama9"}, "llama9"),
    (LLAMA | {"model_type": ["llama"]}, "model_type"),
    ({key: value for key, value in LLAMA.items() if key != "vocab_size"} | {"vocab_size": None}, "vocab_size is null"),
    (
        {key: value for key, value in GPT_OSS.items() if key != "vocab_size"} | {"model_type": "qwen"},
        "vocab_size is missing",
    ),
    (LLAMA | {"hidden_size": 0}, "hidden_size is 0"),
    (LLAMA | {"hidden_size": -4096}, "hidden_size"),
    (LLAMA | {"hidden_size": True}, "hidden_size is true"),
    (LLAMA | {"hidden_size": "4096"}, "hidden_size"),
    (LLAMA | {"hidden_size": 4096.5}, "hidden_size"),
    (LLAMA | {"hidden_size": math.nan}, "hidden_size"),
    (LLAMA | {"hidden_size": 10**400}, "hidden_size"),
    (LLAMA | {"num_key_value_heads": 5}, "a divisor of the 32 query heads"),
    (FALCON7 | {"n_layer": 16}, "the same as num_hidden_layers"),
    (LLAMA | {"attention_bias": 1}, "attention_bias"),
    (LLAMA | {"num_experts": 8}, "num_experts 8 is not read yet"),
    (LLAMA | {"quantization_config": {"bits": 4}}, "quantization_config"),
    (LLAMA | {"quantization_config": {"quant_method": "new"}}, "quantization_config"),
    (LLAMA | {"quantization_config": [4]}, "quantization_config"),
    (LLAMA | {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
    (LLAMA | {"sliding_window": 4096}, "sliding_window"),
    (QWEN2 | {"use_sliding_window": 1}, "use_sliding_window"),
    (MIXTRAL | {"num_experts_per_tok": 9}, "num_experts_per_tok"),
    (QWEN_MOE | {"mlp_only_layers": [48]}, "mlp_only_layers"),
    (QWEN_MOE | {"qkv_bias": True}, "qkv_bias"),
    (DEEPSEEK | {"attention_bias": True}, "attention_bias"),
    (DEEPSEEK | {"kv_lora_rank": None}, "kv_lora_rank"),
    (DEEPSEEK | {"moe_layer_freq": [1, 0]}, "moe_layer_freq"),
    (GEMMA3 | {"layer_types": ["linear_attention"] * 26}, "layer_types"),
    (GEMMA3 | {"layer_types": ["full_attention"]}, "layer_types"),
    (GPT_OSS | {"experts_per_token": 8}, "experts_per_token"),
    (NEMOTRON_H | {"hybrid_override_pattern": "MX" * 26}, "hybrid_override_pattern"),
    (NEMOTRON_H | {"hybrid_override_pattern": "ME" * 26, "num_experts": None}, "num_experts is null"),
    (MAMBA2 | {"num_heads": 64}, "num_heads"),
    (MAMBA2 | {"use_bias": True}, "use_bias"),
    (LLAMA | {"num_hidden_layers": 10**6}, "num_hidden_layers"),
    (MISTRAL | {"sliding_window": -1}, "sliding_window"),
    (NEOX | {"rotary_pct": 0}, "rotary_pct is 0"),
    (GPTJ | {"rotary_dim": 512}, "rotary_dim"),
    (OPT | {"word_embed_proj_dim": "wide"}, "word_embed_proj_dim"),
    (OPT | {"do_layer_norm_before": "yes"}, "do_layer_norm_before"),
    (MPT | {"attn_config": {"alibi": False}}, "alibi"),
    (MPT | {"attn_config": {"alibi": True, "qk_ln": True}}, "qk_ln"),
    (MPT | {"no_bias": False}, "no_bias"),
    (MPT | {"expansion_ratio": None}, "expansion_ratio"),
    (GPT2 | {"n_ctx": 2048}, "n_ctx"),
    (PHI2 | {"qk_layernorm": True}, "qk_layernorm"),
]


@pytest.mark.parametrize(("config", "part"), REFUSED, ids=[part for _, part in REFUSED])
def test_a_refusal_is_one_line_that_names_the_field(config: dict, part: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        translate(config)
    message = str(refusal.value)
    assert part in message
    assert "\n" not in message
    assert "accepted" in message or "known" in message


def test_a_file_is_named_after_its_folder_and_errors_name_the_path(tmp_path: Path) -> None:
    path = tmp_path / "Some-Model" / "config.json"
    path.parent.mkdir()
    with pytest.raises(ConfigError, match="Some-Model"):
        read_config(path)
    for text in ("{", "[]", '"text"', json.dumps(LLAMA | {"vocab_size": 0})):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"config\.json: ") as refusal:
            read_config(path)
        assert "\n" not in str(refusal.value)
    path.write_text(json.dumps(LLAMA))
    assert read_config(path)["name"] == "Some-Model"


def test_make_model_prints_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MISTRAL))
    command = [sys.executable, str(ROOT / "scripts" / "make_model.py"), str(path), "mistral_7b", "--source", "a: b #c"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted = {"parameters": 7_241_732_096, "parameters_source": "counted from the shape"}
    assert yaml.safe_load(printed) == translate(MISTRAL, "mistral_7b", "a: b #c") | counted
    path.write_text(json.dumps(DEEPSEEK | {"quantization_config": {"quant_method": "fp8"}}))
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert yaml.safe_load(printed)["layers"] == [{"repeats": 3, "ffn": "gated"}, {"repeats": 58, "ffn": "moe"}]
    assert yaml.safe_load(printed)["quantization"] == ["w8a8_fp8", "fp8"]
    path.write_text("{}")
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1


def test_check_models_says_which_configs_are_built(tmp_path: Path) -> None:
    for name, config in (("good", DEEPSEEK), ("bad", LLAMA | {"num_experts": 8})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    command = [sys.executable, str(ROOT / "scripts" / "check_models.py"), "--build-only", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    bad, good, total = said.stdout.splitlines()
    assert bad.startswith("bad ") and "num_experts 8" in bad
    assert good.startswith("good ") and "671.026B" in good
    assert total == "1 of 2 ok"


def test_every_family_is_tried_by_a_model_file_or_here() -> None:
    files = {yaml.safe_load(path.read_text()).get("family") for path in (ROOT / "conf" / "model").glob("*.yaml")}
    published = {config["model_type"] for config, _ in COUNTS} | {
        config["model_type"] for config, _ in PUBLISHED.values()
    }
    small = {config["model_type"] for config, _ in SMALL_COUNTS} | {"longcat_flash", "inkling2_loop_text"}
    published |= {config["model_type"] for config, _ in REMOTE_COUNTS}
    assert set(FAMILIES) <= files | published | small | set(DEFAULT_COUNTS) | set(LAYERS)


@pytest.mark.parametrize("model_type", sorted(NOT_READ))
def test_a_type_that_is_not_read_is_refused_with_its_reason(model_type: str) -> None:
    assert model_type not in FAMILIES
    with pytest.raises(ConfigError, match=f"{model_type}.*is not read: "):
        translate({"model_type": model_type})
