"""Checked files in datasheet units -> a Scenario in base units, and how its numbers may be swept."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.drafts import drafted_by, other_words
from life_jax.config.engine import software
from life_jax.config.load import requests
from life_jax.config.option_numbers import OptionNumbers
from life_jax.config.options import without_units
from life_jax.config.schema.check import check_number
from life_jax.config.schema.engine_file import OTHER_CLASS, EfficiencyFile, EngineFile
from life_jax.config.schema.errors import ConfigError, ImpossibleError, unknown
from life_jax.config.schema.files import DTYPES, CostFile, DeviceFile, LoadFile, PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.words import OFFLOAD, PREFILL
from life_jax.core.engine import Engine
from life_jax.core.graph import PIPES
from life_jax.core.places import Handover, Offload, Place
from life_jax.core.pytree import get_leaf, mapping, set_leaf
from life_jax.core.scenario import (
    PLAIN_BITS,
    UNPUBLISHED,
    Costs,
    Device,
    Precision,
    Scenario,
    WeightFormat,
    Workload,
)
from life_jax.core.speculation import Speculation
from life_jax.core.units import GIGA, MICRO, PICO, TERA, UNLIMITED
from life_jax.optimizations import Optimization, Refused, chain

NOT_LINEAR = ("head", "lm_head", "embedding", "router")
HALF = ("fp16", "bf16", "fp32")  # what 16-bit math runs at: the first of these that the device has
PCIE = 32.0  # GB/s, one direction of PCIe 4.0 x16: devices of a node without a published interconnect [assumption]
NODE = 8.0  # devices of a node whose file does not say it [assumption]
NETWORK = 12.5  # GB/s, 100 Gb Ethernet for each device of a node without a published network [assumption]
# rates of units that multiply weights of few bits without widening them to 16
AS_BYTES = ("peak_tflops.int8", "peak_tflops.int8_dp4a", "peak_tflops.int8_dot", "peak_tflops.int4")
VECTOR_PART = 1 / 16  # of the 16-bit matrix rate, where no vector or fp32 rate is published [derived]


NO_DRAFTS, NO_OFFLOAD, NO_HANDOVER = Speculation(), Offload(), Handover()  # one object for all cases
UNSEEN = ("device", "costs", "quality")  # parts of a scenario that no option looks at
T = TypeVar("T")


class Parts:
    """The parts that scenarios of a study have in common (a device, a model, an engine on a class of devices), each
    built once. Give one to all calls of `build` whose files are the same objects."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any]] = {}
        self._precisions: dict[tuple[Any, ...], Precision] = {}
        self.floats = mapping(float)  # int32 wraps under jit and has no gradient

    def __call__(self, make: Callable[..., T], *of: Any) -> T:
        """make(*of), or what it was before; files are told apart as objects, text and the like by their value."""
        key = make, *(part if isinstance(part, str | bool | tuple) else id(part) for part in of)
        if key not in self._known:
            self._known[key] = of, make(*of)  # kept with its files, so that no other gets their id
        part: T = self._known[key][1]
        return part

    def once(self, of: tuple[Any, ...], make: Callable[[], T]) -> T:
        """make(), or what it was before for the same objects and texts."""
        key = None, *(part if isinstance(part, str) else id(part) for part in of)
        if key not in self._known:
            self._known[key] = of, make()
        part: T = self._known[key][1]
        return part

    def chained(self, first: Optimization, then: Optimization) -> Optimization:
        """Both options as one, the same object for the same two."""
        return self.once((first, then), lambda: chain(first, then))

    def applied(self, options: OptionNumbers, stack: Optimization, bare: Scenario) -> Scenario:
        """The scenario that a stack makes of `options.base`, of plain floats.

        bare: what the base was made of. Options change models, software and precision alone, and do not look at a
        device or its costs, so that what they make is the same on all devices of one software.
        """
        others = [getattr(bare, field.name) for field in fields(Scenario) if field.name not in UNSEEN]
        key = "applied", options.convention, str(options.positions), stack, *others
        made = self.once(key, lambda: self._applied(options))
        return dataclasses.replace(made, **{name: getattr(options.base, name) for name in UNSEEN})

    def _applied(self, options: OptionNumbers) -> Scenario:
        made: Scenario = self.floats(options.applied({}))
        return dataclasses.replace(made, precision=self.equal(made.precision))

    def equal(self, precision: Precision) -> Precision:
        """The first precision of plain numbers that was equal to this one: options make a new one for each case."""
        names = (field.name for field in fields(precision) if field.name != "weights")
        key = (*precision.weights.items(), *(getattr(precision, name) for name in names))
        return self._precisions.setdefault(key, precision)


