"""Datasheet numbers of a device, and what it costs, in base units; what is assumed where a file does not say it."""

from collections.abc import Mapping

from life_jax.config.schema.check import check_number
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import CostFile
from life_jax.core.graph import PIPES
from life_jax.core.scenario import UNPUBLISHED, Costs, Device
from life_jax.core.units import GIGA, MICRO, PICO, TERA, UNLIMITED

# Latency of each further hop of a ring over that of the first, of devices with links of their own and of others
# (scripts/fit_collectives.py: 0.17 to 0.28 with NVLink, 0.30 and 0.42 over PCIe with NCCL)
STEP_OF_LINKS, STEP_OF_HOST = 0.23, 0.36
PCIE = 32.0  # GB/s, one direction of PCIe 4.0 x16: devices of a node without a published interconnect [assumption]
NODE = 8.0  # devices of a node whose file does not say it [assumption]
NETWORK = 12.5  # GB/s, 100 Gb Ethernet for each device of a node without a published network [assumption]


def network_assumed(engine: EngineFile, device: DeviceFile, hw: str) -> list[str]:
    """A line where a layout needs more than a node of devices whose file says no network."""
    devices = engine.tensor_parallel * engine.pipeline_parallel * engine.data_parallel * engine.context_parallel
    room = device.node_devices or NODE
    if devices <= room or device.network_gb_per_s is not None:
        return []
    return [f"{hw} says no network: {NETWORK:g} GB/s a device between nodes of {room:g} assumed (100 Gb Ethernet)"]


def in_base_units(
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
        bandwidth=device.bandwidth_gb_per_s * GIGA * device.memory_factor,
        memory=device.memory_gb * GIGA,
        dispatch=device.dispatch_us * MICRO * device.dispatch_factor,
        interconnect=(device.interconnect_gb_per_s or 2 * PCIE) / 2 * GIGA,
        crowding=device.link_crowding or 0.0,
        link_step=link_step(device),
        mesh_peers=device.mesh_peers or 0.0,
        torus_links=device.torus_links or 0.0,
        switch_reduction=device.switch_reduction or 0.0,
        node=device.node_devices or NODE,
        network=(device.network_gb_per_s or NETWORK) * GIGA,
        power=device.power_w or float("nan"),
        power_limit=(device.power_limit_w or device.power_w or float("nan")) if capped else UNLIMITED,
        cores=device.cores or 0.0,
        memory_seen=1.0 if whole_memory else device.memory_seen or 1.0,
        memory_share=1.0 if whole_memory else device.memory_share or 1.0,
        memory_reserved=0.0 if whole_memory else (device.memory_reserved_gb or 0.0) * GIGA,
    )


def through_host(device: DeviceFile) -> bool:
    """Whether devices of a node have no links of their own, so that kernels of one cannot read the memory of all
    others."""
    return device.interconnect is None or device.interconnect.startswith("PCIe")


def link_step(device: DeviceFile) -> float:
    """Latency of each further hop of a ring, over that of the first [1]: the file's, else that of its kind of link."""
    if device.link_step is not None:
        return device.link_step
    return STEP_OF_HOST if through_host(device) else STEP_OF_LINKS


def costs(file: CostFile | None, device: DeviceFile) -> Costs:
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
