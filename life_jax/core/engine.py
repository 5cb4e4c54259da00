"""What an inference engine reaches and does on a device, as a few small values; each has no effect at its defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number, is_fixed_at
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
    """Use of the device memory. Engines keep room free in one of three ways, each a part [1], 1 where it does not hold.

    utilization [1]: of the device's memory, which weights, cache, activations and runtime may fill together
    resident [1]: of the memory that the system leaves, which weights and cache may fill
    cache [1]: of what weights, activations and runtime leave, which the cache may fill
    runtime [byte]: memory that the software itself takes, such as recorded graphs of kernels and buffers of messages
    activation_tokens [token]: prompt tokens at most whose activations are held at once
    logit [byte]: of each logit, where an engine keeps free what a step of as many tokens and sequences as it may run
    takes, whatever is asked of it; 0 where activations are those of the requests
    """

    utilization: Number = neutral(default=1.0)
    resident: Number = neutral(default=1.0)
    cache: Number = neutral(default=1.0)
    runtime: Number = 0.0
    activation_tokens: Number = neutral(default=UNLIMITED)
    logit: Number = neutral(default=0.0)


@pytree
class Parallelism:
    """The layout of a model over devices, and how well they communicate.

    tensor_parallel [1]: devices that share each layer
    pipeline_parallel [1]: stages, each with a part of the layers; stage_layers [1]: of each of them, where they are not
    as even as can be; micro_batches [1]: into which a batch is split among them, 0 for as many as stages
    data_parallel [1]: groups of devices that attend for sequences of their own, and share the experts
    context_parallel [1]: groups of devices that share the tokens of each sequence
    expert_parallel [1]: parts into which the experts are divided, each on an equal number of the devices of a stage
    redundant_experts [1]: copies of experts in each layer beside these, which even out what the parts do
    expert_spread [1]: spread of the experts' popularity that no replica evens out; data_spread [1]: 1 where sequences
    go to groups at random, 0 where all groups have equally many
    sequence_parallel [1]: 1 where devices that share a layer divide the tokens of element-wise operators among them
    two_batches [1]: 1 where a batch runs as two halves, the messages of one behind the computation of the other
    overlap [1]: part of the shorter of computation and messages that is hidden behind the longer
    allreduce_latency [s]: latency of one hop; allreduce_growth [1]: what each doubling of the devices in a node adds to
    that of an all-reduce by the engine's own kernels, over that of a hop, 1 where it leaves all to a library; in_switch
    [1]: 1 where that library lets switches reduce, which can
    link_efficiency [1]: reached part of the interconnect's bandwidth
    exchange_latency [s], exchange_efficiency [1]: the same of an all-to-all of tokens inside a node, and
    bulk_exchange_efficiency [1] where a step has tokens of prompts, which take exchange_units [1] of the processor
    network_latency [s], network_efficiency [1]: the same of messages between nodes
    """

    tensor_parallel: Number = neutral(default=1.0)
    pipeline_parallel: Number = neutral(default=1.0)
    data_parallel: Number = neutral(default=1.0)
    context_parallel: Number = neutral(default=1.0)
    expert_parallel: Number = neutral(default=1.0)
    stage_layers: tuple[Number, ...] = ()
    micro_batches: Number = neutral(default=0.0)
    redundant_experts: Number = neutral(default=0.0)
    expert_spread: Number = neutral(default=0.0)
    data_spread: Number = neutral(default=0.0)
    sequence_parallel: Number = neutral(default=0.0)
    two_batches: Number = neutral(default=0.0)
    overlap: Number = neutral(default=0.0)
    allreduce_latency: Number = 0.0
    allreduce_growth: Number = neutral(default=1.0)
    in_switch: Number = neutral(default=0.0)
    link_efficiency: Number = 1.0
    exchange_latency: Number = 0.0
    exchange_efficiency: Number = 1.0
    bulk_exchange_efficiency: Number = 1.0
    exchange_units: Number = 0.0
    network_latency: Number = 0.0
    network_efficiency: Number = 1.0

    @property
    def stage(self) -> Number:
        """Devices of a pipeline stage [1]."""
        return self.tensor_parallel * self.data_parallel * self.context_parallel

    @property
    def taken(self) -> Number:
        """Part of the processor [1] that messages of prompts take while it computes: none but those between experts."""
        return self.exchange_units if self.exchanges else 0.0

    def copies(self, experts: Number) -> Number:
        """Experts that a layer with so many of them [1] holds on all devices, copies included, over their number."""
        return 1.0 if is_fixed_at(self.redundant_experts, 0) else 1 + self.redundant_experts / experts

    @property
    def devices(self) -> Number:
        """Devices of the whole layout [1]."""
        return self.stage * self.pipeline_parallel

    @property
    def in_pipeline(self) -> bool:
        """Whether there may be more stages than one."""
        return not is_fixed_at(self.pipeline_parallel, 1)

    @property
    def exchanges(self) -> bool:
        """Whether tokens may go to experts on devices beyond those that share their attention."""
        return not (is_fixed_at(self.data_parallel, 1) and is_fixed_at(self.context_parallel, 1))

    @property
    def only_tensor(self) -> bool:
        """Whether nothing but tensor parallelism divides the model."""
        return not (self.in_pipeline or self.exchanges) and is_fixed_at(self.expert_parallel, 1)

    @property
    def alone(self) -> bool:
        """Whether there is a single device."""
        return self.only_tensor and is_fixed_at(self.tensor_parallel, 1)


@pytree
class Chunks:
    """Length of the pieces in which a prompt is prefilled.

    tokens [token]: tokens prefilled at once, 0 for the whole prompt. shared: whether that number is for all sequences
    of a batch together, instead of for each of them. graph [token]: positions that a program was compiled for, all of
    which every pass attends, filled or not; 0 where passes attend what is there.
    """

    tokens: Number = neutral(default=0.0, switch=True)
    graph: Number = neutral(default=0.0, switch=True)
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
    lockstep [1]: groups of devices that begin every step together, each with a scheduler like this one, because their
    tokens meet at the experts; stages [1]: of a pipeline, each of which has a batch of its own in flight, which this
    scheduler fills
    block [token]: of the cache, that prompts with one beginning share as a whole
    ahead [1]: steps that are planned while an earlier one runs, from what is known as that one begins; interval [1]:
    decode steps from one look for new requests to the next (serving/looks.py)
    mixing: MIXED or PREFILL_FIRST; admission: RESERVE or PREEMPT
    """

    budget: Number = 2048.0
    slots: Number = 256.0
    cache: Number = UNLIMITED
    lockstep: Number = neutral(default=1.0)
    stages: Number = neutral(default=1.0)
    mixing: str = static(default=MIXED)
    admission: str = static(default=PREEMPT)
    block: Number = neutral(default=1.0)
    ahead: Number = neutral(default=0.0)
    interval: Number = neutral(default=1.0)


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
class Support:
    """Where measurements end that a forecast of a time rests on, and how much wider its interval is beyond them.

    context [token], batch [1]: the largest that were measured of the engine on the class of devices
    unlike [1]: 1 where nothing like it was measured, whatever its workload, else 0
    wider [1]: factor on the spread for that; wider_context, wider_batch [1]: factors beyond the context and the batch
    """

    context: Number = UNLIMITED
    batch: Number = UNLIMITED
    unlike: Number = 0.0
    wider: Number = 1.0
    wider_context: Number = 1.0
    wider_batch: Number = 1.0


@pytree
class Engine:
    """An inference engine in parts: reached efficiencies, host time, memory, parallelism, chunks of prompts, counting,
    scheduling.

    effects: what kernels do beyond that, by name; each has no effect at its defaults (roofline/effects,
    forecasting/graph_effects.py).
    spreads [1]: standard deviation of ln(measured / forecast) of ttft, tpot and e2e, for an engine that was fitted.
    support: of ttft, tpot and e2e, where the measurements end that the engine was fitted to.
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
    support: Mapping[str, Support] = dataclasses.field(default_factory=dict)
