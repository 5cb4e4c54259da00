"""Every name that published measurements use: of devices, models, weight formats and engines."""

import csv
import re
from collections import defaultdict

import numpy as np
import pytest
from places import DATA

from life_jax.config import conf_files, engine_names, names
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.forecasting.memory import memory
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import Setting

pytestmark = pytest.mark.data

# names that cannot be placed, and why
UNKNOWN = {
    "SmolLM2": "135M, 360M or 1.7B: the size is not said",
    "IndusQ-1.1B": "no published config.json",
    "PLaMo-1B": "no published config.json of the 1B model",
    "LFM3-1.7B": "no published config.json",
}
# what model_shapes.csv assumes otherwise than the published config.json does, which we follow
OTHER_SHAPES = {
    ("GPT-175B", "vocab"),  # 51200 is Megatron's padding of GPT-3's 50257
    ("Phi-3.5-Mini-Instruct", "window"), ("Phi-3.5-mini", "window"), ("phi-3-mini-4k-instruct", "window"),
    ("Mistral-7B-v0.1", "window"), ("Mistral-7B-v0.1", "vocab"), ("mistral-7b-v0.1", "window"),
    ("mistral-7b-v0.1", "vocab"), ("mistralai/Mistral-7B-v0.1", "window"), ("mistralai/Mistral-7B-v0.1", "vocab"),
}  # fmt: skip
# figures of hardware_specs.csv that our files replace, each with the reason in its notes
OTHER_FIGURES = {
    "a10g": {"fp16", "bf16", "int8"},
    "apple_m4": {"fp32", "fp16"},
    "apple_m4_16gb": {"fp32", "fp16"},
    "apple_m5": {"fp16"},
    "arc_a310": {"fp16"},
    "b300": {"memory_gb"},
    "jetson_orin_nano_8gb_super": {"fp32"},
    "rtx_pro_6000_server": {"fp32", "bandwidth_gb_per_s"},
    "ryzen_ai_7_350_igpu": {"fp32"},
    "ryzen_ai_max_385": {"int8"},
    "gaudi2": {"fp16", "int8"},  # its white paper gives bf16 and fp8
    "core_ultra_7_155h_igpu": {"bandwidth_gb_per_s"},  # the specifications leave two open
    # of an NPU's own interface to memory, not of the package
    "sd_x_elite_npu": {"bandwidth_gb_per_s"},
    **{key: {"bandwidth_gb_per_s"} for key in ("ryzen_ai_7_350_npu", "ryzen_ai_max_395_npu", "ryzen_hx370_npu")},
}
RATES = {
    "fp32": "peak_fp32_tflops",
    "fp16": "peak_fp16_dense_tflops",
    "bf16": "peak_bf16_dense_tflops",
    "int8": "peak_int8_dense_tops",
    "fp8": "peak_fp8_dense_tflops",
    "fp4": "peak_fp4_dense_tflops",
}
BASE = {
    "id": "1", "hardware": "NVIDIA H100 SXM 80GB", "model": "Llama-2-7B", "weight_format": "f16", "engine": "vLLM",
    "batch": "1", "prompt_tokens": "512", "output_tokens": "128", "metric": "ttft_s", "value": "1",
}  # fmt: skip


