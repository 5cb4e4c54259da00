"""Shapes in files that are no config.json of Hugging Face, what stands beside one, and what is no shape."""

import json
from pathlib import Path
from typing import Any

import pytest
from configs import LLAMA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trials import trials

from life_jax.config import choices
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import read_config
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import parameter_count

SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "vocab_size": 96, "max_position_embeddings": 512}  # fmt: skip

ASCEND = {
    "model_quant_type": "W8A8_DYNAMIC",
    "lm_head.weight": "FLOAT",
    "model.layers.0.input_layernorm.weight": "FLOAT",
}
ASCEND |= {
    f"model.layers.{i}.{name}_proj.weight": "W8A8_DYNAMIC"
    for i in range(LLAMA["num_hidden_layers"])
    for name in ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down")
}


def written(folder: Path, name: str, content: Any) -> Path:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder / name


def parameters(facts: dict[str, Any]) -> float:
    return parameter_count(architecture(check(facts, ModelFile, "model"), "model"))


def of_llama(experts: int = 1) -> int:
    """Parameters of SMALL: attention, network (or a router and experts), norms, both ends."""
    network = 3 * 64 * 128 * experts + (64 * experts if experts > 1 else 0)
    return 2 * (2 * 64 * 64 + 2 * 64 * 32 + network + 2 * 64) + 64 + 2 * 96 * 64


def test_the_params_of_mistral_say_the_same_shape_as_a_config(tmp_path: Path) -> None:
    said = {
        "dim": 64,
        "n_layers": 2,
        "head_dim": 16,
        "hidden_dim": 128,
        "n_heads": 4,
        "n_kv_heads": 2,
        "vocab_size": 96,
    }
    facts = read_config(written(tmp_path, "params.json", said))
    assert (facts["family"], parameters(facts)) == ("mistral", of_llama())
    experts = {
        **said,
        "moe": {"num_experts": 4, "num_experts_per_tok": 2},
        "quantization": {"qformat_weight": "fp8_e4m3"},
    }
    facts = read_config(written(tmp_path, "params.json", experts))
    assert (facts["family"], parameters(facts)) == ("mixtral", of_llama(4))
    assert facts["quantization"]


def test_the_params_of_meta_say_the_width_of_the_network_by_a_factor(tmp_path: Path) -> None:
    # of Llama 3 8B: 8/3 of 4096 is 10922, 1.3 of that 14198, and the next multiple of 1024 is 14336
    said = {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 128256, "multiple_of": 1024,
            "ffn_dim_multiplier": 1.3, "norm_eps": 1e-5, "rope_theta": 500000.0}  # fmt: skip
    assert parameters(read_config(written(tmp_path, "params.json", said))) == 8_030_261_248


@pytest.mark.parametrize("inside", [False, True])
def test_a_checkpoint_of_tensorrt_llm_says_its_shape_and_its_formats(tmp_path: Path, inside: bool) -> None:
    stored = {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}
    said = {"architecture": "LlamaForCausalLM", "dtype": "float16", **SMALL, "quantization": stored}
    whole = {"version": "1.0", "pretrained_config": said, "build_config": {"max_batch_size": 8}} if inside else said
    facts = read_config(written(tmp_path, "config.json", whole))
    assert parameters(facts) == of_llama()
    assert facts["quantization"] == ["w8a8_fp8", "fp8"] and facts["kv_cache"] == ["kv_fp8"]


def test_a_chat_config_of_mlc_says_its_shape_and_its_format(tmp_path: Path) -> None:
    inside = {key: size for key, size in SMALL.items() if key != "max_position_embeddings"}
    more = {"context_window_size": 512, "prefill_chunk_size": 128, "tensor_parallel_shards": 1, "max_batch_size": 8}
    said = {"model_type": "llama", "quantization": "q4f16_1", "model_config": {**inside, **more}}
    facts = read_config(written(tmp_path, "mlc-chat-config.json", said))
    assert parameters(facts) == of_llama() and facts["max_position_embeddings"] == 512
    numbers = facts["quantization"][0]
    assert (numbers["bits"], numbers["group_size"], numbers["scale_bits"]) == (4, 32, 16)
    with pytest.raises(ConfigError, match="q9f16"):
        read_config(written(tmp_path, "mlc-chat-config.json", {**said, "quantization": "q9f16_1"}))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("quantize_config.json", {"bits": 4, "group_size": 128, "desc_act": False, "sym": True}, ["int4"]),
        ("quant_config.json", {"w_bit": 4, "q_group_size": 128, "zero_point": True, "version": "GEMM"}, ["int4_zp"]),
        ("quantization_config.json", {"quant_method": "fp8"}, ["w8a8_fp8", "fp8"]),
        ("quant_model_description_w8a8_dynamic.json", ASCEND, ["w8a8", "int8"]),
    ],
)
def test_what_stands_beside_a_config_says_how_its_weights_are_stored(tmp_path, name, content, expected) -> None:
    path = written(tmp_path, "config.json", LLAMA)
    assert "quantization" not in read_config(path)
    written(tmp_path, name, content)
    assert read_config(path)["quantization"] == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"peft_type": "LORA", "base_model_name_or_path": "a/b", "r": 16}, "adapter.*model=a/b opt=lora"),
        ({"metadata": {"total_size": 1}, "weight_map": {"a": "b"}}, "lists the shards"),
        ({"bos_token_id": 1, "eos_token_id": 2, "transformers_version": "5"}, "how text is generated"),
        ({"tokenizer_class": "LlamaTokenizer", "eos_token": "</s>"}, "tokenizer"),
        ({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}, "how weights are stored"),
        ({"image_processor_type": "CLIPImageProcessor"}, "images or sound"),
        ({"architecture": "NoSuchForCausalLM", "hidden_size": 64}, "TensorRT-LLM is not read"),
    ],
)
def test_files_of_a_models_folder_without_a_shape_are_named_for_what_they_are(tmp_path, content, words) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read_config(written(tmp_path, "some.json", content))
    assert "\n" not in str(caught.value)


