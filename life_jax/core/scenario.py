"""The scenario in base units: device, model, precision, workload, engine; frozen pytrees of floats.

Every leaf is a float or a float array, so that each can be swept or differentiated. What shapes the operator graph is
static metadata and takes part in the compilation key.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.core.engine import Engine
from life_jax.core.numerics import Number
from life_jax.core.places import Disk, Handover, Offload
from life_jax.core.pytree import neutral, pytree, static
from life_jax.core.speculation import Speculation
from life_jax.core.units import UNLIMITED

# FLOP/s that stand for a rate that nobody published: no work takes time. Not infinite: gradients would be NaN.
UNPUBLISHED = 1e30
PLAIN_BITS = 16  # from here on a weight is used as it is


@pytree
class Device:
    """Data of a device.

    rates [FLOP/s]: by pipe (linear, head, attention, vector); `datasheet` is the rate of 16-bit matrix work, which
    prices depend on
    bandwidth [byte/s]: of the memory
    memory [byte]: capacity as datasheets print it; memory_seen [1]: what a driver reports over it; memory_share [1]:
    part of that which the system lets software use; memory_reserved [byte]: what the system, a display and the driver's
    context take
    dispatch [s]: time to start a kernel
    interconnect [byte/s]: to the other devices of a node, in one direction; crowding [1]: with n devices in a
    collective, each gets (2 / n)^crowding of it (0: links of its own, a switch); link_step [1]: latency of each further
    hop of a ring over that of the first; mesh_peers [1]: devices to each of which an equal part of the links goes, and
    torus_links [1]: links to neighbours, 0 for a switch that all share; switch_reduction [1]: part of that bandwidth at
    which a switch reduces messages, 0 where it does not
    node [1]: devices of a node; network [byte/s]: from one node to another, in one direction for each device
    power [W]: largest power; NaN where it is not published
    power_limit [W]: power that no step exceeds; UNLIMITED where the engine sets no limit
    cores [1]: of a CPU, whose rates add up those of so many cores; 0 for any other device

    A rate that nobody published is UNPUBLISHED: decode can still be forecast from the bytes.
    """

    rates: Mapping[str, Number]
    bandwidth: Number
    memory: Number
    dispatch: Number
    interconnect: Number = UNPUBLISHED
    crowding: Number = neutral(default=0.0)
    link_step: Number = 0.25
    mesh_peers: Number = neutral(default=0.0)
    torus_links: Number = neutral(default=0.0)
    switch_reduction: Number = 0.0  # not a structure of its own: devices with and without share one compilation
    node: Number = 8.0
    network: Number = UNPUBLISHED
    power: Number = float("nan")
    power_limit: Number = neutral(default=UNLIMITED)
    cores: Number = 0.0
    memory_seen: Number = 1.0
    memory_share: Number = 1.0
    memory_reserved: Number = 0.0

    @property
    def whole_memory(self) -> Number:
        """Memory that the device has for software and system together [byte]."""
        return self.memory * self.memory_seen

    @property
    def usable_memory(self) -> Number:
        """Memory that system, display and driver leave to software [byte]."""
        return self.whole_memory * self.memory_share - self.memory_reserved


@pytree
class Block:
    """A kind of layer: `repeats` layers with the same numbers of attention and of the feed-forward network.

    attention, ffn: numbers of the kinds `attention_kind` and `ffn_kind`, by the key of the model's file
    loops [1]: times that a pass runs each layer, with the same weights and a cache of its own each time
    vectors [1]: learned numbers of a layer that belong to no product: scales, tables
    side [1]: outputs of further products of a layer's input, which gate or shift what its branches compute
    stack: decoder; or encoder, which reads the whole prompt in one pass
    """

    repeats: Number
    attention: Mapping[str, Number]
    ffn: Mapping[str, Number]
    attention_kind: str = static(default="full")
    ffn_kind: str = static(default="gated")
    norm: str = static(default="rmsnorm")
    norms: int = static(default=2)
    parallel: bool = static(default=False)
    qk_norm: str = static(default="none")
    position: str = static(default="rope")
    output_gate: bool = static(default=False)
    keys_values: str = static(default="own")  # shared_projection: values are keys; reused: those of an earlier layer
    latent_form: str = static(default="cheaper")  # of latent attention: cheaper, absorbed, expanded, decompressed
    loops: Number = neutral(default=1.0)
    vectors: Number = neutral(default=0.0)
    side: Number = neutral(default=0.0, switch=True)
    stack: str = static(default="decoder")


@pytree
class Architecture:
    """A model: embedding, blocks of an encoder, a decoder or both, final norm, head. Sizes in elements [1].

    generation: autoregressive; none, of an encoder alone; diffusion: every step computes the whole sequence;
    block_diffusion: a block of tokens, behind a cache
    embedding_size: width of the table, 0 where it is hidden_size
    head_size: width of a layer in front of the head, 0 where there is none
    vectors: learned numbers outside of layers that belong to no product: biases, tables of types and positions
    encoder_positions: rows of the encoder's own table of learned positions
    steps_per_token: passes of a diffusion model for each generated token
    """

    hidden_size: Number
    vocab_size: Number
    learned_positions: Number
    head_bias: Number  # 1 where the head has one, else 0
    blocks: tuple[Block, ...]
    streams: Number = 1.0  # residual streams
    laurel_rank: Number = 0.0  # of a low-rank path beside attention
    per_layer_width: Number = 0.0  # of the input that each layer gets from a second table, of
    per_layer_vocab: Number = 0.0  # so many rows
    vision: Mapping[str, Number] = dataclasses.field(default_factory=dict)  # the tower, where there is one
    tied: bool = static(default=False)
    headed: bool = static(default=True)  # it has a language head
    embedding_norm: bool = static(default=False)
    vectors: Number = neutral(default=0.0)
    encoder_positions: Number = neutral(default=0.0)
    steps_per_token: Number = neutral(default=1.0)
    generation: str = static(default="autoregressive")
    embedding_size: float = static(default=0.0)
    embedding_bias: bool = static(default=False)  # of the projections between the table's width and the model's
    head_size: float = static(default=0.0)
    head_layer_bias: bool = static(default=True)
    final_norm: bool = static(default=True)
    head_norm: bool = static(default=False)  # behind the layer in front of the head
    encoder_embedding_norm: bool = static(default=False)
    encoder_final_norm: bool = static(default=False)

    @property
    def denoised(self) -> Number:
        """Tokens [token] that a decode step of block diffusion computes of each sequence; 1 for other models."""
        return self.blocks[-1].attention.get("diffusion_block", 1.0) if self.generation == "block_diffusion" else 1.0

    @property
    def reading(self) -> str:
        """What prefill computes in a pass: chunks of the prompt; the whole prompt, which an encoder reads; or the whole
        sequence, with the tokens that are to be generated."""
        if self.generation == "diffusion":
            return "sequence"
        return "prompt" if any(block.stack == "encoder" for block in self.blocks) else "chunks"

    hyper: bool = static(default=False)  # more streams than one, summed and mixed around every branch
    stream_mixing: bool = static(default=True)  # with each other too
    stream_head: bool = static(default=True)  # they are weighed at the end
    altup: bool = static(default=False)  # more streams than one, predicted and corrected around every layer
    per_layer: bool = static(default=False)  # an input for each layer


@pytree
class WeightFormat:
    """Storage format of a weight tensor.

    bits [bit]: per weight, scales and zero points of groups included
    bits_per_channel [bit]: beside each output channel (per-channel scales)
    dequant_flops [FLOP]: vector work to expand one weight
    """

    bits: Number
    bits_per_channel: Number = 0.0
    dequant_flops: Number = neutral(default=0.0)


@pytree
class Precision:
    """Formats of weights, activations and the KV cache.

    weights: format by tensor name, or by role (linear, head, embedding) where the name is not listed
    activation_bits [bit]: of activations
    linear_input_bits [bit]: of inputs of linear layers (smaller than activation_bits with W8A8)
    kv_bits [bit]: of a cached element
    kv_scale_bits [bit]: of the scale of each cached head vector
    kv_dequant_flops [FLOP]: to expand a cached element
    other_bits [bit]: of norms and biases
    """

    weights: Mapping[str, WeightFormat]
    activation_bits: Number
    linear_input_bits: Number
    kv_bits: Number
    kv_scale_bits: Number
    kv_dequant_flops: Number
    other_bits: Number

    def weight(self, name: str, role: str) -> WeightFormat:
        """Format of the tensor `name`, or that of its role where no format is listed for the name."""
        return self.weights[name] if name in self.weights else self.weights[role]


@pytree
class Workload:
    """Tokens of each sequence, and number of sequences.

    prompt_tokens [token]: of a sequence, images included
    output_tokens [token]: generated tokens; the first of them comes from prefill
    batch [1]: sequences that run together
    past_tokens [token]: in the KV cache before the prompt
    image_tokens [token], images [1]: tokens of the prompt that come from so many images
    distinct_tokens [token]: tokens of a step that choose their experts independently, at most (1: all of them are
    alike, as where a benchmark repeats one word)
    """

    prompt_tokens: Number
    output_tokens: Number
    batch: Number
    past_tokens: Number
    image_tokens: Number = 0.0
    images: Number = 1.0
    distinct_tokens: Number = UNLIMITED


@pytree
class RequestClass:
    """A class of requests: its share [1] of all, lengths of prompts and outputs (serving/lengths.py), the part of each
    prompt that a prefix cache holds [1], and the limits [s] that a good request meets."""

    share: Number
    prompt: Any
    output: Any
    cached: Number = 0.0
    ttft_limit: Number = UNLIMITED
    tpot_limit: Number = UNLIMITED
    name: str = static(default="")


@pytree
class Load:
    """Requests as they arrive, for what they see under load; their lengths are spread around those of the workload.

    rate [1/s]: of an open loop, in which requests arrive whatever happens; 0 where there is none
    concurrency [1]: of a closed loop, in which a request arrives when another ends; 0 where there is none
    burst [1]: coefficient of variation of the gaps between arrivals (1: Poisson)
    prompt_cv, output_cv [1]: coefficients of variation of the lengths, which are log-normal
    prompts, outputs: lengths of another distribution (one of serving/lengths.py, or none), instead of the workload's
    cached [1]: part of each prompt that a prefix cache holds, of those that it holds anything of; hits [1]: part of the
    requests of which it does
    ttft_limit, tpot_limit [s]: that a good request meets; percentile [1]: of requests that meet them at max_rate
    requests [1]: of a benchmark that begins with an empty engine, on a closed loop; 0 for the steady state
    replicas [1]: of the whole layout; prefill_replicas [1]: of the devices that prefill, where they are others
    router: which of them gets a request: random, round_robin, or least_loaded, the one with the fewest
    classes: of requests, instead of lengths and limits above; observed: name of the class whose times are forecast,
    empty for those of all requests
    """

    rate: Number = neutral(default=0.0)
    concurrency: Number = neutral(default=0.0)
    burst: Number = 1.0
    prompt_cv: Number = neutral(default=0.0)
    output_cv: Number = neutral(default=0.0)
    cached: Number = 0.0
    ttft_limit: Number = UNLIMITED
    tpot_limit: Number = UNLIMITED
    prompts: tuple[Any, ...] = ()
    outputs: tuple[Any, ...] = ()
    requests: Number = neutral(default=0.0)
    hits: Number = neutral(default=1.0)
    replicas: Number = neutral(default=1.0)
    prefill_replicas: Number = neutral(default=1.0)
    router: str = static(default="random")
    percentile: float = static(default=50.0)
    classes: tuple[RequestClass, ...] = ()
    observed: str = static(default="")


@pytree
class Costs:
    """Running cost and price of a device; see conf/cost/default.yaml for units and sources, forecasting/energy.py for
    the formulas.

    idle_part, busy_part [1]: parts of the device's power drawn when idle and when busy; busy_rate [1]: part of the peak
    rate that is reached at busy_part
    byte_energy, link_energy [J/byte]: of memory traffic, and of traffic between devices
    price [USD] of a device; where it is 0 (not known), (price_base + price_per_rate x rate + price_per_bandwidth x
    bandwidth + price_per_memory x memory) x price_factor
    rent [USD/h] of a device, power included, instead of its price and electricity; 0 where it is bought
    electricity [USD/kWh]; power_overhead [1]: power of the site over power of the devices
    lifetime [year]; busy_time [1]: part of the lifetime in which the device works
    """

    idle_part: Number = 0.0
    busy_part: Number = 1.0
    busy_rate: Number = 1.0
    byte_energy: Number = 0.0
    link_energy: Number = 0.0
    price: Number = neutral(default=0.0)
    price_base: Number = 0.0
    price_per_rate: Number = 0.0
    price_per_bandwidth: Number = 0.0
    price_per_memory: Number = 0.0
    price_factor: Number = 1.0
    electricity: Number = 0.0
    power_overhead: Number = 1.0
    lifetime: Number = 1.0
    busy_time: Number = 1.0
    rent: Number = neutral(default=0.0)


@pytree
class Quality:
    """What the options keep of the model's likelihood [1], and the ends of the interval in which 80 % of measurements
    lie; 0 where it is not known. See conf/quality.yaml."""

    kept: Number = neutral(default=0.0)
    low: Number = neutral(default=0.0)
    high: Number = neutral(default=0.0)


@pytree
class Scenario:
    """Everything that a forecast depends on.

    rewrites: changes of the operator graph, made by options (see optimizations).
    """

    device: Device
    architecture: Architecture
    precision: Precision
    workload: Workload
    engine: Engine
    rewrites: tuple[Any, ...] = ()
    costs: Costs = dataclasses.field(default_factory=Costs)
    speculation: Speculation = dataclasses.field(default_factory=Speculation)
    offload: Offload = dataclasses.field(default_factory=Offload)
    handover: Handover = dataclasses.field(default_factory=Handover)
    disk: Disk = dataclasses.field(default_factory=Disk)
    load: Load = dataclasses.field(default_factory=Load)
    quality: Quality = dataclasses.field(default_factory=Quality)
