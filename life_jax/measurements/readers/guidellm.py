"""GuideLLM: benchmarks.json (src/guidellm/benchmark/schemas/ of vllm-project/guidellm).

Each benchmark of a report holds distributions over its successful requests. `inter_token_latency_ms` is the time per
output token without the first one, which `time_per_output_token_ms` includes. The strategy `synchronous` sends one
request after the other, and so does `concurrent` with one stream.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from life_jax.measurements.readers.base import Format, Row, finite, first, inside, per, positive, served, text

FORMAT = Format("GuideLLM's report")
TIMES = {
    "ttft_s": ("time_to_first_token_ms", 1e-3),
    "tpot_s": ("inter_token_latency_ms", 1e-3),
    "e2e_s": ("request_latency", 1.0),
}

MIDDLE = (("median",), ("mean",))


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
            requests=positive(inside(benchmark, "metrics", "request_totals", "successful")),
            prompt=_statistic(benchmark, "prompt_token_count", *MIDDLE),
            output=_statistic(benchmark, "output_token_count", *MIDDLE),
            times={
                metric: _statistic(benchmark, name, *MIDDLE, scale=scale) for metric, (name, scale) in TIMES.items()
            },
            under_load=_under_load(benchmark),
            burst=0.0 if kind == "constant" else None,
            prompt_cv=_variation(benchmark, "prompt_token_count"),
            output_cv=_variation(benchmark, "output_token_count"),
        )
    return collected


def _under_load(benchmark: Any) -> dict[str, float | None]:
    """Statistics over requests [s] and rates [1/s] by the names of our metrics."""
    columns = {"mean": ("mean",), "p50": ("median",), "p90": ("percentiles", "p90"), "p99": ("percentiles", "p99")}
    named = {"ttft": TIMES["ttft_s"], "tpot": TIMES["tpot_s"]}
    return {
        **{f"{time}_{p}": _statistic(benchmark, name, keys, scale=scale) for time, (name, scale) in named.items()
           for p, keys in columns.items()},
        "e2e_mean": _statistic(benchmark, "request_latency", ("mean",)),
        "request_rate": _statistic(benchmark, "requests_per_second", ("mean",)),
        "output_rate": _statistic(benchmark, "output_tokens_per_second", ("mean",)),
    }  # fmt: skip


def _streams(strategy: Any) -> float | None:
    return positive(first(inside(strategy, "streams"), inside(strategy, "max_concurrency")))


def _statistic(benchmark: Any, name: str, *keys: Sequence[str], scale: float = 1.0) -> float | None:
    """The first of these statistics of a metric that is there, over successful requests."""
    of = inside(benchmark, "metrics", name, "successful")
    value = finite(first(*(inside(of, *path) for path in keys)))
    return None if value is None else value * scale


def _variation(benchmark: Any, name: str) -> float | None:
    """Standard deviation over mean of a metric."""
    return per(_statistic(benchmark, name, ("std_dev",)), _statistic(benchmark, name, ("mean",)))


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
