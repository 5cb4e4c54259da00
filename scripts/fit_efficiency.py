"""Fits conf/efficiency and conf/engine to the measured panel, and reports devices left out.

    python scripts/fit_efficiency.py [--write] [--folds 6] [--data ../shared/data]

Maximum a posteriori in log space: constants by class of device (efficiencies, dispatch factor) and by
engine (kernel quality against the class, host time of step, sequence and request, all-reduce hop), each with
a prior; residuals are logarithms of forecast over measured time, every cell (device, model, engine) weighs the
same within a kind, and a soft L1 loss keeps outliers from deciding. Decode uses the middle of generation.
"""

import argparse
import csv
import dataclasses
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import yaml
from scipy.optimize import least_squares

from life_jax import measurements, parallel, schedule
from life_jax.pipeline import step_graph
from life_jax.roofline import Terms, _share_of_one, padding
from life_jax.schedule import Step

ROOT = Path(__file__).resolve().parents[1]
# class constants: prior and standard deviation of its logarithm (modelling reference 6.3; wide where assumed)
CLASSES = {
    "gpu_dc": (0.80, 0.60, 0.84, 1.0), "gpu_consumer": (0.60, 0.40, 0.84, 2.0), "apple_soc": (0.72, 0.40, 0.80, 1.0),
    "igpu": (0.40, 0.25, 0.75, 1.0), "npu": (0.30, 0.20, 0.50, 1.0), "cpu": (0.40, 0.20, 0.60, 1.0),
    "edge_gpu": (0.55, 0.35, 0.70, 2.0), "accel_dc": (0.65, 0.45, 0.80, 1.0), "mobile_soc": (0.30, 0.20, 0.55, 1.0),
    "gpu_dc_amd": (0.55, 0.40, 0.75, 1.5), "gpu_dc_intel": (0.40, 0.30, 0.60, 2.0),
    "igpu_amd": (0.45, 0.30, 0.80, 1.0), "npu_mobile": (0.30, 0.20, 0.55, 1.0), "tpu": (0.65, 0.45, 0.75, 1.0),
}  # fmt: skip
CLASS_KEYS = ("compute_efficiency", "attention_efficiency", "memory_efficiency", "dispatch_factor", "kv_efficiency")
CLASS_KEYS += ("vector_efficiency", "tile_rows")
CEILING = np.array([1.0, 1.0, 1.0, np.inf, 1.0, 1.0, np.inf])
CLASS_SD = (0.30, 0.30, 0.12, 0.40, 0.15, 0.7, 1.0)
ENGINE_KEYS = (
    "compute_quality",
    "attention_quality",
    "memory_quality",
    "step_us",
    "sequence_us",
    "request_ms",
    "allreduce_us",
)
ENGINE_PRIOR = (1.0, 1.0, 1.0, 100.0, 10.0, 1.0, 5.0)
SERVING = ("vllm", "vllm_intel", "tensorrt_llm", "tgis", "deepspeed", "lmdeploy", "faster_transformer", "megatron")
QUALITY = {"llama_cpp_cuda": 0.6, "llama_cpp_hip": 0.5, "llama_cpp_vulkan": 0.6, "compiled_4bit": 0.6}
QUALITY |= {"megatron": 0.5, "tgis": 0.6, "deepspeed": 0.8}  # of matrix kernels, prior [assumption]
SERVING_PRIOR = (1.0, 1.0, 1.0, 300.0, 15.0, 1.0, 5.0)
ENGINE_SD = (0.40, 0.50, 0.20, 1.0, 1.0, 1.5, 0.6)
SMOOTHNESS = 0.5  # fitted kernels: 0.44 to 0.96
NOISE = 0.22  # of the logarithm of a cell's mean; 0.10 trusts single devices more and does worse on others


