"""Fits conf/efficiency and conf/engine to the measured panels, and forecasts rows that the fit has not seen.

    python scripts/fit_efficiency.py HELD.csv [--write] [--folds 5] [--data ../shared/data]

Maximum a posteriori in log space. Constants belong to a class of devices (what tuned software reaches), to an engine
(its kernels against that, and its host time), to a family of engines and to a single device (how it differs from its
class; 0 in every forecast of a device that was not calibrated, and there so that one odd device does not decide for its
class). Each has a prior (scripts/fit_priors.py), residuals are logarithms of forecast over measured time, every cell
(device, model, engine) weighs the same, and a soft L1 loss keeps outliers from deciding.

HELD.csv takes, row by row, the seconds that were measured and those of every scheme of scripts/judge_fit.py. Of it
scripts/fit_intervals.py makes the intervals, scripts/fit_calibration.py what a calibration expects, and
scripts/accuracy_page.py docs/accuracy.md.
"""

import argparse
import csv
import os
import sys
import time
from pathlib import Path

import jax
import numpy as np
import panel_rows
import yaml
from engine_families import FAMILY_OF
from fit_priors import APART, constants
from judge_fit import NOISE, SOFT, by_device, by_source, left_out, regimes, without_devices
from panel_model import SMOOTHNESS, Panel

from life_jax.config import conf_files
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.measurements import baselines as simpler
from life_jax.measurements import forecasts

ROOT = Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("held", type=Path, help="table of forecasts that is written")
    parser.add_argument("--write", action="store_true", help="write conf/efficiency and conf/engine")
    parser.add_argument("--folds", type=int, default=5, help="of devices")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    words = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    every = panel_rows.load(words.data)
    rows = every.some(panel_rows.thinned(every))
    print(f"{len(every.settings)} rows, {len(rows.settings)} of them fitted; left out: {dict(every.left_out)}")
    panel = Panel(rows, *constants(rows))
    whole = panel.fit(panel.weight(np.ones(len(rows.settings), bool)), noise=NOISE, soft=SOFT)
    if words.write:
        write(panel, whole)
    seconds = {"in_sample": panel.time(without_devices(panel, whole))}
    for name, scheme in schemes(panel, whole, words.folds):
        seconds |= scheme()
        save(panel, seconds, words.held)
        print(f"{name}: {time.process_time():.0f} s of the processor so far", flush=True)
    return 0


def schemes(panel, whole, folds):
    """Name of each scheme, and a function that gives seconds by the column of the table."""
    neutral = panel.under(*constants(panel.rows, neutral=True))
    start = neutral.fit(neutral.weight(np.ones(len(panel.measured), bool)), noise=NOISE, soft=SOFT, start=whole)
    devices, sources = by_device(panel, folds), by_source(panel)
    yield "sources left out", lambda: {"sources": left_out(neutral, start, sources)}
    yield "devices left out", lambda: {"devices": left_out(neutral, start, devices)}
    yield "devices left out, own priors", lambda: {"own_priors": left_out(panel, whole, devices)}
    for number, (name, rows) in enumerate(regimes(panel).items()):
        groups = np.where(rows, "regime", "")
        yield name, lambda groups=groups, number=number: {f"regime_{number}": left_out(neutral, start, groups)}
    yield "baselines", lambda: baselines(panel)


def baselines(panel):
    """Simpler forecasters on the same rows: seconds by column."""
    settings, every = panel.settings, np.ones(len(panel.settings), bool)
    ideal = forecasts.forecasts(settings, "ideal")
    found = simpler.baselines(settings, ideal, every)
    ratios = [[s.ratio(f) for s, f in zip(settings, values, strict=True)] for values in found.values()]
    known = [np.nan_to_num(np.array(r, float), nan=0.0) for r in ratios]  # no forecast: 100 % off
    return {name: r * panel.measured for name, r in zip(("datasheet", "life", "two_factors"), known, strict=True)}


