"""What an inference engine reaches and does on a device, as a few small values; each has no effect at its defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number
from life_jax.core.pytree import neutral, pytree, static
from life_jax.core.units import UNLIMITED


@pytree
class Efficiency:
    """Reached parts of the device's peaks, all [1].

    compute: of the matrix rate, in products with weights
    attention: of the matrix rate, in attention
    vector: of the vector rate
    memory: of the bandwidth
    elementwise: of that bandwidth, in operators without a product
    dispatch: cost of starting a kernel over the device's own
    roof_smoothness: 0 where computation and memory traffic overlap perfectly, 2 where they do not overlap
    tables: efficiencies by operator and shape, which replace compute, attention, vector and memory
    (roofline/efficiency_tables.py)
    """

    compute: Number = 1.0
    attention: Number = 1.0
    vector: Number = 1.0
    memory: Number = 1.0
    elementwise: Number = 1.0
    dispatch: Number = 1.0
    roof_smoothness: Number = neutral(default=0.0)
    tables: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@pytree
class MemoryPolicy:
    """Use of the device memory.

    utilization [1]: part of the memory that may be used; runtime [byte]: memory that the software itself takes.
    """

    utilization: Number = 1.0
    runtime: Number = 0.0


@pytree
class Parallelism:
    """Devices that share each layer, and how well they communicate.

    tensor_parallel [1]: number of devices that share each layer; allreduce_latency [s]: latency of one hop;
    link_efficiency [1]: reached part of the interconnect's bandwidth.
    """

    tensor_parallel: Number = neutral(default=1.0)
    allreduce_latency: Number = 0.0
    link_efficiency: Number = 1.0


@pytree
class Chunks:
    """Length of the pieces in which a prompt is prefilled.

    tokens [token]: tokens prefilled at once, 0 for the whole prompt. shared: whether that number is for all sequences
    of a batch together, instead of for each of them.
    """

    tokens: Number = neutral(default=0.0)
    shared: bool = static(default=False)


# how prompts and decoding sequences share steps: in one step, or prompts alone before any decoding goes on
MIXED, PREFILL_FIRST = "mixed", "prefill_first"
# what a request needs of the cache to start: room for its prompt and whole output, or for its prompt alone, in which
# case the youngest request is thrown out and computed anew when the cache is full
RESERVE, PREEMPT = "reserve", "preempt"


@pytree
class Scheduler:
    """Rules by which an engine fills its steps under load.

    budget [token]: tokens of a step, at most; slots [1]: requests that run together, at most
    cache [token]: room in the KV cache
    mixing: MIXED or PREFILL_FIRST; admission: RESERVE or PREEMPT
    """

    budget: Number = 2048.0
    slots: Number = 256.0
    cache: Number = UNLIMITED
    mixing: str = static(default=MIXED)
    admission: str = static(default=PREEMPT)


@pytree
class Counting:
    """What is counted.

    logits: `last` for logits of the last position only, `all` for logits of every position
    scope: `op` for a roof over every operator, `total` for one roof over a whole step
    fusion: names of the patterns of operators that are fused (optimizations/fusion.py)
    """

    logits: str = static(default="last")
    scope: str = static(default="op")
    fusion: tuple[str, ...] = static(default=())


@pytree
class Engine:
    """An inference engine in parts: reached efficiencies, host time, memory, parallelism, chunks of prompts, counting,
    scheduling.

    effects: what kernels do beyond that, by name; each has no effect at its defaults (roofline/effects,
    forecasting/graph_effects.py).
    spreads [1]: standard deviation of ln(measured / forecast) of ttft, tpot and e2e, for an engine that was fitted.
    """

    efficiency: Efficiency = dataclasses.field(default_factory=Efficiency)
    host: HostTime = dataclasses.field(default_factory=HostTime)
    memory: MemoryPolicy = dataclasses.field(default_factory=MemoryPolicy)
    parallelism: Parallelism = dataclasses.field(default_factory=Parallelism)
    chunks: Chunks = dataclasses.field(default_factory=Chunks)
    counting: Counting = dataclasses.field(default_factory=Counting)
    scheduler: Scheduler = dataclasses.field(default_factory=Scheduler)
    effects: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    spreads: Mapping[str, Number] = dataclasses.field(default_factory=dict)
