"""Largest rates against MLPerf Inference: `python scripts/validate_mlperf.py FOLDER [docs/serving.md]`.

FOLDER has serving_dev.csv with the open loops (Server, Interactive) of MLPerf Inference 5.1, closed division: requests
that arrive at random at a rate which the submitter chose, at 99th percentiles of TTFT and TPOT within the benchmark's
limits. A rate is the largest that a system serves only where a percentile is just under its limit (NEAR). Neither the
layout nor the length of prompts is in the logs: the layout is the tensor parallelism of 1 to 8 that the forecast finds
best, as a submitter looks for it; lengths are those of PROMPTS. Nothing is fitted. A second argument is the page whose
table is written anew.
"""

import csv
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import page_part

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.forecasting.under_load import UnderLoad

NEAR = 0.9  # of a limit, from which on a rate is taken as the largest
LAYOUTS = (1, 2, 4, 8)
PERCENTILE = 99
# s of TTFT and TPOT at the 99th percentile, as the logs' configuration has them
LIMITS = {
    ("llama2-70b", "Server"): (2.0, 0.2), ("llama2-70b", "Interactive"): (0.45, 0.04),
    ("llama3.1-8b", "Server"): (2.0, 0.1), ("llama3.1-8b", "Interactive"): (0.5, 0.03),
    ("mixtral-8x7b", "Server"): (2.0, 0.2),
}  # fmt: skip
# Mean tokens of prompts and coefficients of variation of prompts and outputs. llama3.1-8b: articles of CNN/DailyMail,
# 781 tokens in the mean by the data set's card (huggingface.co/datasets/abisee/cnn_dailymail), and 45 of the template
# and instruction in mlcommons/inference, language/llama3.1-8b/PREPROCESSING.md; outputs are cut at 128.
# llama2-70b and mixtral-8x7b: OpenOrca and the like, prompts of at most 1024 tokens; 290 in the mean and both
# coefficients of variation [assumption]. deepseek-r1 is left out: no length of its prompts was found.
PROMPTS = {"llama3.1-8b": (826, 0.5, 0.0), "llama2-70b": (290, 0.9, 0.8), "mixtral-8x7b": (290, 0.9, 0.8)}
MODELS = {"llama3.1-8b": "llama3_1_8b", "llama2-70b": "llama2_70b", "mixtral-8x7b": "mixtral_8x7b"}
# weights, activations and cache; caches of 8 bits are what these submissions use [assumption]
FORMATS = {"fp8": "opt=[fp8,kv_fp8]", "fp4": "opt=[w4a4_nvfp4,kv_fp8]", "UINT4": "opt=int4"}
DEVICES = {
    "[MAXSUN] MS-Intel Arc Pro B60 Dual 48G Turbo": "arc_pro_b60",
    "NVIDIA RTX PRO 6000 Blackwell": "rtx_pro_6000_server",
}
SLOTS = 2048  # requests that run together, at most [assumption]
START, END = "<!-- validate_mlperf -->", "<!-- end of validate_mlperf -->"


@dataclass(frozen=True)
class System:
    """What was measured: hardware, devices [1], model, format, engine and scenario."""

    hardware: str
    devices: int
    model: str
    form: str
    engine: str
    scenario: str


@dataclass(frozen=True)
class Submission:
    """A rate [1/s] with its mean output [token], and the larger of both percentiles over their limits [1]."""

    rate: float
    output: float
    near: float


def submissions(path: Path) -> dict[System, list[Submission]]:
    """Open loops of the file by system."""
    runs: dict[str, dict[str, str]] = {}
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["id"].startswith("mlp-") and row["load"] == "open_poisson":
                run = row["id"].split("-")[1]
                runs[run] = row
                metrics[run][f"{row['metric']}_{row['statistic']}"] = float(row["value"])
    found: dict[System, list[Submission]] = defaultdict(list)
    for run, row in runs.items():
        model, scenario = row["model"].removesuffix("-99.9").removesuffix("-99"), row["source"].split("/")[-4]
        limits = LIMITS.get((model, scenario))
        if limits is None or row["weight_format"] not in FORMATS:
            continue
        seen = metrics[run]
        near = max(seen["ttft_s_p99"] / limits[0], seen["tpot_s_p99"] / limits[1])
        system = System(row["hardware"], int(row["n_devices"]), model, row["weight_format"], row["engine"], scenario)
        found[system].append(Submission(float(row["rate_rps"]), float(row["output_tokens"]), near))
    return found


