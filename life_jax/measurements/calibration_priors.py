"""What is expected of a machine's constants before it is measured, and of errors of its rows: conf/calibration.yaml.

scripts/fit_calibration.py fits both to devices that a fit of the constants had not seen: how far each constant of a
device under an engine is from what its class and engine say, and how far rows stay off then, each alone and all of one
model together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from life_jax.config import conf_files
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.efficiency_file import VECTOR_MOST
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.measurements.posterior import Errors
from life_jax.measurements.rows import MEASURED_TIMES, Setting

ALL, CPU, NOT_KNOWN = "all", "cpu", "engine_not_known"  # groups of deviations in the file


@dataclass(frozen=True)
class Constant:
    """A constant of an engine that a calibration changes.

    key: of the engine's file; most: greatest value, in the file's unit; alike: keys of further numbers with the same
    factor.
    """

    key: str
    most: float = float("inf")
    alike: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all numbers that have its factor."""
        return (self.key, *self.alike)


CONSTANTS = (
    Constant("compute_efficiency", 1.0),
    Constant("attention_efficiency", 1.0),
    Constant("vector_efficiency", VECTOR_MOST),
    Constant("memory_efficiency", 1.0),
    Constant("kv_efficiency"),
    Constant("dispatch_factor"),
    # one processor runs all that the host does in a step
    Constant("step_us", alike=("sequence_us", "context_ns", "split_step_us")),
    Constant("request_ms"),
    # kernels differ by the format of the weights, and in products with experts, as devices do
    Constant("compute_8bit"),
    Constant("compute_4bit"),
    Constant("memory_quantized", 1.0),
    Constant("block_work"),
    Constant("compute_experts"),
    Constant("elementwise_efficiency", 1.0),
    Constant("tile_rows"),
)


@cache
def facts() -> dict[str, Any]:
    """conf/calibration.yaml."""
    return read_yaml(paths.conf_dir() / "calibration.yaml")


def deviations(hw: str, engine: str) -> np.ndarray:
    """Deviation of the logarithm of each constant's factor on a device under an engine (labels) [constants]."""
    of = facts()["deviations"]
    own = of[ALL] | (of[CPU] if conf_files.file("hw", hw, DeviceFile).cores is not None else {})
    other: Mapping[str, float] = of[NOT_KNOWN] if engine == "generic" else {}
    return np.array([float(np.hypot(own[c.key], other.get(c.key, 0.0))) for c in CONSTANTS])


def errors(settings: Sequence[Setting], noise: Mapping[str, Mapping[str, float]] | None = None) -> Errors:
    """Errors of rows: each of its own, and one that those of a model and a kind have in common.

    noise: kind of time -> {row, model}, deviations of the logarithm, instead of the file's.
    """
    noise = noise or facts()["noise"]
    of = [noise[MEASURED_TIMES[s.kind]] for s in settings]
    _, group = np.unique([f"{s.kind}|{s.model}" for s in settings], return_inverse=True)
    row, shared = (np.array([deviation[name] for deviation in of]) for name in ("row", "model"))
    return Errors(row, shared, group, float(facts()["tails"]))


def width(time: str) -> float:
    """Half-width of an 80 % interval after a calibration over that of a normal distribution [1]; time: ttft, ..."""
    return float(facts()["widths"][time])
