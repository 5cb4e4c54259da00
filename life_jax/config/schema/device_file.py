"""A device as its file says it; see files.py for what one field states."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.paths import conf_dir
from life_jax.config.schema.quantities import choice, count, fraction, number, positive
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.core.units import GIGA, MICRO, TERA

# fp16_acc16: fp16 products added up in fp16, which GeForce cards do at twice the rate; int8_dot: dot products of a CPU
# over blocks of bytes, each with a scale, as llama.cpp computes them (DOT_PRODUCTS)
DTYPES = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8", "int4", "fp4", "int8_dp4a", "fp16_acc16", "int8_dot")
CHECKS = ("seen", "recalled", "derived")
CLASS_NOTES = ("source", "memory_source")  # keys of a class that are no defaults of its devices
# int8_dot over fp32 of a CPU whose file does not say it, by int8 over fp32, which tells the instruction set. 32 bytes
# of a block and its scale take with AVX2 six instructions (signs of both operands, VPMADDUBSW, VPMADDWD, conversion,
# FMA), with VNNI five, at three a cycle of 256 bit; with SDOT four (two SDOT, conversion, FMA) at as many a cycle as
# FMA of 128 bit, without it twice as many. I8MM would take fewer, which published times of Graviton 4, AmpereOne and
# phones do not show. [derived from the vendors' tables of instructions, recalled; two cores of an EPYC with AVX2
# reach 15 products a cycle where this says 16]
DOT_PRODUCTS = {"x86": ((3.0, 1.2), (0.0, 1.0)), "Arm": ((3.0, 2.0), (0.0, 1.0))}
COOLINGS = ("fan", "passive")
MODE_NUMBERS = ("clock_mhz", "memory_clock_mhz", "units_on", "tdp_w")  # that a power mode may say
X86 = ("Intel", "AMD", "LIFE paper")


def dot_products(vendor: str, rates: Mapping[str, float]) -> float:
    """Rate of dot products over blocks of bytes [TFLOP/s] of a CPU with these rates, from its instruction set."""
    told = rates["int8"] / rates["fp32"]
    rules = DOT_PRODUCTS["x86" if vendor in X86 else "Arm"]
    return rates["fp32"] * next(over for least, over in rules if told >= least)


@cache
def device_classes() -> dict[str, dict[str, Any]]:
    """conf/device_class.yaml: classes of devices, and the numbers that a device of each has by default."""
    return {name: dict(content) for name, content in read_yaml(conf_dir() / "device_class.yaml").items()}


@dataclass(kw_only=True)
class DeviceFile:
    """conf/hw/NAME.yaml: a datasheet, in the datasheet's units. Dense rates only."""

    name: str
    vendor: str
    device_class: str
    source: str
    check: str = choice("recalled", CHECKS)
    peak_tflops: dict[str, float] = dataclasses.field(default_factory=dict)
    bandwidth_gb_per_s: float = positive(
        unit="GB s-1", name="peak memory bandwidth", leaf="device.bandwidth", scale=GIGA
    )
    memory_gb: float = positive(unit="GB", name="memory capacity", leaf="device.memory", scale=GIGA)
    # what software may use of the memory: that of the class unless given, all where the class says nothing
    memory_seen: float | None = positive(
        None, name="memory that a driver reports over the datasheet's, of 1e9 bytes a GB", leaf="device.memory_seen"
    )
    memory_share: float | None = fraction(
        None, name="part of the memory that the system lets software use", leaf="device.memory_share"
    )
    memory_reserved_gb: float | None = number(
        None,
        low=0,
        unit="GB",
        name="memory that system, display and driver take",
        leaf="device.memory_reserved",
        scale=GIGA,
    )
    dispatch_us: float = number(  # that of the class unless given
        None, low=0, unit="us", name="time to dispatch one operator", leaf="device.dispatch", scale=MICRO
    )
    dispatch_source: str = ""
    cores: float | None = count(None, name="cores of a CPU whose rates peak_tflops adds up")
    vector_tflops: float | None = positive(
        None, unit="TFLOP s-1", name="peak vector rate", leaf="device.rates.vector", scale=TERA
    )
    tdp_w: float | None = positive(None, unit="W", name="thermal design power", leaf="device.power")
    power_limit_w: float | None = positive(
        None, unit="W", name="power that the device is limited to", leaf="device.power_limit"
    )  # the thermal design power unless given; holds where engine.power_cap is true
    price_usd: float | None = positive(None, unit="USD", name="price of one device", leaf="costs.price")
    rent_usd_per_hour: float | None = positive(  # instead of a price, with power in it
        None, unit="USD h-1", name="rent of one device, power included", leaf="costs.rent"
    )
    interconnect_gb_per_s: float | None = positive(
        None, unit="GB s-1", name="interconnect bandwidth, both directions", leaf="device.interconnect", scale=GIGA / 2
    )
    interconnect: str | None = None
    link_crowding: float | None = number(
        None,
        low=0,
        high=4,
        unit="1",
        name="exponent by which links slow down as devices join",
        leaf="device.crowding",
    )  # (2 / n)^exponent of the interconnect in a collective of n devices
    link_step: float | None = number(
        None,
        low=0,
        high=1,
        unit="1",
        name="latency of each further hop of a ring, over that of the first",
        leaf="device.link_step",
    )  # that of its kind of link unless given
    mesh_peers: float | None = count(
        None, name="devices to each of which an equal part of the links goes", leaf="device.mesh_peers"
    )  # a switch unless this or torus_links is given
    torus_links: float | None = count(
        None, name="links to neighbours in a torus, each an equal part", leaf="device.torus_links"
    )
    switch_reduction: float | None = fraction(
        None, name="part of the interconnect at which a switch reduces messages", leaf="device.switch_reduction"
    )
    node_devices: float | None = count(None, name="devices of a node", leaf="device.node")
    network_gb_per_s: float | None = positive(
        None, unit="GB s-1", name="network to other nodes, one direction", leaf="device.network", scale=GIGA
    )  # for each device
    # matrix rate of a core over that of the same chip with its full rate, where a vendor cut it and nothing else
    matrix_part: float = fraction(1.0, name="matrix rate left of the chip's own")
    # clocks that hold, which a power mode says, and those at which the published rates and bandwidth are reached
    clock_mhz: float | None = positive(None, unit="MHz", name="clock of the processor", leaf="device.rates")
    rated_clock_mhz: float | None = positive(None, unit="MHz", name="clock of the published rates")
    memory_clock_mhz: float | None = positive(None, unit="MHz", name="clock of the memory", leaf="device.bandwidth")
    rated_memory_clock_mhz: float | None = positive(None, unit="MHz", name="clock of the published bandwidth")
    units_on: float | None = fraction(None, name="part of the processor's units that have power")  # all unless given
    power_mode: str = ""  # one of power_modes; the published numbers hold where none is chosen
    power_modes: dict[str, Any] = dataclasses.field(default_factory=dict)  # name -> those of MODE_NUMBERS that it says
    power_modes_source: str = ""
    cooling: str = choice("fan", COOLINGS)
    efficiency: str = ""  # file of conf/efficiency, where it is not the one of device_class
    notes: str = ""

    def __post_init__(self) -> None:
        """What the file leaves open is that of the device's class, or of its power mode; raises ConfigError for a class
        or a mode that is not known, and for a clock that nothing is published at."""
        classes = device_classes()
        if self.device_class not in classes:
            raise unknown(f"{self.name}: device_class", self.device_class, classes)
        for key, value in classes[self.device_class].items():
            if key not in CLASS_NOTES and getattr(self, key) is None:
                setattr(self, key, value)
        if self.device_class == "cpu" and {"fp32", "int8"} <= self.peak_tflops.keys():
            self.peak_tflops = {"int8_dot": dot_products(self.vendor, self.peak_tflops), **self.peak_tflops}
        if self.dispatch_us is None:
            raise ConfigError(f"{self.name}: dispatch_us is missing, and class {self.device_class} has no default")
        self._take_mode()
        for clock in ("clock_mhz", "memory_clock_mhz"):
            if getattr(self, clock) is not None and getattr(self, f"rated_{clock}") is None:
                raise ConfigError(f"{self.name}: {clock} needs rated_{clock}, the clock of what its file publishes")

    def _take_mode(self) -> None:
        """Numbers of the power mode that are not set otherwise; its power is the device's."""
        for key, value in self.mode.items():
            if key not in MODE_NUMBERS:
                raise unknown(f"{self.name}: power_modes.{self.power_mode} has no key of that name:", key, MODE_NUMBERS)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ConfigError(
                    f"{self.name}: power_modes.{self.power_mode}.{key} is {value!r}, not a number above 0"
                )
            if key == "tdp_w" or getattr(self, key) is None:
                setattr(self, key, float(value))

    @property
    def mode(self) -> dict[str, Any]:
        """What the chosen power mode says, by key; nothing where none is chosen."""
        modes = {str(name).lower(): numbers for name, numbers in self.power_modes.items()}
        if self.power_mode and self.power_mode.lower() not in modes:
            raise unknown(f"{self.name}: power_mode", self.power_mode, list(map(str, self.power_modes)))
        return dict(modes[self.power_mode.lower()]) if self.power_mode else {}

    @property
    def rate_factor(self) -> float:
        """Rates that hold over published ones [1]."""
        units = 1.0 if self.units_on is None else self.units_on
        return units if self.clock_mhz is None else units * self.clock_mhz / float(self.rated_clock_mhz or 1)

    @property
    def dispatch_factor(self) -> float:
        """Time of a dispatch over that at the rated clock [1]: it takes as many cycles [assumption]."""
        return 1.0 if self.clock_mhz is None else float(self.rated_clock_mhz or 1) / self.clock_mhz

    @property
    def memory_factor(self) -> float:
        """Bandwidth that holds over the published one [1]."""
        return 1.0 if self.memory_clock_mhz is None else self.memory_clock_mhz / float(self.rated_memory_clock_mhz or 1)

    @property
    def power_w(self) -> float | None:
        """Thermal design power [W] at the clock that holds; beyond named modes it goes with the clock, as if the
        voltage stayed [assumption: what lower voltages save is not published]."""
        base = self.mode.get("clock_mhz", self.rated_clock_mhz)
        if self.tdp_w is None or self.clock_mhz is None or base is None:
            return self.tdp_w
        return self.tdp_w * self.clock_mhz / float(base)

    @property
    def efficiency_class(self) -> str:
        """The file of conf/efficiency that holds for the device."""
        return self.efficiency or self.device_class
