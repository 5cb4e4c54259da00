"""vLLM: `vllm bench latency`, `throughput` and `serve` as JSON (vllm/benchmarks/ of vllm-project/vllm).

`latency` times one batch to its end and writes neither model nor lengths, which words of the command line give; its
`.pytorch.json` holds them. `serve` writes the median of each time over its requests; only one request at a time
(--max-concurrency 1) is a single stream, anything else is serving under load, with means and percentiles. `throughput`
sends all requests at once; words of the command line give their lengths.
"""

import re
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from life_jax.measurements.readers import files
from life_jax.measurements.readers.base import (
    MOST_TEXT,
    Format,
    Row,
    finite,
    first,
    inside,
    per,
    positive,
    served,
    stored_as,
    text,
    tidy,
)  # fmt: skip

FORMAT = Format("vLLM's benchmark")
SERVE = {"request_throughput", "total_input_tokens", "completed"}
TIMES = {"ttft_s": "ttft", "tpot_s": "tpot", "e2e_s": "e2el"}


def knows(record: Any) -> bool:
    """Whether an object is one of vLLM's results."""
    if not isinstance(record, Mapping):
        return False
    latency = {"avg_latency", "latencies"} <= set(record)
    throughput = {"elapsed_time", "requests_per_second", "tokens_per_second"} <= set(record)
    return latency or throughput or set(record) >= SERVE or _is_pytorch(record)


def rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of one result; identity: beginning of their ids."""
    if _is_pytorch(record):
        return _pytorch(record, identity)
    if "avg_latency" in record:
        value = first(inside(record, "percentiles", "50"), record["avg_latency"])
        return [tidy(f"{identity}e2e_s", "e2e_s", text(value), engine="vLLM")]
    if "elapsed_time" in record:
        return [tidy(f"{identity}request_rate", "request_rate", text(record["requests_per_second"]), engine="vLLM",
                     regime="serving", concurrency=record.get("num_requests"), requests=record.get("num_requests"),
                     note="all requests at once")]  # fmt: skip
    return serve_rows(record, identity, "vLLM", TIMES)


# what `vllm bench serve` and SGLang's bench_serving print -> the fields of their JSON
PRINTED = {
    "successful requests": "completed", "maximum request concurrency": "max_concurrency",
    "max request concurrency": "max_concurrency", "total input tokens": "total_input_tokens",
    "total generated tokens": "total_output_tokens", "request throughput (req/s)": "request_throughput",
    "output token throughput (tok/s)": "output_throughput", "request rate configured (rps)": "request_rate",
    "traffic request rate": "request_rate", "backend": "backend",
}  # fmt: skip
_LINE = re.compile(r"^\s*([A-Za-z0-9][^:\n]*):\s+([^\s]+)\s*$", re.MULTILINE)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_STATISTIC = re.compile(r"(mean|median|p\d\d) (ttft|tpot|itl|e2el|e2e latency) \(ms\)")


# what `vllm bench throughput` and `latency` print
_THROUGHPUT = re.compile(r"^Throughput: ([\d.]+) requests/s, [\d.]+ total tokens/s", re.MULTILINE)
_AVERAGE = re.compile(r"^Avg latency: ([\d.]+) seconds", re.MULTILINE)
_MEDIAN = re.compile(r"^50% percentile latency: ([\d.]+) seconds", re.MULTILINE)


def is_output(head: str) -> bool:
    """Whether a text is what one of the benchmarks prints."""
    return "Serving Benchmark Result" in head or _THROUGHPUT.search(head) is not None or bool(_AVERAGE.search(head))


def printed_rows(path: Path, encoding: str) -> list[Row]:
    """Tidy rows of what the benchmarks of a server printed, one after the other."""
    content = files.whole(path, encoding, MOST_TEXT)
    blocks = content.split("Serving Benchmark Result")
    found: list[Row] = []
    if len(blocks) == 1:
        for number, (rate, mean) in enumerate(zip_longest(_THROUGHPUT.findall(content), _AVERAGE.findall(content)), 1):
            median = _MEDIAN.findall(content)[number - 1 : number]
            alone = {"avg_latency": (median or [mean])[0]}
            offline = {"elapsed_time": "", "requests_per_second": rate} if rate else alone
            found += rows(offline, f"{number}_" if number > 1 else "")
        return found
    for number, block in enumerate(blocks[1:], 1):
        record: dict[str, Any] = {}
        for key, value in _LINE.findall(blocks[number - 1] if number == 1 else "") + _LINE.findall(block):
            name = key.strip().lower()
            statistic = _STATISTIC.fullmatch(name)
            field = "_".join((*statistic.groups(), "ms")).replace(" ", "_") if statistic else PRINTED.get(name)
            if field:
                record[field] = value.replace(",", "") if _GROUPED.fullmatch(value) else value
        is_sglang = "e2e_latency" in "".join(record) or str(record.get("backend")).startswith("sglang")
        times = {**TIMES, "e2e_s": "e2e_latency"} if is_sglang else TIMES
        found += serve_rows(record, f"{number}_" if len(blocks) > 2 else "", "SGLang" if is_sglang else "vLLM", times)
    return found


def serve_rows(record: Mapping[str, Any], identity: str, engine: str, times: Mapping[str, str]) -> list[Row]:
    """Rows of a client that measured a server; times: metric -> the middle of its field's name."""
    model = text(first(record.get("model_id"), record.get("model"), inside(record, "server_info", "model_path")))
    fields = {
        metric: first(record.get(f"median_{name}_ms"), record.get(f"mean_{name}_ms")) for metric, name in times.items()
    }
    done = record.get("completed")
    return served(
        identity,
        model=model,
        engine=engine,
        concurrency=positive(record.get("max_concurrency")),
        rate=positive(record.get("request_rate")),
        requests=positive(first(done, record.get("num_prompts"))),
        prompt=per(record.get("total_input_tokens"), done),
        output=per(record.get("total_output_tokens"), done),
        times={metric: _seconds(value) for metric, value in fields.items()},
        under_load=_under_load(record, times),
        burst=_burst(record.get("burstiness")),
        tp=first(inside(record, "server_info", "tp_size"), record.get("tensor_parallel_size")),
        date=_day(record.get("date")),
    )


