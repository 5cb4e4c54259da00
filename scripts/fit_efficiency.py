"""Fits conf/efficiency and conf/engine to the measured panel, and reports devices left out.

    python scripts/fit_efficiency.py [--write] [--folds 6] [--data ../shared/data]

Maximum a posteriori in log space. Constants belong to a class of devices (what tuned software reaches), to an
engine (its kernels against that, and its host time) and to a single device (how it differs from its class; 0 in
every forecast of a device that was not calibrated, and there so that one odd device does not decide for its class).
Each has a prior, residuals are logarithms of forecast over measured time, every cell (device, model, engine) weighs
the same, and a soft L1 loss keeps outliers from deciding.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import jax
import numpy as np
import yaml
from fit_priors import SHARED, constants, of_devices
from panel_model import KINDS, SMOOTHNESS, Panel, load

from life_jax.config import conf_files
from life_jax.config.schema import paths
from life_jax.config.schema.files import DeviceFile
from life_jax.measurements import accuracy, calibration, forecasts

ROOT = Path(__file__).resolve().parents[1]
NOISE, SOFT = 0.20, 0.10  # of the logarithm of a cell's mean; where the loss turns from square to absolute
ALONE = "Intel Data Center GPU Max 1550"  # no other device runs its software
Z80 = 1.2816  # of the normal distribution: 80 % lie within


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write conf/efficiency, conf/engine and docs/accuracy.md")
    parser.add_argument("--folds", type=int, default=6)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    settings, cells, devices = load(asked.data)
    panel = Panel(settings, cells, devices, *constants(settings, devices))
    every = np.ones(len(settings), bool)
    whole = panel.fit(panel.weight(every), noise=NOISE, soft=SOFT)
    class_only = without_devices(panel, whole)
    held, few, few_rows = left_out(panel, whole, asked.folds)
    lines = [
        "in sample          " + text(panel.errors(panel.time(class_only), every)),
        "devices left out   " + text(panel.errors(held, every)),
        "three rows of each " + text(panel.errors(few, few_rows)),
        "the same, before   " + text(panel.errors(held, few_rows)),
        "the same, without  " + text(panel.errors(few, few_rows & (panel.devices != ALONE))),
    ]
    for name, time in baselines(panel).items():
        lines.append(f"{name:19s}" + text(panel.errors(time, every)))
    spreads = {kind: by_class(panel, held, kind) for kind in KINDS}
    lines.append("80 % intervals hold " + coverage(panel, held, spreads))
    for keys in panel.keys[:2]:
        for name in sorted(set(keys)):
            lines.append(f"  {name:20s} " + text(panel.errors(held, np.array([k == name for k in keys]))))
    lines += ["", "worst cells, devices left out (forecast / measured time)", *worst(panel, held)]
    print("\n".join(lines))
    if asked.write:
        write(panel, whole, spreads)
        (ROOT / "docs" / "accuracy.md").write_text(DOCUMENT + "\n".join(lines) + "\n```\n")
    return 0


def without_devices(panel, x):
    """The constants of a forecast: nothing is known of single devices."""
    own = sum(panel.sizes[2:])
    return np.concatenate([x[:-own], panel.prior[-own:]])


def left_out(panel, whole, folds):
    """Forecasts of devices that a fit has not seen, the same after three rows of each, and the rows that then count."""
    devices = sorted(set(panel.devices))
    held, few = (np.zeros(len(panel.measured)) for _ in range(2))
    few_rows = np.ones(len(held), bool)
    for fold in range(folds):
        test = np.array([devices.index(d) % folds == fold for d in panel.devices])
        x = without_devices(panel, panel.fit(panel.weight(~test), noise=NOISE, soft=SOFT, start=whole))
        held[test] = panel.time(x)[test]
        for device in sorted(set(panel.devices[test])):
            mine = panel.devices == device
            used = calibration_rows(panel, np.flatnonzero(mine))
            few_rows[used] = False
            few[mine] = calibrated(panel, x, used)[mine]
    return held, few, few_rows


def calibration_rows(panel, rows):
    """The three ids lowest by sha1, one of them a prefill and one a decode row where the device has both."""
    order = sorted(rows, key=lambda i: hashlib.sha1(panel.settings[i].id.encode()).hexdigest())
    chosen = order[:3]
    for kind in ("TTFT", "TPOT"):
        some = [i for i in order if panel.kind[i] == kind]
        if some and not any(panel.kind[i] == kind for i in chosen):
            spare = [i for i in chosen if sum(panel.kind[j] == panel.kind[i] for j in chosen) > 1 or len(chosen) < 3]
            chosen = [i for i in chosen if i != (spare or chosen)[-1]] + [some[0]]
    return chosen


def calibrated(panel, x, used):
    """Times after a fit of the device's own constants alone to the rows `used`; all else stays."""
    own, deviation, weight = slice(-sum(panel.sizes[2:]), None), panel.deviation.copy(), np.zeros(len(panel.measured))
    deviation[own] = np.concatenate(
        [
            np.repeat(list(of_devices(share, loose=True).values()), len(part.groups))
            for part, share in zip(panel.parts[2:], (SHARED, 1 - SHARED), strict=True)
        ]
    )
    weight[used] = 1.0
    # least squares, as life_jax.calibrate
    return panel.time(panel.fit(weight, noise=calibration.NOISE, soft=10.0, prior=x, deviation=deviation, free=own))


