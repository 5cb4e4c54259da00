"""Tools that time one batch at a time: a first token (or a prompt), then tokens after it.

The fields are those that the tools write: ONNX Runtime GenAI's benchmark_e2e.py, LMDeploy's profile_generation.py,
OpenVINO GenAI's llm_bench (CSV and JSON), mlxbench, LocalScore, and optimum-benchmark, whose objects the tables of
llm-perf hold with a column for each path of keys.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from life_jax.measurements.readers.base import (
    COLUMNS,
    PROBLEM,
    Format,
    Row,
    first,
    inside,
    positive,
    stored_as,
    text,
    tidy,
)

Record = Mapping[str, Any]
FORMAT = Format("a benchmark of single batches (ONNX Runtime GenAI, LMDeploy, OpenVINO, optimum-benchmark, LocalScore)")
ITERATION = re.compile(r"[1-9]\d*")  # of llm_bench: 0 warms up, and rows with words are totals
PRECISION = ((re.compile(r"4-?bit|int4", re.I), "int4"), (re.compile(r"8-?bit|int8", re.I), "int8"),
             (re.compile(r"bf16|bfloat16", re.I), "bf16"), (re.compile(r"fp16|float16|\bf16", re.I), "fp16"),
             (re.compile(r"fp32|float32", re.I), "fp32"))  # fmt: skip


@dataclass(frozen=True)
class Tool:
    """The fields that tell a tool's result, and its rows."""

    fields: frozenset[str]
    rows: Callable[[Record, str], list[Row]]


def knows(record: Any) -> bool:
    """Whether an object, or the header of a table, is a result of one of the tools."""
    return isinstance(record, Mapping) and _tool(record) is not None


def rows(record: Record, identity: str) -> list[Row]:
    """Tidy rows of a result; identity: beginning of their ids."""
    tool = _tool(record)
    return tool.rows(record, identity) if tool else []


def _tool(record: Record) -> Tool | None:
    return next((tool for tool in TOOLS if tool.fields <= record.keys()), None)


def _rows(identity: str, values: Mapping[str, float | None], **cells: Any) -> list[Row]:
    return [tidy(f"{identity}{metric}", metric, value, **cells) for metric, value in values.items() if value]


def _problem(identity: str, why: str) -> list[Row]:
    return [{**dict.fromkeys(COLUMNS, ""), "id": f"{identity}1", PROBLEM: why}]


def _milliseconds(value: Any) -> float | None:
    number = positive(value)
    return number / 1000 if number else None


def precision(said: Any) -> str:
    """The weight format in a word such as OV_FP16-4BIT_DEFAULT; nothing where it holds none."""
    return next((name for pattern, name in PRECISION if pattern.search(text(said))), "")


def _onnx(record: Record, identity: str) -> list[Row]:
    times = {"ttft_s": "Prompt Processing Latency (ms)", "tpot_s": "Token Generation Latency (ms)"}
    return _rows(
        identity,
        {metric: _milliseconds(record[field]) for metric, field in times.items()},
        engine="ONNX Runtime GenAI",
        batch=positive(record.get("Batch Size")),
        prompt_tokens=positive(record.get("Prompt Length")),
        output_tokens=positive(record.get("Tokens Generated")),
        weight_format=precision(record.get("Precision")) or None,
    )


def _lmdeploy(record: Record, identity: str) -> list[Row]:
    times = {"ttft_s": "1st token latency (ave)(s)", "tpot_s": "percentile50(s)"}
    return _rows(
        identity,
        {metric: positive(record.get(field)) for metric, field in times.items()},
        engine="LMDeploy",
        batch=positive(record.get("batch")),
        prompt_tokens=positive(record.get("prompt_tokens")),
        output_tokens=positive(record.get("completion_tokens")),
    )


def _openvino(record: Record, identity: str, about: Record | None = None) -> list[Row]:
    said = {**(about or {}), **record}
    if not ITERATION.fullmatch(text(said.get("iteration"))):
        return []
    if (positive(said.get("num_beams")) or 1) != 1:
        return _problem(identity, "was measured with several beams")
    times = {"ttft_s": ("1st_latency(ms)", "first_token_latency"),
             "tpot_s": ("2nd_avg_latency(ms)", "second_token_avg_latency")}  # fmt: skip
    return _rows(
        identity,
        {metric: _milliseconds(first(*(said.get(field) for field in fields))) for metric, fields in times.items()},
        engine="OpenVINO",
        model=text(said.get("model")) or None,
        weight_format=precision(said.get("precision")) or None,
        batch=positive(said.get("batch_size")) or 1,
        prompt_tokens=positive(said.get("input_size")),
        output_tokens=positive(first(said.get("output_size"), said.get("infer_count"))),
    )


