"""Names on the command line, of drivers, hubs, Ollama and files, and what results, words and files make of them."""

import pytest
import yaml

import life_jax as life
from life_jax.config import names
from life_jax.config.aliases import table
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.config.weight_format_names import split_format
from life_jax.config.words import parse

ROOMY = "hw=h100_sxm"


def choice(word: str, *words: str):
    """The only device or model that a word chooses: (label in results, our file, label in words)."""
    group = word.partition("=")[0]
    (chosen,) = getattr(parse([*([] if group == "hw" else [ROOMY]), word, *words]), group)
    return chosen.label, chosen.name, chosen.key


def refusal(*words: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse(words)
    return str(error.value)


@pytest.mark.parametrize(
    ("typed", "ours"),
    [
        ("NVIDIA GeForce RTX 3090", "rtx_3090"), ("Tesla V100-SXM2-32GB", "v100_sxm2_32gb"), ("RTX-4090", "rtx_4090"),
        ("NVIDIA A100-SXM4-80GB", "a100_sxm_80gb"), ("NVIDIA B300 SXM6 AC", "b300"), ("H100", "h100_sxm"),
        ("rtx_3090", "rtx_3090"), ("Apple M4 Pro", "apple_m4_pro"), ("AMD Instinct MI300X OAM", "mi300x"),
        ("Intel(R) Arc(TM) B580 Graphics", "arc_b580"), ("NVIDIA Jetson Orin Nano 8GB (15 W, 68 GB/s)",) * 2,
    ],
)  # fmt: skip
def test_a_device_is_understood_by_any_of_its_names(typed: str, ours: str) -> None:
    ours = "jetson_orin_nano_8gb" if "Jetson" in ours else ours
    assert choice(f"hw={typed}") == (typed, ours, ours)


@pytest.mark.parametrize(
    ("typed", "ours"),
    [
        ("meta-llama/Llama-3.1-70B-Instruct", "llama3_1_70b"), ("Llama-3.1-70B-Instruct", "llama3_1_70b"),
        ("llama3.1:8b", "llama3_1_8b"), ("qwen3-30b-a3b", "qwen3_30b_a3b"), ("QWEN3:8B", "qwen3_8b"),
        ("google/gemma-3-27b-it", "gemma3_27b"), ("openai/gpt-oss-20b", "gpt_oss_20b"), ("deepseek-r1:671b",) * 2,
    ],
)  # fmt: skip
def test_a_model_is_understood_by_any_of_its_names(typed: str, ours: str) -> None:
    ours = "deepseek_v3" if "deepseek" in ours else ours
    assert choice(f"model={typed}") == (typed, ours, ours)


@pytest.mark.parametrize("group", ["hw", "model"])
def test_short_names_stay_in_words_and_files(group: str) -> None:
    short = {name: ours for name, ours in table({"hw": "hardware"}.get(group, group)).items() if name.isidentifier()}
    assert len(short) > 30 and not short.keys() & paths.choices(group).keys()
    for name, ours in short.items():
        assert choice(f"{group}={name}") == (name, ours, name)


@pytest.mark.parametrize(
    ("word", "candidates"),
    [
        ("hw=Jetson Orin", ["jetson_agx_orin_64gb", "jetson_orin_nx_16gb"]),
        ("model=qwen3.5", ["qwen3_5_9b", "qwen3_5_27b"]),
        ("hw=[v100,Jetson Orin]", ["jetson_orin_nano_8gb"]),
    ],
)
def test_an_ambiguous_name_is_refused_with_the_candidates(word: str, candidates: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        parse(["hw=v100", word] if word.startswith("model") else [word])
    assert "is ambiguous" in str(error.value)
    assert all(name in "\n".join((str(error.value), *error.value.more)) for name in candidates)


def test_a_name_of_two_labels_in_the_users_folder_is_refused(tmp_path) -> None:
    (tmp_path / "hw").mkdir()
    for name in ("lab_1", "lab-1"):
        (tmp_path / "hw" / f"{name}.yaml").write_text((paths.choices("hw")["t4"]).read_text())
    assert refusal("--config-dir", str(tmp_path), "hw=LAB 1").startswith("hw=: device 'LAB 1' is ambiguous")
    assert parse(["--config-dir", str(tmp_path), "hw=lab_1"]).hw[0].name == "lab_1"


def test_a_file_of_the_users_may_start_from_a_short_name(tmp_path) -> None:
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "fast.yaml").write_text("defaults: [v100, _self_]\nbandwidth_gb_per_s: 1234\n")
    mine, v100 = (life.load(["--config-dir", str(tmp_path), f"hw={hw}"]).scenario.device for hw in ("fast", "v100"))
    assert mine.bandwidth == 1.234e12
    assert mine.rates == v100.rates


def test_a_part_of_a_name_is_not_the_device() -> None:
    """There is a Quadro RTX 5000 of 2018, and more of that number."""
    refused = refusal("hw=RTX 5000")
    assert "'RTX 5000' is ambiguous" in refused
    assert "quadro_rtx_5000, " in refused and "rtx_5000_ada, " in refused


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "ryzen_ai_max_395_igpu_8060s"),
        ("Core Ultra 7 258V", "core_ultra_258v_npu"),
        ("ryzen_ai_max_395_cpu", ""),
        ("Intel Core Ultra 7 258V CPU", ""),
        ("Core i9-13900K", ""),
        ("Strix Halo", ""),
    ],
)
def test_a_chips_name_that_is_read_as_its_cpu_names_the_other_parts(typed: str, named: str) -> None:
    study = life.load([f"hw='{typed}'", "model=llama3_2_1b", "engine=ideal"])
    said = [warning for warning in study.warnings if "is read as its CPU" in warning]
    assert [typed in warning and f"hw={named}" in warning for warning in said] == [True] * bool(named)