def largest_rate(system: System, output: float) -> tuple[float, int]:
    """The largest rate [1/s] of all devices within the limits, and the tensor parallelism that reaches it; 0 where none
    does."""
    prompt, prompt_cv, output_cv = PROMPTS[system.model]
    ttft, tpot = LIMITS[system.model, system.scenario]
    best = 0.0, 1
    for tp in (n for n in LAYOUTS if n <= system.devices):
        words = (
            f"hw={DEVICES.get(system.hardware, system.hardware)}",
            f"model={MODELS[system.model]}",
            f"engine={system.engine}",
            FORMATS[system.form],
            f"tp={tp}",
            f"load.replicas={system.devices // tp}",
            "load.router=least_loaded",
            f"engine.max_sequences={SLOTS}",
            "engine.prompt_launch_us=0",  # steps with prompts are compiled or recorded too [assumption]
            f"prompt=lognormal({prompt},{prompt_cv})",
            f"output=lognormal({output},{output_cv})",
            f"target.ttft={ttft}",
            f"target.tpot={tpot}",
            f"target.percentile={PERCENTILE}",
            "rate=1",
        )
        try:
            scenario = life.load(list(words), primary="serve").scenario
        except ConfigError:
            continue
        best = max(best, (float(UnderLoad(scenario).max_rate), tp))
    return best


def page(path: Path) -> str:
    """The table in Markdown."""
    lines = [
        "| system | scenario | submitted, 1/s | p99 over its limit | forecast, 1/s | off % |",
        "|---|---|---:|---:|---:|---:|",
    ]
    of_system: dict[System, tuple[float, float]] = {}
    errors: list[float] = []
    for system, rows in submissions(path).items():
        rate, tp = largest_rate(system, median(row.output for row in rows))
        at_limit = [row for row in rows if row.near > NEAR]
        shown = max(at_limit or rows, key=lambda row: row.rate)
        errors += [abs(np.log(rate / row.rate)) if rate else np.inf for row in at_limit]
        of_system[system] = rate, max(row.rate for row in rows)
        name = f"{system.devices} x {system.hardware.split('] ')[-1]}, {system.model} {system.form}"
        off = f"{100 * (rate / shown.rate - 1):+.0f}" + ("" if at_limit else " (below its largest)")
        cells = name, system.scenario, f"{shown.rate:g}", f"{shown.near:.2f}", f"{rate:.0f} (tp {tp})", off
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", _ratios(of_system)]
    factor = np.exp(float(np.median(errors)))
    lines += [
        f"Of the {len(errors)} submissions whose 99th percentile is above {NEAR:g} of a limit, the forecast is off by "
        f"a factor of {factor:.2f} in the median."
    ]
    return "\n".join(lines)


def _ratios(rates: dict[System, tuple[float, float]]) -> str:
    """A line about the rate under the interactive limits over that under the server's."""
    pairs = []
    for system, (rate, submitted) in rates.items():
        if system.scenario == "Interactive":
            others = (s for s in rates if s.scenario == "Server" and _same(s, system))
            for other in others:
                if rates[other][0]:
                    pairs.append((system, rate / rates[other][0], submitted / rates[other][1]))
    texts = [f"{s.model} on {s.hardware}: {mine:.2f} forecast, {theirs:.2f} submitted" for s, mine, theirs in pairs]
    return f"Interactive over server: {'; '.join(texts)}. Most server rates were below what their limits allow."


def _same(one: System, other: System) -> bool:
    def of(s: System) -> tuple[object, ...]:
        return s.hardware, s.devices, s.model, s.form, s.engine

    return of(one) == of(other)


def main() -> None:
    """Print the table, and write it into the page."""
    with np.errstate(all="ignore"):
        text = page(Path(sys.argv[1]) / "serving_dev.csv")
    print(text)
    if len(sys.argv) > 2:
        page_part.replaced(Path(sys.argv[2]), START, END, text)


if __name__ == "__main__":
    main()