@dataclass(frozen=True, slots=True)
class Built:
    """A scenario and what was decided on the way.

    sources: key of a published rate -> pipes that run at it, each with a factor. warnings: lines for the user.
    meaningless: numbers that change nothing in this scenario, by the key of the file, with the reason. options: what
    the stack was applied to, so that its numbers can be moved. quality_source: of what the options keep of the model's
    quality, where that is asked for.
    """

    scenario: Scenario
    sources: Mapping[str, tuple[tuple[str, float], ...]]
    warnings: tuple[str, ...]
    meaningless: Mapping[str, str]
    options: OptionNumbers
    quality_source: str = ""

    def __repr__(self) -> str:
        """Its scenario."""
        return f"<Built: {self.scenario!r}>"


def build(
    *,
    model: ModelFile,
    device: DeviceFile,
    stack: Optimization,
    workload: WorkloadFile,
    precision: PrecisionFile,
    engine: EngineFile,
    labels: Mapping[str, str],
    own: tuple[Optimization, ...] = (),
    own_cache: Optimization | None = None,
    efficiency: EfficiencyFile | None = None,
    convention: str = "exact",
    cost: CostFile | None = None,
    load: LoadFile | None = None,
    draft: ModelFile | None = None,
    beside: Mapping[str, Place] | None = None,
    parts: Parts | None = None,
) -> Built:
    """The scenario of a model on a device under a stack of options.

    labels: of model and hw in words, for messages; own: how the checkpoint stores its weights, in order of
    preference, unless the stack decides it; own_cache: the KV cache that it declares, likewise; efficiency: of the
    device's class, where the engine asks for it; convention: how operators are counted; cost: prices and energies,
    where they are asked for; draft: the model that drafts, where there is one; beside: places by
    the word that names them; parts: what was built of the same files
    before. Raises ConfigError, also for activation precision that the device has no units for.
    """
    hw = f"hw.{labels['hw']}"
    parts = Parts() if parts is None else parts
    as_given = stack
    preferred = () if "weight_bits" in stack.sets else own
    stack, warnings = _as_it_runs(stack, device, hw, parts)
    stored_as = [kept for own in preferred for kept in (own, *([without_units(own)] if own.otherwise else []))]
    usable = [o for o in stored_as if _has_units(o, device)]
    if usable:
        stack = parts.chained(usable[0], stack)
    if own_cache is not None and "kv_bits" not in stack.sets:
        stack = parts.chained(own_cache, stack)
    if preferred and usable[:1] != list(preferred[:1]):
        instead = (
            f"its weights are stored as {'+'.join(usable[0].names)}" if usable else "its weights are counted at 16 bit"
        )
        warnings.append(f"{labels['model']}: {hw} has no units for {'+'.join(preferred[0].names)}; {instead}")
    if efficiency is not None and efficiency.name == OTHER_CLASS:
        warnings.append(
            f"{hw}: no device of class '{device.device_class}' was measured: efficiencies are a mean of all"
        )
    if engine.tensor_parallel > 1 and device.interconnect_gb_per_s is None:
        warnings.append(f"{hw} publishes no interconnect: {PCIE:g} GB/s in each direction assumed (PCIe 4.0 x16)")
    warnings += _network_assumed(engine, device, hw)
    scenario = Scenario(
        device=parts(_device, device, (), engine.power_cap, engine.whole_memory),
        architecture=parts(architecture, model, f"model.{labels['model']}"),
        precision=parts(bits, precision),
        workload=parts(_workload, workload),
        engine=parts(software, engine, efficiency),
        costs=parts(_costs, cost, device),
        load=parts(requests, load),
        speculation=NO_DRAFTS if draft is None else parts(drafted_by, draft),
        offload=Offload(place=(beside[OFFLOAD],)) if beside and OFFLOAD in beside else NO_OFFLOAD,
        handover=Handover(place=(beside[PREFILL],)) if beside and PREFILL in beside else NO_HANDOVER,
    )
    if draft is not None:
        warnings += other_words(draft, model, labels["model"])
    if workload.image_tokens and not model.vision_layers:
        raise ConfigError(f"workload.image_tokens: no vision tower is known of model.{labels['model']}")
    warnings += _generation(model, labels["model"])
    if workload.image_tokens > workload.prompt_tokens:
        raise ConfigError(
            f"workload.image_tokens is {workload.image_tokens:g}; the prompt has {workload.prompt_tokens:g} tokens"
        )
    if engine.threads is not None and device.cores is None:
        raise ConfigError(f"engine.threads: {hw} has no cores; threads are those of a CPU whose file says its cores")
    if engine.power_cap and device.tdp_w is None:
        raise ConfigError(f"engine.power_cap: {hw} publishes no power; give {hw}.tdp_w")
    idle = cost.idle_part * device.tdp_w if cost is not None and device.tdp_w is not None else 0.0
    if engine.power_cap and device.power_limit_w is not None and device.power_limit_w <= idle:
        raise ConfigError(
            f"{hw}.power_limit_w is {device.power_limit_w:g}, not above the power of an idle device, {idle:g} W"
        )
    options = OptionNumbers(scenario, stack.origins, convention, model.max_position_embeddings)
    try:
        stored = (
            parts.once((stack, model, precision, convention), lambda: options.applied({}).precision)
            if stack is as_given
            else options.applied({}).precision
        )
    except Refused as reason:
        raise ImpossibleError(f"opt={'+'.join(stack.names)} on {labels['model']}", str(reason)) from None
    sources, missing = _rate_sources(device, stack, engine, _units(engine, stored, device.peak_tflops), hw)
    converts = bool(stack.cache_dtype) and stack.cache_dtype not in device.peak_tflops
    as_bytes = any(key in AS_BYTES and "linear" in dict(pipes) for key, pipes in sources.items())
    scenario = dataclasses.replace(
        scenario,
        device=parts(_device, device, tuple(sources.items()), engine.power_cap, engine.whole_memory),
        engine=parts(_on_units, scenario.engine, converts, as_bytes),
    )
    sources = parts(dict, tuple(sources.items()))  # the same for many cases
    options = dataclasses.replace(options, base=parts.floats(scenario))
    scenario = parts.applied(options, stack, scenario)
    reasons: dict[str, str] = parts(dict, tuple(_meaningless(device, model, engine, converts).items()))
    said = (f"{labels['model']}: {text}" for text in model.warnings)
    return Built(scenario, sources, (*missing, *warnings, *said), reasons, options)