def save(panel, seconds, path):
    """The table of rows with the seconds of each scheme, whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *seconds))
        for i, s in enumerate(panel.settings):
            own = (s.id, panel.kind[i], panel.cells[i][1], panel.keys[0][i], s.engine, panel.devices[i])
            own += (panel.rows.sources[i], int(panel.rows.new[i]), f"{panel.measured[i]:.6g}")
            writer.writerow((*own, *("" if np.isnan(t[i]) else f"{t[i]:.6g}" for t in seconds.values())))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


MEASURED = ("roof_smoothness", "meeting_us")  # of a class, from its host's own measurements and no row of a panel
COLUMNS = ("id", "kind", "cell", "class", "engine", "device", "source", "new", "measured")


def write(panel, x):
    """conf/efficiency/*.yaml and conf/engine/*.yaml; what is not a fitted constant is kept."""
    of_class, of_engine, of_family, of_all, *_ = np.split(x, np.cumsum(panel.sizes)[:-1])
    write_classes(panel, of_class)
    engines, families, *_ = panel.parts[1:]
    index = [families.groups.index(FAMILY_OF[name]) for name in engines.groups]
    of_family = of_family.reshape(len(families.prior), -1)[:, index].ravel()
    write_engines(panel, of_engine + of_family + np.repeat(of_all, len(engines.groups)))


def write_classes(panel, x):
    classes = panel.parts[0]
    measured = _cells(panel, 0, classes.groups)
    mean = (x.reshape(len(classes.prior), -1) * measured).sum(axis=1) / measured.sum()
    of_hw = (conf_files.file("hw", hw, DeviceFile) for hw in paths.choices("hw"))
    of_cores = {device.efficiency_class for device in of_hw if device.cores} | {"cpu_measured"}
    for i, name in enumerate((*classes.groups, "other")):
        path = ROOT / "conf" / "efficiency" / f"{name}.yaml"
        stood = {"roof_smoothness": SMOOTHNESS} | yaml.safe_load(path.read_text())
        spreads = {k: v for k, v in stood.items() if k.endswith("_spread")}
        if name == "other":
            file = {"name": name, "source": MEAN_OF_CLASSES} | values(classes, mean, 0, groups=1)
        else:
            source = SOURCE.format(cells=measured[i]) if measured[i] else KNOWN_FROM.get(name, PRIOR)
            file = {"name": name, "source": source} | values(classes, x, i)
        if name not in of_cores:
            del file["core_bandwidth"]
        if name not in APART:
            del file["score_work_apart"]
        dump(path, file | {key: stood[key] for key in MEASURED if key in stood} | spreads)


def _cells(panel, part, groups):
    """Cells of each group."""
    pairs = set(zip(panel.keys[part], panel.cells, strict=True))
    return np.array([sum(key == name for key, _ in pairs) for name in groups])


def write_engines(panel, x):
    engines = panel.parts[1]
    count = _cells(panel, 1, engines.groups)
    called_once = {s.engine for s in panel.settings if s.cold}
    on_cpus = {s.engine for s in panel.settings if conf_files.file("hw", s.hw, DeviceFile).cores}
    generic = _mean(engines, x.reshape(len(engines.prior), -1), count)
    for i, name in enumerate((*engines.groups, *MEANS, *LIKE)):
        path = ROOT / "conf" / "engine" / f"{name}.yaml"
        stood = yaml.safe_load(path.read_text())
        kept = {k: v for k, v in stood.items() if k not in (*HEAD, *engines.prior)}
        if name in MEANS:
            found, source = values(engines, generic, 0, groups=1), MEANS[name]
        elif name in LIKE:
            other, source = LIKE[name]
            found = values(engines, x, engines.groups.index(other))
        else:
            found = values(engines, x, i)
            source = SOURCE.format(cells=count[i]) if count[i] else KNOWN_FROM.get(name, PRIOR)
        if name not in called_once:
            del found["cold_request_ms"]
        if "bf16" not in kept.get("half_units", ())[:1]:
            del found["bf16_emulation"]
        if name not in on_cpus:
            del found["serial_part"]
        for key in ("block_work", "score_work"):
            if key not in stood:
                del found[key]
        dump(path, {"name": name, "source": source, "efficiency": "class", **found, **kept})


def _mean(engines, x, count):
    """What an engine reaches that nothing is known of: the mean by cells; of quantized kernels that of engines that run
    them at the rate of 16-bit ones, and no less than those, as fewer bits are never slower."""
    files = [yaml.safe_load((ROOT / "conf" / "engine" / f"{name}.yaml").read_text()) for name in engines.groups]
    alike = count * np.array(["quantized_units" not in file for file in files])
    # `generic` fuses all that can be, so that it starts fewer operators, each for more kernels
    operators = [FUSED + sum(n for name, n in SAVED.items() if name not in file["fusion"]) for file in files]
    more = {"dispatch_quality": np.log(np.array(operators) / FUSED)}
    x = np.array([row + more.get(name, 0.0) for name, row in zip(engines.prior, x, strict=True)])
    weights = [alike if name in ("compute_8bit", "compute_4bit") else count for name in engines.prior]
    mean = [(row * weight).sum() / weight.sum() for row, weight in zip(x, weights, strict=True)]
    return np.array([max(m, 0.0) if w is alike else m for m, w in zip(mean, weights, strict=True)])


def values(part, x, index, groups=None):
    table = np.exp(x).reshape(len(part.prior), groups or len(part.groups))[:, index]
    return {
        name: float(f"{min(v, part.ceiling.get(name, np.inf)):.4g}") for name, v in zip(part.prior, table, strict=True)
    }


def dump(path, file):
    """Write the file; comments before and behind keys of the one that stood there stay."""
    before, behind, lines = "", {}, []
    for old in path.read_text().splitlines() if path.exists() else []:
        key = old.split(":")[0]
        if old.startswith("#"):
            before += old + "\n"
        else:
            behind[key] = (before, old[old.index("  # ") :] if "  # " in old else "")
            before = ""
    for line in yaml.safe_dump(file, sort_keys=False, width=1000, default_flow_style=None).splitlines():
        above, after = behind.get(line.split(":")[0], ("", ""))
        lines.append(f"{above}{line}{after}\n")
    path.write_text("".join(lines))


HEAD = ("name", "source", "efficiency")
# operators of a layer where all are fused that can be, and how many fewer each pattern of optimizations/fusion.py makes
FUSED, SAVED = 9, {"attention": 2, "qkv": 2, "gate_up": 1, "add_norm": 2, "rope_append": 1, "experts": 0}
SOURCE = (
    "scripts/fit_efficiency.py on published end-to-end measurements ({cells} cells of device, model and engine); "
    "prior: modelling reference"
)
MEAN_OF_CLASSES = "geometric mean of the fitted classes, weighted by cells; for devices of no class that was measured"
MEAN = "geometric mean of the fitted engines, weighted by cells"
MEANS = {"generic": MEAN}
# engines of which nothing was fitted: the constants of another one, and why
LIKE = {
    "sglang": (
        "vllm",
        "those of vllm.yaml, which runs the same kernels (FlashAttention, FlashInfer, CUTLASS, DeepGEMM, CUDA graphs) "
        "and hides the scheduler as well, since no measurement of SGLang was fitted [assumption]",
    ),
    "tensorrt_llm": (
        "vllm",
        "those of vllm.yaml, which takes many kernels from TensorRT-LLM by way of FlashInfer and hides the scheduler "
        "as well, since no measurement of the PyTorch backend was fitted [assumption]",
    ),
}
PRIOR = "prior of scripts/fit_efficiency.py, nothing measured [assumption]"
KNOWN_FROM = {
    "cpu_measured": "prior of scripts/fit_efficiency.py, of CPUs; memory_efficiency from decode of Qwen3-0.6B in fp16 "
    "under llama.cpp on one core of an EPYC (scripts/measure_host.py); no published measurement; roof_smoothness and "
    "meeting_us from decode of two models in q8_0 and q4_0 on two threads",
    "hf_eager_cpu": "prior of scripts/fit_efficiency.py, from twelve times of Qwen3-0.6B on one core of an EPYC "
    "(scripts/measure_host.py, kernels in PyTorch); no published measurement",
}


if __name__ == "__main__":
    sys.exit(main())
