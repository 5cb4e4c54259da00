"""What software does with a device, as a handful of small values; every one is the identity at its defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number
from life_jax.core.pytree import neutral, pytree, static


@pytree
class Efficiency:
    """Reached parts of the device's peaks.

    compute, attention [1]: of the matrix rate, by products with weights and by attention; vector [1]: of the vector
    rate; memory [1]: of the bandwidth, and elementwise [1] of that in operators without a product. dispatch [1]: cost
    of a kernel over the device's dispatch. roof_smoothness [1]: 0 where computation and memory traffic overlap
    perfectly, 2 where they do not. tables: efficiencies by operator and shape, which replace compute, attention,
    vector and memory (see roofline/efficiency_tables.py).
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
    """utilization [1]: part of the memory that may be used; runtime [byte]: what the software itself takes."""

    utilization: Number = 1.0
    runtime: Number = 0.0


@pytree
class Parallelism:
    """tensor_parallel [1]: devices that share each layer; allreduce_latency [s] of one hop; link_efficiency [1]: part
    of the interconnect that is reached."""

    tensor_parallel: Number = neutral(default=1.0)
    allreduce_latency: Number = 0.0
    link_efficiency: Number = 1.0


@pytree
class Chunks:
    """tokens [token] of a prompt are prefilled at once (0: all of them), of each sequence, or of all sequences together
    where `shared`."""

    tokens: Number = neutral(default=0.0)
    shared: bool = static(default=False)


@pytree
class Counting:
    """What is counted: logits of the `last` position or of `all`; a roof for every `op`, or one over the `total`;
    patterns of operators that are fused (see optimizations/fusion.py)."""

    logits: str = static(default="last")
    scope: str = static(default="op")
    fusion: tuple[str, ...] = static(default=())


@pytree
class Engine:
    """Software in parts: what it reaches, its host time and memory, how it splits a model and a prompt, what it counts.

    effects: what kernels do beyond that, by name; each is the identity at its defaults (see roofline/effects and
    forecasting/graph_effects.py). spreads [1]: deviation of the logarithm of measured over forecast ttft, tpot, e2e,
    where it was fitted.
    """

    efficiency: Efficiency = dataclasses.field(default_factory=Efficiency)
    host: HostTime = dataclasses.field(default_factory=HostTime)
    memory: MemoryPolicy = dataclasses.field(default_factory=MemoryPolicy)
    parallelism: Parallelism = dataclasses.field(default_factory=Parallelism)
    chunks: Chunks = dataclasses.field(default_factory=Chunks)
    counting: Counting = dataclasses.field(default_factory=Counting)
    effects: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    spreads: Mapping[str, Number] = dataclasses.field(default_factory=dict)