def _openvino_report(record: Record, identity: str) -> list[Row]:
    results, about = inside(record, "perfdata", "results"), record.get("metadata")
    if not isinstance(results, Sequence) or isinstance(results, str) or not isinstance(about, Mapping):
        return _problem(identity, "has no list of results")
    return list(_each(results, identity, lambda one, name: _openvino(one, name, about)))


def _each(results: Sequence[Any], identity: str, read: Callable[[Record, str], list[Row]]) -> Iterator[Row]:
    for number, one in enumerate(results, 1):
        yield from read(one, f"{identity}{number}_") if isinstance(one, Mapping) else ()


def _mlxbench(record: Record, identity: str) -> list[Row]:
    return _rows(
        identity,
        {"prefill_tok_s": positive(record["prompt_tps"]), "decode_tok_s": positive(record["generation_tps"])},
        engine="mlx-lm",
        batch=1,
        prompt_tokens=positive(record.get("prompt_tokens")),
        output_tokens=positive(record.get("generation_tokens")),
    )


def _localscore(record: Record, identity: str) -> list[Row]:
    hardware = text(first(inside(record, "accelerator_info", "name"), inside(record, "system_info", "cpu_name"), ""))
    results = record.get("results")
    if not isinstance(results, Sequence) or isinstance(results, str):
        return _problem(identity, "has no list of results")

    def one(result: Record, name: str) -> list[Row]:
        model = text(first(inside(result, "model", "name"), result.get("model_name"), ""))
        return _rows(
            name,
            {"prefill_tok_s": positive(result.get("prompt_tps")), "decode_tok_s": positive(result.get("gen_tps"))},
            engine="llamafile",
            hardware=hardware,
            model=model,
            weight_format=text(first(inside(result, "model", "quant"), result.get("quant"), "")) or None,
            batch=1,
            prompt_tokens=positive(first(result.get("n_prompt"), inside(result, "test", "n_prompt"))),
            output_tokens=positive(first(result.get("n_gen"), inside(result, "test", "n_gen"))),
        )

    return list(_each(results, identity, one))


def _optimum(record: Record, identity: str) -> list[Row]:
    """optimum-benchmark: a report with its configuration, or alone, where the command line says the shape."""
    report = record["report"] if isinstance(record.get("report"), Mapping) else record
    config = record.get("config")
    shapes, backend = inside(config, "scenario", "input_shapes"), inside(config, "backend")
    batch = positive(inside(shapes, "batch_size"))
    per_second = positive(inside(report, "decode", "throughput", "value"))
    each = batch / per_second if batch and per_second else positive(inside(report, "per_token", "latency", "mean"))
    model = text(inside(backend, "model"))
    quantized = first(inside(backend, "quantization_scheme"), None)
    gpu = inside(config, "environment", "gpu")
    gpu = gpu[0] if isinstance(gpu, list) and gpu else text(gpu).strip("[]'\" ").split("',")[0].strip("'")
    return _rows(
        identity,
        {"ttft_s": positive(inside(report, "prefill", "latency", "mean")), "tpot_s": each},
        engine="transformers",
        hardware=text(gpu) or None,
        model=model or None,
        weight_format=text(quantized) or precision(inside(backend, "torch_dtype")) or (stored_as(model) or None),
        batch=batch,
        prompt_tokens=positive(inside(shapes, "sequence_length")),
        output_tokens=positive(inside(config, "scenario", "generate_kwargs", "max_new_tokens")),
    )


def _flat(record: Record, identity: str) -> list[Row]:
    """A line of llm-perf's tables: the paths of an object's keys are its columns."""
    whole: dict[str, Any] = {}
    for path, value in record.items():
        *parents, last = path.split(".")
        at: Any = whole
        for part in parents:
            at = at.setdefault(part, {}) if isinstance(at, dict) else None
        if isinstance(at, dict) and value is not None:
            at[last] = value
    return _optimum(whole, identity)


TOOLS = (
    Tool(frozenset(("Prompt Processing Latency (ms)", "Token Generation Latency (ms)")), _onnx),
    Tool(frozenset(("1st token latency (ave)(s)", "percentile50(s)")), _lmdeploy),
    Tool(frozenset(("1st_latency(ms)", "2nd_avg_latency(ms)")), _openvino),
    Tool(frozenset(("metadata", "perfdata")), _openvino_report),
    Tool(frozenset(("prompt_tps", "generation_tps", "prompt_tokens", "generation_tokens")), _mlxbench),
    Tool(frozenset(("accelerator_info", "results")), _localscore),
    Tool(frozenset(("report.prefill.latency.mean", "config.backend.model")), _flat),
    Tool(frozenset(("config", "report")), _optimum),
    Tool(frozenset(("prefill", "decode")), _optimum),
)