def test_in_a_list_names_with_parentheses_or_commas_are_quoted() -> None:
    listed = parse(['hw=["Intel(R) Arc(TM) B580 Graphics",v100,NVIDIA A10]']).hw
    assert [c.name for c in listed] == ["arc_b580", "v100_sxm2_32gb", "a10"]
    listed = parse(['hw=["NVIDIA Jetson Orin Nano 8GB (15 W, 68 GB/s)",t4]']).hw
    assert [c.name for c in listed] == ["jetson_orin_nano_8gb", "t4"]
    assert 'hw=["A (B)",C]' in refusal("hw=[Intel(R) Arc(TM) B580 Graphics,v100]")
    assert "hw=[v100,t4]" in refusal("hw=v100,t4")
    assert choice("hw='Tesla T4'") == ("Tesla T4", "t4", "t4")


def test_one_device_by_two_names_is_refused_but_short_names_are_devices_to_compare_with() -> None:
    assert "are one device, t4" in refusal("hw=[Tesla T4,t4]")
    assert [c.key for c in parse(["hw=[v100,v100_sxm2_32gb]"]).hw] == ["v100", "v100_sxm2_32gb"]


def test_a_number_of_a_device_is_under_our_label_and_under_the_word_as_typed() -> None:
    for label in ("v100", "v100_sxm2_32gb"):
        assert parse(["hw=v100", f"hw.{label}.memory_gb=20"]).scalars == {"hw.v100.memory_gb": 20}
    for label in ("rtx_3090", "NVIDIA_GeForce_RTX_3090"):
        words = ["hw=NVIDIA GeForce RTX 3090", f"hw.{label}.peak_tflops.fp16=20"]
        assert parse(words).scalars == {"hw.rtx_3090.peak_tflops.fp16": 20}
    assert "given twice" in refusal("hw=v100", "hw.v100.memory_gb=20", "hw.v100_sxm2_32gb.memory_gb=20")
    assert parse([ROOMY, "opt=INT4", "opt.INT4.bits=3"]).scalars == {"opt.int4.bits": 3}


