"""Draws natural pairs of device and engine, and counts forecasts that break a law.

    python scripts/attack_laws.py [DRAWS] [--seed N] [--show N]

A draw is a device, an engine that runs there, a model, a weight format, a workload and a layout over devices. Along
curves of batch, prompt, context, bits of a weight, bandwidth and compute rates no time falls when work grows and none
rises when the device gets faster; under `ideal` no step of one device is faster than its FLOP at the peak rate or its
bytes at the full bandwidth; energies are positive. One evaluation is one point of a curve, with TTFT, TPOT and what
bounds them. NumPy evaluates all points of a draw at once. `attack(draws, seed)` is for other programs; the exit status
is 1 where a law is broken.
"""

import argparse
import dataclasses
import re
import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np

from life_jax.config import conf_files
from life_jax.config.engine_names import engine_of_row
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.core.scenario import PLAIN_BITS, UNPUBLISHED, Scenario, Workload
from life_jax.forecasting.layout import why_impossible
from life_jax.forecasting.request import Run
from life_jax.measurements import forecasts

DRAWS = 1400  # 200 000 evaluations
NOISE = 1e-9  # relative, of float64 sums
SWITCHES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256)  # rows of kernels
BATCH = np.array([*SWITCHES, 384, 512], float)
PROMPT = np.array([*SWITCHES, 257, 511, 512, 513, 1000, 1024, 1025, 2048, 5000, 16384, 131072], float)
PAST = np.array([0, 1, 15, 128, 255, 256, 257, 1000, 4096, 16384, 65536, 131072], float)
FACTORS = np.geomspace(0.25, 4, 9)  # of bandwidth, and of rates
BITS = np.linspace(0.5, 1, 9)  # of each format's bits
CURVES = {"batch": BATCH, "prompt": PROMPT, "past": PAST, "bits": BITS, "bandwidth": FACTORS, "rates": FACTORS}
LAYOUTS = (
    {"tensor_parallel": 2.0}, {"tensor_parallel": 4.0}, {"tensor_parallel": 8.0}, {"pipeline_parallel": 2.0},
    {"tensor_parallel": 2.0, "pipeline_parallel": 2.0}, {"pipeline_parallel": 4.0}, {"data_parallel": 2.0},
    {"tensor_parallel": 4.0, "expert_parallel": 4.0}, {"tensor_parallel": 8.0, "pipeline_parallel": 2.0},
)  # fmt: skip
PART_OF_LAYOUTS = 0.4  # of draws; the others are of one device
FASTER = ("bandwidth", "rates")  # the others are work

