"""Files as they lie about after a benchmark: what programs print, tables with a column a metric, no device."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trials import trials

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import rows as measurements
from life_jax.measurements.readers import assumptions, by_parameters, index

WORDS = {"hw": "rtx_4090", "model": "Qwen3-8B", "opt": "q4_k_m"}
H100 = {"hw": "h100_sxm"}
LLAMA_CLI = """common_perf_print: sampling time =      12.00 ms
prompt eval time =     100.00 ms /   512 tokens (    0.20 ms per token,  5120.00 tokens per second)
       eval time =    1000.00 ms /   125 runs   (    8.00 ms per token,   125.00 tokens per second)
      total time =    1100.00 ms /   637 tokens
"""
BATCHED = """main: n_kv_max = 8192, is_pp_shared = 0

|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|   512 |    128 |    2 |   1280 |    0.200 |  5120.00 |    1.280 |   200.00 |    1.480 |   864.86 |
"""
PRINTED = """============ Serving Benchmark Result ============
Successful requests:                     100
Maximum request concurrency:             8
Total input tokens:                      102400
Total generated tokens:                  12800
Request throughput (req/s):              1.66
Mean TTFT (ms):                          95.00
P99 TPOT (ms):                           10.90
Mean E2EL (ms):                          1300.00
==================================================
"""
STUDIO = {"model": "qwen3-8b", "stats": {"tokens_per_second": 50.0, "time_to_first_token": 0.1}, "model_info": {
    "quant": "Q4_K_M", "format": "gguf"}, "usage": {"prompt_tokens": 24, "completion_tokens": 53}}  # fmt: skip
SERVER = {"model": "Qwen3-8B-Q4_K_M.gguf", "timings": {"prompt_n": 512, "prompt_ms": 100.0, "predicted_n": 125,
                                                     "predicted_ms": 1000.0}}  # fmt: skip
OFFLINE = {"successful_requests": 100, "total_latency": 10.0, "request_throughput": 10.0, "total_input_tokens": 102400,
           "total_output_tokens": 12800}  # fmt: skip
OLLAMA = (
    "$ ollama run llama3.1:8b --verbose\nprompt eval count:    26 token(s)\nprompt eval rate:     520.00 tokens/s\n"
)
OLLAMA += "eval count:           298 token(s)\neval rate:            125.00 tokens/s\n"
HEAD = "hardware,model,weight_format,engine,"
WIDE = f"{HEAD}batch,prompt_tokens,output_tokens,ttft_ms,tpot_ms\nRTX 4090,Qwen3-8B,q4_k_m,llama.cpp,2,512,128,300,8\n"
TESTS = f"{HEAD}pp512,tg128 (t/s)\nRTX 4090,Qwen3-8B,q4_k_m,llama.cpp CUDA,5120,125\n"


def placed(tmp_path, content, words):
    path = tmp_path / "a.txt"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    fills = index.checked(words)
    taken, lines = assumptions.assumed(path, fills)
    settings = [measurements.place(row) for row in index.rows(path, fills, taken)]
    assert not [s for s in settings if isinstance(s, str)], settings
    return settings, lines


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        (LLAMA_CLI, WORDS, {"prefill_tok_s": 5120, "decode_tok_s": 125}),
        (SERVER, {"hw": "rtx_4090"}, {"prefill_tok_s": 5120, "decode_tok_s": 125}),
        (BATCHED, WORDS, {"ttft_s": 0.2, "tpot_s": 0.01}),
        (STUDIO, {"hw": "apple_m4_pro"}, {"ttft_s": 0.1, "decode_tok_s": 50}),
        (PRINTED, {**H100, "model": "Qwen/Qwen3-8B"}, {"ttft_mean": 0.095, "tpot_p99": 0.0109, "e2e_mean": 1.3,
                                                      "request_rate": 1.66}),
        (OFFLINE, {**H100, "model": "Qwen/Qwen3-8B"}, {"request_rate": 10}),
        (OLLAMA, {"hw": "rtx_4090"}, {"prefill_tok_s": 520, "decode_tok_s": 125}),
        (WIDE, {}, {"ttft_s": 0.3, "tpot_s": 0.008}),
        (TESTS, {}, {"prefill_tok_s": 5120, "decode_tok_s": 125}),
    ],
)  # fmt: skip
def test_what_programs_print_is_read(tmp_path, content, words, expected):
    settings, _ = placed(tmp_path, content, words)
    assert {s.metric: s.value for s in settings} == pytest.approx(expected)


@settings(max_examples=trials(200), deadline=None)
@given(data=st.data())
def test_a_changed_output_of_a_program_is_read_or_refused_in_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("changed") / "x.txt"
    text = data.draw(st.sampled_from([LLAMA_CLI, SERVER, BATCHED, STUDIO, PRINTED, OFFLINE, OLLAMA, WIDE, TESTS]))
    text = text if isinstance(text, str) else json.dumps(text)
    for _ in range(data.draw(st.integers(1, 3))):
        at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 40))
        put = data.draw(st.sampled_from(["", "|", "\n", "0", "-1", "nan", "[", "[[]]", "{", '"', text[at : at + 80]]))
        text = text[:at] + put + text[at + cut :]
    path.write_text(text)
    try:
        for row in index.rows(path, index.checked({**WORDS, "batch": "1"})):
            measurements.place(row)
    except ConfigError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("document", [[[[]]], [[{}]], [["model_type", []]], {"timings": []}, {"stats": {}}, [None], 1])
def test_json_of_nothing_that_is_known_is_refused_in_one_line(tmp_path, document):
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError):
        list(index.rows(tmp_path / "x.json"))


def test_lengths_and_batches_are_those_of_the_run(tmp_path):
    (prefill, decode), _ = placed(tmp_path, LLAMA_CLI, WORDS)
    assert (prefill.prompt_tokens, decode.prompt_tokens, decode.output_tokens) == (512, 512, 125 + 0)
    (ttft, _), _ = placed(tmp_path, BATCHED, WORDS)
    assert (ttft.batch, ttft.prompt_tokens) == (2, 512)
    (pp, tg), _ = placed(tmp_path, TESTS, {})
    assert (pp.prompt_tokens, pp.batch, tg.output_tokens) == (512, 1, 129)


def test_a_file_without_a_device_is_of_this_machine_and_says_so(tmp_path):
    settings, lines = placed(tmp_path, OLLAMA, {})
    hw, name = assumptions.here()
    assert {s.hw for s in settings} == {hw}
    assert name in lines[0] and "hw=NAME" in lines[0]
    settings, lines = placed(tmp_path, OLLAMA, {"hw": "rtx_4090"})
    assert {s.hw for s in settings} == {"rtx_4090"}
    assert len(lines) == 1 and "q4_k_m, Ollama's own" in lines[0]  # the tag says no format
    assert {s.stack for s in settings} == {("q4_k_m",)}


def test_nothing_is_taken_for_what_a_table_leaves_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(WIDE.replace("RTX 4090", ""), encoding="utf-8")
    assert assumptions.assumed(path, {}) == ({}, [])


@pytest.mark.parametrize(
    ("kind", "parameters", "label"),
    [
        ("llama 13B", "23.57 B", "mistral_small_24b"), ("llama 13B", "12.25 B", "mistral_nemo_12b"),
        ("llama 13B", "13.02 B", "llama2_13b"), ("llama 7B", "7.24 B", "mistral_7b"),
        ("llama 8B", "8.03 B", "llama 8B"),
        ("phi3 14B", "13.96 B", "phi3_medium"), ("phi3 14B", "14.66 B", "phi3 14B"), ("llama 8B", "", "llama 8B"),
    ],
)  # fmt: skip
def test_models_of_one_name_are_told_apart_by_their_parameters(kind, parameters, label):
    from life_jax.config import names

    found = by_parameters.model([kind], by_parameters.stated(parameters))
    assert names.model(found) == names.model(label)


def test_a_number_of_parameters_that_no_model_of_the_name_has_is_no_model_of_ours():
    from life_jax.config import names

    assert names.model(by_parameters.model(["llama 13B"], 17.77e9)) is None
