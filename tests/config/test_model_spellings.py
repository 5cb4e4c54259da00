"""Models by what hubs, Ollama, llama.cpp and those who trained them further call them."""

import pytest

from life_jax.config import names
from life_jax.config.weight_format_names import split_format


@pytest.mark.parametrize(
    ("name", "label"),
    [
        # hubs: formats, data, contexts and makers behind the name
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8", "llama3_1_8b"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-FP8-dynamic", "llama3_1_70b"),
        ("RedHatAI/Qwen3-32B-NVFP4A16", "qwen3_32b"), ("nvidia/DeepSeek-R1-0528-FP4-v2", "deepseek_v3"),
        ("mlx-community/Qwen3-235B-A22B-4bit-DWQ-053125", "qwen3_235b_a22b"),
        ("mlx-community/gpt-oss-20b-MXFP4-Q8", "gpt_oss_20b"),
        ("unsloth/gpt-oss-20b-unsloth-bnb-4bit", "gpt_oss_20b"), ("Qwen/Qwen2.5-14B-Instruct-1M", "qwen2_5_14b"),
        ("unsloth/Qwen3-Coder-30B-A3B-Instruct-1M-GGUF", "qwen3_30b_a3b"),
        ("google/gemma-3-12b-it-qat-q4_0-gguf", "gemma3_12b"),
        ("LoneStriker/Mixtral-8x7B-4.0bpw-h6-exl2", "mixtral_8x7b"),
        # readers of images and sound: their language model
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2_5_7b"), ("OpenGVLab/InternVL3_5-8B", "qwen3_8b"),
        ("mistralai/Pixtral-12B-2409", "mistral_nemo_12b"), ("microsoft/Phi-4-multimodal-instruct", "phi4_mini"),
        # files and their shards
        ("gpt-oss-120b-mxfp4-00001-of-00003.gguf", "gpt_oss_120b"), ("DeepSeek-R1-0528-UD-TQ1_0.gguf", "deepseek_v3"),
        ("/models/Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf", "llama3_3_70b"),
        ("C:\\models\\Qwen3-8B-Q4_K_M.gguf", "qwen3_8b"),
        ("Qwen3-Coder-30B-A3B-Instruct-MXFP4_MOE.gguf", "qwen3_30b_a3b"),
        # Ollama and clouds
        ("qwen3:latest", "qwen3_8b"), ("gpt-oss:120b-cloud", "gpt_oss_120b"), ("llama3.2:latest", "llama3_2_3b"),
        ("hf.co/unsloth/Qwen3-30B-A3B-GGUF:UD-Q4_K_XL", "qwen3_30b_a3b"),
        ("deepseek-r1:8b-llama-distill", "llama3_1_8b"),
        ("accounts/fireworks/models/llama-v3p1-70b-instruct", "llama3_1_70b"),
        # llama-bench
        ("mistral3 24B Q4_K - Medium", "mistral_small_24b"), ("llama 70B Q4_K - Medium", "llama3_1_70b"),
        ("qwen3vlmoe 30B.A3B Q4_K - Medium", "qwen3_vl_30b_a3b"), ("lfm2moe 8B.A1B Q8_0", "lfm2_8b_a1b"),
        # trained further: the shape of what they were made of
        ("NousResearch/Hermes-3-Llama-3.1-8B", "llama3_1_8b"),
        ("cognitivecomputations/dolphin-2.9-llama3-8b", "llama3_8b"),
        ("huihui-ai/Llama-3.3-70B-Instruct-abliterated", "llama3_3_70b"),
        ("LGAI-EXAONE/K-EXAONE-236B-A23B", "k_exaone_236b"),
        ("Goekdeniz-Guelmez/Josiefied-Qwen3-8B-abliterated-v1", "qwen3_8b"),
        ("DeepSeek-R1-Distill-Qwen-7B-abliterated", "qwen2_7b"), ("teknium/OpenHermes-2.5-Mistral-7B", "mistral_7b"),
        ("deepseek-v3.2:cloud", "deepseek_v3_2"), ("llava:13b", "llama2_13b"), ("athene-v2:72b", "qwen2_5_72b"),
        # makers' own models beside others of nearly their name
        ("Qwen/CodeQwen1.5-7B-Chat", "codeqwen1_5_7b"), ("ibm-granite/granite-3b-code-base-2k", "granite_code_3b"),
        ("openlm-research/open_llama_3b", "open_llama_3b"), ("command-r-plus:104b", "command_r_plus_104b"),
        ("state-spaces/mamba-130m", "mamba_130m"), ("state-spaces/mamba-135m", None), ("EleutherAI/gpt-neo-350m", None),
        ("codellama:70b", "codellama_70b"), ("qwen:72b", "qwen1_5_72b"), ("Qwen/Qwen-72B-Chat", "qwen_72b"),
        # a format that is not understood is not 16 bit
        ("mlx-community/Qwen3-8B-mlx-DQ5_K_M", None), ("someone/Qwen3-8B-int4-mix-of-mine", None),
        # other shapes, and releases that are other models
        ("yuhuili/EAGLE-LLaMA3.1-Instruct-8B", None), ("Llama-3.2-8X3B-MOE-Dark-Champion", None),
        ("Qwen3-8B-draft", None), ("google/t5gemma-2b-2b-ul2", None), ("DavidAU/Qwen3-30B-A6B-16-Extreme", None),
        ("Phi-4-mini-flash-reasoning", None), ("Qwen3-30B-A3B-REAP-50", None), ("Qwen/CodeQwen1.5-9B-Chat", None),
        ("deepseek-ai/DeepSeek-V2.5", "deepseek_v2"), ("DeepSeek-V9.1", None), ("ggml-model-Q4_K_M.gguf", None),
    ],
)  # fmt: skip
def test_a_model_is_understood_through_what_stands_around_its_name(name: str, label: str | None) -> None:
    assert names.model(name) == label


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        ("Qwen3-32B-NVFP4A16", "nvfp4a16"), ("Llama-3.3-70B-Instruct-FP4", "fp4"), ("Qwen3-8B-FP8-dynamic", "fp8"),
        ("Llama-3.1-8B-Instruct-quantized.w4a16", "w4a16"), ("Qwen3-30B-A3B-4bit-DWQ", "4bit"),
        ("gpt-oss-20b-MXFP4-Q8", "mxfp4-q8"), ("Qwen3-8B-int4-AutoRound", "autoround-int4"),
        ("Mixtral-8x7B-Instruct-v0.1-4.0bpw-h6-exl2", "exl2-4.0bpw"), ("Llama-3-8B-AQLM-2Bit-1x16", "aqlm-2bit"),
        ("gpt-oss-20b-unsloth-bnb-4bit", "bnb-4bit"), ("DeepSeek-R1-0528-UD-TQ1_0.gguf", "ud-tq1_0"),
        ("bitnet 2B TQ1_0 - 1.69 bpw ternary", "tq1_0"), ("Llama 3.3 70B (FP8)", "fp8"),
        ("openvino/Qwen3-8B-int4-ov", "int4"), ("amd/Llama-3.3-70B-Instruct-MXFP4-Preview", "mxfp4"),
        ("Qwen2.5-14B-Instruct-1M", ""), ("Llama-3.3-70B-Instruct-Q4_K_M-00001-of-00002.gguf", "q4_k_m"),
        ("Hermes-2-Pro-Mistral-7B", ""),
    ],
)  # fmt: skip
def test_the_format_behind_a_name_is_one_that_is_known(name: str, carried: str) -> None:
    assert split_format(name)[1] == carried
    assert not carried or names.weight_format(carried, "vllm", name) is not None


def test_a_long_name_is_no_work() -> None:
    assert names.model("-q4" * 100_000) is None
    assert names.model("/" * 100_000) is None