def text(errors):
    return "  ".join(
        f"{kind} {np.mean(e):5.1f}/{np.median(e):5.1f} ({len(e)}, bias {np.median(r):.2f})"
        for kind, (e, r) in errors.items()
    )


def quantile(values, weights, part):
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), part * weights.sum())])


def by_class(panel, time, kind):
    """Deviation of the logarithm by class, so that 80 % of the cells' rows lie within; None: all classes together."""
    error, found = np.abs(np.log(time / panel.measured)), {}
    for name in (None, *sorted(set(panel.keys[0]))):
        rows = (panel.kind == kind) & np.array([name in (None, k) for k in panel.keys[0]])
        if len(set(panel.cell[rows])) >= 8:
            found[name] = quantile(error[rows], panel.weight(rows)[rows], 0.8) / Z80
    return found


def coverage(panel, time, spreads):
    error = np.abs(np.log(time / panel.measured))
    found = []
    for kind in KINDS:
        rows = panel.kind == kind
        wide = np.array([spreads[kind].get(k, spreads[kind][None]) for k in panel.keys[0]])
        inside = (error < Z80 * wide)[rows]
        found.append(f"{kind} {100 * np.average(inside, weights=panel.weight(rows)[rows]):.0f} %")
    return ", ".join(found)


def baselines(panel):
    """Simpler forecasters on the same rows: seconds by name."""
    settings, every = panel.settings, np.ones(len(panel.settings), bool)
    ideal = forecasts.forecasts(settings, "ideal")
    found = accuracy.baselines(settings, ideal, every)
    labels = ("datasheet", "LIFE, 0.5 and 0.5", "two factors")
    ratios = [[s.ratio(f) for s, f in zip(settings, forecasts, strict=True)] for forecasts in found.values()]
    known = [np.nan_to_num(np.array(r, float), nan=0.0) for r in ratios]  # no forecast: 100 % off
    return {name: r * panel.measured for name, r in zip(labels, known, strict=True)}


def worst(panel, time, most=12):
    ratio, lines = time / panel.measured, []
    for cell in sorted(set(panel.cell)):
        rows = np.flatnonzero(panel.cell == cell)
        lines.append((np.mean(abs(ratio[rows] - 1)), panel.cells[rows[0]], np.median(ratio[rows]), len(rows)))
    lines.sort(key=lambda line: -line[0])
    return [f"  {kind:5s} {cell} ({n}): {r:.2f}" for _, (kind, cell), r, n in lines[:most]]


def write(panel, x, spreads):
    """conf/efficiency/*.yaml and conf/engine/*.yaml; what is not a fitted constant is kept."""
    of_class, of_engine, *_ = np.split(x, np.cumsum(panel.sizes)[:-1])
    classes, engines, *_ = panel.parts
    of_classes = list(zip(panel.keys[0], panel.cells, strict=True))
    measured = np.array([len({c for k, c in of_classes if k == name}) for name in classes.groups])
    mean = (of_class.reshape(len(classes.prior), -1) * measured).sum(axis=1) / measured.sum()
    of_hw = (conf_files.file("hw", hw, DeviceFile) for hw in paths.choices("hw"))
    of_cores = {device.efficiency_class for device in of_hw if device.cores} | {"cpu_measured"}
    for i, name in enumerate((*classes.groups, "other")):
        if name == "other":
            file = {"name": name, "source": MEAN_OF_CLASSES} | values(classes, mean, 0, groups=1)
        else:
            source = SOURCE.format(cells=measured[i]) if measured[i] else KNOWN_FROM.get(name, PRIOR)
            file = {"name": name, "source": source}
            file |= values(classes, of_class, i)
        if name not in of_cores:
            del file["core_bandwidth"]
        file["roof_smoothness"] = SMOOTHNESS
        for key, kind in (("ttft_spread", "TTFT"), ("tpot_spread", "TPOT"), ("e2e_spread", "TOTAL")):
            file[key] = round(spreads[kind].get(name, spreads[kind][None]), 3)
        dump(ROOT / "conf" / "efficiency" / f"{name}.yaml", file)
    of_engines = [(k, c) for k, c in zip(panel.keys[1], panel.cells, strict=True)]
    count = np.array([len({c for k, c in of_engines if k == name}) for name in engines.groups])
    rows = of_engine.reshape(len(engines.prior), -1)
    called_once = {s.engine for s in panel.settings if s.cold}
    generic = (rows * count).sum(axis=1) / count.sum()
    for i, name in enumerate((*engines.groups, *MEANS)):
        path = ROOT / "conf" / "engine" / f"{name}.yaml"
        kept = {k: v for k, v in yaml.safe_load(path.read_text()).items() if k in KEPT}
        if name in MEANS:
            found, source = values(engines, generic, 0, groups=1), MEANS[name]
        else:
            found = values(engines, of_engine, i)
            source = SOURCE.format(cells=count[i]) if count[i] else KNOWN_FROM.get(name, PRIOR)
        if name not in called_once:
            del found["cold_request_ms"]
        if "bf16" not in kept.get("half_units", ())[:1]:
            del found["bf16_emulation"]
        dump(path, {"name": name, "source": source, "efficiency": "class", **found, **kept})