def test_a_folder_is_the_model_in_it_and_several_are_refused(tmp_path: Path) -> None:
    assert choices._path("model", str(tmp_path)) is None
    (tmp_path / "a-Q4_0-00001-of-00002.gguf").touch()
    (tmp_path / "a-Q4_0-00002-of-00002.gguf").touch()
    (tmp_path / "mmproj-a.gguf").touch()
    assert choices._path("model", str(tmp_path)) == tmp_path / "a-Q4_0-00001-of-00002.gguf"
    (tmp_path / "a-Q8_0.gguf").touch()
    with pytest.raises(ConfigError, match="several models"):
        choices._path("model", str(tmp_path))
    written(tmp_path, "params.json", {})
    assert choices._path("model", str(tmp_path)) == tmp_path / "params.json"
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    written(snapshot, "config.json", LLAMA)
    assert choices._path("model", str(tmp_path / "models--a--b")) == snapshot / "config.json"


def test_attention_that_is_quantized_without_weights_is_the_type_of_the_cache(tmp_path: Path) -> None:
    weights = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 128}
    groups = {
        "group_0": {"targets": ["Linear"], "weights": weights},
        "group_1": {"targets": ["LlamaAttention"], "weights": None,
                    "input_activations": {"num_bits": 8, "type": "float", "strategy": "tensor"}},
    }  # fmt: skip
    section = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups, "ignore": []}
    facts = read_config(written(tmp_path, "config.json", {**LLAMA, "quantization_config": section}))
    assert facts["kv_cache"] == ["kv_fp8"] and not facts.get("warnings")


def test_an_empty_section_says_nothing(tmp_path: Path) -> None:
    assert "quantization" not in read_config(written(tmp_path, "config.json", {**LLAMA, "quantization_config": {}}))


FORMS: tuple[dict[str, Any], ...] = (
    {"dim": 64, "n_layers": 2, "head_dim": 16, "hidden_dim": 128, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 96,
     "moe": {"num_experts": 4, "num_experts_per_tok": 2}, "quantization": {"qformat_weight": "fp8_e4m3"}},
    {"dim": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "vocab_size": 96, "multiple_of": 32,
     "ffn_dim_multiplier": 1.3},
    {"architecture": "MixtralForCausalLM", **SMALL, "moe": {"num_experts": 4, "top_k": 2},
     "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}},
    {"pretrained_config": {"architecture": "LlamaForCausalLM", **SMALL}},
    {"model_type": "llama", "quantization": "q4f16_1", "model_config": {**SMALL, "context_window_size": 512}},
    {"model_type": "minicpmv", "version": 2.6, "vision_config": {"hidden_size": 8}, **SMALL},
    {"model_type": "molmo", "qkv_bias": True, "norm_after": False, "attention_layer_norm": False,
     "layer_norm_type": "rms", **SMALL, "intermediate_size": 256},
    {"architectures": ["SmallThinkerForCausalLM"], **SMALL, "moe_num_primary_experts": 4, "moe_ffn_hidden_size": 32,
     "moe_num_active_primary_experts": 2, "sliding_window_size": 128, "sliding_window_layout": [0, 1],
     "rope_layout": [0, 1], "moe_layer_layout": [1, 1]},
    {"model_type": "grove_moe", **SMALL, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
    {"peft_type": "LORA", "base_model_name_or_path": "a/b"},
)  # fmt: skip
KEYS = sorted(
    {key for form in FORMS for key in form} | {"num_experts", "top_k", "quant_algo", "head_dim", "q_lora_rank"}
)
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9), max_size=2), st.sampled_from([1, 2, 64, 0.5, -1, 10**40]),
)  # fmt: skip


@settings(deadline=None, max_examples=trials(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMS), st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=2), st.sampled_from(KEYS), JUNK)
def test_any_value_in_any_of_these_files_is_read_or_refused_in_one_line(tmp_path, form, changes, inside, value) -> None:
    said = {**form, **changes}
    within = [key for key, part in said.items() if isinstance(part, dict)]
    if within:
        said[within[0]] = {**said[within[0]], inside: value}
    try:
        facts = read_config(written(tmp_path, "some.json", said))
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    assert parameters(facts) > 0
