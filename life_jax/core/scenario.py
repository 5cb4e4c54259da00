"""The scenario in base units: device, model, precision, workload, engine. Frozen pytrees of floats.

Every leaf is a float (or a float array), so that any of them can be swept or differentiated;
what shapes the graph is static metadata and takes part in the compilation key.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

import jax

from life_jax.core.numerics import Number

T = TypeVar("T")
Leaf = tuple[str | int, ...]  # where a number stands in a tree: ("device", "rates", "linear")


def static(**kwargs: Any) -> Any:
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def pytree(cls: type[T]) -> type[T]:
    """A frozen dataclass as a JAX pytree; fields made by `static` are metadata, not leaves."""
    return jax.tree_util.register_dataclass(dataclass(frozen=True)(cls))


# FLOP/s that stand for a rate that nobody published: no work takes time. Not infinite: gradients would be NaN.
UNPUBLISHED = 1e30
UNLIMITED = 1e30  # stands for any number of tokens; not infinite, for the same reason
PLAIN_BITS = 16  # from here on a weight is used as it is


@pytree
class Device:
    """rates [FLOP/s] by pipe (linear, head, attention, vector), bandwidth [byte/s], memory [byte], dispatch [s],
    interconnect [byte/s] to the other devices of a node, one direction, power [W] at most (NaN: not published),
    power_limit [W] that it is set to. cores: that the rates of a CPU add up, 0 where they are not of cores.
    The rate `datasheet` is that of 16-bit matrix work, which prices go by.

    A rate that nobody published is UNPUBLISHED: decode can still be forecast from the bytes.
    """

    rates: Mapping[str, Number]
    bandwidth: Number
    memory: Number
    dispatch: Number
    interconnect: Number = UNPUBLISHED
    power: Number = float("nan")
    power_limit: Number = float("nan")
    cores: Number = 0.0


@pytree
class Block:
    """`repeats` layers of one kind; the numbers of its attention and its feed-forward network."""

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


@pytree
class Architecture:
    """A decoder: embedding, blocks, final norm, head. Sizes in elements."""

    hidden_size: Number
    vocab_size: Number
    learned_positions: Number
    head_bias: Number
    blocks: tuple[Block, ...]
    streams: Number = 1.0  # residual streams
    laurel_rank: Number = 0.0  # of a low-rank path beside attention
    per_layer_width: Number = 0.0  # of the input that each layer gets from a second table, of
    per_layer_vocab: Number = 0.0  # so many rows
    vision: Mapping[str, Number] = dataclasses.field(default_factory=dict)  # the tower, where there is one
    tied: bool = static(default=False)
    embedding_norm: bool = static(default=False)
    hyper: bool = static(default=False)  # more streams than one, summed and mixed around every branch
    altup: bool = static(default=False)  # more streams than one, predicted and corrected around every layer
    per_layer: bool = static(default=False)  # an input for each layer


@pytree
class WeightFormat:
    """How a weight tensor is stored: bits per weight with its groups' scales and zero points,
    bits beside each output channel (per-channel scales), vector FLOP to expand one weight."""

    bits: Number
    bits_per_channel: Number = 0.0
    dequant_flops: Number = 0.0


@pytree
class Precision:
    """weights: format by tensor name, or by role (linear, head, embedding) where the name is not listed.

    other_bits: norms and biases; linear_input_bits: inputs of linear layers (smaller than activation_bits
    with W8A8); kv_scale_bits: scale of each cached head vector; kv_dequant_flops: per cached element.
    """

    weights: Mapping[str, WeightFormat]
    activation_bits: Number
    linear_input_bits: Number
    kv_bits: Number
    kv_scale_bits: Number
    kv_dequant_flops: Number
    other_bits: Number

    def weight(self, name: str, role: str) -> WeightFormat:
        return self.weights[name] if name in self.weights else self.weights[role]


@pytree
class Workload:
    """Tokens per sequence and sequences; output_tokens counts the first token, which prefill makes.

    image_tokens of the prompt come from `images` images. distinct_tokens: so many tokens of a step, at most, choose
    their experts independently (1: all of them are alike, as where a benchmark repeats one word).
    """

    prompt_tokens: Number
    output_tokens: Number
    batch: Number
    past_tokens: Number
    image_tokens: Number = 0.0
    images: Number = 1.0
    distinct_tokens: Number = UNLIMITED


@pytree
class Engine:
    """Software: reached parts of the peaks, overlap, fusion, the part of the memory it may use.

    kv_reread: part of the reads of the KV cache that each query head of a group repeats for itself.
    Parts of what is reached: kv_efficiency when reading the KV cache, elementwise_efficiency in operators without a
    product (both of the bandwidth), link_efficiency of the interconnect. compute_8bit, compute_4bit,
    memory_quantized: kernels of quantized weights over those of 16 bit. compute_experts: kernels that multiply by
    many experts over those with one matrix. expand_rows: beyond so many rows quantized
    weights are first written out at 16 bit. repack_flops [FLOP]: work on the vector units for each weight that a
    product reads, beside that of its format: kernels that rearrange weights at every call.
    unpack_work: of quantized weights, over what their formats say.
    vector_rows: products of up to so many rows run on the vector units, those with experts up to expert_vector_tokens
    in a step. attention_lanes: parts of the device that take whole heads, so that fewer heads than lanes leave some
    idle.
    tile_rows: rows that a matrix kernel computes in vain. dispatch_factor: kernels cost that many times the device's
    dispatch. step, sequence, context and request [s]: host time of every step, of every sequence in a step, of every
    token that such a sequence has in its context, of every request.
    convert_flops [FLOP]: work on the vector units to widen an element of the cache, which each query head repeats.
    threads of a CPU that compute, each on a core of its own; core_bandwidth: what one core of many draws alone, over
    its even part of the bandwidth.
    tensor_parallel devices share each layer; allreduce_latency [s] of one hop, split_step [s] host time of a step for
    each doubling of them. chunk_tokens of a prompt are
    prefilled at once, or of all prompts together (chunk_shared). logits of the last position, or of all.
    spreads: deviation of the logarithm of measured over forecast ttft, tpot, e2e, where it was fitted.
    tables: efficiencies by operator and shape, which replace the numbers above (see efficiency.py).
    Static flags say which of these matter at all: by_format, expands, repacks, laned, gemv, rereads, converts, tiled,
    split, chunked, threaded.
    """

    compute_efficiency: Number
    attention_efficiency: Number
    vector_efficiency: Number
    memory_efficiency: Number
    roof_smoothness: Number
    memory_utilization: Number
    runtime_memory: Number
    kv_efficiency: Number = 1.0
    kv_reread: Number = 0.0
    convert_flops: Number = 0.0
    compute_8bit: Number = 1.0
    compute_4bit: Number = 1.0
    compute_experts: Number = 1.0
    memory_quantized: Number = 1.0
    expand_rows: Number = 0.0
    repack_flops: Number = 0.0
    attention_lanes: Number = 0.0
    link_efficiency: Number = 1.0
    unpack_work: Number = 1.0
    vector_rows: Number = 0.0
    expert_vector_tokens: Number = 1.0
    elementwise_efficiency: Number = 1.0
    dispatch_factor: Number = 1.0
    step: Number = 0.0
    sequence: Number = 0.0
    context: Number = 0.0
    request: Number = 0.0
    tensor_parallel: Number = 1.0
    threads: Number = UNLIMITED
    core_bandwidth: Number = UNLIMITED
    allreduce_latency: Number = 0.0
    split_step: Number = 0.0
    tile_rows: Number = 0.0
    chunk_tokens: Number = 0.0
    tables: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    spreads: Mapping[str, Number] = dataclasses.field(default_factory=dict)
    capped: bool = static(default=False)  # no step draws more than the power limit
    chunked: bool = static(default=False)
    chunk_shared: bool = static(default=False)
    logits: str = static(default="last")
    tiled: bool = static(default=False)
    split: bool = static(default=False)
    by_format: bool = static(default=False)
    expands: bool = static(default=False)
    repacks: bool = static(default=False)
    laned: bool = static(default=False)
    gemv: bool = static(default=False)
    rereads: bool = static(default=False)
    converts: bool = static(default=False)  # the cache is in a type that the device has no units for
    threaded: bool = static(default=False)
    smooth: bool = static(default=False)
    scope: str = static(default="op")
    fusion: tuple[str, ...] = static(default=())


@pytree
class Costs:
    """What a device costs to run and to buy, in joules, dollars, years and parts of its power; see energy.py.

    known_price is static: `price` [USD] holds, else a line in rate, bandwidth and memory times price_factor.
    """

    idle_part: Number = 0.0
    busy_part: Number = 1.0
    busy_rate: Number = 1.0
    byte_energy: Number = 0.0
    link_energy: Number = 0.0
    price: Number = 0.0
    price_base: Number = 0.0
    price_per_rate: Number = 0.0
    price_per_bandwidth: Number = 0.0
    price_per_memory: Number = 0.0
    price_factor: Number = 1.0
    electricity: Number = 0.0
    power_overhead: Number = 1.0
    lifetime: Number = 1.0
    busy_time: Number = 1.0
    known_price: bool = static(default=False)


@pytree
class Scenario:
    """Everything a forecast depends on. `rewrites` change the operator graph (see optimizations)."""

    device: Device
    architecture: Architecture
    precision: Precision
    workload: Workload
    engine: Engine
    rewrites: tuple[Any, ...] = ()
    costs: Costs = dataclasses.field(default_factory=Costs)


def get_leaf(tree: Any, path: Leaf) -> Any:
    for key in path:
        if isinstance(tree, tuple):
            tree = tree[int(key)]
        else:
            tree = tree[key] if isinstance(tree, Mapping) else getattr(tree, str(key))
    return tree


def set_leaf(tree: Any, path: Leaf, value: Any) -> Any:
    """A copy of `tree` with one leaf replaced; works on dataclasses, mappings and tuples."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(tree, Mapping):
        return {**tree, str(key): set_leaf(tree[str(key)], rest, value)}
    if isinstance(tree, tuple):
        index = int(key)
        return (*tree[:index], set_leaf(tree[index], rest, value), *tree[index + 1 :])
    return dataclasses.replace(tree, **{str(key): set_leaf(getattr(tree, str(key)), rest, value)})
