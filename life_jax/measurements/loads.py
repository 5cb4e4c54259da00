"""Rows of requests under load: what a server was asked for at once, and the metrics that such rows have.

A row is under load where its regime is `serving`, where it has a request_rate, or a concurrency instead of a batch. It
measured a metric of forecasting/metrics.py (`ttft_p50`, `tpot_mean`, `output_rate`, ...), or a time such as
`ttft_s` whose column `statistic` says which of them (the mean where it is empty).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from life_jax.core.scenario import Load, Workload
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.metrics import METRICS
from life_jax.forecasting.request import Run
from life_jax.measurements.row_numbers import NotUnderstood, at_least_1, number, positive

SERVING, ALONE = "serving", "single_stream"  # regimes of rows
KINDS = ("TTFT under load", "TPOT under load", "total under load")
OF_SERVER = {"output_tok_s": "output_rate", "total_tok_s": "total_rate", "e2e_s": "e2e_mean"}
STATISTICS = {
    **dict.fromkeys(("", "mean", "avg", "average"), "mean"), **dict.fromkeys(("median", "p50", "50"), "p50"),
    **dict.fromkeys(("p90", "90"), "p90"), **dict.fromkeys(("p99", "99"), "p99"),
}  # fmt: skip


@dataclass(frozen=True)
class Served:
    """Requests of a benchmark of a server.

    rate [1/s]: at which they were sent, 0 where they were sent as soon as others had ended
    concurrency [1]: requests at once, at most; 0 where there was no limit
    requests [1]: of the whole benchmark, which begins with an idle server
    burst [1]: coefficient of variation of the gaps between them
    prompt_cv, output_cv [1]: coefficients of variation of their lengths
    """

    rate: float = 0.0
    concurrency: float = 0.0
    requests: float = UNLIMITED
    burst: float = 1.0
    prompt_cv: float = 0.0
    output_cv: float = 0.0

    @property
    def loops(self) -> tuple[str, ...]:
        """The loops, open or closed, whose forecasts it takes."""
        return (*(("closed",) if self.concurrency else ()), *(("open",) if self.rate else ()))


def load_of(row: Mapping[str, str]) -> Served | None:
    """The load of a row, None where one request or one batch ran alone.

    Raises NotUnderstood where a row under load does not say its concurrency or rate.
    """
    concurrency, rate = row.get("concurrency") or "", row.get("request_rate") or ""
    regime = row.get("regime")
    if regime == ALONE or (regime != SERVING and not rate and (row.get("batch") or not concurrency)):
        return None
    if not concurrency and not rate:
        raise NotUnderstood(
            "under load, but neither its concurrency nor its rate is known: give concurrency=N or rate=R"
        )
    burst = number(row, "burst")
    return Served(
        rate=positive(row, "request_rate") or 0.0,
        concurrency=at_least_1(row, "concurrency") or 0.0,
        requests=at_least_1(row, "requests") or UNLIMITED,
        burst=1.0 if burst is None else burst,
        prompt_cv=number(row, "prompt_cv") or 0.0,
        output_cv=number(row, "output_cv") or 0.0,
    )


def metric_of(row: Mapping[str, str]) -> str:
    """The metric under load that a row measures; its own where there is no such metric."""
    name = row["metric"]
    if name in OF_SERVER:
        return OF_SERVER[name]
    statistic = (row.get("statistic") or "").strip().lower()
    time = name.removesuffix("_s")
    if time not in ("ttft", "tpot"):
        return name
    if statistic not in STATISTICS:
        raise NotUnderstood(f"statistic '{statistic:.40}' is not forecast: mean, p50, p90 and p99 are")
    return f"{time}_{STATISTICS[statistic]}"


def _end_to_end(run: Run, workload: Workload) -> Any:
    """Mean time of a request [s], by Little's law."""
    return run.under_load.concurrency / run.under_load.request_rate


def _tokens_rate(run: Run, workload: Workload) -> Any:
    """Tokens of prompts and outputs together [1/s]."""
    return run.under_load.request_rate * (workload.prompt_tokens + workload.output_tokens)


def _quantities() -> dict[str, tuple[str, Callable[[Run, Workload], Any]]]:
    """Metric of a row under load -> kind, and its value from (run, workload)."""

    def of(name: str) -> Callable[[Run, Workload], Any]:
        return lambda run, workload: METRICS[name].function(run)

    times = [f"{time}_{which}" for time in ("ttft", "tpot") for which in ("mean", "p50", "p90", "p99")]
    kinds = {name: KINDS[name.startswith("tpot")] for name in times} | {"itl_p99": KINDS[1]}
    return {
        **{name: (kind, of(name)) for name, kind in kinds.items()},
        **{name: (KINDS[2], of(name)) for name in ("request_rate", "output_rate")},
        "total_rate": (KINDS[2], _tokens_rate),
        "e2e_mean": (KINDS[2], _end_to_end),
    }


QUANTITIES = _quantities()


def as_load(served: Sequence[Served], loop: str) -> Load:
    """One load whose numbers are arrays over rows; loop: `closed` or `open`, whichever is asked of them."""

    numbers: dict[str, Any] = {
        name: np.array([getattr(s, name) for s in served]) for name in ("burst", "prompt_cv", "output_cv")
    }
    if loop == "open":
        return Load(rate=np.array([s.rate for s in served]), **numbers)
    concurrency, requests = (np.array([getattr(s, name) for s in served]) for name in ("concurrency", "requests"))
    return Load(concurrency=concurrency, requests=requests, **numbers)


def quantity(metric: str, runs: Mapping[str, Run], workload: Workload) -> Any:
    """A metric of rows, by the runs of their loops.

    With a rate and a limit of concurrency, the limit binds where the server is slower than the rate.
    """
    values = {loop: QUANTITIES[metric][1](run, workload) for loop, run in runs.items()}
    if len(values) == 1:
        return next(iter(values.values()))
    bound = runs["open"].scenario.load.rate >= runs["closed"].under_load.request_rate
    return np.where(bound, values["closed"], values["open"])
