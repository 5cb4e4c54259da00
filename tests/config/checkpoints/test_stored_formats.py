"""How checkpoints store their weights: which module has which format, by every method's own section."""

import copy
import functools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from configs import DEEPSEEK, GPT_OSS, KIMI_K3, LLAMA, LLAMA4, MIXTRAL, QWEN_MOE, sizes
from hypothesis import given, settings
from hypothesis import strategies as st
from trials import trials

import life_jax as life
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import read_config, translate
from life_jax.config.checkpoints.quantization.section import READERS
from life_jax.config.options import own_cache, own_quantization
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.scenario import Precision, Scenario
from life_jax.forecasting import memory
from life_jax.models import decoder
from life_jax.optimizations import chain

# parameters of LLAMA (8 B, 32 layers): attention and MLP of a layer, the table, all norms
ATTENTION, MLP = 2 * 4096 * 4096 + 2 * 4096 * 1024, 3 * 4096 * 14336
TABLE, NORMS, LAYERS = 128256 * 4096, 65 * 4096, 32
LINEAR = LAYERS * (ATTENTION + MLP)
OUTPUTS = LAYERS * (4096 + 2 * 1024 + 4096 + 2 * 14336 + 4096)  # channels of all linear layers


def ours(linear: float, head: float = 16, table: float = 16) -> float:
    """Bytes of LLAMA with so many bits in linear layers, head and embedding."""
    return (LINEAR * linear + TABLE * (head + table) + NORMS * 16) / 8


@functools.cache
def plain() -> Scenario:
    return life.load(["hw=v100"], primary="explain").scenario


def stored(config: dict[str, Any]) -> tuple[Precision, ModelFile]:
    """The precision that a checkpoint's own section gives on a device without narrow units."""
    file = check(translate(config), ModelFile, "model")
    options = own_quantization(file)
    usable = [option for option in options if not option.math]
    return chain(*usable[:1], own_cache(file)).apply(scenario_of(file)).precision, file


def scenario_of(file: ModelFile) -> Scenario:
    import dataclasses

    return dataclasses.replace(plain(), architecture=architecture(file, "model"))


def size(config: dict[str, Any], section: dict[str, Any], key: str = "quantization_config") -> float:
    precision, file = stored(config | {key: section})
    return float(decoder.weight_bytes(architecture(file, "model"), precision))


def groups(*said: dict[str, Any], ignore: tuple[str, ...] = ("lm_head",), **more: Any) -> dict[str, Any]:
    named = {f"group_{i}": {"targets": ["Linear"], **one} for i, one in enumerate(said)}
    return {"quant_method": "compressed-tensors", "config_groups": named, "ignore": list(ignore), **more}


def integers(bits: int, size: int | None = None, symmetric: bool = True) -> dict[str, Any]:
    strategy = "group" if size else "channel"
    return {"type": "int", "num_bits": bits, "symmetric": symmetric, "strategy": strategy, "group_size": size}


