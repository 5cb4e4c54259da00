"""The report of trtllm-bench: one stream, load, formats, and what is not comparable."""

import json
from pathlib import Path
from typing import Any

import pytest

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements.readers import index
from life_jax.measurements.readers.base import PROBLEM

PARTS = {"p50": 27.5, "p90": 29.0, "p95": 30.0, "p99": 31.0, "minimum": 26.0, "maximum": 33.0, "average": 28.0}


def report(at_once: float, **more: Any) -> dict[str, Any]:
    return {
        "engine": {"model": "nvidia/Llama-3.1-8B-Instruct-FP8", "backend": "Pytorch", "version": "1.0.0",
                   "dtype": "bfloat16", "kv_cache_dtype": "FP8", "quantization": "FP8"},
        "world_info": {"tp_size": 2, "pp_size": 1, "ep_size": 1, "world_size": 2, "max_batch_size": 2048},
        "request_info": {"num_requests": 20, "avg_num_concurrent_requests": at_once, "avg_input_length": 1024.0,
                         "avg_output_length": 256.0},
        "performance": {"total_latency_ms": 30000.0, "avg_request_latency_ms": 1500.0,
                        "request_throughput_req_s": 0.66, "system_output_throughput_tok_s": 170.0,
                        "request_latency_percentiles_ms": {**PARTS, "p50": 1499.0}},
        "streaming_metrics": {"avg_ttft_ms": 28.0, "avg_tpot_ms": 5.7, "ttft_percentiles": PARTS,
                              "tpot_percentiles": {"p50": 5.69, "p90": 5.8, "p99": 5.9, "average": 5.7}},
        **more,
    }  # fmt: skip


def rows(path: Path, record: dict[str, Any], **words: str) -> dict[str, dict[str, str]]:
    path.write_text(json.dumps(record, indent=2), encoding="utf-8")
    return {row["metric"]: row for row in index.rows(path, {"hw": "h100_sxm", **words})}


def test_one_request_after_the_other_is_a_single_stream(tmp_path):
    found = rows(tmp_path / "report.json", report(0.9997))
    assert {name: row["value"] for name, row in found.items()} == {
        "ttft_s": "0.0275",
        "tpot_s": "0.00569",
        "e2e_s": "1.499",
    }
    shared = {"batch": "1", "prompt_tokens": "1024", "output_tokens": "256", "weight_format": "fp8", "kv_dtype": "fp8",
              "tp": "2", "engine": "TensorRT-LLM", "regime": "single_stream"}  # fmt: skip
    assert all(row[key] == value for row in found.values() for key, value in shared.items())


def test_more_at_once_are_a_load(tmp_path):
    found = rows(tmp_path / "report.json", report(63.6))
    assert {row["concurrency"] for row in found.values()} == {"64"} and found["output_rate"]["value"] == "170"
    assert found["ttft_p99"]["value"] == "0.031" and found["tpot_mean"]["value"] == "0.0057"


def test_without_streaming_there_is_the_time_of_a_request_alone(tmp_path):
    assert set(rows(tmp_path / "report.json", report(1.0, streaming_metrics=None))) == {"e2e_s"}


@pytest.mark.parametrize(
    ("said", "format_"), [("NVFP4", "nvfp4"), ("W4A16_AWQ", "awq"), (None, "fp8"), ("FP8_BLOCK_SCALES", "fp8")]
)
def test_the_format_is_that_of_the_report_else_of_the_name(tmp_path, said, format_):
    record = report(1.0)
    record["engine"]["quantization"] = said
    assert rows(tmp_path / "report.json", record)["tpot_s"]["weight_format"] == format_


def test_what_was_measured_with_drafts_is_reported_and_not_compared(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report(1.0, decoding_stats={"mode": "Eagle"})), encoding="utf-8")
    (row,) = index.rows(path, {"hw": "h100_sxm"})
    assert row[PROBLEM] == "was measured with drafts"


def test_a_report_that_names_no_device_asks_for_one(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report(1.0)), encoding="utf-8")
    with pytest.raises(ConfigError, match="give hw=NAME"):
        list(index.rows(path, {}))
