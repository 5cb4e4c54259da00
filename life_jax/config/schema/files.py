"""Schemas of the YAML files and of the words that set their keys: units, bounds, leaves.

A field is the only place that states a number's unit, its long name, the values that it may take, and the leaf of the
Scenario that it sets (`leaf`, with `scale` from the file's unit to the base unit). The axis table, the checks, the
attributes of coordinates and the error messages are read from it.
"""

import dataclasses
from dataclasses import dataclass

from life_jax.config.schema.quantities import choice, count, fraction, number, positive
from life_jax.core.units import GIGA, PICO, TERA


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