def test_results_have_the_words_as_typed_and_config_words_and_files_our_labels() -> None:
    words = [
        "hw=NVIDIA GeForce RTX 3090",
        "model=llama3.1:8b",
        "opt=Q4_K_M",
        "axes.batch=[1]",
        "workload.prompt_tokens=8",
    ]
    study, ours = life.load(words), life.load(["hw=rtx_3090", "model=llama3_1_8b", "opt=q4_k_m", *words[3:]])
    result, expected = life.evaluate(study), life.evaluate(ours)
    assert [result[dim].item() for dim in ("model", "hw", "opt")] == [
        "llama3.1:8b",
        "NVIDIA GeForce RTX 3090",
        "Q4_K_M",
    ]
    assert result.ttft.item() == expected.ttft.item()
    assert study.config == ours.config
    assert set(yaml.safe_load(study.config)["hw"]) == {"rtx_3090"}
    assert study.path.name.startswith("llama3_1_8b_rtx_3090_q4_k_m_")
    assert study.identity != ours.identity  # the files differ in their labels
    assert study.cases[0].label == "llama3.1:8b on NVIDIA GeForce RTX 3090 with Q4_K_M"


def test_what_is_refused_names_a_label_that_words_take() -> None:
    with pytest.raises(ConfigError, match=r"hw\.rtx_3090 has no fp8 matrix rate"):
        life.load(["hw=NVIDIA GeForce RTX 3090", "opt=w8a8_fp8"])


