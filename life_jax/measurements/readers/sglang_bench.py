"""SGLang: JSONL of bench_one_batch, bench_one_batch_server and bench_serving (sgl-project/sglang, python/sglang/).

The first two time one batch: `prefill_latency`, `median_decode_latency` and `total_latency` in seconds (of a server
`latency` and `last_ttft`); they do not name the model. The third measures a server as vLLM's client does.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.measurements.readers import files
from life_jax.measurements.readers.base import MOST_TEXT, Format, Row, first, inside, per, stored_as, text, tidy
from life_jax.measurements.readers.vllm_bench import serve_rows

FORMAT = Format("SGLang's benchmark")
BATCH = {"batch_size", "input_len", "output_len"}
LATENCIES = {
    "prefill_latency": "ttft_s", "median_decode_latency": "tpot_s", "total_latency": "e2e_s", "latency": "e2e_s",
    "last_ttft": "ttft_s",
}  # fmt: skip
OFFLINE = {"successful_requests", "total_latency", "request_throughput"}  # bench_offline_throughput
TIMES = {"ttft_s": "ttft", "tpot_s": "tpot", "e2e_s": "e2e_latency"}


# what bench_one_batch prints: the benchmark run follows a warm-up of the same lines
_PREFILL = re.compile(r"^Prefill\. latency:\s*([\d.]+) s", re.MULTILINE)
_DECODE = re.compile(r"^Decode\.\s+median latency:\s*([\d.]+) s", re.MULTILINE)
_TOTAL = re.compile(r"^Total\. latency:\s*([\d.]+) s", re.MULTILINE)


def is_output(head: str) -> bool:
    """Whether a text is what bench_one_batch prints."""
    return _PREFILL.search(head) is not None


def printed_rows(path: Path, encoding: str) -> list[Row]:
    """Tidy rows of the last run in what bench_one_batch printed; words of the command line give its lengths."""
    content = files.whole(path, encoding, MOST_TEXT)
    said = {metric: pattern.findall(content) for metric, pattern in
            {"ttft_s": _PREFILL, "tpot_s": _DECODE, "e2e_s": _TOTAL}.items()}  # fmt: skip
    return [tidy(metric, metric, values[-1], engine="SGLang") for metric, values in said.items() if values]


def knows(record: Any) -> bool:
    """Whether an object is one of SGLang's results."""
    if not isinstance(record, Mapping):
        return False
    if set(record) >= OFFLINE:
        return True
    batch = set(record) >= BATCH and bool(set(record) & set(LATENCIES)) and "overall_throughput" in record
    return batch or ("median_e2e_latency_ms" in record and "completed" in record)


def rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of one result; identity: beginning of their ids."""
    if set(record) >= OFFLINE:
        count = record["successful_requests"]
        return [tidy(f"{identity}request_rate", "request_rate", text(record["request_throughput"]), engine="SGLang",
                     regime="serving", concurrency=count, requests=count, note="all requests at once",
                     prompt_tokens=per(record.get("total_input_tokens"), count),
                     output_tokens=per(record.get("total_output_tokens"), count))]  # fmt: skip
    if not set(record) >= BATCH:
        engine = {"sglang": "SGLang", "sglang-oai": "SGLang", "sglang-native": "SGLang", "vllm": "vLLM"}
        backend = text(record.get("backend"))
        return serve_rows(record, identity, engine.get(backend, backend), TIMES)
    model = text(first(inside(record, "server_info", "model_path"), record.get("model_path"), ""))
    shape = {"batch": record["batch_size"], "prompt_tokens": record["input_len"], "output_tokens": record["output_len"]}
    return [
        tidy(f"{identity}{metric}", metric, text(record[key]), model=model, engine="SGLang",
             weight_format=stored_as(model) if model else "", tp=inside(record, "server_info", "tp_size"), **shape)
        for key, metric in LATENCIES.items()
        if record.get(key) is not None
    ]  # fmt: skip