FLOAT8 = {"type": "float", "num_bits": 8, "strategy": "channel", "symmetric": True}
MAY_BE = 1e-6
ALL_BUT_MLP = (LAYERS * (ATTENTION * 16 + MLP * (4 + 20 / 128)) + 2 * TABLE * 16 + NORMS * 16) / 8
FIRST_LAYER_WIDE = ours(4.125) + (ATTENTION + MLP) * (16 - 4.125) / 8
CODEBOOKS = 7 * LAYERS * 2**16 * 8 * 16 / 8  # of AQLM, one of 16 bits in each matrix
SECTIONS: list[tuple[str, dict[str, Any], float]] = [
    ("w4a16 g128", groups({"weights": integers(4, 128)}), ours(4 + 16 / 128)),
    ("w4a16 g128 zero points", groups({"weights": integers(4, 128, False)}), ours(4 + 20 / 128)),
    ("w4a16 channel", groups({"weights": integers(4)}), ours(4) + OUTPUTS * 2),
    ("head too", groups({"weights": integers(8, 32)}, ignore=()), ours(8.5, 8.5)),
    ("two groups", groups({"weights": integers(4, 128), "targets": ["re:.*mlp.*"]},
                          {"weights": FLOAT8, "targets": ["re:.*self_attn.*"]}),
     (LAYERS * (ATTENTION * 8 + MLP * 4.125 + 32 * (4096 + 2048 + 4096)) + 2 * TABLE * 16 + NORMS * 16) / 8),
    ("nvfp4", groups({"weights": {"type": "float", "num_bits": 4, "strategy": "tensor_group", "group_size": 16}}),
     ours(4.5)),
    ("2:4", groups({"weights": integers(4, 128)}, format="marlin-24"), ours(4 / 2 + 1 + 16 / 128)),
    ("one layer out", groups({"weights": integers(4, 128)}, ignore=("lm_head", "model.layers.0")), FIRST_LAYER_WIDE),
    ("a layer by expression", groups({"weights": integers(4, 128)}, ignore=("lm_head", r"re:model\.layers\.0\..*")),
     FIRST_LAYER_WIDE),
    ("awq", {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True,
             "modules_to_not_convert": ["self_attn"]}, ALL_BUT_MLP),
    ("awq by a part of a word", {"quant_method": "awq", "w_bit": 4, "q_group_size": 128, "zero_point": True,
                                 "modules_to_not_convert": ["attn"]}, ALL_BUT_MLP),
    ("gptq head", {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True, "lm_head": True},
     ours(4.125, 4.125)),
    ("gptq dynamic", {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True, "dynamic": {
        r"-:.*self_attn.*": {}, r"+:.*mlp\.down_proj": {"bits": 8, "group_size": 32}}},
     (LAYERS * (ATTENTION * 16 + MLP * (2 * 4.125 + 8.5) / 3) + 2 * TABLE * 16 + NORMS * 16) / 8),
    ("gptq 3 bit channel", {"quant_method": "gptq", "bits": 3, "group_size": -1, "sym": True}, ours(3) + OUTPUTS * 2),
    ("auto-round", {"quant_method": "intel/auto-round", "bits": 4, "group_size": 128, "sym": True,
                    "extra_config": {"model.layers.0.self_attn.q_proj": {"bits": 16},
                                     "lm_head": {"bits": 4, "group_size": 128}}},
     ours(4.125, 4.125) + 4096 * 4096 * (16 - 4.125) / 8),
    ("auto-round blocks", {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True,
                           "block_name_to_quantize": "model.visual.blocks,model.layers"}, ours(4.125)),
    ("bitsandbytes nf4", {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
     ours(4.5)),
    ("bitsandbytes skips", {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True,
                            "llm_int8_skip_modules": ["lm_head", "model.layers.0.mlp", "model.layers.0.self_attn"]},
     ours(4 + 8.125 / 64) + (ATTENTION + MLP) * (16 - 4 - 8.125 / 64) / 8),
    ("fp8 skips", {"quant_method": "fp8", "activation_scheme": "dynamic",
                   "ignored_layers": ["model.layers.0.mlp.gate_proj"]},
     ours(8) + OUTPUTS * 4 + 4096 * 14336 * 8 / 8 - 14336 * 4),
    ("fbgemm", {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["model.layers.0.self_attn.q_proj", "lm_head"]},
     ours(8) + OUTPUTS * 4 + 4096 * 4096 * 8 / 8 - 4096 * 4),
    ("modelopt awq", {"quant_method": "modelopt", "quant_algo": "W4A16_AWQ", "group_size": 64,
                      "exclude_modules": ["lm_head"]}, ours(4.25)),
    ("modelopt mixed", {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": {
        f"model.layers.{i}.mlp.{n}_proj": {"quant_algo": "NVFP4", "group_size": 16}
        for i in range(LAYERS) for n in ("gate", "up", "down")}},
     (LAYERS * (ATTENTION * 16 + MLP * 4.5) + 2 * TABLE * 16 + NORMS * 16) / 8),
    ("modelopt globs", {"producer": {"name": "modelopt"}, "quantization": {
        "quant_algo": "NVFP4", "exclude_modules": ["lm_head", "model.layers.*.self_attn*"]}},
     (LAYERS * (ATTENTION * 16 + MLP * 4.5) + 2 * TABLE * 16 + NORMS * 16) / 8),
    ("quark", {"quant_method": "quark", "exclude": ["lm_head"], "global_quant_config": {
        "weight": {"dtype": "int4", "qscheme": "per_group", "group_size": 128}, "input_tensors": None},
        "layer_quant_config": {"*self_attn*": {"weight": {"dtype": "fp8_e4m3", "qscheme": "per_tensor"}}}},
     (LAYERS * (ATTENTION * 8 + MLP * 4.125 + 32 * (4096 + 2048 + 4096)) + 2 * TABLE * 16 + NORMS * 16) / 8),
    ("torchao", {"quant_method": "torchao", "quant_type": "int4_weight_only",
                 "quant_type_kwargs": {"group_size": 64}, "modules_to_not_convert": None}, ours(4.5)),
    ("torchao ends", {"quant_method": "torchao", "include_input_output_embeddings": True, "quant_type": {
        "default": {"_type": "Int8WeightOnlyConfig", "_data": {}}}},
     ours(8, 8, 8) + (OUTPUTS + 128256 + 4096) * 2),
    ("torchao by module", {"quant_method": "torchao", "quant_type": {"default": {
        "_type": "ModuleFqnToConfig", "_data": {
        "module_fqn_to_config": {"_default": {"_type": "Int4WeightOnlyConfig", "_data": {"group_size": 128}},
                                 "model.layers.0.mlp.up_proj": None}}}}},
     ours(4.25) + 4096 * 14336 * (16 - 4.25) / 8),
    ("hqq", {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}},
             "skip_modules": ["lm_head"]}, ours(4.5)),
    ("hqq by name", {"quant_method": "hqq", "quant_config": {
        f"{where}.{name}": {"weight_quant_params": {"nbits": 2, "group_size": 16}}
        for where, ns in {"self_attn": "qkvo", "mlp": ("gate", "up", "down")}.items()
        for name in (f"{n}_proj" for n in ns)}},
     ours(4)),
    ("quanto", {"quant_method": "quanto", "weights": "int8", "modules_to_not_convert": ["lm_head"]},
     ours(8) + OUTPUTS * 2),
    ("exl2", {"quant_method": "exl2", "bits": 4.25, "head_bits": 6}, ours(4.25, 6)),
    ("aqlm", {"quant_method": "aqlm", "in_group_size": 8, "out_group_size": 1, "num_codebooks": 1,
              "nbits_per_codebook": 16, "linear_weights_not_to_quantize": ["lm_head.weight"]},
     ours(2) + OUTPUTS * 2 + CODEBOOKS),
    ("higgs", {"quant_method": "higgs", "bits": 4, "group_size": 256, "modules_to_not_convert": ["lm_head"]},
     ours(4.0625)),
    ("bitnet", {"quant_method": "bitnet", "modules_to_not_convert": None}, ours(2)),
    ("fp_quant", {"quant_method": "fp_quant", "forward_dtype": "mxfp4", "modules_to_not_convert": ["lm_head"]},
     ours(4.25)),
    ("metal", {"quant_method": "metal", "bits": 4, "group_size": 64, "modules_to_not_convert": ["lm_head"]}, ours(4.5)),
    ("fouroversix", {"quant_method": "fouroversix", "dtype": "nvfp4", "scale_rule": "mse"}, ours(4.5)),
    ("2:4 alone", {"quant_method": "compressed-tensors", "config_groups": {}, "sparsity_config": {
        "format": "sparse-24-bitmask", "targets": ["Linear"], "ignore": ["lm_head"]}}, ours(9)),
    ("qserve", {"quant_method": "qoq", "weight_bits": 4, "group_size": 128}, ours(4 + 16 / 128)),
    ("modelslim", {"model_quant_type": "W4A8_DYNAMIC", "group_size": 256, "lm_head.weight": "FLOAT", **{
        f"model.layers.{i}.mlp.{n}_proj.weight": "W4A8_DYNAMIC" for i in range(LAYERS) for n in ("gate", "up", "down")
    }}, ALL_BUT_MLP + LAYERS * MLP * (16 / 256 - 20 / 128) / 8),
    ("gemma", {"quant_method": "gemma", "num_bits": 4, "module_quant_configs": {r"mlp\.down_proj": {"num_bits": 2}}},
     ours(4) - LAYERS * 4096 * 14336 * 2 / 8 + OUTPUTS * 4),
]  # fmt: skip


