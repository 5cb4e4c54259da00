"""How much of published measurements gets a forecast, and the names by which their devices call themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from places import CONF, DATA

from life_jax.config import names
from life_jax.measurements import forecasts
from life_jax.measurements.rows import Setting, place, read


def _key(s: Setting) -> tuple[object, ...]:
    """What decides whether there is a forecast: the files that a row names, and its metric."""
    return s.hw, s.model, s.stack, s.engine, s.tensor_parallel, s.metric


@pytest.mark.slow
@pytest.mark.parametrize(("table", "least"), [("measurements_new_dev.csv", 0.97), ("measurements_dev.csv", 0.999)])
def test_rows_that_may_be_judged_get_a_forecast(table: str, least: float) -> None:
    if not (DATA / table).exists():
        pytest.skip("the tables of published measurements are not here")
    rows = [row for row in read(DATA / table) if row["core"] == "1"]
    placed = [s for s in map(place, rows) if isinstance(s, Setting)]
    kinds = {_key(s): s for s in placed}
    values = dict(zip(kinds, forecasts.forecasts(list(kinds.values())), strict=True))
    have = sum(bool(np.isfinite(values[_key(s)])) for s in placed)
    assert have >= least * len(rows), f"{have} of {len(rows)}"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        # nvidia-smi -L
        ("NVIDIA B300 SXM6 AC", "b300"), ("NVIDIA GeForce RTX 4090 Laptop GPU", "rtx_4090_laptop"),
        ("NVIDIA H100 NVL", "h100_nvl"), ("NVIDIA A800-SXM4-80GB", "a800_sxm_80gb"),
        ("Tesla P100-PCIE-16GB", "p100_pcie_16gb"),
        ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "rtx_pro_6000_max_q"), ("NVIDIA L20", "l20"),
        ("NVIDIA GeForce RTX 5070 Ti", "rtx_5070_ti"), ("NVIDIA GeForce GTX 1080 Ti", "gtx_1080_ti"),
        # RADV, rocm-smi
        ("AMD Radeon RX 9070 XT (RADV GFX1201)", "rx_9070_xt"), ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "rx_7900_xtx"),
        ("AMD Radeon 780M Graphics (RADV PHOENIX)", "radeon_780m_ddr5"), ("AMD Instinct MI100", "mi100"),
        # system_profiler
        ("Apple M4 Max", "apple_m4_max_40c"), ("Apple M4 Max (32-core GPU) 36GB", "apple_m4_max_32c"),
        ("Apple M3 Max (30-core GPU) 36GB", "apple_m3_max_30c_36gb"),
        # lscpu, Windows, Android
        ("AMD EPYC 9654 96-Core Processor", "epyc_9654"), ("Intel(R) Xeon(R) Platinum 8592+", "xeon_8592p"),
        ("13th Gen Intel(R) Core(TM) i9-13900K", "core_i9_13900k_cpu"),
        ("Intel(R) Xeon(R) CPU E5-2680 v4", "xeon_e5_2680_v4"),
        ("AMD Ryzen 9 9950X 16-Core Processor", "ryzen_9_9950x_cpu"),
        ("Intel(R) Arc(TM) B390 GPU", "core_ultra_x7_358h_igpu"),
        ("Snapdragon(R) X Elite - X1E80100 - Qualcomm(R) Oryon(TM) CPU", "sd_x_elite_cpu"), ("SM8650", "sd_8_gen3_cpu"),
        # accelerators
        ("Ascend910B3", "ascend_910b3"), ("Cerebras CS-3", "cerebras_wse3"), ("GroqChip", "groq_lpu"),
    ],
)  # fmt: skip
def test_devices_are_known_by_the_names_that_systems_print(name: str, label: str) -> None:
    assert names.device(name) == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("deepseek-r1:8b", "qwen3_8b"), ("qwen3-coder:30b", "qwen3_30b_a3b"), ("llama 8B", "llama3_1_8b"),
        ("qwen3moe 30B.A3B", "qwen3_30b_a3b"), ("Qwen3-Coder-Next", "qwen3_next_80b_a3b"),
        ("mistralai/Ministral-3-8B-Instruct-2512", "ministral3_8b"), ("google/gemma-4-12B-it", "gemma4_12b"),
        ("poolside/Laguna-S-2.1", "laguna_s2_1_118b"), ("zai-org/GLM-4.6", "glm4_5"),
        ("moonshotai/Kimi-K3", "kimi_k3"), ("Qwen/Qwen3.8-27B-FP8", "qwen3_6_27b"), ("gemma4:26b", "gemma4_26b_a4b"),
        ("ornith-ai/Ornith-1.5-9B", "qwen3_5_9b"), ("nvidia/Nemotron-3-Ultra", "nemotron3_ultra_550b_a55b"),
        ("arcee-ai/Trinity-Large-Preview", "trinity_large_398b"), ("LFM2-24B-A2B-GGUF", "lfm2_24b_a2b"),
    ],
)  # fmt: skip
def test_models_are_known_by_the_names_of_ollama_hubs_and_llama_bench(name: str, label: str) -> None:
    assert names.model(name) == label


def _table(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize(("group", "alias"), [("hw", "hardware"), ("model", "model"), ("opt", "format")])
def test_every_declared_name_stands_for_a_file(group: str, alias: str) -> None:
    labels = {path.stem for path in (CONF / group).glob("*.yaml")}
    for name, target in _table(CONF / "alias" / f"{alias}.yaml").items():
        stacks = target.values() if isinstance(target, dict) else [target]
        assert all({stack} <= labels if isinstance(stack, str) else set(stack) <= labels for stack in stacks), name


def test_at_least_250_devices_stand_for_themselves() -> None:
    devices = [_table(path) for path in (CONF / "hw").glob("*.yaml")]
    assert sum("defaults" not in device for device in devices) >= 250
