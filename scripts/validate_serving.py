"""Forecasts under load against public measurements: `python scripts/validate_serving.py FOLDER [docs/serving.md]`.

FOLDER has requests_dev.csv (single requests of a server) and serving_dev.csv (a number a row). Nothing here is fitted
to them but the protocol of closed loops: how many requests the run had for each that is kept up, one of WAVES, and
where it is not known the budget of a step, one of BUDGETS, for a source file, its kind of lengths and engine, by its
TTFT errors. Rows of one file come from several harnesses, which
their lengths tell apart. Errors are |ln(forecast / measured)|, by hardware x model x engine the
median, over these the mean. A second argument is the page whose table is written anew.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import page_part
from public_harness import NO_FLAGS, Flags, flags_of

import life_jax as life
from life_jax.config import conf_files, names
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import Scheduler
from life_jax.core.scenario import Scenario
from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving.benchmark import with_first_wave
from life_jax.serving.requests import Requests
from life_jax.studies.simulation import simulated

WAVES = (1.0, 2.0, 5.0, 10.0, 0.0)  # requests of a run over those kept up; 0: the steady state
FEWEST = 10  # rows of a cell
UNIFORM = 0.9  # mean of lengths that are uniform from 0.8 to 1 of the largest
UNIFORM_CV = 0.2 / 12**0.5 / UNIFORM
# The harness of rows with uniform lengths lets SGLang look for new requests every 10 decode steps, from 16 requests on
# every 30 (--scheduler-recv-interval in the scripts of InferenceMAX, such as dsr1_fp4_b200 and qwen3.5_bf16_b200)
RARELY = {"sglang": (10.0, 30.0, 16.0)}
# token budgets that vLLM's rows may have been run with: of its harness, or of a server's default then on large devices;
# known where lengths are uniform (max-num-batched-tokens in the scripts of InferenceMAX)
BUDGETS = {"vllm": (8192.0, 2048.0)}
FORMATS = {"bf16": "", "fp8": "fp8", "nvfp4": "nvfp4", "fp8/moe:fp8_block": "fp8"}
ON_UNITS = {"nvfp4": "w4a4_nvfp4"}  # servers quantize inputs too where the device has units for it
DEVICES = {"NVIDIA RTX PRO 6000 Blackwell": "rtx_pro_6000_server"}  # where the rows' name is no name of ours
START, END = "<!-- validate_serving -->", "<!-- end -->"
Row = Mapping[str, str]


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def loaded(*words: str) -> Scenario:
    """The scenario of words."""
    return life.load([word for word in words if word]).cases[0].scenario


def words_of(hw: str, model: str, engine: str, form: str, tp: str, ep: str, flags: Flags = NO_FLAGS) -> tuple[str, ...]:
    """Words of the scenario of a row. A repository's name that says its format is that of the model."""
    own = model.removeprefix("nvidia/").removesuffix("-NVFP4") if model.endswith("-NVFP4") else model
    label = DEVICES.get(hw, hw)
    units = conf_files.file("hw", names.device(label) or label, DeviceFile).peak_tflops
    option = ON_UNITS.get(form, "") if "fp4" in units else ""
    options = [name for name in (flags.format or option or FORMATS[form], *flags.options) if name]
    return (
        f"hw={label}",
        f"model={own}",
        f"engine={engine}",
        f"opt=[{','.join(options)}]" if options else "",
        f"opt.mtp.draft_tokens={flags.drafts:g}" if flags.drafts else "",
        f"tp={tp}",
        f"ep={ep}" if ep not in ("", "1") else "",
    )