@dataclasses.dataclass
class Table:
    """Per row, and per operator of prefill [0] and of the middle decode step [1]: costs over the device's rates."""

    matmul: np.ndarray
    vector: np.ndarray
    rest: np.ndarray
    cache: np.ndarray
    dispatch: np.ndarray
    repeats: np.ndarray
    attention: np.ndarray
    pad: np.ndarray  # over the rows of a matrix kernel, 0 where none is padded
    message: np.ndarray  # [rows, 2] bytes all-reduced at once over the bandwidth
    reduces: np.ndarray
    numbers: np.ndarray  # [rows, 5] batch, prompt, output, devices, kind


def table(settings):
    groups = measurements.scenarios(settings)
    width, n = 40, len(settings)
    shape = (n, 2, width)
    t = Table(*(np.zeros(shape) for _ in range(8)), np.zeros((n, 2)), np.zeros(n), np.zeros((n, 5)))
    for rows, one in groups:
        w = one.workload
        w = dataclasses.replace(w, prompt_tokens=np.maximum(w.prompt_tokens, 1e-3))  # a decode row has no prefill
        middle = schedule.decode(w).at((w.output_tokens - 2) / 2)
        whole = schedule.prefill(w, one.engine)[0].first
        for k, step in enumerate((whole, Step(w.batch, np.ones(len(rows)), middle.past))):
            for i, op in enumerate(step_graph(one, step)):
                cost = _share_of_one(op, one.engine.tensor_parallel) if one.engine.split else op.cost
                rate = one.device.rates
                t.matmul[rows, k, i] = cost.matmul_flops / rate[op.pipe]
                t.vector[rows, k, i] = cost.vector_flops / rate["vector"]
                t.rest[rows, k, i] = (
                    cost.weight_bytes + cost.activations_read + cost.activations_written
                ) / one.device.bandwidth
                t.cache[rows, k, i] = (cost.kv_read + cost.kv_written) / one.device.bandwidth
                t.dispatch[rows, k, i] = cost.dispatches * one.device.dispatch
                t.repeats[rows, k, i] = op.repeats
                t.attention[rows, k, i] = op.pipe == "attention"
                t.pad[rows, k, i] = padding(op, dataclasses.replace(one.engine, tile_rows=1.0, tiled=True)) - 1
            n_dev = one.engine.tensor_parallel
            bytes_ = step.tokens * one.architecture.hidden_size * 2
            t.message[rows, k] = parallel.all_reduce(
                devices=n_dev, message=bytes_, latency=0.0, bandwidth=one.device.interconnect
            )
        t.reduces[rows] = sum(b.repeats * (1 if b.parallel else 2) for b in one.architecture.blocks)
        kinds = [("TTFT", "TPOT", "TOTAL").index(settings[i].kind) for i in rows]
        t.numbers[rows] = np.stack(
            [w.batch, w.prompt_tokens, w.output_tokens, one.engine.tensor_parallel, kinds], axis=1
        )
    return t


@jax.jit
def seconds(c, e, t):
    """Seconds of each row; c [rows, 5], e [rows, 7] constants of its class and engine."""
    compute, attention = c[:, 0] * e[:, 0], c[:, 1] * e[:, 1]
    memory = c[:, 2] * e[:, 2]
    efficiency = jnp.where(t["attention"] > 0, attention[:, None, None], compute[:, None, None])
    terms = Terms(
        matmul=t["matmul"] * (1 + c[:, 6, None, None] * t["pad"]) / efficiency,
        vector=t["vector"] / c[:, 5, None, None],
        memory=(t["rest"] + t["cache"] / c[:, 4, None, None]) / memory[:, None, None],
        dispatch=t["dispatch"] * c[:, 3, None, None],
    )
    each = terms.dispatch + terms.roofed(FIT_ENGINE)
    step = (each * t["repeats"]).sum(-1)
    batch, _, output, devices, kind = (t["numbers"][:, i] for i in range(5))
    host = (e[:, 3] + e[:, 4] * batch)[:, None] * 1e-6
    hop = e[:, 6] * 1e-6 * jnp.where(devices > 1, 1 + jnp.log2(devices), 0.0)
    step = step + host + t["reduces"][:, None] * (hop[:, None] + t["message"])
    ttft, tpot = step[:, 0] + e[:, 5] * 1e-3, step[:, 1]
    return jnp.where(kind == 0, ttft, jnp.where(kind == 1, tpot, ttft + (output - 1) * tpot))


