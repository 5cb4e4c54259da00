"""Schemas of the YAML files and of the words that set their keys: units, bounds, leaves.

A field is the only place that states a number's unit, its long name, the values that it may take, and the leaf of the
Scenario that it sets (`leaf`, with `scale` from the file's unit to the base unit). The axis table, the checks, the
attributes of coordinates and the error messages are read from it.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.paths import conf_dir
from life_jax.config.schema.quantities import choice, count, fraction, number, positive
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.core.units import GIGA, MICRO, PICO, TERA

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


@dataclass(kw_only=True)
class WorkloadFile:
    """The requests that are forecast. Tokens and batch may be fractional: nothing is rounded."""

    prompt_tokens: float = positive(
        512, unit="token", name="prompt tokens per sequence", leaf="workload.prompt_tokens", whole=True
    )
    output_tokens: float = number(
        128,
        low=1,
        unit="token",
        name="generated tokens per sequence, the first included",
        leaf="workload.output_tokens",
        whole=True,
    )
    batch: float = positive(1, unit="1", name="sequences in a batch", leaf="workload.batch", whole=True)
    past_tokens: float = number(
        0, low=0, unit="token", name="tokens in the KV cache before the prompt", leaf="workload.past_tokens", whole=True
    )
    image_tokens: float = number(
        0, low=0, unit="token", name="prompt tokens per sequence that are images", leaf="workload.image_tokens",
        whole=True,
    )  # fmt: skip
    images: float = count(1, name="images per sequence, of equal size", leaf="workload.images")
    distinct_tokens: float | None = count(
        None, name="tokens of a step that choose experts independently, at most", leaf="workload.distinct_tokens"
    )  # any number unless given


ROUTERS = ("random", "round_robin", "least_loaded")


@dataclass(kw_only=True)
class LoadFile:
    """conf/load/NAME.yaml: requests as they arrive. What is not given takes the workload's lengths, all equal."""

    rate: float = number(0, low=0, unit="s-1", name="requests that arrive per second", leaf="load.rate")
    concurrency: float = number(
        0,
        low=0,
        unit="1",
        name="requests that are there at any time, each replaced when it ends",
        leaf="load.concurrency",
        whole=True,
    )
    burst: float = number(
        1,
        low=0,
        unit="1",
        name="coefficient of variation of the gaps between arrivals (1: Poisson)",
        leaf="load.burst",
    )
    prompt_cv: float = number(
        0,
        low=0,
        unit="1",
        name="coefficient of variation of prompt lengths, which are log-normal",
        leaf="load.prompt_cv",
    )
    output_cv: float = number(
        0,
        low=0,
        unit="1",
        name="coefficient of variation of output lengths, which are log-normal",
        leaf="load.output_cv",
    )
    cached: float = number(
        0,
        low=0,
        high=0.999,
        unit="1",
        name="part of a prompt that a prefix cache holds, of those that find any",
        leaf="load.cached",
    )
    hit_rate: float = number(
        1, low=0, high=1, unit="1", name="part of the requests that find part of their prompt cached", leaf="load.hits"
    )
    replicas: float = count(1, name="replicas of the whole layout behind a router", leaf="load.replicas")
    prefill_replicas: float = count(
        1, name="replicas that prefill, where others decode (opt=disaggregated)", leaf="load.prefill_replicas"
    )
    router: str = choice("random", ROUTERS)
    requests: float = number(
        0,
        low=0,
        unit="1",
        name="requests of a benchmark that begins with an empty engine, 0 for the steady state",
        leaf="load.requests",
        whole=True,
    )
    ttft_limit: float | None = positive(
        None, unit="s", name="time to first token that a good request keeps within", leaf="load.ttft_limit"
    )
    tpot_limit: float | None = positive(
        None, unit="s", name="time per output token that a good request keeps within", leaf="load.tpot_limit"
    )
    percentile: float = 50.0  # of requests that keep within the limits at max_rate, between 0 and 100
    prompts: list[list[float]] = dataclasses.field(
        default_factory=list
    )  # [[tokens, part], ...] instead of one length and a cv
    outputs: list[list[float]] = dataclasses.field(default_factory=list)
    # classes of requests: [share, prompt, its cv, output, its cv, cached, limit of ttft, limit of tpot], 0 for no limit
    classes: list[list[float]] = dataclasses.field(default_factory=list)
    class_names: list[str] = dataclasses.field(default_factory=list)
    observed: str = ""  # name of the class whose times are forecast, empty for all requests


@dataclass(kw_only=True)
class PrecisionFile:
    """Bits per element, group scales and zero points included (4.125 is int4 with fp16 scales per 128)."""

    weight_bits: float = positive(
        16, unit="bit", name="bits per weight of the linear layers", leaf="precision.weights.linear.bits"
    )
    activation_bits: float = positive(
        16, unit="bit", name="bits per activation", leaf="precision.activation_bits precision.linear_input_bits"
    )
    kv_bits: float = positive(16, unit="bit", name="bits per element of the KV cache", leaf="precision.kv_bits")


@dataclass(kw_only=True)
class CostFile:
    """conf/cost/NAME.yaml: what devices cost to run and to buy. Mappings are by device class, `other` for the rest."""

    name: str
    source: str
    description: str = ""
    idle_part: float = number(
        low=0, high=1, unit="1", name="idle power over thermal design power", leaf="costs.idle_part"
    )
    busy_part: float = fraction(name="power of a busy device over thermal design power", leaf="costs.busy_part")
    busy_rate: float = fraction(name="part of the peak rate at which it draws that", leaf="costs.busy_rate")
    memory_pj_per_byte: dict[str, float]
    link_pj_per_byte: float = number(
        low=0, unit="pJ", name="energy of a byte between devices", leaf="costs.link_energy", scale=PICO
    )
    usd_base: float = number(
        low=0, unit="USD", name="price of a device without rate or memory", leaf="costs.price_base"
    )
    usd_per_tflops: float = number(
        low=0, unit="USD", name="price of a TFLOP/s of 16-bit matrix work", leaf="costs.price_per_rate", scale=1 / TERA
    )
    usd_per_gb_per_s: float = number(
        low=0, unit="USD", name="price of a GB/s of bandwidth", leaf="costs.price_per_bandwidth", scale=1 / GIGA
    )
    usd_per_gb: float = number(
        low=0, unit="USD", name="price of a GB of memory", leaf="costs.price_per_memory", scale=1 / GIGA
    )
    price_factor: dict[str, float]
    usd_per_kwh: float = number(low=0, unit="USD", name="price of a kWh", leaf="costs.electricity")
    power_overhead: float = number(
        low=1, unit="1", name="power at the plug over power of the device", leaf="costs.power_overhead"
    )
    lifetime_years: float = positive(unit="year", name="years that a device is used", leaf="costs.lifetime")
    busy_time: float = fraction(name="part of its life in which a device works", leaf="costs.busy_time")
    notes: str = ""
