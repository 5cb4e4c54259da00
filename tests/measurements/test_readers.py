"""What benchmark tools write is read as their users mean it, told by the content of a file."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from places import ROOT

import life_jax
from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import accuracy, accuracy_totals, forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.readers import base, index

EXAMPLE = ROOT / "examples" / "llama_bench.json"
LLAMA = {
    "build_commit": "0a1b2c3", "build_number": 7423, "cpu_info": "AMD EPYC 9354", "gpu_info": "NVIDIA A100-SXM4-80GB",
    "backends": "CUDA", "model_filename": "/models/Llama-2-7B-Q8_0.gguf", "model_type": "llama 7B Q8_0",
    "n_batch": 2048,
    "n_ubatch": 512, "n_threads": 8, "type_k": "f16", "type_v": "f16", "n_gpu_layers": 99, "split_mode": "layer",
    "no_kv_offload": False, "flash_attn": True, "tensor_buft_overrides": "none", "n_prompt": 0, "n_gen": 64,
    "n_depth": 2048, "test_time": "2026-01-05T08:00:00Z", "avg_ns": 640000000, "stddev_ns": 1, "avg_ts": 100.0,
    "stddev_ts": 0.1,
}  # fmt: skip
TG, PP, PG = {}, {"n_prompt": 1024, "n_gen": 0, "n_depth": 0, "avg_ts": 5000.0}, {"n_prompt": 1024, "n_depth": 0}


def records(*changes):
    return [{**LLAMA, **change} for change in changes]


def as_csv(rows, **options):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), quoting=csv.QUOTE_ALL, **options)
    writer.writeheader()
    writer.writerows({key: int(value) if value is True else value for key, value in row.items()} for row in rows)
    return out.getvalue()


def as_sql(rows):
    text = "CREATE TABLE IF NOT EXISTS llama_bench (\n  build_commit TEXT,\n  avg_ts REAL\n);\n\n"
    for row in rows:
        values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in row.values())
        text += f"INSERT INTO llama_bench ({', '.join(row)}) VALUES ({values});\n"
    return text


MARKDOWN = """ggml_cuda_init: found 1 CUDA devices:
  Device 0: NVIDIA A100-SXM4-80GB, compute capability 8.0, VMM: yes
| model                  |       size |     params | backend    | ngl | fa |            test |                  t/s |
| ---------------------- | ---------: | ---------: | ---------- | --: | -: | --------------: | -------------------: |
| llama 7B Q8_0          |   6.67 GiB |     6.74 B | CUDA       |  99 |  1 |    tg64 @ d2048 |        100.00 ± 0.10 |
| llama 7B Q8_0          |   6.67 GiB |     6.74 B | CUDA       |  99 |  1 |          pp1024 |       5000.00 ± 9.00 |

