"""The scenario in base units: device, model, precision, workload, engine. Frozen pytrees of floats.

Every leaf is a float (or a float array), so that any of them can be swept or differentiated;
what shapes the graph is static metadata and takes part in the compilation key.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.core.engine import Engine
from life_jax.core.numerics import Number
from life_jax.core.pytree import neutral, pytree, static
from life_jax.core.units import UNLIMITED

# FLOP/s that stand for a rate that nobody published: no work takes time. Not infinite: gradients would be NaN.
UNPUBLISHED = 1e30
PLAIN_BITS = 16  # from here on a weight is used as it is


@pytree
class Device:
    """rates [FLOP/s] by pipe (linear, head, attention, vector), bandwidth [byte/s], memory [byte], dispatch [s],
    interconnect [byte/s] to the other devices of a node, one direction, power [W] at most (NaN: not published),
    power_limit [W] that no step exceeds (UNLIMITED: software does not care). cores: that the rates of a CPU add up, 0
    where they are not of cores. The rate `datasheet` is that of 16-bit matrix work, which prices go by.

    A rate that nobody published is UNPUBLISHED: decode can still be forecast from the bytes.
    """

    rates: Mapping[str, Number]
    bandwidth: Number
    memory: Number
    dispatch: Number
    interconnect: Number = UNPUBLISHED
    power: Number = float("nan")
    power_limit: Number = neutral(default=UNLIMITED)
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
    hyper: bool = static(default=False)  # more streams than one, summed and mixed around every branch
    altup: bool = static(default=False)  # more streams than one, predicted and corrected around every layer
    per_layer: bool = static(default=False)  # an input for each layer


@pytree
class WeightFormat:
    """How a weight tensor is stored: bits per weight with its groups' scales and zero points,
    bits beside each output channel (per-channel scales), vector FLOP to expand one weight."""

    bits: Number
    bits_per_channel: Number = 0.0
    dequant_flops: Number = neutral(default=0.0)


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
class Costs:
    """What a device costs to run and to buy, in joules, dollars, years and parts of its power; see energy.py.

    price [USD] of one device; 0 where it is not known: then a line in rate, bandwidth and memory times price_factor.
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
