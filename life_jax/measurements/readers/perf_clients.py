"""NVIDIA's GenAI-Perf and AIPerf: `profile_export_genai_perf` and `profile_export_aiperf`, as JSON and CSV.

Both write the same metrics (genai-perf/ of triton-inference-server/perf_analyzer; docs of ai-dynamo/aiperf): time to
first token, inter token latency (without the first token) and request latency in milliseconds, over requests of mean
input and output sequence lengths. The JSON's `input_config` names model and concurrency; the CSV holds neither.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import cells
from life_jax.measurements.readers import files
from life_jax.measurements.readers.base import (
    MOST_CELL,
    MOST_TEXT,
    Format,
    Row,
    finite,
    first,
    inside,
    per,
    positive,
    served,
    text,
)  # fmt: skip

FORMAT = Format("GenAI-Perf's export")
TIMES = {"ttft_s": "time_to_first_token", "tpot_s": "inter_token_latency", "e2e_s": "request_latency"}
LENGTHS = ("input_sequence_length", "output_sequence_length")
RATES = {"request_rate": "request_throughput", "output_rate": "output_token_throughput"}
COUNT = "request_count"
Block = Mapping[str, float]  # statistics of a metric over requests, by name
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0}


def knows(record: Any) -> bool:
    """Whether an object is an export: a latency with its unit beside the configuration or a length."""
    return isinstance(record, Mapping) and any(
        isinstance(inside(record, name, "unit"), str) for name in TIMES.values()
    ) and ("input_config" in record or LENGTHS[0] in record)  # fmt: skip


def rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of a JSON export; identity: beginning of their ids."""
    config = record.get("input_config")
    models = first(
        inside(config, "endpoint", "model_names"), inside(config, "model_names"), inside(config, "model"), [""]
    )
    load = first(inside(config, "loadgen"), inside(config, "perf_analyzer", "stimulus"), {})
    metrics = {name: _block(record.get(name)) for name in (*TIMES.values(), *LENGTHS, *RATES.values(), COUNT)}
    backend = text(first(inside(config, "endpoint", "backend"), inside(config, "backend"), ""))
    return _rows(
        identity,
        metrics,
        text(models[0]) if isinstance(models, list) and models else text(models),
        {"vllm": "vLLM", "tensorrtllm": "TensorRT-LLM", "sglang": "SGLang"}.get(backend, ""),
        positive(inside(load, "concurrency")),
        positive(inside(load, "request_rate")),
    )


def is_csv(header: str) -> bool:
    """Whether the first line is that of a CSV export."""
    return bool(re.match(r"\"?Metric\"?,\"?(avg|Value)\"?\b", header.strip()))


def csv_rows(path: Path, encoding: str, words: Mapping[str, str]) -> list[Row]:
    """Tidy rows of a CSV export; words: of the command line, whose concurrency= says how many requests ran at once."""
    metrics: dict[str, Block] = {}
    header = ["avg"]
    csv.field_size_limit(MOST_CELL)
    try:
        for record in csv.reader(files.whole(path, encoding, MOST_TEXT).splitlines()):
            if record and record[0] == "Metric":
                header = ["avg" if name == "Value" else name for name in record[1:]]
            elif len(record) > 1:
                name, _, unit = record[0].partition(" (")
                of = {key: _plain(cell, unit.rstrip(")")) for key, cell in zip(header, record[1:], strict=False)}
                metrics[name.lower().replace(" ", "_")] = {key: x for key, x in of.items() if x is not None}
    except csv.Error as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    concurrency, rate = positive(words.get("concurrency", "")), positive(words.get("rate", ""))
    if concurrency is None and rate is None:
        raise ConfigError(
            f"{path}: {FORMAT.name} as CSV does not say how many requests ran at once: give concurrency=N or rate=R"
        )
    return _rows("", metrics, "", "", concurrency, rate)


def _rows(
    identity: str, metrics: Mapping[str, Block], model: str, engine: str, concurrency: float | None, rate: float | None
) -> list[Row]:
    def statistic(name: str, *keys: str) -> float | None:
        return finite(first(*(metrics.get(name, {}).get(key) for key in keys)))

    under_load = {
        f"{time}_{p}": statistic(TIMES[f"{time}_s"], key)
        for time in ("ttft", "tpot")
        for p, key in {"mean": "avg", "p50": "p50", "p90": "p90", "p99": "p99"}.items()
    }
    under_load |= {"e2e_mean": statistic(TIMES["e2e_s"], "avg")}
    under_load |= {name: statistic(theirs, "avg") for name, theirs in RATES.items()}
    prompt, output = (statistic(name, "p50", "avg") for name in LENGTHS)
    spreads = {
        column: per(statistic(name, "std"), statistic(name, "avg"))
        for column, name in zip(("prompt_cv", "output_cv"), LENGTHS, strict=True)
    }
    return served(
        identity,
        model=model,
        engine=engine,
        concurrency=concurrency,
        rate=rate,
        requests=positive(statistic(COUNT, "avg")),
        prompt=prompt,
        output=output,
        times={metric: statistic(name, "p50", "avg") for metric, name in TIMES.items()},
        under_load=under_load,
        **spreads,
    )


def _block(block: Any) -> Block:
    """The statistics of a metric's block by name; times in seconds."""
    unit = inside(block, "unit")
    scale = SECONDS.get(unit if isinstance(unit, str) else "", 1.0)
    numbers = {key: finite(inside(block, key)) for key in ("avg", "p50", "p90", "p99", "std")}
    return {key: value * scale for key, value in numbers.items() if value is not None}


def _plain(cell: str, unit: str) -> float | None:
    """A cell such as 1,024.00, which these tools write with thousands separators; times in seconds."""
    try:
        return cells.number(cell, "value", "", ".") * SECONDS.get(unit, 1.0)
    except cells.Unreadable:
        return None
