"""What benchmarks print or write as tables of their own, read as rows."""

import json
from pathlib import Path

import pytest

from life_jax.measurements import cells
from life_jax.measurements.readers import index
from life_jax.measurements.readers.base import PROBLEM, Row

SERVER = {"hw": "h100_sxm", "model": "llama3_8b"}
CARD = {"hw": "rtx_4090", "model": "llama3_8b", "opt": "q4_k_m"}


def rows(folder: Path, content: str, words: dict[str, str]) -> list[Row]:
    path = folder / "results.txt"
    path.write_text(content, encoding="utf-8")
    found = list(index.rows(path, words))
    assert not any(row.get(PROBLEM) for row in found)
    return found


def said(found: list[Row], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row.get(column, "") for column in ("metric", "value", *columns)) for row in found]


def test_a_sweep_over_contexts_has_a_depth_in_every_row(tmp_path: Path) -> None:
    table = """|    PP |     TG |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |
|-------|--------|--------|----------|----------|----------|----------|
|   512 |    128 |   1024 |    0.250 |  2048.00 |    1.600 |    80.00 |
"""
    assert said(rows(tmp_path, table, CARD), "prompt_tokens", "output_tokens", "ctx_depth") == [
        ("prefill_tok_s", "2048", "512", "128", "1024"), ("decode_tok_s", "80", "0", "128", "1024"),
    ]  # fmt: skip


def test_batched_bench_as_lines_of_json_is_that_of_its_table(tmp_path: Path) -> None:
    line = {"n_kv_max": 4096, "pp": 512, "tg": 128, "pl": 8, "n_kv": 5120, "t_pp": 0.5, "t_tg": 2.56, "speed": 1.0}
    table = """|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|   512 |    128 |    8 |   5120 |    0.500 |  8192.00 |    2.560 |   400.00 |    3.060 |  1673.20 |
"""
    expected = [("ttft_s", "0.5", "8"), ("tpot_s", "0.02", "8")]
    assert said(rows(tmp_path, json.dumps(line), CARD), "batch") == expected
    assert said(rows(tmp_path, table, CARD), "batch") == expected


def test_what_offline_benchmarks_print_is_read(tmp_path: Path) -> None:
    latency = "Avg latency: 1.2345 seconds\n10% percentile latency: 1.2 seconds\n50% percentile latency: 1.25 seconds\n"
    lengths = {"batch": "8", "prompt": "32", "output": "128"}
    assert said(rows(tmp_path, latency, {**SERVER, **lengths}), "batch") == [("e2e_s", "1.25", "8")]
    throughput = "Throughput: 25.5 requests/s, 13056.0 total tokens/s, 3264.0 output tokens/s\n"
    words = {**SERVER, "prompt": "384", "output": "128", "concurrency": "1000"}
    assert said(rows(tmp_path, throughput, words)) == [("request_rate", "25.5")]
    one_batch = """Prefill. latency: 0.9000 s, throughput:   1137.78 token/s
Prefill. latency: 0.0500 s, throughput:  20480.00 token/s
Decode 0. Batch size: 1, latency: 0.0080 s, throughput:    125.00 token/s
Decode.  median latency: 0.0070 s, median throughput:    142.86 token/s
Total. latency:  0.160 s, throughput:   6500.00 token/s
"""
    found = rows(tmp_path, one_batch, {**SERVER, **lengths})
    assert said(found) == [("ttft_s", "0.0500"), ("tpot_s", "0.0070"), ("e2e_s", "0.160")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_a_benchmarks_own_fields_is_its_json_line_by_line(tmp_path: Path, separator: str) -> None:
    record = {"max_concurrency": 1, "median_ttft_ms": 80.0, "median_tpot_ms": 9.0, "total_input_tokens": 10240,
              "total_output_tokens": 1280, "completed": 10, "request_throughput": 0.5}  # fmt: skip
    table = separator.join(record) + "\n" + separator.join(map(str, record.values())) + "\n"
    columns = ("prompt_tokens", "output_tokens", "batch")
    assert said(rows(tmp_path, table, SERVER), *columns) == said(rows(tmp_path, json.dumps(record), SERVER), *columns)


def test_counts_that_are_printed_with_commas_are_whole(tmp_path: Path) -> None:
    printed = """============ Serving Benchmark Result ============
Successful requests:                     100
Maximum request concurrency:             1
Total input tokens:                      102,400
Total generated tokens:                  12800
Request throughput (req/s):              0.76
Median TTFT (ms):                        1,080.00
"""
    assert said(rows(tmp_path, printed, SERVER), "prompt_tokens")[0] == ("ttft_s", "1.08", "1024")


def test_an_apostrophe_keeps_a_number_as_text_and_a_number() -> None:
    assert cells.number("'512", "prompt_tokens") == 512
    with pytest.raises(cells.Unreadable):
        cells.number("''512", "prompt_tokens")