@pytest.mark.parametrize(("section", "expected"), [s[1:] for s in SECTIONS], ids=[s[0] for s in SECTIONS])
def test_the_weights_have_the_bytes_that_their_section_says(section: dict[str, Any], expected: float) -> None:
    assert size(LLAMA, section) == pytest.approx(expected, rel=MAY_BE)
    assert "warnings" not in translate(LLAMA | {"quantization_config": section})


def test_a_list_for_the_vision_tower_leaves_the_language_model_as_it_is() -> None:
    towers = [f"visual.blocks.{i}.{part}" for i in range(32) for part in ("attn.qkv", "attn.proj", "mlp.up_proj")]
    for more in (
        towers,
        [r"re:visual.*", r"re:.*vision_tower.*"],
        ["model.visual.*"],
        ["re:.*multi_modal_projector.*"],
    ):
        section = groups({"weights": integers(4, 128)}, ignore=("lm_head", *more))
        assert size(LLAMA, section) == ours(4.125)
        assert "warnings" not in translate(LLAMA | {"quantization_config": section})


def test_experts_shared_experts_routers_and_latent_attention_are_told_apart() -> None:
    """All of DeepSeek-V3 at 16 bit but its routed experts."""
    said = groups({"weights": integers(4, 32)}, ignore=(
        "lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
        r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"))  # fmt: skip
    whole = float(
        decoder.weight_bytes(architecture(check(translate(DEEPSEEK), ModelFile, "m"), "m"), plain().precision)
    )
    experts = 58 * 256 * 3 * 7168 * 2048
    assert size(DEEPSEEK, said) == pytest.approx(whole - experts * (16 - 4.5) / 8, rel=1e-9)


def test_names_of_modules_are_those_of_the_family() -> None:
    """Mixtral's router is block_sparse_moe.gate; "gate" does not mean the experts' w1."""
    experts = 32 * 8 * 3 * 4096 * 14336
    awq = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": False, "modules_to_not_convert": ["gate"]}
    saved = size(MIXTRAL, awq | {"modules_to_not_convert": ["gate", "block_sparse_moe.experts"]}) - size(MIXTRAL, awq)
    assert saved == pytest.approx(experts * (16 - 4.125) / 8, rel=1e-9)
    fp8 = groups({"weights": FLOAT8, "input_activations": {"num_bits": 8, "type": "float"}},
                 ignore=("re:.*lm_head", "re:.*self_attn", "re:.*router", "re:.*vision_model.*"))  # fmt: skip
    found = translate(LLAMA4 | {"quantization_config": fp8})["quantization"]
    assert [one.get("dtype") for one in found] == ["fp8", None]
    assert found[0]["at_16_bit"] == ["k_proj", "o_proj", "q_proj", "v_proj"] and "q_proj" not in found[0]["bits"]


def test_single_experts_count_for_their_part() -> None:
    """Expert 0 of 128 at 16 bit, in one layer."""
    name = "model.layers.0.mlp.experts.0.down_proj"
    base = groups({"weights": integers(4, 32)})
    more = size(QWEN_MOE, {**base, "ignore": ["lm_head", name]}) - size(QWEN_MOE, base)
    width, hidden = QWEN_MOE["moe_intermediate_size"], QWEN_MOE["hidden_size"]
    assert more == pytest.approx(width * hidden * (16 - 4.5) / 8, rel=1e-4)


@pytest.mark.parametrize("key", ["quantization", "quantization_config"])
def test_mlx_quantizes_both_ends_and_says_single_modules_by_their_path(key: str) -> None:
    said = {"group_size": 64, "bits": 4, "mode": "affine"}
    assert size(LLAMA, said, key) == ours(4.5, 4.5, 4.5)
    single = {**said, "lm_head": {"group_size": 64, "bits": 6}, "model.embed_tokens": False}
    assert size(LLAMA, single, key) == ours(4.5, 6.5, 16)
    assert size(LLAMA, {"group_size": 32, "bits": 4, "mode": "mxfp4"}, key) == ours(4.25, 4.25, 4.25)


def test_a_tied_table_is_stored_once_and_no_list_for_the_head_changes_it() -> None:
    tied = LLAMA | {"tie_word_embeddings": True}
    assert size(tied, {"group_size": 64, "bits": 4}, "quantization") == (LINEAR * 4.5 + TABLE * 4.5 + NORMS * 16) / 8
    section = groups({"weights": integers(4, 128)}, ignore=())
    assert size(tied, section) == (LINEAR * 4.125 + TABLE * 16 + NORMS * 16) / 8


CACHES = [
    (groups({"weights": FLOAT8}, kv_cache_scheme={"num_bits": 8, "type": "float", "strategy": "tensor"}), 8),
    ({"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, 8),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "NVFP4"}, 4.5),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": None}, 16),
    ({"quant_method": "fp8", "activation_scheme": "static", "kv_cache_scheme": "static"}, 8),
    (groups({"weights": FLOAT8}, kv_cache_scheme=None), 16),
]


@pytest.mark.parametrize(("section", "bits"), CACHES)
def test_the_type_of_the_cache_is_the_checkpoints_own_unless_a_word_says_another(tmp_path, section, bits) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA | {"quantization_config": section}))
    words = ["hw=h100_sxm", f"model={path}", "workload.prompt_tokens=1008", "workload.output_tokens=16"]

    def cached(*more: str) -> float:
        return float(memory.memory(life.load([*words, *more], primary="explain").scenario).kv) / (65536 * 1024)

    assert cached() == bits / 8
    assert cached("opt=kv4") == 5 / 8  # 4 bit, and 16 + 16 for each 32
    assert cached("precision.kv_bits=6") == 6 / 8