@dataclasses.dataclass(frozen=True)
class _Smooth:
    roof_smoothness: float = SMOOTHNESS
    smooth: bool = True


FIT_ENGINE = _Smooth()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write conf/efficiency and conf/engine")
    parser.add_argument("--folds", type=int, default=6)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    settings, cells, devices = load(asked.data)
    problem = Problem(settings, cells)
    everything = np.ones(len(settings), bool)
    whole = problem.fit(everything)
    out = problem.time(whole)
    lines = ["in sample         " + problem.score(out, everything)]
    names = sorted(set(devices))
    held = np.zeros(len(settings))
    for fold in range(asked.folds):
        test = np.array([names.index(d) % asked.folds == fold for d in devices])
        x = problem.fit(~test)
        held[test] = problem.time(x)[test]
    lines += ["devices left out  " + problem.score(held, everything)]
    for name in sorted(set(problem.classes)):
        lines.append(f"  {name:20s} " + problem.score(held, np.array([k == name for k in problem.classes])))
    for name in problem.engine_names:
        lines.append(f"  {name:20s} " + problem.score(held, np.array([s.engine == name for s in settings])))
    print("\n".join(lines))
    problem.show(whole)
    if asked.write:
        write(problem, whole, held)
        (ROOT / "docs" / "accuracy.md").write_text(DOCUMENT + "\n".join(lines) + "\n```\n")
    return 0


def load(data):
    rows = {row["id"]: row for row in measurements.read(data / "measurements_dev.csv")}
    settings, cells, devices = [], [], []
    for p in csv.DictReader((data / "panel_dev.csv").read_text().splitlines()):
        one = measurements.place(rows[p["id"]])
        if not isinstance(one, str):
            settings.append(one)
            cells.append((p["kind"], p["cell"]))
            devices.append(rows[p["id"]]["canonical"])
    return settings, cells, devices


