"""python -m life_jax.serve: what requests see under load, by percentile, and what the engine serves."""

import json
import math
from typing import TYPE_CHECKING, Any

from life_jax.config.words import take
from life_jax.terminal import command, tables

if TYPE_CHECKING:
    from life_jax.config.load_words import LoadWords
    from life_jax.studies.case import Case
    from life_jax.studies.study import Study

MILLISECONDS = 1e-3


def main() -> None:
    """Run the command line."""
    command.guarded(serve, "serve")


def serve(words: list[str]) -> None:
    """Print times and rates of each case as a table or (format=json) as JSON, one object, or a list for several cases.

    Raises ConfigError for words that make no sense, and without a load.
    """
    from life_jax.config.load_words import load_words
    from life_jax.studies.loading import load

    form, rest = take(words, "format", command.OUTPUT_FORMATS)
    asked = load_words(rest)
    study = load(with_trace(asked), primary="serve")
    command.refuse_axes(study, "serve")
    command.warn(study.warnings)
    answers = [(case, answer(study, case, asked)) for case in study.cases]
    if form == "json":
        objects = [as_json(study, case, asked, values) for case, values in answers]
        print(json.dumps(objects[0] if len(objects) == 1 else objects, indent=1))
        return
    for case, values in answers:
        _text(case, asked, values)


def with_trace(asked: "LoadWords") -> list[str]:
    """The words, with the rate and the lengths of the trace where there is one."""
    if asked.trace is None:
        return list(asked.words)
    from life_jax.config import request_trace

    return [*asked.words, *request_trace.as_words(request_trace.read(asked.trace))]


def answer(study: "Study", case: "Case", asked: "LoadWords") -> dict[str, float]:
    """Metrics of a case by name."""
    import numpy as np

    from life_jax.forecasting.metrics import forecast

    names = tuple(study.metrics)
    with np.errstate(all="ignore"):
        if asked.method == "formula":
            return {name: float(value) for name, value in forecast(case.scenario, names).items()}
        from life_jax.config import request_trace
        from life_jax.studies.simulation import simulated

        trace = None if asked.trace is None else request_trace.read(asked.trace)
        run = simulated(case.scenario, seed=int(study.resolved.get("seed") or 0), trace=trace)
        limits = case.scenario.load.ttft_limit, case.scenario.load.tpot_limit
        seen = run.metrics(*map(float, limits))
    return {name: seen[name] for name in names if name in seen}


def as_json(study: "Study", case: "Case", asked: "LoadWords", values: dict[str, float]) -> dict[str, Any]:
    """The object that format=json prints; infinite times are null."""
    saturated = any(math.isinf(value) for value in values.values())
    return {
        "model": case.model, "hw": case.hw, "opt": case.opt, "engine": engine_of(study, case),
        "load": dict(asked.load), "metrics": {k: v if math.isfinite(v) else None for k, v in values.items()},
        "saturated": saturated, "method": asked.method, "warnings": list(study.warnings),
    }  # fmt: skip


def engine_of(study: "Study", case: "Case") -> str:
    """The engine's name."""
    engines = study.composed.engines
    return engines[case.keys.engine if case.keys.engine in engines else next(iter(engines))].name


def _text(case: "Case", asked: "LoadWords", values: dict[str, float]) -> None:
    load = "  ".join(f"{key}={value}" for key, value in asked.load.items())
    columns = [("", "left"), *((name, "right") for name in ("mean", "p50", "p90", "p99", ""))]
    rows = []
    for name in ("ttft", "tpot", "itl"):
        cells = [values.get(f"{name}_{which}") for which in ("mean", "p50", "p90", "p99")]
        if any(cell is not None for cell in cells):
            rows.append((name, *("" if x is None else f"{x / MILLISECONDS:.4g}" for x in cells), "ms"))
    if rows:
        tables.table(columns, rows, f"{case.label}  |  {load}  ({asked.method})")
    from life_jax.forecasting.metrics import METRICS

    others = [name for name in values if name.split("_")[0] not in ("ttft", "tpot", "itl")]
    for name in others:
        unit = METRICS[name].units.replace("s-1", "/s").replace("token /s", "token/s")
        print(f"{name:14s} {values[name]:10.4g} {'' if unit == '1' else unit}".rstrip())
    if any(math.isinf(value) for value in values.values()):
        print("SATURATED: more requests arrive than the engine serves; times grow without end")


if __name__ == "__main__":
    main()