FORMATS = {
    "qwen3:8b-q4_K_M": ("qwen3:8b", "q4_k_m"), "Llama-3.2-1B-Instruct-Q4_K_M.gguf": ("Llama-3.2-1B-Instruct", "q4_k_m"),
    "llama 8B Q4_K - Medium": ("llama 8B", "q4_k_m"), "llama 8B IQ2_XXS - 2.0625 bpw": ("llama 8B", "iq2_xxs"),
    "Qwen3-8B-UD-Q4_K_XL": ("Qwen3-8B", "ud-q4_k_xl"), "Qwen2.5-7B-Instruct-AWQ": ("Qwen2.5-7B-Instruct", "awq"),
    "Qwen2.5-7B-Instruct-GPTQ-Int4": ("Qwen2.5-7B-Instruct", "int4-gptq"), "phi-4-4bit": ("phi-4", "4bit"),
    "Qwen3.5-9B-MLX-4bit": ("Qwen3.5-9B", "mlx-4bit"), "DeepSeek-R1-Distill-Qwen-7B-4bit-mlx": (
        "DeepSeek-R1-Distill-Qwen-7B", "mlx-4bit"
    ), "Qwen3-8B": ("Qwen3-8B", ""), "QwQ-32B": ("QwQ-32B", ""), "opt-1.3b": ("opt-1.3b", ""), "gpt2": ("gpt2", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_that_a_name_carries(name: str) -> None:
    assert split_format(name) == FORMATS[name]


def weights(*words: str) -> float:
    """Bits per weight of the linear layers."""
    return life.load(words).cases[0].scenario.precision.weight("q_proj", "linear").bits


def test_a_models_name_sets_the_weights() -> None:
    assert weights("hw=t4", "model=llama3.1:8b-q4_K_M") == weights("hw=t4", "model=llama3.1:8b", "opt=q4_k_m")
    assert weights("hw=t4", "model=Qwen3-8B-AWQ") == weights("hw=t4", "model=qwen3_8b", "opt=int4_zp")
    assert weights("hw=t4", "model=qwen3_8b") == weights("hw=t4", "model=Qwen3-8B-BF16") == 16
    two = life.load(["hw=t4", "model=[llama3.1:8b-q4_K_M,llama3.1:8b-q8_0]", "opt=kv8"]).cases
    assert [case.scenario.precision.weight("q_proj", "linear").bits for case in two] == pytest.approx([4.5, 8.5])
    assert [case.model for case in two] == ["llama3.1:8b-q4_K_M", "llama3.1:8b-q8_0"]


def test_fp8_in_a_models_name_is_what_the_device_can_do() -> None:
    for hw, option in (("h100_sxm", "w8a8_fp8"), ("v100", "fp8")):
        named = life.load([f"hw={hw}", "engine=vllm", "model=Qwen3-8B-FP8"]).scenario
        assert named == life.load([f"hw={hw}", "engine=vllm", "model=qwen3_8b", f"opt={option}"]).scenario


@pytest.mark.parametrize(
    "words", [["opt=int4"], ["axes.opt=[[],[int8]]"], ["precision.weight_bits=4"], ["axes.weight_bits=[4,8]"]]
)
def test_another_weight_format_beside_a_models_name_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="says that its weights are q4_k_m"):
        life.load(["hw=t4", "model=llama3.1:8b-q4_K_M", *words])


def test_the_same_format_beside_a_models_name_is_not() -> None:
    assert weights("hw=t4", "model=llama3.1:8b-q4_K_M", "opt=q4_k_m") == pytest.approx(4.5)


def test_a_format_that_is_not_known_is_refused() -> None:
    assert "weight format 'q9_k_m' is not known" in refusal("hw=t4", "model=Qwen3-8B-q9_k_m")


@pytest.mark.parametrize(
    ("typed", "stack"),
    [
        ("Q4_K_M", ("q4_k_m",)), ("INT4", ("int4",)), ("AWQ", ("int4_zp",)), ("GPTQ", ("int4",)), ("fp16", ()),
        ("Q4_K - Medium", ("q4_k_m",)), ("kv-8", ("kv8",)), ("[Q4_K_M,KV8]", ("q4_k_m", "kv8")),
        ("int4+kv8", ("int4", "kv8")), ("4-bit", ("int4",)), ("int4 (MLC q4f16)", ("mlc_q4f16",)), ("FP8", ("fp8",)),
        ("none", ()), ("[none]", ()),
    ],
)  # fmt: skip
def test_options_by_any_of_their_names(typed: str, stack: tuple[str, ...]) -> None:
    assert parse([ROOMY, f"opt={typed}"]).stacks == (stack,)


def test_none_beside_other_options_is_refused() -> None:
    assert "stands alone" in refusal(ROOMY, "opt=[none,int4]")


def test_a_format_means_what_the_engine_means_by_it_but_a_label_is_itself() -> None:
    assert parse(["hw=m4", "engine=mlx", "opt=4-bit"]).stacks == (("mlx_4bit",),)
    for option in paths.choices("opt"):
        for engine in ("mlx", "vllm", "llama_cpp_cuda", "openvino"):
            assert names.options(option, engine) == names.options(option.upper(), engine) == (option,)


def test_one_option_by_two_names_is_twice_in_a_stack() -> None:
    assert "option 'int4_zp' is twice" in refusal(ROOMY, "opt=[int4_zp,AWQ]")
    assert "same stack twice" in refusal(ROOMY, "axes.opt=[[],[fp16]]")


@pytest.mark.parametrize(
    ("hw", "typed", "ours"),
    [
        ("rtx_4090", "llama.cpp", "llama_cpp_cuda"), ("Apple M4", "llama.cpp", "llama_cpp_metal"),
        ("Apple M4", "Ollama", "llama_cpp_metal"), ("ryzen_9_7950x_cpu", "llama.cpp", "llama_cpp_cpu"),
        ("rtx_4090", "llama.cpp b4384", "llama_cpp_cuda"), ("rx_7900_xtx", "llama.cpp Vulkan", "llama_cpp_vulkan"),
        ("rtx_4090", "TensorRT-LLM", "tensorrt_llm"), ("rtx_4090", "vLLM 0.8.3", "vllm"), ("m4", "mlx-lm", "mlx"),
        ("data_center_gpu_max_1550", "vLLM", "vllm_intel"), ("rtx_4090", "LLAMA_CPP_CUDA", "llama_cpp_cuda"),
        ("rtx_4090", "llama.cpp CUDA b6918 llama-batched-bench", "llama_cpp_cuda"),
        ("ryzen_ai_max_395_igpu_8060s", "llama.cpp vulkan-radv-performance", "llama_cpp_vulkan"),
        ("ryzen_ai_max_395_igpu_8060s", "llama.cpp rocm7-nightlies", "llama_cpp_hip"),
        ("apple_m5", "llama.cpp Metal4 tensor API", "llama_cpp_metal"), ("Apple M4", "ollama Metal", "llama_cpp_metal"),
        ("core_ultra_9_288v_igpu", "OpenVINO 2024.6", "openvino_2024"),
        ("rtx_4090", "llama.cpp CUDA (WSL2)", "llama_cpp_cuda"),
        ("data_center_gpu_max_1550", "vllm", "vllm"), ("gaudi2", "Deepspeed-Gaudi", "deepspeed_gaudi"),
    ],
)  # fmt: skip
def test_engines_by_any_of_their_names(hw: str, typed: str, ours: str) -> None:
    assert parse([f"hw={hw}", f"engine={typed}"]).groups == {"engine": ours}


@pytest.mark.parametrize(
    ("hw", "typed", "says"),
    [
        ("[rtx_4090,m4]", "llama.cpp", ["ambiguous", "llama_cpp_cuda on rtx_4090", "llama_cpp_metal on m4"]),
        ("rtx_4090", "llama_cpp_cud", ["not known", "llama_cpp_cuda"]),
        ("rtx_4090", "vllmm", ["not known", "vllm"]),
        ("rtx_4090", "vLLM with my own kernels", ["not known", "vLLM"]),
        ("rtx_4090", "llama.cpp Vulkan CUDA", ["not known", "llama.cpp"]),
        ("[rtx_4090,data_center_gpu_max_1550]", "vLLM", ["vllm on rtx_4090", "vllm_intel on data_center_gpu_max_1550"]),
        ("rtx_4090", "llama.cpp (May 2024)", ["engine=llama_cpp_cuda_2024", "opt=[eager_attention,fp32_scores]"]),
    ],
)
def test_an_engine_that_is_several_or_none_is_refused(hw: str, typed: str, says: list[str]) -> None:
    message = refusal(f"hw={hw}", f"engine={typed}")
    assert all(part in message for part in says), message


@pytest.mark.parametrize("verb", ["sweep", "explain", "design"])
def test_every_command_reads_the_same_names(verb: str) -> None:
    words = ["hw=NVIDIA GeForce RTX 3090", "model=meta-llama/Llama-3.1-8B-Instruct", "opt=Q4_K_M", "engine=llama.cpp"]
    more = {"design": ["target.tpot=0.02", "minimize=price"]}.get(verb, [])
    study = life.load([*words, *more], primary=verb)
    ours = {"hw": "rtx_3090", "model": "llama3_1_8b", "opt": "q4_k_m", "engine": "llama_cpp_cuda"}
    assert study.cases[0].keys._asdict() == ours


def test_the_catalogue_counts_devices_and_finds_them_by_their_names(life) -> None:
    devices = len(paths.choices("hw"))
    assert f"hw        {devices:>5}" in life("catalog").out
    for word, label in (("NVIDIA GeForce RTX 3090", "rtx_3090"), ("strix_halo", "ryzen_ai_max_395_igpu_8060s")):
        assert label in life("catalog", "hw", word).out
    assert (
        "int4_zp" in life("catalog", "opt", "awq").out and "llama_cpp_cuda" in life("catalog", "engine", "ollama").out
    )