class Problem:
    def __init__(self, settings, cells):
        self.settings, self.cells = settings, cells
        self.classes = [measurements.efficiency_class(s.hw) for s in settings]
        self.class_names, self.engine_names = list(CLASSES), sorted({s.engine for s in settings})
        self.c = np.array([self.class_names.index(k) for k in self.classes])
        self.e = np.array([self.engine_names.index(s.engine) for s in settings])
        t = table(settings)
        self.t = {f.name: jnp.asarray(getattr(t, f.name)) for f in dataclasses.fields(t)}
        self.measured = np.array([self.measured_seconds(s) for s in settings])
        self.prior = np.concatenate([
            np.log([[a, b, m, d, 0.98, 0.5, 32.0] for a, b, m, d in CLASSES.values()]).ravel(),
            np.log([
                (QUALITY.get(n, 1.0), *(SERVING_PRIOR if n in SERVING else ENGINE_PRIOR)[1:]) for n in self.engine_names
            ]).ravel(),
        ])  # fmt: skip
        self.sd = np.concatenate([np.tile(CLASS_SD, len(CLASSES)), np.tile(ENGINE_SD, len(self.engine_names))])
        self._time = jax.jit(lambda x: jnp.log(seconds(*self.split(x), self.t)))
        self._local = jax.jit(lambda c, e: jnp.log(seconds(c, e, self.t)))

    @staticmethod
    def measured_seconds(s):
        work = {"prefill_tok_s": s.batch * s.prompt_tokens, "decode_tok_s": s.batch}
        work |= {
            "total_tok_s": s.batch * (s.prompt_tokens + s.output_tokens),
            "output_tok_s": s.batch * s.output_tokens,
        }
        return work[s.metric] / s.value if s.is_rate else s.value

    def split(self, x):
        k = len(CLASSES) * len(CLASS_KEYS)
        c = jnp.exp(x[:k]).reshape(len(CLASSES), -1)
        e = jnp.exp(x[k:]).reshape(len(self.engine_names), -1)
        return jnp.minimum(c, CEILING)[self.c], e[self.e]

    def time(self, x):
        return np.exp(np.asarray(self._time(x)))

    def jacobian(self, x):
        """Each row depends on the constants of its class and of its engine alone: 12 directions, not 190."""
        c, e = self.split(x)
        found = np.zeros((len(self.c), len(x)))
        start, rows = len(CLASSES) * len(CLASS_KEYS), np.arange(len(self.c))
        for k in range(len(CLASS_KEYS)):
            slope = jax.jvp(self._local, (c, e), (jnp.zeros_like(c).at[:, k].set(c[:, k]), jnp.zeros_like(e)))[1]
            at_ceiling = (CEILING[k] <= np.exp(x[:start].reshape(-1, len(CLASS_KEYS))[self.c, k])) & np.isfinite(
                CEILING[k]
            )
            found[rows, self.c * len(CLASS_KEYS) + k] = np.where(at_ceiling, 0.0, slope)
        for k in range(len(ENGINE_KEYS)):
            slope = jax.jvp(self._local, (c, e), (jnp.zeros_like(c), jnp.zeros_like(e).at[:, k].set(e[:, k])))[1]
            found[rows, start + self.e * len(ENGINE_KEYS) + k] = slope
        return found

    def fit(self, rows):
        """rows: mask of what may be looked at."""
        size = {}
        for cell, keep in zip(self.cells, rows, strict=False):
            size[cell] = size.get(cell, 0) + keep
        weight = np.array([1 / np.sqrt(size[c]) if k else 0.0 for c, k in zip(self.cells, rows, strict=False)]) / NOISE
        target = np.log(self.measured)

        def residual(x):
            r = (np.asarray(self._time(x)) - target)[rows]
            # soft L1, as the square root of the loss, so that the prior stays quadratic
            soft = np.sign(r) * np.sqrt(2 * SOFT * (np.sqrt(SOFT**2 + r**2) - SOFT))
            return np.concatenate([soft * weight[rows], (x - self.prior) / self.sd])

        def jacobian(x):
            r = (np.asarray(self._time(x)) - target)[rows]
            soft = np.sqrt(2 * SOFT * (np.sqrt(SOFT**2 + r**2) - SOFT))
            slope = np.where(
                np.abs(r) > 1e-9, SOFT * np.abs(r) / np.sqrt(SOFT**2 + r**2) / np.maximum(soft, 1e-12), 1.0
            )
            return np.concatenate([self.jacobian(x)[rows] * (slope * weight[rows])[:, None], np.diag(1 / self.sd)])

        return least_squares(residual, self.prior, jacobian, max_nfev=40, xtol=1e-5, ftol=1e-6).x

    def score(self, time, rows):
        found = {}
        for i in np.flatnonzero(rows):
            found.setdefault(self.cells[i], []).append(abs(time[i] / self.measured[i] - 1))
        text = []
        for kind in ("TTFT", "TPOT", "TOTAL"):
            v = [100 * np.mean(e) for (k, _), e in found.items() if k == kind]
            bias = [time[i] / self.measured[i] for i in np.flatnonzero(rows) if self.cells[i][0] == kind]
            if v:
                text.append(f"{kind} {np.mean(v):5.1f}/{np.median(v):5.1f} ({len(v)}, bias {np.median(bias):.2f})")
        return "  ".join(text)

    def show(self, x):
        k = len(CLASSES) * len(CLASS_KEYS)
        for name, row in zip(self.class_names, np.exp(x[:k]).reshape(-1, len(CLASS_KEYS)), strict=False):
            print(f"  {name:14s}", " ".join(f"{v:8.3g}" for v in row))
        for name, row in zip(self.engine_names, np.exp(x[k:]).reshape(-1, len(ENGINE_KEYS)), strict=False):
            print(f"  {name:20s}", " ".join(f"{v:8.3g}" for v in row))


SOFT = 0.15


