"""GuideLLM: benchmarks.json (src/guidellm/benchmark/schemas/ of vllm-project/guidellm).

Each benchmark of a report holds distributions over its successful requests. `inter_token_latency_ms` is the time per
output token without the first one, which `time_per_output_token_ms` includes. The strategy `synchronous` sends one
request after the other, and so does `concurrent` with one stream.
"""

from collections.abc import Mapping
from typing import Any

from life_jax.measurements.readers.base import Format, Row, finite, first, inside, positive, served, text

FORMAT = Format("GuideLLM's report")
TIMES = {
    "ttft_s": ("time_to_first_token_ms", 1e-3),
    "tpot_s": ("inter_token_latency_ms", 1e-3),
    "e2e_s": ("request_latency", 1.0),
}


def knows(record: Any) -> bool:
    """Whether an object is a report."""
    benchmarks = record.get("benchmarks") if isinstance(record, Mapping) else None
    return isinstance(benchmarks, list) and any(
        isinstance(inside(one, "metrics", "time_to_first_token_ms"), Mapping) for one in benchmarks
    )


def rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of a report; identity: beginning of their ids."""
    collected = []
    for number, benchmark in enumerate(record["benchmarks"], 1):
        if not isinstance(inside(benchmark, "metrics"), Mapping):
            continue
        strategy = first(inside(benchmark, "config", "strategy"), inside(benchmark, "args", "strategy"), {})
        kind = inside(strategy, "type_")
        collected += served(
            f"{identity}{number}_",
            model=_model(record, benchmark),
            engine="",
            concurrency=1.0 if kind == "synchronous" else _streams(strategy),
            rate=positive(inside(strategy, "rate")),
            prompt=_median(benchmark, "prompt_token_count"),
            output=_median(benchmark, "output_token_count"),
            times={
                metric: None if (value := _median(benchmark, name)) is None else value * scale
                for metric, (name, scale) in TIMES.items()
            },
        )
    return collected


def _streams(strategy: Any) -> float | None:
    return positive(first(inside(strategy, "streams"), inside(strategy, "max_concurrency")))


def _median(benchmark: Any, name: str) -> float | None:
    of = inside(benchmark, "metrics", name, "successful")
    return finite(first(inside(of, "median"), inside(of, "mean")))


def _model(record: Mapping[str, Any], benchmark: Any) -> str:
    """Where the versions of GuideLLM write the model that was asked for."""
    return text(
        first(
            inside(benchmark, "config", "backend", "model"),
            inside(record, "config", "spec", "backend", "model"),
            inside(benchmark, "worker", "backend_model"),
            inside(record, "args", "model"),
            inside(benchmark, "config", "backend", "backend_args", "model"),
            "",
        )
    )