def test_a_class_of_modules_may_be_left_out_by_its_name() -> None:
    left_out = groups(
        {"weights": integers(4, 128)}, ignore=("Linear",), kv_cache_scheme={"num_bits": 8, "type": "float"}
    )
    assert size(LLAMA, left_out) == ours(16)
    assert "names modules" not in str(translate(LLAMA | {"quantization_config": left_out})["warnings"])


def test_products_beside_a_router_and_gates_of_attention_are_stored_under_their_own_names() -> None:
    """Kimi K3: everything but the routed experts stays at 16 bit, by names that differ from those of Kimi Linear."""
    only = groups({"weights": {"type": "float", "num_bits": 4, "group_size": 32, "strategy": "group"}},
                  ignore=("lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", r"re:.*mlp\..*"))  # fmt: skip
    linear = {**KIMI_K3["linear_attn_config"], "full_attn_layers": [4], "kda_layers": [1, 2, 3], "num_heads": 4}
    small = {
        **KIMI_K3,
        **sizes("kimi_linear", 512, 4, 4, 1024, 1000, 4096),
        "num_experts": 4,
        "linear_attn_config": linear,
    }
    small |= {"num_experts_per_token": 2, "routed_expert_hidden_size": 64, "moe_intermediate_size": 96}
    routed = 3 * 4 * 3 * 96 * 64  # layers, experts, matrices
    assert size(small, only) == pytest.approx(size(small, {}) - routed * (16 - 4.25) / 8, abs=1)