def of_requests(path: Path) -> Iterator[tuple[str, ...]]:
    """Run, metric, measured [ms], forecast [ms], error [%] of every run of single requests, simulated as they came."""
    runs = defaultdict(list)
    for row in rows_of(path):
        runs[row["run"]].append(row)
    for name, rows in runs.items():
        first = rows[0]
        layout = [f"{key}={first[key]}" for key in ("tp", "dp", "ep") if first[key] not in ("", "1")]
        limits = (
            f"engine.max_sequences={first['max_num_seqs']}",
            f"engine.token_budget={first['max_num_batched_tokens']}",
        )
        hw = DEVICES.get(first["hardware"], first["hardware"])
        s = loaded(f"hw={hw}", f"model={first['model']}", "engine=vllm", *layout, *limits, "load.rate=1")
        columns = ("arrival_s", "input_tokens", "output_tokens")
        arrival, prompt, output = np.array(sorted([float(row[key]) for key in columns] for row in rows)).T
        s = replace(s, workload=replace(s.workload, prompt_tokens=prompt.mean(), output_tokens=output.mean()))
        run = simulated(s, trace=Requests(arrival, prompt, output, 0 * prompt))
        for metric in ("tpot", "ttft"):
            measured = np.array([float(row[f"{metric}_s"]) for row in rows])
            for which in (None, 50, 90, 99):
                seen = measured.mean() if which is None else np.percentile(measured, which)
                value = run.time(metric, which)
                label = f"{metric} {'mean' if which is None else f'p{which}'}"
                yield name, label, f"{1e3 * seen:.1f}", f"{1e3 * value:.1f}", f"{100 * (value / seen - 1):+.1f}"


def closed(rows: list[dict[str, str]]) -> dict[tuple[Any, ...], list[Row]]:
    """Rows of closed loops whose lengths and layout are stated, by what a scenario is made of."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        stated = row["load"] == "closed" and row["input_tokens"] and row["concurrency"] and row["disaggregated"] == "0"
        one_node = row["dp"] in ("", "1") and float(row["n_devices"] or 99) <= 8
        known = row["weight_format"] in FORMATS and row["metric"] in ("ttft_s", "tpot_s")
        if stated and one_node and known and row["hardware"] != "unstated 8-GPU node":
            key = ("hardware", "model", "engine", "weight_format", "tp", "ep", "source")
            groups[*(row[name] for name in key), flags_of(row)].append(row)
    return groups


def lengths_of(row: Row) -> str:
    """How the lengths of a row's requests are spread, in words."""
    return "uniform lengths" if "uniform" in row["input_spread"] else "equal lengths or not stated"


Protocol = tuple[float, float]  # requests of a run over those kept up, and the token budget, 0 for the engine's own


def scheduler_of(scheduler: Scheduler, rows: list[Row], uniform: np.ndarray, budget: float, flags: Flags) -> Scheduler:
    """The scheduler as rows [n] ran it, with a budget [token] where it is not known, or (0) its own.

    A client's next request arrives a moment after its last one ended, when a step has begun, so that it is known a step
    later than one that comes as the step begins.
    """
    often, seldom, many = RARELY.get(rows[0]["engine"], (1.0, 1.0, 1.0))
    concurrency = np.array([float(row["concurrency"]) for row in rows])
    interval = np.where(uniform, np.where(concurrency >= many, seldom, often), 1.0)
    known = np.where(uniform, BUDGETS[rows[0]["engine"]][0], budget) if budget else scheduler.budget
    by_flags = flags.token_budget(np.array([float(row["input_tokens"]) for row in rows]), concurrency)
    known = np.where(np.greater(by_flags, 0), by_flags, known)
    return replace(scheduler, budget=known, ahead=scheduler.ahead + 1.0, interval=interval)


def forecasts(s: Scenario, rows: list[Row], flags: Flags = NO_FLAGS) -> dict[Protocol, dict[str, np.ndarray]]:
    """Mean TTFT and TPOT [s] of rows, side by side, for each of WAVES and of the budgets."""

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    part = np.array([UNIFORM if lengths_of(row).startswith("uniform") else 1.0 for row in rows])
    prompt, output = column("input_tokens") * part, column("output_tokens") * part
    concurrency = column("concurrency")
    workload = replace(s.workload, prompt_tokens=prompt, output_tokens=output)
    cv = np.where(part < 1, UNIFORM_CV, 0.0)
    load = replace(s.load, concurrency=concurrency, prompt_cv=cv, output_cv=cv)
    times: dict[Protocol, dict[str, np.ndarray]] = {}
    for budget in BUDGETS.get(rows[0]["engine"], (0.0,)):
        engine = replace(s.engine, scheduler=scheduler_of(s.engine.scheduler, rows, part < 1, budget, flags))
        under = UnderLoad(replace(s, workload=workload, load=load, engine=engine))
        parts = (under.law, under.requested, under.scheduler, under.steady)
        each, served = concurrency / under.active, np.asarray(under.is_served)
        for waves in WAVES:
            spread = with_first_wave(under.spread, *parts, each, waves * each) if waves else under.spread
            means = {f"{name}_s": np.where(served, spread.mean(name), np.inf) for name in ("ttft", "tpot")}
            times[waves, budget] = means
    return times


