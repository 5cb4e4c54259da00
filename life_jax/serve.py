"""python -m life_jax.serve: what requests see under load, by percentile, and what the engine serves."""

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from life_jax.config.words import key_and_text, take
from life_jax.terminal import command, tables
from life_jax.terminal.grids import deliver_grid
from life_jax.terminal.progress import waiting
from life_jax.terminal.result_rows import FORMATS

if TYPE_CHECKING:
    from life_jax.core.scenario import Scenario
    from life_jax.studies.case import Case
    from life_jax.studies.study import Study

MILLISECONDS = 1e-3
# words about a file, its rows, pictures or slopes, which one table has none of
OF_GRIDS = {
    "out", "overwrite", "plot", "sort", "top", "rows", "at", "reduce", "pareto", "best", "quantiles", "histogram",
    "limit", "by", "compress", "lazy", "shard", "executor", "elasticity", "gains", "gradients",
}  # fmt: skip


def main() -> None:
    """Run the command line."""
    command.guarded(serve, "serve")


def serve(words: list[str]) -> None:
    """Print times and rates of each case as a table or (format=json) as JSON, one object, or a list for several cases;
    with axes, or words about a file or rows, deliver a table of rows and a file as sweep does.

    Raises ConfigError for words that make no sense, and without a load.
    """
    from life_jax.studies.loading import load

    form, rest = take(words, "format", FORMATS)
    with waiting("checking the question"):
        study = load(rest, primary="serve")
    command.warn(study.warnings)
    typed = {pair[0].split(".", 1)[0] for word in rest if (pair := key_and_text(word)) is not None}
    if study.axes or study.points is not None or form not in command.OUTPUT_FORMATS or typed & OF_GRIDS:
        deliver_grid(study, form)
        command.warn(dict.fromkeys(study.notes))
        return
    answers = []
    for number, case in enumerate(study.cases, 1):
        with waiting(f"load on {case.label}" + (f", {number} of {len(study.cases)}" if len(study.cases) > 1 else "")):
            answers.append((case, answer(study, case)))
    if form == "json":
        objects = [as_json(study, case, values) for case, values in answers]
        print(json.dumps(objects[0] if len(objects) == 1 else objects, indent=1))
        return
    for case, values in answers:
        _text(study, case, values)


def of_classes(study: "Study", case: "Case") -> dict[str, dict[str, float]]:
    """Metrics of each class of requests by its name; none where there are no classes, or one of them was asked for."""
    load = case.scenario.load
    if load.observed:
        return {}
    seen = (replace(case.scenario, load=replace(load, observed=c.name)) for c in load.classes)
    return {c.name: _metrics(study, scenario) for c, scenario in zip(load.classes, seen, strict=True)}


def answer(study: "Study", case: "Case") -> dict[str, float]:
    """Metrics of a case by name. Raises ConfigError where the simulation of a request is impossible."""
    return _metrics(study, case.scenario)


def _metrics(study: "Study", scenario: "Scenario") -> dict[str, float]:
    import numpy as np

    from life_jax.forecasting.metrics import forecast
    from life_jax.studies.simulation import simulated_metrics

    if study.is_simulated:
        return simulated_metrics(scenario, study.metrics, seed=study.seed, trace=study.trace)
    with np.errstate(all="ignore"):
        return {name: float(value) for name, value in forecast(scenario, tuple(study.metrics)).items()}


def as_json(study: "Study", case: "Case", values: dict[str, float]) -> dict[str, Any]:
    """The object that format=json prints; infinite times are null."""
    asked = study.load_words
    assert asked is not None
    saturated = any(math.isinf(value) for value in values.values())
    classes = {name: _finite(of) for name, of in of_classes(study, case).items()}
    return {
        "model": case.model, "hw": case.hw, "opt": case.opt, "engine": engine_of(study, case),
        "load": dict(asked.load), "metrics": _finite(values), **({"classes": classes} if classes else {}),
        "saturated": saturated, "method": asked.method, "warnings": list(study.warnings),
    }  # fmt: skip


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def engine_of(study: "Study", case: "Case") -> str:
    """The engine's name."""
    engines = study.composed.engines
    return engines[case.keys.engine if case.keys.engine in engines else next(iter(engines))].name


def _text(study: "Study", case: "Case", values: dict[str, float]) -> None:
    asked = study.load_words
    assert asked is not None
    load = "  ".join(f"{key}={value}" for key, value in asked.load.items() if not key.startswith("class."))
    columns = [("", "left"), *((name, "right") for name in ("mean", "p50", "p90", "p99", ""))]
    classes = of_classes(study, case)
    rows = _rows(values, "")
    for name, of in classes.items():
        rows += _rows(of, f" {name}")
    if rows:
        tables.table(columns, rows, f"{case.label}  |  {load}  ({asked.method})")
    from life_jax.forecasting.metrics import METRICS

    others = [name for name in values if name.split("_")[0] not in ("ttft", "tpot", "itl")]
    for name in others:
        unit = METRICS[name].units.replace("s-1", "/s").replace("token /s", "token/s")
        print(f"{name:14s} {tables.digits(values[name]):>10} {'' if unit == '1' else unit}".rstrip())
    for name, of in classes.items():
        if "goodput" in of:
            print(
                f"{f'goodput {name}':14s} {tables.digits(of['goodput']):>10} /s of {tables.digits(of['request_rate'])}"
            )
    if any(math.isinf(value) for value in values.values()):
        print("SATURATED: more requests arrive than the engine serves; times grow without end")


def _rows(values: dict[str, float], of: str) -> list[tuple[str, ...]]:
    """Rows of a table of times in milliseconds; of: of which requests, behind their name."""
    rows = []
    for name in ("ttft", "tpot", "itl"):
        cells = [values.get(f"{name}_{which}") for which in ("mean", "p50", "p90", "p99")]
        if any(cell is not None for cell in cells) and not (of and name == "itl"):
            numbers = ("" if x is None else tables.digits(x / MILLISECONDS) for x in cells)
            rows.append((f"{name}{of}", *numbers, "ms"))
    return rows


if __name__ == "__main__":
    main()