def write(problem, x, held):
    """conf/efficiency/*.yaml and conf/engine/*.yaml, with the spread of what devices left out were off by."""
    k = len(CLASSES) * len(CLASS_KEYS)
    everyone = {kind: spread(problem, held, kind, None) for kind in ("TTFT", "TPOT", "TOTAL")}
    for name, row in zip(problem.class_names, np.exp(x[:k]).reshape(-1, len(CLASS_KEYS)), strict=False):
        cells = len({c for c, k_ in zip(problem.cells, problem.classes, strict=False) if k_ == name})
        file = {"name": name, "source": SOURCE.format(cells=cells) if cells else PRIOR}
        file |= {key: float(f"{v:.4g}") for key, v in zip(CLASS_KEYS, np.minimum(row, CEILING), strict=False)}
        file["roof_smoothness"] = SMOOTHNESS
        for key, kind in (("ttft_spread", "TTFT"), ("tpot_spread", "TPOT"), ("e2e_spread", "TOTAL")):
            file[key] = float(f"{spread(problem, held, kind, name) or everyone[kind]:.3g}")
        dump(ROOT / "conf" / "efficiency" / f"{name}.yaml", file)
    engines = np.exp(x[k:]).reshape(-1, len(ENGINE_KEYS))
    measured = {(s.engine, c) for c, s in zip(problem.cells, problem.settings, strict=False)}
    counts = np.array([sum(engine == name for engine, _ in measured) for name in problem.engine_names])
    generic = np.exp((np.log(engines) * counts[:, None]).sum(0) / counts.sum())
    every = [*zip(problem.engine_names, engines, counts, strict=False), ("generic", generic, counts.sum())]
    for name, row, cells in every:
        path = ROOT / "conf" / "engine" / f"{name}.yaml"
        kept = yaml.safe_load(path.read_text())
        source = (
            SOURCE.format(cells=cells)
            if name != "generic"
            else "geometric mean of the fitted engines, weighted by cells"
        )
        file = {"name": name, "source": source, "efficiency": "class"}
        file |= {key: float(f"{v:.4g}") for key, v in zip(ENGINE_KEYS, row, strict=False)}
        dump(path, {**file, "fusion": kept["fusion"]})


DOCUMENT = """# Accuracy

Written by `scripts/fit_efficiency.py --write`. Published end-to-end measurements of single streams and static
batches; |forecast time / measured time - 1| in percent: mean over cells / median over cells (cells, median
forecast / measured time). A cell is a device, a model and an engine; every cell counts the same. Below the
second line each device was forecast with constants fitted without it (six folds): by class of device, then by
engine. TTFT includes prefill rates, TPOT decode rates; TOTAL is the time of a whole request.

What is behind the worst cells: CPUs (peaks are derived from clocks and widths, and int8 paths are not told
apart), the Data Center GPU Max 1550 (one device with its own software, several times slower than its class),
the NPU whose neighbours say little about it, and TGIS, whose builds are unlike other engines.
`python -m life_jax.validate FILE.csv` gives the same table with baselines for any measurements.

```
"""
SOURCE = (
    "scripts/fit_efficiency.py on published end-to-end measurements ({cells} cells of device, model and engine); "
    "prior: modelling reference"
)
PRIOR = "prior of the modelling reference, nothing measured [assumption]"


def dump(path, file):
    path.write_text(yaml.safe_dump(file, sort_keys=False, width=1000, default_flow_style=None))


def spread(problem, time, kind, name):
    """80 % quantile over cells of |log error|, as a standard deviation; None with fewer than 8 cells."""
    found = {}
    for i, (k, cell) in enumerate(problem.cells):
        if k == kind and name in (None, problem.classes[i]):
            found.setdefault(cell, []).append(abs(np.log(time[i] / problem.measured[i])))
    errors = [np.mean(v) for v in found.values()]
    return np.quantile(errors, 0.8) / 1.2816 if len(errors) >= 8 else None


if __name__ == "__main__":
    sys.exit(main())