def _network_assumed(engine: EngineFile, device: DeviceFile, hw: str) -> list[str]:
    """A line where a layout needs more than a node of devices whose file says no network."""
    devices = engine.tensor_parallel * engine.pipeline_parallel * engine.data_parallel * engine.context_parallel
    room = device.node_devices or NODE
    if devices <= room or device.network_gb_per_s is not None:
        return []
    return [f"{hw} says no network: {NETWORK:g} GB/s a device between nodes of {room:g} assumed (100 Gb Ethernet)"]


def _generation(model: ModelFile, label: str) -> list[str]:
    """What ttft and tpot mean of a model that does not generate one token after the other."""
    if model.generation == "none":
        return [
            f"{label} is an encoder and generates nothing: ttft is the time to encode the prompt; tpot and tps are NaN"
        ]
    if model.generation == "diffusion":
        steps = f"{model.steps_per_token:g} step" + "s" * (model.steps_per_token != 1)
        return [
            f"{label} denoises: every step computes prompt and output as a whole; {steps} a token (steps_per_token)"
        ]
    return []


def _on_units(engine: Engine, converts: bool, as_bytes: bool) -> Engine:
    """The engine on a device that converts what it reads of the cache, or multiplies weights as bytes."""
    engine = set_leaf(engine, ("effects", "cache_conversion", "needed"), float(converts))
    rows = ("effects", "weight_expansion", "rows")
    if as_bytes:  # weights that are multiplied as bytes are not written out at 16 bit before
        return set_leaf(engine, rows, UNLIMITED)
    if "weight_expansion" in engine.effects and get_leaf(engine, rows) < UNLIMITED:
        # software that writes weights out has no kernel of its own that would be slower than that [derived]
        for key in ("compute_8bit", "compute_4bit"):
            quality = ("effects", "kernel_quality", key)
            engine = set_leaf(engine, quality, max(1.0, get_leaf(engine, quality)))
    return engine


def _as_it_runs(stack: Optimization, device: DeviceFile, hw: str, parts: Parts) -> tuple[Optimization, list[str]]:
    """The stack as the device runs it, and a line where that is its weights alone."""
    instead = parts.once((stack, "without units"), lambda: without_units(stack)) if stack.otherwise else stack
    if not stack.otherwise or _has_units(stack, device) or not _has_units(instead, device):
        return stack, []
    lacking = ", ".join(f"opt.{name}" for dtype, name in stack.math.values() if dtype not in device.peak_tflops)
    return instead, [f"{hw} has no units for {lacking}: its weights alone are narrow, math is at 16 bit"]


def _has_units(stack: Optimization, device: DeviceFile) -> bool:
    """Whether the device has the matrix rates that a stack needs."""
    return all(dtype in device.peak_tflops for dtype, _ in stack.math.values())