def table(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def said(kind: str) -> list[str]:
    return [row["name"] for row in table("vocabulary.csv") if row["kind"] == kind]


def place(**changes: str) -> Setting:
    found = measurements.place({**BASE, **changes})
    assert not isinstance(found, str), found
    return found


def both(**changes: str) -> list[Setting]:
    return [place(**changes, metric=metric) for metric in ("ttft_s", "tpot_s")]


def assert_plausible(settings: list[Setting]) -> None:
    """Every row has a forecast, between the datasheet's bound (less what static programs save) and 30 times it, host
    times apart."""
    forecast, bound = forecasts.forecasts(settings), forecasts.forecasts(settings, "ideal")
    for s, ours, ideal in zip(settings, forecast, bound, strict=True):
        what = (s.hw, s.model, s.stack, s.engine, s.kind)
        assert np.isfinite(ours) and np.isfinite(ideal), what
        engine = conf_files.engine_file(s.engine)
        host = engine.request_ms * 1e-3 + engine.step_us * 1e-6
        assert 0.7 * ideal <= ours <= 30 * ideal + host * (1 + s.output_tokens), (what, ours / ideal)


def test_every_device_that_was_measured_has_a_forecast_of_prefill_and_decode() -> None:
    settings = [s for name in said("hardware") for s in both(hardware=name, engine="llama.cpp")]
    assert len(settings) >= 200
    assert_plausible(settings)


def test_every_model_is_placed_or_known_not_to_be() -> None:
    settings, missing = [], {}
    for name in said("model"):
        found = measurements.place({**BASE, "hardware": "AMD Instinct MI300X", "model": name})
        if isinstance(found, str):
            missing[name] = found
        else:
            settings += both(hardware="AMD Instinct MI300X", model=name)
    assert set(missing) == set(UNKNOWN), missing  # a name that has become known is struck from the list
    assert all("is not known" in reason for reason in missing.values())
    assert_plausible(settings)


def test_every_weight_format_has_a_forecast() -> None:
    settings = []
    for name in said("weight_format"):
        own = "gpt-oss-20b" if "mxfp4" in name else "Llama-3.1-8B"
        for engine in ("llama.cpp", "vLLM", "OpenVINO 2024.6", "mlx-lm", "MLC-LLM", "QAIRT genie", "FastFlowLM 1.0.3"):
            settings += both(hardware="NVIDIA H100", model=own, weight_format=name, engine=engine)
    assert_plausible(settings)


def test_every_engine_has_a_forecast_and_is_none_by_accident() -> None:
    settings = [s for name in said("engine") for s in both(engine=name)]
    assert_plausible(settings)
    assert [s.engine for s in settings].count("generic") == 0


def test_engines_go_by_the_device_where_their_name_does_not_say() -> None:
    def engine(hardware: str, name: str) -> str:
        return place(hardware=hardware, engine=name).engine

    for hardware, ours in (
        ("Apple M4", "llama_cpp_metal"), ("NVIDIA T4", "llama_cpp_cuda"), ("AMD Radeon RX 7900 XTX", "llama_cpp_hip"),
        ("Raspberry Pi 5", "llama_cpp_cpu"), ("Apple M2 Ultra CPU", "llama_cpp_cpu"),
        ("AMD Ryzen AI 5 340 CPU (Framework 13)", "llama_cpp_cpu"), ("NVIDIA Jetson AGX Orin CPU", "llama_cpp_cpu"),
    ):  # fmt: skip
        assert engine(hardware, "ollama / llama.cpp") == ours, hardware
        # "main" was the program's name until mid 2024
        older = {name: f"{name}_2024" for name in ("llama_cpp_cuda", "llama_cpp_metal")}.get(ours, ours)
        assert engine(hardware, "llama.cpp main") == older, hardware


@pytest.mark.parametrize(
    ("name", "date", "ours", "unfused"),
    [
        ("llama.cpp Metal", "2023-12", "llama_cpp_metal_2024", True),
        ("llama.cpp Metal", "2026-04-07", "llama_cpp_metal", False),
        ("llama.cpp Metal", "", "llama_cpp_metal", False),
        ("llama.cpp Metal4 tensor API", "2025-08", "llama_cpp_metal", False),
        ("mlx-lm", "2024-01", "mlx", False),
        ("llama.cpp rocm6_4_4", "2025-10", "llama_cpp_hipblas", False),
        ("llama.cpp rocm-7.2.4", "2026-05", "llama_cpp_hip", False),
        ("llama.cpp rocm7.1.1", "2026-01", "llama_cpp_hip_tile", False),
        ("llama.cpp b7423 HIP rocm7.1.1", "2025-12", "llama_cpp_hip_tile", False),
        ("llama.cpp HIP master", "2025-12", "llama_cpp_hip_tile", False),
        ("llama.cpp HIP master", "2026-08", "llama_cpp_hip", False),
    ],
)
def test_engines_go_by_the_date_where_they_changed(name: str, date: str, ours: str, unfused: bool) -> None:
    assert engine_names.engine_of_row(name, "apple_m1", date) == (ours, unfused)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("llama.cpp b5022 (Vulkan)", "llama_cpp_vulkan"),
        ("llama.cpp b6000 Vulkan vulkan_amdvlk", "llama_cpp_vulkan_amdvlk"),
        ("ollama 0.5.7 vulkan", "llama_cpp_vulkan"),
        ("LM Studio 0.3 ROCm", "llama_cpp_hip"),
        ("llama.cpp build 5000 CPU", "llama_cpp_cpu"),
        ("llama.cpp b5000", "llama_cpp_hip"),
        ("llama.cpp b5000 cuda or vulkan", "llama_cpp_hip"),
    ],
)
def test_the_backend_behind_a_build_decides_unless_two_are_named(name: str, ours: str) -> None:
    assert engine_names.engine_of_row(name, "rx_7900_xtx", "2026-01-01")[0] == ours