def _seconds(milliseconds: Any) -> float | None:
    return None if (ms := finite(milliseconds)) is None else ms / 1e3


def _under_load(record: Mapping[str, Any], times: Mapping[str, str]) -> dict[str, float | None]:
    """Statistics over requests [s] and rates [1/s] by the names of our metrics."""
    statistics = {"mean": "mean", "p50": "median", "p90": "p90", "p99": "p99"}
    return {
        **{f"{time}_{p}": _seconds(record.get(f"{name}_{time}_ms")) for time in ("ttft", "tpot")
           for p, name in statistics.items()},
        "itl_p99": _seconds(record.get("p99_itl_ms")),
        "e2e_mean": _seconds(record.get(f"mean_{times['e2e_s']}_ms")),
        "request_rate": positive(record.get("request_throughput")),
        "output_rate": positive(record.get("output_throughput")),
    }  # fmt: skip


def _burst(shape: Any) -> float | None:
    """Coefficient of variation of gaps between requests, which are gamma distributed with this shape."""
    value = positive(shape)
    return None if value is None else value**-0.5


def _day(date: Any) -> str | None:
    """20260901-100000 as 2026-09-01."""
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}" if isinstance(date, str) and date[:8].isdecimal() else None


def _is_pytorch(record: Mapping[str, Any]) -> bool:
    return inside(record, "benchmark", "name") == "vLLM benchmark" and isinstance(record.get("metric"), Mapping)


def _pytorch(record: Mapping[str, Any], identity: str) -> list[Row]:
    """The form for PyTorch's database, which holds the arguments of the command."""
    args = inside(record, "benchmark", "extra_info", "args")
    if inside(record, "metric", "name") != "latency" or not isinstance(args, Mapping):
        return []
    values = inside(record, "metric", "benchmark_values")
    listed = values if isinstance(values, list) else []
    numbers = sorted(number for value in listed if (number := finite(value)) is not None)
    model = text(first(inside(record, "model", "name"), args.get("model"), ""))
    return [
        tidy(
            f"{identity}e2e_s",
            "e2e_s", text(numbers[len(numbers) // 2]) if numbers else "", engine="vLLM", model=model,
            weight_format=stored_as(model), batch=args.get("batch_size"), prompt_tokens=args.get("input_len"),
            output_tokens=args.get("output_len"), tp=args.get("tensor_parallel_size"),
        )
    ]  # fmt: skip