build: 0a1b2c3 (7423)
"""


def read(tmp_path, text, encoding="utf-8", **words):
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return measurements.read(path, words)


def placed(rows):
    settings = [measurements.place(row) for row in rows]
    assert not [one for one in settings if isinstance(one, str)], settings
    return settings


@pytest.mark.parametrize(
    "text",
    [json.dumps(records(TG, PP)), "\n".join(json.dumps(one) for one in records(TG, PP)), as_csv(records(TG, PP)),
     as_sql(records(TG, PP)), "0.00.1 load_backend: loaded CUDA backend\n" + as_csv(records(TG, PP)), MARKDOWN],
    ids=["json", "jsonl", "csv", "sql", "csv after a log", "markdown"],
)  # fmt: skip
def test_every_form_of_llama_bench_says_the_same(tmp_path, text):
    rows = read(tmp_path, text, **({} if "gguf" in text else {"model": "llama2_7b"}))
    decode, prefill = placed(rows)
    assert (decode.metric, decode.value, decode.past_tokens, decode.output_tokens) == ("decode_tok_s", 100, 2048, 65)
    assert (prefill.metric, prefill.value, prefill.prompt_tokens) == ("prefill_tok_s", 5000, 1024)
    for s in (decode, prefill):
        assert (s.hw, s.model, s.stack, s.engine) == ("a100_sxm_80gb", "llama2_7b", ("q8_0",), "llama_cpp_cuda")
        assert s.batch == 1 and s.threads is None


def test_a_prompt_with_generation_is_the_time_of_both(tmp_path):
    (s,) = placed(read(tmp_path, json.dumps(records(PG))))
    assert (s.metric, s.value, s.output_tokens) == ("e2e_s", pytest.approx((1024 + 64) / 100), 65)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n_gpu_layers": 20}, "20 of 32 layers"), ({"n_cpu_moe": 4}, "n_cpu_moe"), ({"no_kv_offload": True},
        "cache beside"),
        ({"gpu_info": "NVIDIA L4, NVIDIA L4"}, "2 devices with split_mode layer"), ({"backends": "CUDA,RPC"}, "RPC"),
        ({"type_k": "q8_0"}, "kv_dtype 'q8_0/f16'"), ({"n_gen": 0}, "a test without its numbers"),
        ({"avg_ts": "fast"}, "a test without its numbers"), ({"avg_ts": 0}, "a test without its numbers"),
        ({"n_depth": -1}, "a test without its numbers"), ({"model_type": "llama 7B Q9_9"}, "weight format"),
        ({"avg_ts": [1, 2]}, "a test without its numbers"), ({"n_prompt": {"a": 1}, "n_gen": None}, "a test without"),
    ],
)  # fmt: skip
def test_a_layout_of_llama_bench_that_has_no_forecast_says_why(tmp_path, change, reason):
    (row,) = read(tmp_path, json.dumps(records(change)))
    assert reason in measurements.place(row)


def test_what_llama_bench_was_told_is_what_is_forecast(tmp_path):
    eager, cached, small, cpu = read(
        tmp_path,
        json.dumps(
            records(
                {"flash_attn": False}, {"type_k": "q8_0", "type_v": "q8_0"}, {"n_ubatch": 4096, "n_batch": 256},
                {"backends": "CPU", "cpu_info": "ryzen_9_7950x_cpu", "n_gpu_layers": 0},
            )
        ),
    )  # fmt: skip
    eager, cached, small, cpu = placed([eager, cached, small, cpu])
    assert "eager_attention" in eager.stack and "eager_attention" not in cached.stack
    assert any(option.startswith("kv") for option in cached.stack)
    assert small.chunk_tokens == 256
    assert (cpu.hw, cpu.engine, cpu.threads) == ("ryzen_9_7950x_cpu", "llama_cpp_cpu", 8)


SERVE = {
    "date": "20260105-080000", "backend": "vllm", "model_id": "Qwen/Qwen3-8B", "num_prompts": 20, "request_rate": "inf",
    "max_concurrency": 1, "completed": 20, "total_input_tokens": 20480, "total_output_tokens": 2560,
    "request_throughput": 0.5, "median_ttft_ms": 50.0, "median_tpot_ms": 12.0, "mean_ttft_ms": 70.0,
}  # fmt: skip
SGLANG = {"run_name": "default", "batch_size": 4, "input_len": 256, "output_len": 32, "prefill_latency": 0.05,
          "median_decode_latency": 0.011, "total_latency": 0.4, "overall_throughput": 2880.0}  # fmt: skip
SGLANG_SERVE = {"backend": "sglang", "max_concurrency": 1, "completed": 4, "total_input_tokens": 400,
                "total_output_tokens": 80, "median_e2e_latency_ms": 300.0, "median_ttft_ms": 50.0,
                "server_info": {"model_path": "Qwen/Qwen3-8B-FP8", "tp_size": 2}}  # fmt: skip
AIPERF = {
    "time_to_first_token": {"unit": "ms", "avg": 60.0, "p50": 50.0}, "inter_token_latency": {"unit": "ms", "avg": 12.0},
    "request_latency": {"unit": "ms", "avg": 2000.0}, "input_sequence_length": {"unit": "tokens", "avg": 1024.0},
    "output_sequence_length": {"unit": "tokens", "avg": 128.0},
    "input_config": {"endpoint": {"model_names": ["Qwen/Qwen3-8B"]}, "loadgen": {"concurrency": 1}},
}  # fmt: skip
GENAI = {**AIPERF, "input_config": {"model_names": ["Qwen/Qwen3-8B"], "endpoint": {"backend": "vllm"},
                                    "perf_analyzer": {"stimulus": {"concurrency": 1}}}}  # fmt: skip
GUIDELLM = {
    "benchmarks": [
        {
            "config": {"strategy": {"type_": kind, "streams": 16}, "backend": {"model": "Qwen/Qwen3-8B"}},
            "metrics": {
                name: {"successful": {"median": value, "mean": 1.1 * value, "std_dev": 0.55 * value}}
                for name, value in (
                    ("time_to_first_token_ms", 50.0), ("inter_token_latency_ms", 12.0),
                    ("time_per_output_token_ms", 13.0),
                    ("request_latency", 2.0), ("prompt_token_count", 1024), ("output_token_count", 128),
                )
            },
        }
        for kind in ("synchronous", "concurrent")
    ]
}  # fmt: skip
GENAI_CSV = """Metric,avg,min,max,p99,p50
Time To First Token (ms),"1,060.00",7.00,9.00,8.98,"1,050.00"
Inter Token Latency (ms),12.00,10.00,12.00,11.98,12.00
Output Sequence Length (tokens),128.00,1.00,3.00,2.98,128.00
Input Sequence Length (tokens),"1,024.00",5.00,7.00,6.98,"1,024.00"

