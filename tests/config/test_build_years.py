"""engine.year= chooses the build that a program was in a year, and widens intervals beyond what was measured."""

import numpy as np
import pytest
from laws import in_numpy

import life_jax as life
from life_jax.config import engine_fit, support


def engine(hw: str, name: str, year: float) -> str:
    return (
        life.load([f"hw={hw}", f"engine={name}", f"engine.year={year}", "batch=1", "prompt=512"]).cases[0].keys.engine
    )


@pytest.mark.parametrize(
    ("hw", "name", "year", "label"),
    [
        ("a100", "vllm", 2023, "vllm_2023"),
        ("a100", "vllm", 2024, "vllm_2024"),
        ("a100", "vllm", 2026, "vllm"),
        ("h100_sxm", "tensorrt_llm", 2024, "tensorrt_llm_2024"),  # before the PyTorch backend was the default
        ("h100_sxm", "tensorrt_llm", 2026, "tensorrt_llm"),
        ("data_center_gpu_max_1550", "vllm_intel", 2023, "vllm_intel"),
        ("rtx_4090", "llama_cpp_cuda", 2024.2, "llama_cpp_cuda_2024"),  # before its int8 kernels were the default
        ("rtx_4090", "llama_cpp_cuda", 2024.9, "llama_cpp_cuda"),
        ("rtx_4090", "llama_cpp_cuda", 2025, "llama_cpp_cuda_2025"),
        ("apple_m3_max_40c", "llama_cpp_metal", 2025.2, "llama_cpp_metal_2024"),
        ("rx_7900_xtx", "llama_cpp_hip", 2025, "llama_cpp_hipblas"),
        ("epyc_9654", "llama_cpp_cpu", 2025.2, "llama_cpp_cpu_2024"),
        ("core_ultra_258v_igpu", "openvino", 2024, "openvino_2024"),
        ("a100", "vllm_2023", 2026, "vllm_2023"),  # its label says the build
        ("a100", "generic", 2024, "generic"),
    ],
)
def test_a_year_chooses_the_build_by_the_rules_for_dates_of_rows(hw, name, year, label):
    assert engine(hw, name, year) == label


def test_only_builds_newer_than_any_measured_one_have_wider_intervals_around_the_same_forecast():
    newest = engine_fit.fits()["vllm"]["newest"]
    words = ("hw=a100", "engine=vllm", "prompt=512", "batch=1", "metrics=[ttft,ttft_low,ttft_high,extrapolated]")
    today, seen, newer = (
        in_numpy(*words, *year) for year in ((), (f"engine.year={newest}",), (f"engine.year={newest + 0.5}",))
    )
    wide = [np.log(float((ds.ttft_high / ds.ttft_low).squeeze())) for ds in (today, seen, newer)]
    assert wide[0] == wide[1] and wide[2] == pytest.approx(wide[1] * support.widening()["newer"]["ttft"])
    assert float(today.ttft.squeeze()) == float(newer.ttft.squeeze())
    assert not seen.extrapolated.item() and newer.extrapolated.item()


def test_a_year_that_is_none_is_refused():
    with pytest.raises(life.ConfigError, match=r"engine.year is 24"):
        life.load(["hw=a100", "engine=vllm", "engine.year=24"])