# bits per weight of a linear layer and of the head
BITS = {
    ("4bit", "mlx-lm", "Llama-3.1-8B"): (4.5, 4.5),
    ("mlx-4bit", "mlx-lm", "Llama-3.1-8B"): (4.5, 4.5),
    ("mlx-8bit", "mlx-lm", "Llama-3.1-8B"): (8.5, 8.5),
    ("int4-awq-g128", "TinyChat", "Llama-3.1-8B"): (4.15625, 16),
    ("int4-gptq", "ExLlama v1", "Llama-3.1-8B"): (4.125, 16),
    ("int8", "OpenVINO 2024.6", "Llama-3.1-8B"): (8, 8),
    ("int8", "TensorRT-LLM", "Llama-3.1-8B"): (8, 16),
    ("int4-mixed", "OpenVINO 2024.6", "Llama-3.1-8B"): (4.5125, 8),
    ("int4-g32 (q4f16_1)", "MLC-LLM", "Llama-3.1-8B"): (4.5, 4.5),
    ("int4-g32", "gpt-fast (PyTorch compile)", "Llama-3.1-8B"): (5, 5),
    ("w4a16", "QAIRT genie", "Llama-3.1-8B"): (4, 8),
    ("w4a16", "vLLM", "Llama-3.1-8B"): (4.125, 16),
    ("q4_1/q4nx", "FastFlowLM 1.0.3", "Llama-3.1-8B"): (5, 5),
    ("int2", "T-MAC CPU", "Llama-2-7B"): (2.25, 16),
    ("q3_k_s (2.70 bpw)", "llama.cpp CPU", "Llama-3.1-8B"): (2.7, 2.7),
    ("q4_0", "llama.cpp", "Llama-3.1-8B"): (4.5, 6.5625),
    ("q8_0", "llama.cpp", "Llama-3.1-8B"): (8.5, 8.5),
    ("fp8", "vLLM", "Llama-3.1-8B"): (8, 16),
    ("nvfp4", "TensorRT-LLM", "Llama-3.1-8B"): (4.5, 16),
}


@pytest.mark.parametrize(("weight_format", "engine", "model"), BITS)
def test_bits_per_weight(weight_format: str, engine: str, model: str) -> None:
    s = place(weight_format=weight_format, engine=engine, model=model)
    precision = forecasts.scenario(s.hw, s.model, s.stack, s.engine, 1.0).precision
    found = precision.weight("q_proj", "linear").bits, precision.weight("head", "head").bits
    assert found == pytest.approx(BITS[weight_format, engine, model], abs=1e-9)


def test_gpt_oss_keeps_its_experts_and_llama_cpp_stores_the_rest_in_8_bit() -> None:
    for engine, weight_format, rest in (("llama.cpp", "mxfp4", 8.5), ("vLLM", "mxfp4", 16), ("vLLM", "f16", 16)):
        s = place(model="gpt-oss-20b", weight_format=weight_format, engine=engine)
        precision = forecasts.scenario(s.hw, s.model, s.stack, s.engine, 1.0).precision
        assert precision.weight("experts_up_proj", "linear").bits == 4.25
        assert precision.weight("q_proj", "linear").bits == rest


