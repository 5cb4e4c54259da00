"""At which published rate each pipe of a scenario runs: what the kernels of an engine prefer of what a device has."""

from collections.abc import Mapping, Sequence

from life_jax.config.parts import Parts
from life_jax.config.schema.device_file import DTYPES, DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ImpossibleError, unknown
from life_jax.core.engine import Engine
from life_jax.core.pytree import get_leaf, set_leaf
from life_jax.core.scenario import PLAIN_BITS, Precision
from life_jax.core.units import UNLIMITED
from life_jax.optimizations import Optimization

NOT_LINEAR = ("head", "lm_head", "embedding", "router")
HALF = ("fp16", "bf16", "fp32")  # what 16-bit math runs at: the first of these that the device has
# rates of units that multiply weights of few bits without widening them to 16
AS_BYTES = ("peak_tflops.int8", "peak_tflops.int8_dp4a", "peak_tflops.int8_dot", "peak_tflops.int4")
VECTOR_PART = 1 / 16  # of the 16-bit matrix rate, where no vector or fp32 rate is published [derived]


def has_units(stack: Optimization, device: DeviceFile) -> bool:
    """Whether the device has the matrix rates that a stack needs."""
    return all(dtype in device.peak_tflops for dtype, _ in stack.math.values())


def as_it_runs(stack: Optimization, device: DeviceFile, hw: str, parts: Parts) -> tuple[Optimization, list[str]]:
    """The stack as the device runs it, and a line where that is its weights alone."""
    instead = parts.without_units(stack) if stack.otherwise else stack
    if not stack.otherwise or has_units(stack, device) or not has_units(instead, device):
        return stack, []
    lacking = ", ".join(f"opt.{name}" for dtype, name in stack.math.values() if dtype not in device.peak_tflops)
    return instead, [f"{hw} has no units for {lacking}: its weights alone are narrow, math is at 16 bit"]


def preferred_units(engine: EngineFile, precision: Precision, rates: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """The data types whose rates the engine's kernels of each pipe prefer, given how the weights are stored.

    rates: the published ones of the device; software with kernels of several types for quantized weights takes the
    fastest (bytes before fp16 on a GeForce without matrix units, fp16 before bytes on a V100).
    """
    for key in ("half_units", "quantized_units", "attention_units"):
        for name in getattr(engine, key):
            if name not in DTYPES:
                raise unknown(f"engine.{key}", name, DTYPES)
    weights = precision.weights
    head = weights.get("lm_head", weights["head"]).bits < PLAIN_BITS
    others = any(w.bits < PLAIN_BITS for name, w in weights.items() if name not in NOT_LINEAR)
    half = tuple(engine.half_units)
    quantized = tuple(sorted(engine.quantized_units, key=lambda dtype: -rates.get(dtype, 0.0)))
    return {
        "linear": quantized * others + half,
        "head": quantized * head + half,
        "attention": tuple(engine.attention_units),
    }


def emulates_bf16(units: Sequence[str], device: DeviceFile) -> bool:
    """Whether kernels that prefer these data types compute in bf16 on a device that has fp16 alone."""
    rates = device.peak_tflops
    return tuple(units[:1]) == ("bf16",) and "fp16" in rates and "bf16" not in rates


def rate_sources(
    device: DeviceFile, stack: Optimization, engine: EngineFile, units: Mapping[str, tuple[str, ...]], hw: str
) -> tuple[dict[str, tuple[tuple[str, float], ...]], list[str]]:
    """The published rate that each pipe runs at, and warnings. 16-bit math falls back to fp32, other math to nothing.

    units: of each pipe, the data types that the engine's kernels prefer where the device has them.
    """
    rates, warnings = device.peak_tflops, []
    half = next((dtype for dtype in HALF if dtype in rates), None)
    if half is None and "int8" in rates:
        half = "int8"
        warnings.append(
            f"{hw} publishes no 16- or 32-bit rate: 16-bit math is forecast at its int8 rate, an upper bound"
        )
    if half is None:
        warnings.append(f"{hw} has no published compute rate: decode only, from its bandwidth; ttft is NaN")
    sources: dict[str, list[tuple[str, float]]] = {}
    for pipe in ("linear", "head", "attention"):
        preferred = next((dtype for dtype in units[pipe] if dtype in rates), half)
        dtype, option = stack.math.get(pipe, (preferred, ""))
        if option and dtype not in rates:
            have = ", ".join(rates) or "none published"
            message = f"{hw} has no {dtype} matrix rate (has: {have}); asked by opt.{option}"
            raise ImpossibleError(hw, f"no {dtype} matrix rate, which opt.{option} asks for", message)
        if dtype is not None:
            emulated = not option and emulates_bf16(units[pipe], device)
            sources.setdefault(f"peak_tflops.{dtype}", []).append((pipe, engine.bf16_emulation if emulated else 1.0))
    if half is not None:
        sources.setdefault(f"peak_tflops.{half}", []).append(("datasheet", 1.0))
    if device.vector_tflops is not None:
        sources["vector_tflops"] = [("vector", 1.0)]
    elif "fp32" in rates:
        sources.setdefault("peak_tflops.fp32", []).append(("vector", 1.0))
    elif half is not None:
        sources.setdefault(f"peak_tflops.{half}", []).append(("vector", VECTOR_PART))
    at = device.rate_factor  # a price depends on what is published, whatever the power mode
    return {
        key: tuple((pipe, factor if pipe == "datasheet" else factor * at) for pipe, factor in pipes)
        for key, pipes in sources.items()
    }, warnings


def multiplies_bytes(sources: Mapping[str, tuple[tuple[str, float], ...]]) -> bool:
    """Whether linear layers run on units that multiply weights as bytes. sources: of `rate_sources`."""
    return any(key in AS_BYTES and "linear" in dict(pipes) for key, pipes in sources.items())


def on_units(engine: Engine, converts: bool, as_bytes: bool, prefers: bool, through_host: bool) -> Engine:
    """The engine on a device that converts what it reads of the cache, or multiplies weights as bytes, or reaches
    others through the host.

    prefers: whether it has kernels that multiply bytes, and takes those of a library where the device does not.
    """
    if through_host:  # custom all-reduces of vLLM, for one, need links or two devices alone
        engine = set_leaf(engine, ("parallelism", "allreduce_growth"), 1.0)
    engine = set_leaf(engine, ("effects", "cache_conversion", "needed"), float(converts))
    rows = ("effects", "weight_expansion", "rows")
    if as_bytes:  # weights that are multiplied as bytes are not written out at 16 bit before
        return set_leaf(engine, rows, UNLIMITED)
    if prefers:
        engine = set_leaf(engine, ("effects", "matrix_tiles", "block_work"), 0.0)
    if "weight_expansion" in engine.effects and get_leaf(engine, rows) < UNLIMITED:
        # software that writes weights out has no kernel of its own that would be slower than that [derived]
        for key in ("compute_8bit", "compute_4bit"):
            quality = ("effects", "kernel_quality", key)
            engine = set_leaf(engine, quality, max(1.0, get_leaf(engine, quality)))
    return engine