Metric,Value
Output Token Throughput (tokens/sec),456.00
Request Count (count),3.00
"""
MLX = """$ mlx_lm.generate --model mlx-community/Llama-3.2-3B-Instruct-4bit --prompt "hello"
==========
Once upon
==========
Prompt: 512 tokens, 850.250 tokens-per-sec
Generation: 100 tokens, 60.500 tokens-per-sec
Peak memory: 2.100 GB
"""
MLX_BENCHMARK = """Running warmup..
Timing with prompt_tokens=512, generation_tokens=128, batch_size=2.
Trial 1:  prompt_tps=900.000, generation_tps=100.000, peak_memory=2.100, total_time=2.000
Averages: prompt_tps=901.000, generation_tps=101.000, peak_memory=2.100
"""
OLLAMA = """$ ollama run llama3.1:8b-instruct-q4_K_M --verbose
total duration:       8.76s
load duration:        28.1ms
prompt eval count:    26 token(s)
prompt eval duration: 130.079ms
prompt eval rate:     199.88 tokens/s
eval count:           298 token(s)
eval duration:        4.709213s
eval rate:            63.28 tokens/s
"""
OLLAMA_API = {"model": "llama3.1:8b-instruct-q4_K_M", "prompt_eval_count": 26, "prompt_eval_duration": 130000000,
              "eval_count": 298, "eval_duration": 2980000000, "done": True}  # fmt: skip
PYTORCH = [{"benchmark": {"name": "vLLM benchmark", "extra_info": {"args": {
    "batch_size": 8, "input_len": 32, "output_len": 128, "tensor_parallel_size": 2}}},
    "model": {"name": "Qwen/Qwen3-8B"}, "metric": {"name": "latency",
    "benchmark_values": [2.1, 2.0, 2.2]}}]  # fmt: skip
HW, VLLM = {"hw": "h100_sxm"}, {"hw": "h100_sxm", "engine": "vllm"}


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        (SERVE, HW, [("ttft_s", 0.05, 1, 1024), ("tpot_s", 0.012, 1, 1024)]),
        ({"avg_latency": 2.5, "latencies": [2, 3], "percentiles": {"50": 2.4}},
         {**HW, "model": "qwen3_8b", "opt": "bf16", "batch": "8", "prompt": "32", "output": "128"},
         [("e2e_s", 2.4, 8, 32)]),
        (PYTORCH, HW, [("e2e_s", 2.1, 8, 32)]),
        (SGLANG, {**HW, "model": "qwen3_8b", "opt": "bf16"},
         [("ttft_s", 0.05, 4, 256), ("tpot_s", 0.011, 4, 256), ("e2e_s", 0.4, 4, 256)]),
        (SGLANG_SERVE, HW, [("ttft_s", 0.05, 1, 100), ("e2e_s", 0.3, 1, 100)]),
        (AIPERF, VLLM, [("ttft_s", 0.05, 1, 1024), ("tpot_s", 0.012, 1, 1024), ("e2e_s", 2.0, 1, 1024)]),
        (GENAI, HW, [("ttft_s", 0.05, 1, 1024), ("tpot_s", 0.012, 1, 1024), ("e2e_s", 2.0, 1, 1024)]),
        (GENAI_CSV, {**VLLM, "model": "qwen3_8b", "opt": "bf16", "concurrency": "1"},
         [("ttft_s", 1.05, 1, 1024), ("tpot_s", 0.012, 1, 1024)]),
        (MLX, {"hw": "apple_m2_max"}, [("prefill_tok_s", 850.25, 1, 512), ("decode_tok_s", 60.5, 1, 512)]),
        (MLX_BENCHMARK, {"hw": "apple_m2_max", "model": "llama3_2_3b", "opt": "4bit"},
         [("prefill_tok_s", 901, 2, 512), ("decode_tok_s", 101, 2, 512)]),
        (OLLAMA, {"hw": "rtx_4090"}, [("prefill_tok_s", 199.88, 1, 26), ("decode_tok_s", 63.28, 1, 26)]),
        (OLLAMA_API, {"hw": "rtx_4090"}, [("prefill_tok_s", 200, 1, 26), ("decode_tok_s", 100, 1, 26)]),
    ],
    ids=["vllm serve", "vllm latency", "vllm pytorch", "sglang batch", "sglang serving", "aiperf", "genai-perf",
         "genai-perf csv", "mlx", "mlx benchmark", "ollama", "ollama api"],
)  # fmt: skip
def test_results_of_a_tool_are_rows_with_a_forecast(tmp_path, content, words, expected):
    settings = placed(read(tmp_path, content if isinstance(content, str) else json.dumps(content), **words))
    of = [(s.metric, pytest.approx(s.value), s.batch, s.prompt_tokens) for s in settings]
    assert expected == of
    assert np.isfinite(forecasts.forecasts(settings)).all()


def test_a_report_of_guidellm_has_a_single_stream_and_load(tmp_path):
    rows = read(tmp_path, json.dumps(GUIDELLM), **VLLM)
    alone, load = rows[:3], rows[3:]
    assert [(s.metric, s.value) for s in placed(alone)] == [("ttft_s", 0.05), ("tpot_s", 0.012), ("e2e_s", 2.0)]
    crowd = placed(load)
    assert {s.metric: s.value for s in crowd} == pytest.approx(
        {"ttft_mean": 0.055, "ttft_p50": 0.05, "tpot_mean": 0.0132, "tpot_p50": 0.012, "e2e_mean": 2.2}
    )
    assert {(s.load.concurrency, s.load.prompt_cv) for s in crowd} == {(16, 0.5)}
    assert len({row["id"] for row in rows}) == len(rows)


LOADED = {**SERVE, "max_concurrency": 8, "mean_tpot_ms": 12.5, "p99_ttft_ms": 300.0, "p99_tpot_ms": 15.0,
          "p99_itl_ms": 40.0, "output_throughput": 500.0, "mean_e2el_ms": 1700.0}  # fmt: skip


def test_more_than_one_request_at_a_time_has_the_forecast_that_serve_gives(tmp_path):
    settings = placed(read(tmp_path, json.dumps(LOADED), **HW))
    words = ["hw=h100_sxm", "model=qwen3_8b", "engine=vllm", "concurrency=8", "prompt=1024", "output=128",
             "load.requests=20", "dtype=float64"]  # fmt: skip
    names = ["ttft_mean", "ttft_p50", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p99", "itl_p99", "request_rate",
             "output_rate"]  # fmt: skip
    served = life_jax.evaluate(life_jax.load([*words, f"metrics=[{','.join(names)}]"], primary="serve"))
    forecast = dict(zip([s.metric for s in settings], forecasts.forecasts(settings), strict=True))
    assert set(names) | {"e2e_mean"} == set(forecast)
    for name in names:
        assert forecast[name] == pytest.approx(float(served[name].squeeze()), rel=1e-12), name
    assert forecast["e2e_mean"] == pytest.approx(8 / forecast["request_rate"])


def test_requests_that_arrive_at_a_rate_are_an_open_loop(tmp_path):
    change = {"max_concurrency": None, "request_rate": 4, "burstiness": 0.25}
    (s, *others) = placed(read(tmp_path, json.dumps({**LOADED, **change}), **HW))
    assert (s.load.rate, s.load.concurrency, s.load.burst) == (4, 0, 2)
    assert not [one.metric for one in others if one.metric.endswith("_rate")]
    assert np.isfinite(forecasts.forecasts([s, *others])).all()


def test_a_limit_of_concurrency_binds_where_the_server_is_slower_than_the_rate(tmp_path):
    def tpot(**change):
        settings = placed(read(tmp_path, json.dumps({**LOADED, **change}), **HW))
        return dict(zip([s.metric for s in settings], forecasts.forecasts(settings), strict=True))["tpot_mean"]

    closed, opened = tpot(), tpot(max_concurrency=None, request_rate=2)
    assert tpot(request_rate=1000) == closed
    assert tpot(request_rate=2) == opened != closed


def test_all_requests_at_once_are_as_many_at_once_as_there_are(tmp_path):
    (s, *_) = placed(read(tmp_path, json.dumps({**LOADED, "max_concurrency": None}), **HW))
    assert (s.load.concurrency, s.load.requests) == (20, 20)
    throughput = {"elapsed_time": 4.0, "num_requests": 100, "requests_per_second": 25.0, "tokens_per_second": 6400.0}
    words = {**HW, "model": "qwen3_8b", "opt": "bf16", "prompt": "128", "output": "128"}
    (s,) = placed(read(tmp_path, json.dumps(throughput), **words))
    assert (s.metric, s.value, s.load.concurrency) == ("request_rate", 25, 100)


def test_clients_of_servers_say_statistics_spreads_and_rates_of_a_load(tmp_path):
    load = {
        **GENAI, "input_config": {**GENAI["input_config"], "perf_analyzer": {"stimulus": {"concurrency": 8}}},
        "request_throughput": {"unit": "requests/sec", "avg": 4.0}, "request_count": {"unit": "requests", "avg": 80},
        "input_sequence_length": {"unit": "tokens", "avg": 1000.0, "std": 500.0},
    }  # fmt: skip
    settings = placed(read(tmp_path, json.dumps(load), **HW))
    assert {s.metric: s.value for s in settings} == {
        "ttft_mean": 0.06, "ttft_p50": 0.05, "tpot_mean": 0.012, "e2e_mean": 2.0, "request_rate": 4.0
    }  # fmt: skip
    assert {(s.load.concurrency, s.load.requests, s.load.prompt_cv) for s in settings} == {(8, 80, 0.5)}
    csv_rows = read(tmp_path, GENAI_CSV, **VLLM, model="qwen3_8b", opt="bf16", concurrency="4")
    assert {s.metric: s.value for s in placed(csv_rows)} == {
        "ttft_mean": 1.06, "ttft_p50": 1.05, "ttft_p99": 0.00898, "tpot_mean": 0.012, "tpot_p50": 0.012,
        "tpot_p99": 0.01198, "output_rate": 456.0,
    }  # fmt: skip


TABLE = "hardware,model,weight_format,engine,users,prompt_tokens,output_tokens,metric,value\n"


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [("ttft_p99_ms", "300", ("ttft_p99", 0.3)), ("p90 TPOT [ms]", "12", ("tpot_p90", 0.012)),
     ("ttft", "0.3 s", ("ttft_mean", 0.3)), ("output_throughput", "900", ("output_rate", 900)),
     ("median_ttft_ms", "80", ("ttft_p50", 0.08)), ("request_rate", "4", ("request_rate", 4))],
)  # fmt: skip
def test_a_table_whose_rows_have_users_is_under_load(tmp_path, metric, value, expected):
    rows = read(tmp_path, f"{TABLE}h100_sxm,qwen3_8b,bf16,vllm,16,1024,128,{metric},{value}\n")
    (s,) = placed(rows)
    assert (s.metric, s.value) == (expected[0], pytest.approx(expected[1]))
    assert s.load.concurrency == 16


def test_a_load_that_is_not_known_says_what_is_missing():
    row = dict.fromkeys(base.COLUMNS, "") | {"id": "a", "metric": "ttft_s", "value": "1", "regime": "serving"}
    assert "give concurrency=N or rate=R" in measurements.place(row)
    assert "statistic 'p75'" in measurements.place({**row, "concurrency": "4", "statistic": "p75"})
    assert "under load: concurrency or rate is missing" in measurements.place(
        {**row, "regime": "", "batch": "1", "metric": "ttft_p50"}
    )
    assert "not forecast under load" in measurements.place({**row, "concurrency": "4", "metric": "prefill_tok_s"})


def test_calibrate_leaves_out_what_ran_under_load(life, tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(LOADED))
    done = life("calibrate", "b.json", "hw=h100_sxm", "engine=vllm")
    assert done.status == 2 and "one request, or one batch, at a time" in done.err


def test_validate_shows_requests_beside_others_apart(life, tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(LOADED))
    done = life("validate", "b.json", "hw=h100_sxm", "out=f.csv")
    assert done.status == 0, done.err
    assert "requests beside others: 10 rows" in done.out and "time under load: TTFT" in done.out
    rows = [line for line in done.out.splitlines() if line.count(",") < 9]  # a row to share is copied whole
    assert max(map(len, rows)) <= 80
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 1 + 10


@pytest.mark.parametrize(
    ("content", "words", "missing"),
    [
        (SERVE, {}, "hw=NAME"), (SGLANG, HW, "model=NAME opt=FORMAT"), (AIPERF, HW, "engine=NAME"), (MLX, {},
        "hw=NAME"),
        ({"avg_latency": 2.5, "latencies": []}, VLLM, "model=NAME opt=FORMAT batch=N prompt=N output=N"),
        (GENAI_CSV, VLLM, "concurrency=N"), (OLLAMA.replace("-instruct-q4_K_M", ""), HW, "opt=FORMAT"),
        (MARKDOWN.replace("Device 0", "Device"), {}, "hw=NAME"),
    ],
)  # fmt: skip
def test_a_file_that_lacks_what_a_forecast_needs_names_the_words(tmp_path, content, words, missing):
    with pytest.raises(ConfigError, match=missing):
        read(tmp_path, content if isinstance(content, str) else json.dumps(content), **words)


TIDY = (
    "Id;Hardware;Model;Weight Format;Engine;Batch;Prompt Tokens;Output Tokens;Metric;Value;Ctx Depth;;\r\n"
    "a;rtx_4090;llama3_8b;q4_k_m;llama_cpp_cuda;1;0;128;decode_tok_s;1.100,5;16.384;;\r\n"
    "b;rtx_4090;llama3_8b;q4_k_m;llama_cpp_cuda;1;512;;ttft_s;0,0465;;;\r\n;;;;;;;;;;;;\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_of_other_locales_and_spreadsheets_are_read(tmp_path, encoding, separator):
    text = TIDY.replace(";", separator)
    a, b = placed(read(tmp_path, text, encoding))
    assert (a.value, a.past_tokens, b.value) == (1100.5, 16384, 0.0465)
    assert placed(read(tmp_path, f"sep={separator}\r\n{text}", encoding)) == [a, b]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04abc", "save it as CSV"), (b"\x89HDF\r\n", "netCDF"), (b"\x1f\x8b123", "unpack"),
        (bytes(range(32)) * 9, "no text"), ("[" * 100_000, "nested too deeply"), ('{"a": ' * 50_000, "is no JSON"),
        ("{}", "JSON of a tool that is not read"), ("[]", "JSON of a tool that is not read"), ("[1, null, {}]",
        "JSON of a tool"),
        ('{"avg_ts": 1' + "0" * 10_000 + "}", "JSON of a tool"), ("[NaN, Infinity]", "JSON of a tool"), ('{"a": 1',
        "is no JSON"),
        ("a" * (base.MOST_LINE + 2), "longer than"), ("id,hardware\n1,2\n", "no column model"), ("id,id\n",
        "id is there twice"),
        (TIDY.replace(";", ",").replace("Model", "Hardware"), "there twice"),
        (TIDY.replace("a;rtx", '"' + "a" * 200_000 + '";rtx'), "100,000 characters"),
        (TIDY.replace("\r\nb;", "\r\na;"), "the id 'a' is there twice"), ("\n\n", "no rows"),
        (" " * (base.MOST_JSON + 1), "longer than"), ("{" + " " * base.MOST_JSON + "}", "MiB at most"),
    ],
)  # fmt: skip
def test_what_is_no_table_ends_in_one_line(tmp_path, content, reason):
    with pytest.raises(ConfigError, match=reason) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value) and len(str(error.value)) < 900


@pytest.mark.parametrize(
    "value", [None, [], {}, True, "fast", float("nan"), float("inf"), -1, 10**30, [[[1]]], "NaN", ""]
)
def test_any_value_in_the_json_of_any_tool_is_a_reported_row_or_left_out(tmp_path, value):
    for content, words in (
        (LLAMA, {}),
        (SERVE, HW),
        (SGLANG, {**HW, "model": "qwen3_8b", "opt": "bf16"}),
        (OLLAMA_API, HW),
    ):
        for key in content:
            try:
                rows = read(tmp_path, json.dumps({**content, key: value}), **words)
            except ConfigError:
                continue
            for row in rows:
                one = measurements.place(row)
                assert isinstance(one, str) or (np.isfinite(one.value) and one.value > 0)


def test_rows_that_are_cut_or_too_long_are_reported(tmp_path):
    cut = TIDY.replace(";0,0465;;;", "").replace("16.384;;", "16.384;;;;9")
    long, short = (measurements.place(row) for row in read(tmp_path, cut))
    assert "more than there are columns" in long and "cells of" in short


ROW = {"id": "a", "hardware": "rtx_4090", "model": "llama3_8b", "weight_format": "q4_k_m", "engine": "llama_cpp_cuda",
       "batch": "1", "prompt_tokens": "512", "output_tokens": "128", "metric": "tpot_s", "value": "0.008"}  # fmt: skip


@pytest.mark.parametrize(
    "name", ["~nobody.yaml", "x" * 5000 + ".yaml", "a\0b.yaml", "", "=1+1", "()[]{}", "\U0001f600", "§"]
)
@pytest.mark.parametrize("column", ["hardware", "model", "weight_format", "engine", "kv_dtype", "date", "regime"])
def test_any_name_is_understood_or_its_row_is_reported(column, name):
    r = accuracy.report([{**ROW, column: name}, {**ROW, "id": "b"}])
    assert len(r.settings) + sum(r.skipped.values()) == 2 and "b" in [s.id for s in r.settings]


def test_a_time_in_milliseconds_is_questioned_and_not_judged():
    r = accuracy.report([ROW, {**ROW, "id": "b", "value": "8"}, {**ROW, "id": "c", "value": "0.000008"},
                         {**ROW, "id": "d", "value": "0.08"}])  # fmt: skip
    assert r.questioned.tolist() == [False, True, True, False]
    assert r.judged.tolist() == [True, False, False, True]


def test_a_table_in_blocks_comes_to_the_same_as_in_memory(monkeypatch):
    rows = [
        {**ROW, "id": str(i), "model": model, "metric": metric, "value": str(value * (1 + i / 50))}
        for i, (model, metric, value) in enumerate(
            13
            * [
                ("llama3_8b", "tpot_s", 0.008),
                ("llama2_7b", "ttft_s", 0.06),
                ("x", "tpot_s", 1),
                ("llama2_7b", "e2e_s", 2),
            ]
        )
    ]
    r = accuracy.report(rows)
    monkeypatch.setattr(accuracy_totals, "BLOCK", 7)
    monkeypatch.setattr(accuracy_totals, "MOST_POINTS", 10)
    blocks = []
    t = accuracy_totals.totals(lambda: iter(rows), None, blocks.append)
    assert len(blocks) == 8 and sum(len(block.settings) for block in blocks) == len(r.settings) == t.rows
    names = list(t.errors)
    assert names[1:] == list(r.baselines)
    for name, forecast in zip(names, (r.forecast, *r.baselines.values()), strict=True):
        for kind, (mean, median, cells) in accuracy_totals.macro(r, forecast).items():
            assert t.errors[name].macro()[kind] == pytest.approx((mean, median, cells), nan_ok=True)
    assert t.inside.coverage() == pytest.approx(accuracy_totals.coverage(r))
    assert dict(t.skipped) == dict(r.skipped) and t.drawn_every > 1
    assert sum(len(ratios) for _, ratios in t.points().values()) <= 20


def test_settings_with_their_own_numbers_are_forecast_as_alone():
    settings = placed([{**ROW, "id": str(n), "ubatch": str(n), "batch": str(n)} for n in (16, 64, 64, 512)])
    alone = [forecasts.forecasts([s])[0] for s in settings]
    np.testing.assert_allclose(forecasts.forecasts(settings), alone, rtol=1e-12)
    assert forecasts.forecasts([dataclasses.replace(settings[0], batch=1.0)])[0] != alone[0]


def test_calibration_and_validation_take_what_llama_bench_wrote(life, tmp_path):
    (tmp_path / "llama_bench.json").write_bytes(EXAMPLE.read_bytes())
    done = life("calibrate", "llama_bench.json", "hw=rtx_4090", "engine=llama_cpp_cuda", "out=mine.yaml")
    assert done.status == 0, done.err
    assert (tmp_path / "mine.yaml").is_file() and "4 rows" in done.out
    checked = life("validate", "llama_bench.json", "engine=mine.yaml", "out=f.csv")
    assert checked.status == 0, checked.err
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 5


def test_a_model_that_the_command_line_names_carries_its_format(tmp_path):
    path = tmp_path / "mlx.txt"
    path.write_text("Prompt: 512 tokens, 1520.1 tokens-per-sec\nGeneration: 128 tokens, 98.5 tokens-per-sec\n")
    name = "mlx-community/Llama-3.1-8B-Instruct-4bit"
    words = {"hw": "apple_m3_ultra", "model": name, "engine": "mlx"}
    assert {row["weight_format"] for row in index.rows(path, words)} == {"4bit"}
    with pytest.raises(ConfigError, match="opt=FORMAT"):
        list(index.rows(path, {**words, "model": "llama3_1_8b"}))