def _meaningless(device: DeviceFile, model: ModelFile, engine: EngineFile, converts: bool) -> dict[str, str]:
    """Numbers that change nothing here, with the reason."""
    reasons = {}
    if device.cores is None:
        reasons["threads"] = "it is no CPU whose file says how many cores it has"
    if engine.threads is None:
        reasons["core_bandwidth"] = "all cores compute unless engine.threads says how many"
    if not converts:
        reasons["fp8_convert_flops"] = "its cache needs no conversion (opt=kv_fp8 on a device without fp8 does)"
    if not engine.vector_rows:
        reasons["expert_vector_tokens"] = "engine.vector_rows is 0: no product runs on the vector units"
    if not model.vision_layers:
        reasons.update(dict.fromkeys(("image_tokens", "images"), "it has no vision tower"))
    if not engine.power_cap:
        reasons["power_limit_w"] = "no step waits for power unless engine.power_cap=true"
    return reasons


def _workload(file: WorkloadFile) -> Workload:
    numbers = {f.name: getattr(file, f.name) for f in fields(WorkloadFile)}
    return Workload(**{name: value for name, value in numbers.items() if value is not None})


def _units(engine: EngineFile, precision: Precision, rates: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
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


def _rate_sources(
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
    return {key: tuple(pipes) for key, pipes in sources.items()}, warnings


def _device(
    device: DeviceFile,
    sources: tuple[tuple[str, tuple[tuple[str, float], ...]], ...],
    capped: bool,
    whole_memory: bool,
) -> Device:
    """A device in base units.

    sources: key of a published rate -> pipes that run at it, each with a factor. capped: whether its power limit holds.
    whole_memory: whether software may use all of its memory.
    """
    rates = dict.fromkeys((*PIPES, "datasheet"), UNPUBLISHED)
    for key, pipes in sources:
        published = device.vector_tflops if key == "vector_tflops" else device.peak_tflops[key.split(".")[1]]
        for pipe, factor in pipes:
            rates[pipe] = published * TERA * factor  # type: ignore[operator]
    return Device(
        rates=rates,
        bandwidth=device.bandwidth_gb_per_s * GIGA,
        memory=device.memory_gb * GIGA,
        dispatch=device.dispatch_us * MICRO,
        interconnect=(device.interconnect_gb_per_s or 2 * PCIE) / 2 * GIGA,
        crowding=device.link_crowding or 0.0,
        node=device.node_devices or NODE,
        network=(device.network_gb_per_s or NETWORK) * GIGA,
        power=device.tdp_w or float("nan"),
        power_limit=(device.power_limit_w or device.tdp_w or float("nan")) if capped else UNLIMITED,
        cores=device.cores or 0.0,
        memory_share=1.0 if whole_memory else device.memory_share or 1.0,
        memory_reserved=0.0 if whole_memory else (device.memory_reserved_gb or 0.0) * GIGA,
    )


def _costs(file: CostFile | None, device: DeviceFile) -> Costs:
    if file is None:
        return Costs()

    def of_class(by_class: Mapping[str, float], key: str) -> float:
        value = by_class.get(device.device_class, by_class.get("other"))
        if value is None:
            raise ConfigError(f"cost.{key} has neither {device.device_class} nor other")
        return check_number(value, {"low": 0}, f"cost.{key}")

    return Costs(
        idle_part=file.idle_part,
        busy_part=file.busy_part,
        busy_rate=file.busy_rate,
        byte_energy=of_class(file.memory_pj_per_byte, "memory_pj_per_byte") * PICO,
        link_energy=file.link_pj_per_byte * PICO,
        price=device.price_usd or 0.0,
        rent=device.rent_usd_per_hour or 0.0,
        price_base=file.usd_base,
        price_per_rate=file.usd_per_tflops / TERA,
        price_per_bandwidth=file.usd_per_gb_per_s / GIGA,
        price_per_memory=file.usd_per_gb / GIGA,
        price_factor=of_class(file.price_factor, "price_factor"),
        electricity=file.usd_per_kwh,
        power_overhead=file.power_overhead,
        lifetime=file.lifetime_years,
        busy_time=file.busy_time,
    )


def bits(file: PrecisionFile) -> Precision:
    """The precision of a scenario from its file, in bits per element; head, embedding and router at 16 bit."""
    half = WeightFormat(16.0)
    return Precision(
        weights={"linear": WeightFormat(file.weight_bits), "head": half, "embedding": half, "router": half},
        activation_bits=file.activation_bits,
        linear_input_bits=file.activation_bits,
        kv_bits=file.kv_bits,
        kv_scale_bits=0.0,
        kv_dequant_flops=0.0,
        other_bits=16.0,
    )