def of_closed_loops(path: Path) -> tuple[list[tuple[str, ...]], int, int, int]:
    """Source and lengths, engine, protocol,
    macro errors [%] of TPOT and TTFT and number of cells; rows that were forecast, and not; cells
    whose model does not fit by the forecast."""
    errors: dict[Any, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    done = left = 0
    for (hw, model, engine, form, tp, ep, source, flags), rows in closed(rows_of(path)).items():
        try:
            s = loaded(*words_of(hw, model, engine, form, tp, ep, flags))
        except ConfigError:
            left += len(rows)
            continue
        done += len(rows)
        for protocol, values in forecasts(s, rows, flags).items():
            for index, row in enumerate(rows):
                error = abs(np.log(values[row["metric"]][index] / float(row["value"])))
                errors[source, lengths_of(row), engine][protocol][hw, model, row["metric"]].append(error)
    table, unfit = [], 0
    for (source, lengths, engine), by_waves in errors.items():
        cells = {waves: {key: float(np.median(of)) for key, of in by.items()} for waves, by in by_waves.items()}
        cells = {
            waves: {key: e for key, e in of.items() if np.isfinite(e) and len(by_waves[waves][key]) >= FEWEST}
            for waves, of in cells.items()
        }
        steadily = by_waves[0.0, BUDGETS.get(engine, (0.0,))[0]]
        unfit += sum(key[2] == "tpot_s" and not np.isfinite(np.median(of)) for key, of in steadily.items())
        macro = {
            waves: [100 * float(np.mean([e for key, e in of.items() if key[2] == metric] or [np.nan])) for metric in
                    ("tpot_s", "ttft_s")]
            for waves, of in cells.items()
        }  # fmt: skip
        best = min(macro, key=lambda waves: macro[waves][1])
        waves, budget = best
        steady, count = macro[0.0, budget], sum(key[2] == "tpot_s" for key in cells[best])
        budget = 0.0 if lengths.startswith("uniform") else budget
        name = source.split("/")[-1]
        table.append(
            (
                f"{name}, {lengths}",
                engine,
                (f"{waves:g} N" if waves else "steady") + (f", {budget:g} tokens" if budget else ""),
                *(f"{x:.1f}" for x in (steady[0], *macro[best])),
                str(count),
            )
        )
    return table, done, left, unfit


def page(folder: Path) -> str:
    """The tables in Markdown."""
    lines = ["| run | metric | measured ms | forecast ms | off % |", "|---|---|---:|---:|---:|"]
    lines += [f"| {' | '.join(row)} |" for row in of_requests(folder / "requests_dev.csv")]
    table, done, left, unfit = of_closed_loops(folder / "serving_dev.csv")
    lines += [
        "",
        "| source | engine | protocol | TPOT steady % | TPOT % | TTFT % | cells |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {' | '.join(row)} |" for row in table]
    lines += ["", f"{done} rows were forecast; {left} name a model, device or layout that is not known here."]
    lines += [f"Cells of fewer than {FEWEST} rows are left out, and {unfit} whose cache has no room by the forecast."]
    return "\n".join(lines)


def main() -> None:
    """Print the tables, and write them into the page."""
    with np.errstate(all="ignore"):
        text = page(Path(sys.argv[1]))
    print(text)
    if len(sys.argv) > 2:
        page_part.replaced(Path(sys.argv[2]), START, END, text)


if __name__ == "__main__":
    main()