def test_model_shapes_are_those_of_the_panel() -> None:
    wrong = []
    for row in table("model_shapes.csv"):
        m = conf_files.file("model", place(model=row["model"]).model, ModelFile)
        ours = {
            "layers": m.num_hidden_layers,
            "hidden": m.hidden_size,
            "heads": m.num_attention_heads,
            "kv_heads": m.num_key_value_heads,
            "head_dim": m.head_dim,
            "ffn": m.moe_intermediate_size if m.num_experts else m.intermediate_size,
            "vocab": m.vocab_size,
            "ffn_matrices": 2 if m.ffn == "plain" else 3,
            "tied": m.tie_word_embeddings,
            "experts": m.num_experts or 1,
            "experts_per_token": m.num_experts_per_tok or 1,
            "window": m.sliding_window or 0,
        }
        wrong += [
            (row["model"], key, float(row[key]), float(value or 0))
            for key, value in ours.items()
            if float(row[key]) != float(value or 0) and (row["model"], key) not in OTHER_SHAPES
        ]
    assert not wrong


def test_names_of_one_shape_are_models_of_one_shape() -> None:
    """Llama 3 and 3.1 are two labels, which differ in the positions that they were made for."""
    models = defaultdict(set)
    for row in table("model_shapes.csv"):
        label = place(model=row["model"]).model
        m = conf_files.file("model", label, ModelFile)
        sizes = m.num_hidden_layers, m.hidden_size, m.intermediate_size, m.num_key_value_heads, m.vocab_size
        models[row["shape"]].add(sizes)
    assert {shape for shape, sizes in models.items() if len(sizes) > 1} <= {"Mistral-7B"}  # v0.1 and v0.3


def test_every_device_of_the_specifications_has_its_figures() -> None:
    wrong, memories = [], defaultdict(set)
    for row in table("hardware_specs.csv"):
        label = names.device(row["hardware"])
        assert label is not None, row["hardware"]
        device = conf_files.file("hw", label, DeviceFile)
        theirs = {key: row[column] for key, column in RATES.items()} | {"bandwidth_gb_per_s": row["mem_bw_gbs"]}
        for key, value in theirs.items():
            ours = device.peak_tflops.get(key, getattr(device, key, None))
            if key == "int8" and ours is None:  # without matrix units: 4-way dot products
                ours = device.peak_tflops.get("int8_dp4a")
            allowed = key in OTHER_FIGURES.get(label, ())
            if value and not allowed and (ours is None or abs(ours / float(value) - 1) > 0.02):
                wrong.append((label, key, ours, float(value)))
        if row["mem_gb"]:
            memories[label].add(float(row["mem_gb"]))
    assert not wrong
    for label, found in memories.items():  # one file stands for all capacities of a chip; the largest must fit
        ours = conf_files.file("hw", label, DeviceFile).memory_gb
        assert ours >= 0.98 * max(found) or "memory_gb" in OTHER_FIGURES.get(label, ()) or len(found) > 1, label


def test_files_of_gguf_models_have_our_size() -> None:
    """Published file sizes; a tied table may be there twice. Fused or odd-width tensors get a few bits more there."""
    sizes = {}
    for row in table("measurements_dev.csv"):
        size = re.search(r"file_gb=([\d.]+)", row["note"])
        if size and float(size[1]) > 0:
            sizes[row["model"], row["weight_format"]] = float(size[1]) * 2**30
    checked = 0
    for (model, weight_format), size in sizes.items():
        s = measurements.place({**BASE, "model": model, "weight_format": weight_format, "engine": "llama.cpp CUDA"})
        if isinstance(s, str):
            continue
        one = forecasts.scenario(s.hw, s.model, s.stack, s.engine, 1.0)
        ours = float(memory(one).weights)
        m = conf_files.file("model", s.model, ModelFile)
        twice = m.tie_word_embeddings * m.vocab_size * m.hidden_size * one.precision.weight("linear", "linear").bits / 8
        assert min(abs(ours / size - 1), abs((ours + twice) / size - 1)) < 0.045, (model, ours / size)
        checked += 1
    assert checked >= 30


def test_nearly_all_core_rows_of_a_known_shape_have_a_forecast() -> None:
    shapes = {row["model"] for row in table("model_shapes.csv")}
    rows = [row for row in table("measurements_dev.csv") if row["core"] == "1" and row["model"] in shapes]
    settings = [s for row in rows if not isinstance(s := measurements.place(row), str)]
    assert np.isfinite(forecasts.forecasts(settings)).sum() >= 0.99 * len(rows)
