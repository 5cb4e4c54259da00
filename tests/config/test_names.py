"""What a stranger writes in a CSV of measurements: drivers' names, our own labels, names of files, common words."""

import json

import pytest

from life_jax.config import aliases, engine_names, names
from life_jax.config.schema import paths
from life_jax.measurements import forecasts, rows
from life_jax.measurements.rows import Setting

ROW = {
    "id": "1", "hardware": "NVIDIA L4", "model": "Llama-2-7B", "weight_format": "fp16", "engine": "vLLM",
    "batch": "1", "prompt_tokens": "512", "output_tokens": "128", "metric": "ttft_s", "value": "1",
}  # fmt: skip


def place(**changes: str) -> Setting:
    found = rows.place({**ROW, **changes})
    assert not isinstance(found, str), found
    return found


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("NVIDIA A100-SXM4-80GB", "a100_sxm_80gb"), ("NVIDIA A100 80GB PCIe", "a100_pcie_80gb"),
        ("NVIDIA H100 80GB HBM3", "h100_sxm"), ("Tesla V100-SXM2-16GB", "v100_sxm2_16gb"), ("Tesla T4", "t4"),
        ("NVIDIA GeForce RTX 3060", "rtx_3060_12gb"), ("NVIDIA RTX 6000 Ada Generation", "rtx_6000_ada"),
        ("A100", "a100_sxm_80gb"), ("H100", "h100_sxm"), ("rtx4090", "rtx_4090"), ("RTX 4090", "rtx_4090"),
        ("Apple M4 Max", "apple_m4_max_40c"), ("M3 Max", "apple_m3_max_40c"), ("AMD Instinct MI300X OAM", "mi300x"),
        ("Intel(R) Arc(TM) B580 Graphics", "arc_b580"), ("RTX 4099", None), ("NVIDIA", None), ("", None),
    ],
)  # fmt: skip
def test_devices_as_drivers_and_people_call_them(name: str, label: str | None) -> None:
    assert names.device(name) == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("meta-llama/Meta-Llama-3.1-70B-Instruct", "llama3_1_70b"), ("llama3.1:8b", "llama3_1_8b"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral_8x7b"), ("mistralai/Mistral-7B-v0.3", "mistral_7b_v0_3"),
        ("microsoft/Phi-3-mini-4k-instruct", "phi3_mini"), ("microsoft/Phi-3-mini-128k-instruct", "phi3_mini_128k"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "qwen3_30b_a3b"), ("Qwen3-0.6B-Base", "qwen3_0_6b"),
        ("Mistral-Small-24B-Instruct-2501", "mistral_small_24b"), ("deepseek-ai/DeepSeek-R1", "deepseek_v3"),
        ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "llama3_2_1b"), ("qwen3:8b-q4_K_M", "qwen3_8b"), ("llama4_scout",) * 2,
        ("Qwen2.5-Coder-14B-Instruct", "qwen2_5_14b"), ("Qwen3-8000B", None), ("instruct", None), ("", None),
    ],
)  # fmt: skip
def test_models_as_hubs_and_files_call_them(name: str, label: str | None) -> None:
    assert names.model(name) == label


@pytest.mark.parametrize("group", ["hw", "model"])
def test_every_label_of_ours_and_every_declared_name_stands_for_itself(group: str) -> None:
    of = {"hw": names.device, "model": names.model}[group]
    declared = {label: label for label in paths.choices(group)} | aliases.table(aliases.TABLES[group])
    for name, label in declared.items():
        assert of(name) == label, name
        assert label in paths.choices(group), name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kv_iq4_nl", ("kv_q4_0",)), ("kv_int8", ("kv8",)), ("fp8 KV", ("kv_fp8",)), ("ctk_q8_0", ("kv_q8_0",)),
        ("kv_f16", ()), ("kv_nvfp4", None), ("cache_q6_k", None), ("int4+kv_int4", ("int4", "kv4")),
    ],
)  # fmt: skip
def test_a_word_for_the_cache_is_never_a_format_of_weights(name: str, expected: tuple[str, ...] | None) -> None:
    assert names.options(name, "llama_cpp_cuda") == expected


def test_formats_are_also_options_of_ours_alone_or_as_a_stack() -> None:
    for option in paths.choices("opt"):
        one = place(weight_format=option, model="gpt-oss-20b" if "mxfp4" in option else "Llama-2-7B")
        # under an engine some words mean its own format (conf/alias/format.yaml)
        assert one.stack == (option,) or option in aliases.table("format"), option
    assert place(weight_format="int4+kv8").stack == ("int4", "kv8")
    assert place(weight_format="float16").stack == place(weight_format="bfloat16").stack == ()


def test_engines_are_also_our_labels_in_any_capitals_and_what_nothing_is_known_of_is_generic() -> None:
    for engine in paths.choices("engine"):
        assert place(engine=engine).engine == engine
        assert engine_names.knows_engine(engine)
    assert place(engine="Ollama", hardware="Apple M4").engine == "llama_cpp_metal"
    assert place(engine="transformers").engine == "hf_eager"
    assert place(engine="MNN").engine == "generic" and not engine_names.knows_engine("MNN")


def test_a_model_may_be_its_own_file(tmp_path) -> None:
    shape = {
        "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 2048,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(shape))
    one, big = place(model=str(path)), place()
    ours, theirs = forecasts.forecasts([one, big])
    assert 0 < ours < theirs
    assert "is not known" in str(rows.place({**ROW, "model": str(tmp_path / "absent.json")}))


@pytest.mark.parametrize(
    ("column", "name", "meant"),
    [
        ("hardware", "NVIDIA L400", "NVIDIA L40S"),
        ("model", "Llama-22-7B", "Llama-2-7B"),
        ("weight_format", "in4", "int4"),
    ],
)
def test_a_misspelt_name_says_what_may_be_meant(column: str, name: str, meant: str) -> None:
    said = rows.place({**ROW, column: name})
    assert isinstance(said, str) and f"'{name}' is not known; did you mean" in said and meant in said


def test_words_of_a_format_mean_what_they_mean_in_the_engine_that_is_asked() -> None:
    """As calibration reads its rows: the engine is that of the command, not that of the row."""
    row = {**ROW, "weight_format": "4-bit", "engine": "mine"}
    assert [rows.place(row, engine).stack for engine in ("llama_cpp_cuda", "mlx")] == [
        ("q4_k_m",),
        ("mlx_4bit",),
    ]
