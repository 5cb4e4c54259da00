"""What a forecast rests on, and how it can be measured."""

import pytest

import life_jax as life
from life_jax.terminal.verification import measures


def command(*words: str) -> str:
    study = life.load(words, primary="explain")
    return measures(study.cases[0].keys.engine, study.cases[0].scenario)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hw=rtx_3090 engine=llama.cpp opt=q4_k_m prompt=512 output=128 context=8192",
         "llama-bench -m MODEL.gguf -p 512 -n 128 -d 8192 -fa 1 -o json"),
        ("hw=rtx_3090 engine=llama.cpp prompt=512 output=128",
         "llama-bench -m MODEL.gguf -p 512 -n 128 -fa 1 -o json"),
        ("hw=rtx_3090 engine=llama.cpp batch=4", ""),
        ("hw=h100_sxm engine=vllm batch=8 tp=4",
         "vllm bench latency --model MODEL --input-len 512 --output-len 128 --batch-size 8"
         " --tensor-parallel-size 4 --output-json FILE.json"),
        ("hw=h100_sxm engine=vllm pp=2", ""), ("hw=h100_sxm engine=generic", ""),
        ("hw=apple_m2 engine=mlx prompt=100", "mlx_lm.benchmark --model MODEL -p 100 -g 128 -b 1"),
    ],
)  # fmt: skip
def test_a_command_measures_what_is_forecast(words, expected):
    assert command(*words.split()) == expected


def test_explain_says_what_its_forecast_rests_on(life):
    out = " ".join(life("explain", "hw=rtx_3090", "engine=llama.cpp", "opt=q4_k_m").out.split())
    assert "80 % of measurements" in out and "measured on this device too" in out and "llama-bench -m" in out
    other = " ".join(life("explain", "hw=rtx_4090", "engine=llama.cpp", "opt=q4_k_m").out.split())
    assert "never measured on this device" in other
    assert "80 %" not in life("explain", "hw=rtx_4090", "engine=ideal").out