def test_what_is_not_understood_is_said() -> None:
    section = groups({"weights": integers(4, 128)}, ignore=("lm_head", "model.layers.3.other_part", "re:(unclosed"))
    said = translate(LLAMA | {"quantization_config": section})["warnings"]
    assert any("other_part" in text for text in said) and any("cannot be read: re:(unclosed" in text for text in said)
    assert size(LLAMA, section) == ours(4.125)
    none = translate(LLAMA | {"quantization_config": {"quant_method": "mxfp4"}})
    assert "leaves every weight" in none["warnings"][0] and "quantization" not in none


def test_a_study_says_what_reading_its_checkpoint_left_open(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA | {"quantization_config": groups({"weights": FLOAT8}, ignore=("nothing_here",))}))
    study = life.load(["hw=h100_sxm", f"model={path}"], primary="explain")
    assert any("nothing_here" in text for text in study.warnings)


def test_the_file_of_modelopt_beside_a_config_says_what_that_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    said = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(said))
    found = read_config(tmp_path / "config.json")
    assert found["quantization"] == ["w8a8_fp8", "fp8"] and found["kv_cache"] == ["kv_fp8"]
    (tmp_path / "hf_quant_config.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"hf_quant_config\.json"):
        read_config(tmp_path / "config.json")


REFUSED = [
    {"quant_method": "new"},
    {"quant_method": "awq", "bits": 4},
    {"quant_method": "gptq", "bits": 40, "group_size": 128},
    {"quant_method": "gptq", "bits": 4, "group_size": "many"},
    {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": [1]},
    {"quant_method": "bitsandbytes"},
    {"quant_method": "modelopt", "quant_algo": "W3A3"},
    {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"},
    {"quant_method": "compressed-tensors", "config_groups": {}},
    groups({"weights": {"type": "complex", "num_bits": 4}}),
    groups({"weights": integers(4, 128)}, kv_cache_scheme=[8]),
    {"quant_method": "compressed-tensors", "config_groups": {"a": 1}},
    {"quant_method": "torchao", "quant_type": "float3"},
    {"quant_method": "hqq"},
    {"model_quant_type": "W9", "model.layers.0.mlp.up_proj.weight": "W9"},
    {"model_quant_type": "W8A8", "kv_quant_type": "C3"},
    {"quant_method": "qoq"},
    {"quant_method": "exl2"},
    {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "string"}}},
    {"bits": 4, "group_size": 64, "mode": "cubic"},
    {"quant_method": "awq", "bits": 4, "group_size": 128, "modules_to_not_convert": [1]},
    [4],
    "int4",
]


@pytest.mark.parametrize("section", REFUSED, ids=[str(section)[:60] for section in REFUSED])
def test_a_section_that_is_not_known_is_refused_in_one_line(section: Any) -> None:
    with pytest.raises(ConfigError, match="quantization_config") as refusal:
        translate(LLAMA | {"quantization_config": section})
    assert "\n" not in str(refusal.value) and "known" in str(refusal.value)


# Bent sections

BASES = [(LLAMA, section) for _, section, _ in SECTIONS] + [
    (LLAMA, {"group_size": 64, "bits": 4, "lm_head": {"group_size": 32, "bits": 6}}),
    (GPT_OSS, {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}),
    (QWEN_MOE, groups({"weights": integers(4, 32)}, ignore=("lm_head", "re:.*mlp.gate$"))),
    (DEEPSEEK, {"quant_method": "fp8", "weight_block_size": [128, 128], "fmt": "e4m3"}),
]  # fmt: skip
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 70), st.floats(), st.text(max_size=6),
    st.lists(st.text(max_size=4), max_size=2), st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
    st.sampled_from([0, -1, 16, 2**70, "4", [], {}, "re:(", "*", "re:.*", ["lm_head"], math.nan, 1e308, "group"]),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a section, to be replaced."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(inner)[:12]:
        found += places(part, (*path, key))
    return found