# programs that people run on a class of devices; what stands for the build of a vendor is looked up
EVERYWHERE = ("generic", "ideal", "llama.cpp")
PROGRAMS = {
    "gpu_dc": ("vllm", "tensorrt_llm", "hf_eager", "tgis", "deepspeed", "lmdeploy", "faster_transformer"),
    "gpu_dc_amd": ("vllm",),
    "gpu_dc_intel": ("vllm_intel",),
    "accel_dc": ("deepspeed_gaudi",),
    "gpu_consumer": ("vllm", "exllama", "mlc_llm", "gpt_fast"),
    "gpu_consumer_amd": ("llama_cpp_hip", "llama_cpp_vulkan", "mlc_llm"),
    "igpu_amd": ("llama_cpp_hip", "llama_cpp_vulkan", "llama_cpp_vulkan_amdvlk", "llama_cpp_hipblas_2025"),
    "igpu": ("openvino", "llama_cpp_vulkan"),
    "apple_soc": ("mlx", "llama_cpp_metal", "llama_cpp_metal_2024"),
    "edge_gpu": ("tinychat", "mlc_llm"),
    "npu": ("fastflowlm",),
    "npu_mobile": ("qairt",),
    "cpu": ("ik_llama_cpp", "t_mac", "hf_eager_cpu"),
}
FORMATS = (
    (), ("int4",), ("int8",), ("q4_0",), ("q4_k_m",), ("q8_0",), ("q6_k",), ("iq3_xxs",), ("int4", "kv8"), ("fp8",),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Broken:
    """A law that a curve breaks: which, where, by how much [1], and the two points of the curve."""

    law: str
    where: str
    by: float
    between: tuple[float, float]


def natural_engines(hw: str) -> list[str]:
    """Engines that run on a device."""
    of_class = PROGRAMS.get(re.sub("^apple_soc.*", "apple_soc", conf_files.efficiency_class(hw)), ())
    return sorted({engine_of_row(name, hw)[0] for name in (*EVERYWHERE, *of_class)})


def draw(random: np.random.Generator) -> tuple[str, str, str, tuple[str, ...], dict[str, float], dict[str, float]]:
    """Device, engine, model, stack, and the numbers of a workload and of a layout."""

    def one(of: list[str]) -> str:
        return of[int(random.integers(len(of)))]

    hw = one(HARDWARE)
    stack = FORMATS[int(random.integers(len(FORMATS)))]
    numbers = {
        "prompt_tokens": float(random.choice([1, 8, 37, 128, 512, 1024, 4096])),
        "output_tokens": float(random.choice([2, 32, 128, 1000])),
        "batch": float(random.choice([1, 1, 2, 5, 8, 16, 64])),
        "past_tokens": float(random.choice([0, 0, 1000, 8192])),
    }
    layout = LAYOUTS[int(random.integers(len(LAYOUTS)))] if random.random() < PART_OF_LAYOUTS else {}
    return hw, one(natural_engines(hw)), one(MODELS), stack, numbers, layout


HARDWARE, MODELS = sorted(paths.choices("hw")), sorted(paths.choices("model"))


def along(s: Scenario, numbers: dict[str, float], whole: bool) -> tuple[Scenario, dict[str, slice]]:
    """A scenario whose leaves are arrays over the points of all curves, and where each curve stands.

    whole: whether the bits of 16-bit weights fall too, for engines whose kernels of them are no others.
    """
    places, start = {}, 0
    for name, values in CURVES.items():
        places[name] = slice(start, start + len(values))
        start += len(values)

    def moved(name: str, base: float | None = None) -> np.ndarray:
        points = np.full(start, 1.0 if base is None else base)
        points[places[name]] = CURVES[name]
        return points

    fixed = {name: np.full(start, value) for name, value in numbers.items()}
    workload = Workload(
        prompt_tokens=moved("prompt", numbers["prompt_tokens"]),
        output_tokens=fixed["output_tokens"],
        batch=moved("batch", numbers["batch"]),
        past_tokens=moved("past", numbers["past_tokens"]),
    )
    rates = {pipe: rate * moved("rates") for pipe, rate in s.device.rates.items()}
    device = dataclasses.replace(s.device, bandwidth=s.device.bandwidth * moved("bandwidth"), rates=rates)
    bits = moved("bits")
    formats = {
        name: dataclasses.replace(f, bits=f.bits * (bits if whole or f.bits < PLAIN_BITS else 1.0))
        for name, f in s.precision.weights.items()
    }
    precision = dataclasses.replace(s.precision, weights=formats)
    return dataclasses.replace(s, workload=workload, device=device, precision=precision), places


def laws_of(
    hw: str, engine: str, model: str, stack: tuple[str, ...], numbers: dict[str, float], layout: dict[str, float]
) -> Iterator[Broken]:
    """The laws that a draw breaks. Raises ConfigError where the device cannot do what the stack asks for, or the layout
    does not divide the model."""
    alone = forecasts.scenario(hw, model, stack, engine, 1.0)
    parallelism = dataclasses.replace(alone.engine.parallelism, **layout)  # type: ignore[arg-type]
    divided = dataclasses.replace(alone, engine=dataclasses.replace(alone.engine, parallelism=parallelism))
    if layout and why_impossible(divided):
        raise ConfigError("the layout does not divide the model")
    scenario, places = along(divided, numbers, engine in ("generic", "ideal"))
    where = f"{hw} {engine} {model} {'+'.join(stack) or 'none'} {numbers} {layout}"
    run = Run(scenario)
    known = scenario.device.rates["linear"][0] < UNPUBLISHED
    size = len(scenario.workload.batch)
    times = {"tpot": run.tpot, **({"ttft": run.ttft, "e2e": run.e2e} if known else {})}
    for name, time in times.items():
        values = np.broadcast_to(time, (size,))
        if name == "tpot" and np.isnan(values).all():
            continue  # an encoder generates nothing
        if not (np.isfinite(values) & (values > 0)).all():
            yield Broken(f"{name} is a positive number", where, np.inf, (np.nan, np.nan))
        for curve, points in CURVES.items():
            if curve in ("prompt", "past") and changes_its_work(scenario):
                continue
            order = slice(None, None, -1 if curve in FASTER else 1)
            part, along_curve = values[places[curve]][order], points[order]
            ratio = part[:-1] / part[1:]
            worst = int(np.argmax(ratio))
            if ratio[worst] > 1 + NOISE:
                law = f"{name} falls with {'less ' if curve in FASTER else 'more '}{curve}"
                yield Broken(law, where, float(ratio[worst] - 1), (along_curve[worst], along_curve[worst + 1]))
    if engine == "ideal" and not layout:
        yield from bounds(scenario, run, where, known)
    if known and np.isfinite(scenario.device.power).all():
        joules = np.broadcast_to(run.prefill_energy, (size,))
        if not (joules > 0).all():
            yield Broken("energy is positive", where, float(-np.min(joules)), (np.nan, np.nan))


def changes_its_work(s: Scenario) -> bool:
    """Whether a layer's work falls by design as contexts grow.

    Llama 4 attends to its own chunk of positions only, and a new chunk begins.
    """
    return any("chunk" in block.attention_kind for block in s.architecture.blocks)


def bounds(s: Scenario, run: Run, where: str, known: bool) -> Iterator[Broken]:
    """Laws of the datasheet."""
    peak = np.maximum(s.device.rates["linear"], s.device.rates["attention"])
    first = run.decode_cost
    low = {"tpot under bytes / bandwidth": (run.tpot, first.bytes / s.device.bandwidth)}
    low["tpot under FLOP / peak"] = (run.tpot, first.flops / peak)
    if known:
        low["ttft under FLOP / peak"] = (run.ttft, run.prefill_cost.flops / peak)
        low["ttft under bytes / bandwidth"] = (run.ttft, run.prefill_cost.bytes / s.device.bandwidth)
    for law, (time, least) in low.items():
        short = np.max(least / time)
        if short > 1 + NOISE:
            yield Broken(law, where, float(short - 1), (np.nan, np.nan))


def attack(draws: int = DRAWS, seed: int = 0) -> tuple[int, list[Broken]]:
    """Number of evaluations, and every law that is broken."""
    random = np.random.default_rng(seed)
    points = sum(map(len, CURVES.values()))
    done, broken = 0, []
    while done < draws:
        drawn = draw(random)
        try:
            with np.errstate(all="ignore"):
                broken += laws_of(*drawn)
        except ConfigError:
            continue  # the device has no units for it
        done += 1
    return done * points, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("draws", type=int, nargs="?", default=DRAWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=20)
    words = parser.parse_args()
    evaluations, broken = attack(words.draws, words.seed)
    for law, count in Counter(b.law for b in broken).most_common():
        worst = max((b for b in broken if b.law == law), key=lambda b: b.by)
        print(f"{count:5d}  {law}, by up to {100 * worst.by:.3g} %")
    for b in sorted(broken, key=lambda b: -b.by)[: words.show]:
        print(f"{b.law} from {b.between[0]:g} to {b.between[1]:g} by {100 * b.by:.3g} %: {b.where}")
    print(f"{evaluations} evaluations, {len(broken)} curves or points that break a law")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