def values(part, x, index, groups=None):
    table = np.exp(x).reshape(len(part.prior), groups or len(part.groups))[:, index]
    return {
        name: float(f"{min(v, part.ceiling.get(name, np.inf)):.4g}") for name, v in zip(part.prior, table, strict=True)
    }


def dump(path, file):
    path.write_text(yaml.safe_dump(file, sort_keys=False, width=1000, default_flow_style=None))


KEPT = (
    "fusion",
    "half_units",
    "quantized_units",
    "attention_units",
    "expand_rows",
    "vector_rows",
    "unpack_work",
    "expert_vector_tokens",
    "attention_lanes",
    "repack_flops",
    "chunk_tokens",
    "chunk_shared",
    "memory_utilization",
    "resident_utilization",
    "cache_utilization",
    "runtime_gb",
    "activation_tokens",
    "memory_source",
    "token_budget",
    "max_sequences",
    "runs_on",
    "formats",
    "runs_source",
    "notes",
)
SOURCE = (
    "scripts/fit_efficiency.py on published end-to-end measurements ({cells} cells of device, model and engine); "
    "prior: modelling reference"
)
MEAN_OF_CLASSES = "geometric mean of the fitted classes, weighted by cells; for devices of no class that was measured"
MEAN = "geometric mean of the fitted engines, weighted by cells"
MEANS = {
    "generic": MEAN,
    "sglang": f"{MEAN} (generic.yaml), since no measurement of SGLang was fitted [assumption]",
}
PRIOR = "prior of scripts/fit_efficiency.py, nothing measured [assumption]"
KNOWN_FROM = {
    "cpu_measured": "prior of scripts/fit_efficiency.py, of CPUs; memory_efficiency from decode of Qwen3-0.6B in fp16 "
    "under llama.cpp on one core of an EPYC (scripts/measure_host.py); no published measurement",
    "hf_eager_cpu": "prior of scripts/fit_efficiency.py, from twelve times of Qwen3-0.6B on one core of an EPYC "
    "(scripts/measure_host.py, kernels in PyTorch); no published measurement",
}
DOCUMENT = """# Accuracy

Written by `scripts/fit_efficiency.py --write`. Published end-to-end measurements of single streams and static
batches; |forecast time / measured time - 1| in percent: mean over cells / median over cells (cells, median
forecast / measured time of rows). A cell is a device, a model and an engine; every cell counts the same. TTFT
includes prefill rates, TPOT decode rates; TOTAL is the time of a whole request.

* *in sample*: constants by class and by engine fitted to all rows.
* *devices left out*: each device forecast with constants fitted without it (six folds), by class and by engine below.
* *three rows of each*: three rows of the left-out device (at least one prefill and one decode row where it has both)
  calibrate its own numbers, as `life_jax.calibrate` does; its other rows are judged, and *before* are the same rows.
  Most of the variance of a device's numbers is that of the device under one engine, so that a row under one engine says
  less of another. *without*: without the Data Center GPU Max 1550, whose software no other device runs.
* *datasheet*, *LIFE* (half of each peak, one maximum over totals) and *two factors* (the medians of these very rows,
  one for compute and one for memory) are the baselines that `python -m life_jax.validate` prints too.

What is behind the worst cells: vLLM on the Data Center GPU Max 1550 (one device with its own software, kernels that are
compiled in the first call and collectives through the host, which nothing else tells); Megatron-LM (a decode step of
GPT-175B takes 17 ms longer for each sequence, however short, which is not explained); CPUs (what llama.cpp makes of an
instruction set differs by format and build); the NPU, whose class has no other device that is measured; HIP builds on
Radeon cards (own kernels or a library, by card and build); TGIS, whose build is unlike other engines; the first token
of small models on Intel's iGPUs (a constant that differs by device). Kernel by kernel: `scripts/fit_kernels.py`.

```
"""


if __name__ == "__main__":
    sys.exit(main())
