"""TensorRT-LLM's trtllm-bench: the file of --report_json (tensorrt_llm/bench/dataclasses/reporting.py).

Both benchmarks, `throughput` and `latency`, write the same object. `avg_num_concurrent_requests` is a mean over time;
near 1 it is one request after the other. Times to first token and per output token are there with --streaming alone.
"""

from collections.abc import Mapping
from typing import Any

from life_jax.measurements.readers.base import (
    COLUMNS,
    PROBLEM,
    Format,
    Row,
    finite,
    first,
    inside,
    positive,
    served,
    stored_as,
    text,
)  # fmt: skip

FORMAT = Format("trtllm-bench's report")
ALONE = 1.05  # mean of concurrent requests up to which a benchmark sends one after the other
# quant_algo -> weight format as conf/alias/format.yaml names it
FORMATS = {
    "FP8": "fp8", "FP8_BLOCK_SCALES": "fp8", "FP8_PER_CHANNEL_PER_TOKEN": "fp8", "NVFP4": "nvfp4",
    "W4A16_AWQ": "awq", "W4A16_GPTQ": "gptq", "W4A16": "int4", "W8A16": "int8", "W4A16_MXFP4": "mxfp4",
    "W4A8_MXFP4_FP8": "mxfp4", "W4A8_MXFP4_MXFP8": "mxfp4", "W8A8_SQ_PER_CHANNEL": "w8a8",
    "W8A8_SQ_PER_CHANNEL_PER_TOKEN_PLUGIN": "w8a8", "W8A8_SQ_PER_TENSOR_PLUGIN": "w8a8", "NO_QUANT": "bf16",
}  # fmt: skip
PARTS = {"mean": "average", "p50": "p50", "p90": "p90", "p99": "p99"}


def knows(record: Any) -> bool:
    """Whether an object is a report."""
    return (
        isinstance(record, Mapping)
        and inside(record, "performance", "system_output_throughput_tok_s") is not None
        and isinstance(record.get("request_info"), Mapping)
    )


def rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of a report; identity: beginning of their ids."""
    if record.get("decoding_stats"):
        return [{**dict.fromkeys(COLUMNS, ""), "id": f"{identity}1", PROBLEM: "was measured with drafts"}]
    at_once = positive(inside(record, "request_info", "avg_num_concurrent_requests"))
    times = {
        "ttft_s": first(_percentile(record, "ttft", "p50"), _seconds(record, "streaming_metrics", "avg_ttft_ms")),
        "tpot_s": first(_percentile(record, "tpot", "p50"), _seconds(record, "streaming_metrics", "avg_tpot_ms")),
        "e2e_s": first(
            _seconds(record, "performance", "request_latency_percentiles_ms", "p50"),
            _seconds(record, "performance", "avg_request_latency_ms"),
        ),
    }
    model = text(first(inside(record, "engine", "model"), ""))
    return served(
        identity,
        model=model,
        engine="TensorRT-LLM",
        concurrency=None if at_once is None else 1.0 if at_once <= ALONE else float(round(at_once)),
        rate=None,
        requests=positive(inside(record, "request_info", "num_requests")),
        prompt=positive(inside(record, "request_info", "avg_input_length")),
        output=positive(inside(record, "request_info", "avg_output_length")),
        times=times,
        under_load={
            **{f"{time}_{ours}": _percentile(record, time, theirs) for time in ("ttft", "tpot")
               for ours, theirs in PARTS.items()},
            "e2e_mean": _seconds(record, "performance", "avg_request_latency_ms"),
            "request_rate": positive(inside(record, "performance", "request_throughput_req_s")),
            "output_rate": positive(inside(record, "performance", "system_output_throughput_tok_s")),
        },
        hardware=text(first(inside(record, "machine", "name"), "")),
        weight_format=_format(inside(record, "engine", "quantization"), model),
        kv_dtype="fp8" if str(inside(record, "engine", "kv_cache_dtype")).upper() == "FP8" else None,
        tp=positive(inside(record, "world_info", "world_size")),
    )  # fmt: skip


def _format(said: Any, model: str) -> str:
    """The format of the weights; that of the model's name where none is said, what is said where it is not known."""
    if said in (None, "", "None", "null", "auto"):
        return stored_as(model)
    return FORMATS.get(str(said).upper(), text(said))


def _percentile(record: Mapping[str, Any], time: str, part: str) -> float | None:
    """Seconds of a percentile; of the mean also where percentiles are not there."""
    found = _seconds(record, "streaming_metrics", f"{time}_percentiles", part)
    return _seconds(record, "streaming_metrics", f"avg_{time}_ms") if found is None and part == "average" else found


def _seconds(record: Mapping[str, Any], *keys: str) -> float | None:
    value = finite(inside(record, *keys))
    return None if value is None or value <= 0 else value / 1000
