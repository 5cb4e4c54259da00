"""Unsloth's dynamic llama.cpp files: which tensors have few bits was inferred from the sizes of the files."""

import pytest
from laws import scenario
from measured import placed

from life_jax.models import decoder

GIB = 2**30
# GiB as llama-bench prints them of such files (kyuz0/nvidia-p100-ai-toolboxes, 2026); Q8_0 beside them checks the
# count of parameters. gemma4_31b: 35.0 GB of the file, deepseek_v4_flash: 97 GB of its shards, as their users say.
# UD-Q2_K_XL, UD-Q3_K_XL and UD-Q6_K_XL of Qwen3.6-35B-A3B: GB as its users print them (12.29, 16.8, 31.8), UD-IQ4_XS:
# bytes of the file (17730509792), UD-Q5_K_XL: Nathanw1014/strix-halo-llamacpp.
# Older files are others: GLM-4.7-Flash of January 2026 has 16.31 GiB as UD-Q4_K_XL and 32.70 as UD-Q8_K_XL.
PUBLISHED = {
    "qwen3_6_35b_a3b": {
        "ud_q2_k_xl": 12.29e9 / GIB, "ud_q3_k_xl": 16.8e9 / GIB, "ud_iq4_xs": 17730509792 / GIB, "ud_q4_k_xl": 20.81,
        "ud_q5_k_xl": 24.76, "ud_q6_k_xl": 31.8e9 / GIB, "ud_q8_k_xl": 35.80, "q8_0": 34.36,
    },
    "qwen3_6_27b": {"ud_q4_k_xl": 16.39, "ud_q8_k_xl": 32.89},
    "gemma4_26b_a4b": {"ud_q4_k_xl": 15.90, "ud_q8_k_xl": 25.94, "q8_0": 25.00},
    "gemma4_31b": {"ud_q8_k_xl": 35.0e9 / GIB, "q8_0": 30.38},
    "qwen3_5_122b_a10b": {"ud_q4_k_xl": 71.73},
    "minimax_m2_7": {"ud_q4_k_xl": 4.90 * 228.69e9 / 8 / GIB},  # its UD-Q4_K_M (Goldkoron/MiniMax-M2.7)
    # UD-IQ3_XXS; the other is no file of Unsloth's, but one whose types are printed (antirez/deepseek-v4-gguf)
    "deepseek_v4_flash": {"ud_iq3_xxs": 97e9 / GIB, "ud_iq2_xxs": 80.8},
}  # fmt: skip


@pytest.mark.parametrize(("model", "option"), [(m, o) for m, options in PUBLISHED.items() for o in options])
def test_files_have_the_size_that_is_published(model, option):
    s = scenario(f"model={model}", f"opt={option}")
    near = 0.001 if option == "q8_0" else 0.02
    assert decoder.weight_bytes(s.architecture, s.precision) / GIB == pytest.approx(PUBLISHED[model][option], rel=near)


def test_only_routed_experts_have_few_bits():
    weights = scenario("model=qwen3_6_35b_a3b", "opt=ud_q4_k_xl").precision.weights
    few = {name for name, form in weights.items() if form.bits < 8} - {"linear"}
    assert few == {"experts_gate_proj", "experts_up_proj", "experts_down_proj"}
    eight = scenario("model=qwen3_6_35b_a3b", "opt=ud_q8_k_xl").precision.weights
    plain = {name for name, form in eight.items() if form.bits == 16}
    assert plain == {"in_proj_qkvz", "in_proj_ba", "out_proj", "q_proj", "k_proj", "v_proj", "o_proj"}


def test_dense_files_without_recurrent_layers_are_as_llama_cpp_makes_them():
    dynamic, plain = (scenario("model=gemma3_27b", f"opt={o}").precision.weights for o in ("ud_q4_k_xl", "q4_k_m"))
    assert dynamic == plain


@pytest.mark.parametrize(
    ("model", "weight_format", "stack"),
    [
        ("Qwen3.6-35B-A3B-UD-Q8_K_XL", "q8_k_xl", "ud_q8_k_xl"),
        ("MiniMax-M2.7-UD-Q3_K_S", "q3_k_s", "ud_q3_k_s"), ("MiniMax-M2.7", "q3_k_s", "q3_k_s"),
        ("DeepSeek-V4-Flash-0731-UD-IQ2_XXS", "q2_xxs", "ud_iq2_xxs"),
        ("Qwen3.6-35B-A3B-UD-Q4_K_XL", "q6_k", "q6_k"),
    ],
)  # fmt: skip
def test_a_models_name_says_that_its_file_is_dynamic(model, weight_format, stack):
    assert placed(model=model, weight_format=weight_format, engine="llama.cpp rocm-7.2", date="2026-06").stack == (
        stack,
    )


@pytest.mark.parametrize(("weight_format", "stack"), [("ud-q4_k_xl", "q4_k_m"), ("q8_k_xl", "q8_0"), ("f16", None)])
def test_dynamic_files_of_2025_are_near_the_plain_type(weight_format, stack):
    found = placed(weight_format=weight_format, engine="llama.cpp-rocwmma b6077 fa", date="2025-08").stack
    assert found == ((stack,) if stack else ())