def bent(section: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(section)
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return changed


@st.composite
def sections(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A section with one to three of its parts replaced, or under the name of another method."""
    config, section = draw(st.sampled_from(BASES))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(section)))
        section = bent(section, path, draw(JUNK))
        if not isinstance(section, dict) or not places(section):
            break
    if draw(st.booleans()):
        section = {**section, "quant_method": draw(st.sampled_from(sorted(READERS)))}
    return config, section


def right_or_refused(config: dict[str, Any], section: Any) -> bool:
    """Whether a section was read; then its weights have from one bit to a little over 32 each."""
    try:
        precision, file = stored(config | {"quantization_config": section})
    except ConfigError as error:
        assert "\n" not in str(error)
        return False
    model = architecture(file, "model")
    bits = 8 * float(decoder.weight_bytes(model, precision)) / float(decoder.parameter_count(model))
    assert 0.5 <= bits <= 100 and math.isfinite(bits)
    return True


@given(sections())
@settings(deadline=None, max_examples=trials(150))
def test_a_bent_section_gives_a_number_that_makes_sense_or_is_refused(changed: tuple[dict, dict]) -> None:
    right_or_refused(*changed)


def compressed(bits: float, kind: str, **more: Any) -> dict[str, Any]:
    group = {"targets": ["Linear"], "weights": {"num_bits": bits, "type": kind, "strategy": "channel"}}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}, "ignore": ["lm_head"], **more}


def test_two_of_four_weights_are_stored_with_a_bit_each_that_says_which() -> None:
    sparsity = {"format": "sparse-24-bitmask", "sparsity_structure": "2:4"}
    found = size(LLAMA, compressed(8, "float", format="float-quantized", sparsity_config=sparsity))
    assert found == pytest.approx(ours(8 / 2 + 1) + OUTPUTS * 32 / 8, rel=1e-3)


def test_fast_deploy_names_types_for_dense_layers_and_for_experts() -> None:
    assert size(LLAMA, {"quant_method": "wint4"}) == pytest.approx(ours(4) + OUTPUTS * 2, rel=1e-3)
    mixed = {"quant_method": "mix_quant", "dense_quant_type": "wint8", "moe_quant_type": "wint4"}
    assert size(LLAMA, mixed) == pytest.approx(ours(8) + OUTPUTS * 2, rel=1e-3)
    experts = size(QWEN_MOE, {"quant_method": "wint8"}) - size(QWEN_MOE, mixed)
    assert experts == pytest.approx(48 * 128 * 3 * 2048 * 768 * 4 / 8, rel=1e-3)
