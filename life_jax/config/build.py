"""Checked files in datasheet units -> a Scenario in base units, and how its numbers may be swept."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, fields

from life_jax.config import support
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.device import PCIE, costs, in_base_units, network_assumed, through_host
from life_jax.config.drafts import drafted_by, other_words
from life_jax.config.engine import software, with_matrix_part
from life_jax.config.load import requests
from life_jax.config.memory_tiers import by_memory
from life_jax.config.option_numbers import OptionNumbers
from life_jax.config.parts import Parts
from life_jax.config.rates import (
    as_it_runs,
    has_units,
    multiplies_bytes,
    on_units,
    preferred_units,
    rate_sources,
)
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.efficiency_file import OTHER_CLASS, EfficiencyFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, ImpossibleError
from life_jax.config.schema.files import CostFile, LoadFile, PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.stages import in_stages
from life_jax.config.vocabulary import OFFLOAD, PREFILL
from life_jax.core.engine import Engine
from life_jax.core.places import Disk, Handover, Offload, Place
from life_jax.core.pytree import changed
from life_jax.core.scenario import Precision, Scenario, WeightFormat, Workload
from life_jax.core.speculation import Speculation
from life_jax.optimizations import Optimization, Refused

# one object for all cases
NO_DRAFTS, NO_OFFLOAD, NO_HANDOVER, NO_DISK = Speculation(), Offload(), Handover(), Disk()

CLOCKS = ("clock_mhz", "memory_clock_mhz")


@dataclass(frozen=True, slots=True)
class Built:
    """A scenario and what was decided on the way.

    sources: key of a published rate -> pipes that run at it, each with a factor. warnings: lines for the user.
    meaningless: numbers that change nothing in this scenario, by the key of the file, with the reason. options: what
    the stack was applied to, so that its numbers can be moved. likeness: what tells whether anything like it was
    measured. clocks: key -> clock [MHz] that holds, where the device's file says it. quality_source: of what the
    options keep of the model's quality, where that is asked for.
    """

    scenario: Scenario
    sources: Mapping[str, tuple[tuple[str, float], ...]]
    warnings: tuple[str, ...]
    meaningless: Mapping[str, str]
    options: OptionNumbers
    likeness: support.Build
    clocks: Mapping[str, float]
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
    engine = _of_its_own_threads(in_stages(engine, model, labels["model"]), device, beside, hw)
    engine = parts(with_matrix_part, by_memory(engine, device, parts), efficiency, device.matrix_part)
    preferred = () if "weight_bits" in stack.sets else own
    stack, warnings = as_it_runs(stack, device, hw, parts)
    stored_as = [kept for own in preferred for kept in (own, *([parts.without_units(own)] if own.otherwise else []))]
    usable = [o for o in stored_as if has_units(o, device)]
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
    warnings += network_assumed(engine, device, hw)
    likeness = parts(_likeness, engine, device.efficiency_class, bool(model.num_experts))

    def bare() -> Scenario:
        return Scenario(
            device=parts(in_base_units, device, (), engine.power_cap, engine.whole_memory),
            architecture=parts(architecture, model, f"model.{labels['model']}"),
            precision=parts(bits, precision),
            workload=parts(_workload, workload),
            engine=parts(_measured, parts(software, engine, efficiency), engine, efficiency, likeness, device.cooling),
            costs=parts(costs, cost, device),
            load=parts(requests, load),
            speculation=NO_DRAFTS if draft is None else parts(drafted_by, draft),
            offload=parts(_offload, beside[OFFLOAD]) if beside and OFFLOAD in beside else NO_OFFLOAD,
            handover=parts(_handover, beside[PREFILL]) if beside and PREFILL in beside else NO_HANDOVER,
            disk=NO_DISK,
        )

    if draft is not None:
        warnings += other_words(draft, model, labels["model"])
    _refuse_images(workload, model, labels["model"])
    warnings += _generation(model, labels["model"])
    _refuse_power(engine, device, cost, hw)

    def numbers_of(base: Scenario) -> OptionNumbers:
        return OptionNumbers(base, stack.origins, convention, model.max_position_embeddings)

    try:
        stored = parts.once((stack, model, precision, convention), lambda: numbers_of(bare()).applied({}).precision)
    except Refused as reason:
        raise ImpossibleError(f"opt={'+'.join(stack.names)} on {labels['model']}", str(reason)) from None
    sources, missing = rate_sources(device, stack, engine, preferred_units(engine, stored, device.peak_tflops), hw)
    converts = bool(stack.cache_dtype) and stack.cache_dtype not in device.peak_tflops
    as_bytes = multiplies_bytes(sources)
    units = converts, as_bytes, bool(engine.quantized_units), through_host(device)

    def made() -> tuple[Scenario, Scenario]:
        here = bare()
        here = dataclasses.replace(here, engine=parts(on_units, here.engine, *units))
        base = parts.of_floats(here)
        return base, parts.applied(numbers_of(base), stack, here)

    # no option looks at a device or its costs, so that the rest is the same on all devices that are run in one way
    alike = (
        "made", model, labels["model"], stack, convention, precision, workload, load, draft, engine, efficiency,
        likeness, device.cooling, *units, *(beside or {}).values(),
    )  # fmt: skip
    base, scenario = parts.once(alike, made)
    sources = parts(dict, tuple(sources.items()))  # the same for many cases
    of_device = {
        "device": parts.floats(
            parts(in_base_units, device, tuple(sources.items()), engine.power_cap, engine.whole_memory)
        ),
        "costs": parts.floats(parts(costs, cost, device)),
    }
    options, scenario = numbers_of(changed(base, of_device)), changed(scenario, of_device)
    reasons = parts.once(
        ("meaningless", model, engine, stack, *units, device.cores is None, *(beside or {}).values()),
        lambda: _meaningless(device, model, engine, converts, stack, beside),
    )
    said = (f"{labels['model']}: {text}" for text in model.warnings)
    return Built(scenario, sources, (*missing, *warnings, *said), reasons, options, likeness, parts(_clocks, device))


def _offload(place: Place) -> Offload:
    return Offload(place=(place,))


def _handover(place: Place) -> Handover:
    return Handover(place=(place,))


def _refuse_images(workload: WorkloadFile, model: ModelFile, label: str) -> None:
    """Raise ConfigError for images that the model does not see, or that are longer than the prompt."""
    if workload.image_tokens and not model.vision_layers:
        raise ConfigError(f"workload.image_tokens: no vision tower is known of model.{label}")
    if workload.image_tokens > workload.prompt_tokens:
        raise ConfigError(
            f"workload.image_tokens is {workload.image_tokens:g}; the prompt has {workload.prompt_tokens:g} tokens"
        )


def _refuse_power(engine: EngineFile, device: DeviceFile, cost: CostFile | None, hw: str) -> None:
    """Raise ConfigError where power limits a device that publishes none, or one at which it can only idle."""
    if engine.power_cap and device.tdp_w is None:
        raise ConfigError(f"engine.power_cap: {hw} publishes no power; give {hw}.tdp_w")
    idle = cost.idle_part * device.tdp_w if cost is not None and device.tdp_w is not None else 0.0
    if engine.power_cap and device.power_limit_w is not None and device.power_limit_w <= idle:
        raise ConfigError(
            f"{hw}.power_limit_w is {device.power_limit_w:g}, not above the power of an idle device, {idle:g} W"
        )


def _clocks(device: DeviceFile) -> dict[str, float]:
    """Clocks [MHz] that hold, by key."""
    found = {key: getattr(device, key) or getattr(device, f"rated_{key}") for key in CLOCKS}
    return {key: clock for key, clock in found.items() if clock is not None}


def _likeness(engine: EngineFile, efficiency_class: str, experts: bool) -> support.Build:
    """What decides whether anything like a forecast was measured."""
    year = None if engine.year is None else support.middle(engine.year)
    return support.Build(engine.name, efficiency_class, experts, year)


def _measured(
    engine: Engine, file: EngineFile, of_class: EfficiencyFile | None, likeness: support.Build, cooling: str
) -> Engine:
    """The engine with what was measured of it on the class of devices, and spreads of how the device is cooled; as it
    is where it was not fitted to a class, or was calibrated."""
    if of_class is None or file.spreads:
        return engine
    spreads = {name: spread * support.of_cooling(cooling) for name, spread in engine.spreads.items()}
    return dataclasses.replace(engine, spreads=spreads, support=support.supports(likeness))


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
    if model.generation == "block_diffusion":
        block = model.number("diffusion_block") or 1.0
        return [
            f"{label} denoises blocks of {block:g} tokens behind a cache, {model.steps_per_token:g} steps a token "
            "(steps_per_token); ttft is the time to read the prompt, and a block takes as many tpot as it has tokens"
        ]
    return []


def _of_its_own_threads(
    engine: EngineFile, device: DeviceFile, beside: Mapping[str, Place] | None, hw: str
) -> EngineFile:
    """The engine without threads that are those of the CPU beside the device. Raises ConfigError for threads where
    neither has cores."""
    if engine.threads is None or device.cores is not None:
        return engine
    if not _has_cores_beside(beside):
        raise ConfigError(f"engine.threads: {hw} has no cores; threads are those of a CPU whose file says its cores")
    return dataclasses.replace(engine, threads=None)


def _has_cores_beside(beside: Mapping[str, Place] | None) -> bool:
    """Whether layers or experts are on a CPU whose file says its cores."""
    return bool(beside and OFFLOAD in beside and beside[OFFLOAD].device.cores)


def _meaningless(
    device: DeviceFile,
    model: ModelFile,
    engine: EngineFile,
    converts: bool,
    stack: Optimization,
    beside: Mapping[str, Place] | None,
) -> dict[str, str]:
    """Numbers that change nothing here, with the reason."""
    reasons = {}
    if not any(origin.kind == "disaggregation" for origin in stack.origins):
        reasons["prefill_replicas"] = "its prompts are prefilled where they are decoded (opt=disaggregated parts them)"
    if device.cores is None and not _has_cores_beside(beside):
        reasons["threads"] = "it is no CPU whose file says how many cores it has"
    if engine.stage_layers:
        reasons["pipeline_parallel"] = "engine.stage_layers says how many stages there are"
    if through_host(device):
        reasons["allreduce_growth"] = "its devices reach each other through the host, where engines leave it to NCCL"
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
