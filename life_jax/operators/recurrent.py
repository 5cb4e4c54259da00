"""Mixers whose state does not grow with the context: causal convolution, Mamba 1 and 2, delta rule, linear attention.

A step reads and writes the state of each sequence once, whatever its length. Prefill of Mamba 2, of the delta rule and
of linear attention works in chunks on the matrix units; decode updates the state on the vector units.
In all formulas: batch [1] sequences, queries [token] new tokens of each, *_bits [bit] per element. The state counts as
KV cache, since it is kept per sequence.
"""

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number, smaller, where
from life_jax.core.scenario import WeightFormat
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.elementwise import elements

STATE_BITS = 32  # recurrent states are kept in fp32
SSD_CHUNK = 256  # tokens of a chunk of Mamba 2 (its reference implementation's default)
DELTA_CHUNK = 64  # tokens of a chunk of the delta rule (flash-linear-attention's kernels)


def _channels(*, queries: Number, **_: Number) -> Shape:
    return Shape(m=queries)


def _heads(*, queries: Number, heads: Number, **_: Number) -> Shape:
    return Shape(m=queries, heads=heads)


def _stored(*, weight_bits: Number, **_: Number) -> WeightFormat:
    return WeightFormat(weight_bits)


def _state_bytes(*, batch: Number, elements: Number, bits: Number) -> Number:
    """Bytes [byte] of the states of all sequences."""
    return batch * elements * bits / BITS_PER_BYTE


@describe("other", shape=_channels, weights=_stored)
def causal_conv(
    *,
    batch: Number,
    queries: Number,
    channels: Number,
    kernel: Number,
    bias: Number,
    weight_bits: Number,
    activation_bits: Number,
) -> Cost:
    """Depthwise causal convolution, whose state is the last kernel - 1 inputs.

    batch [1], queries [token], channels, kernel [1], bias 0 or 1, *_bits [bit]. Returns the Cost of one call.
    Reference: [derived]: a multiply-add per channel and tap of the kernel.
    """
    elements = batch * queries * channels
    state = _state_bytes(batch=batch, elements=channels * (kernel - 1), bits=activation_bits)
    return Cost(
        vector_flops=2 * kernel * elements,
        weight_bytes=channels * (kernel + bias) * weight_bits / BITS_PER_BYTE,
        kv_read=state,
        kv_written=state,
        activations_read=elements * activation_bits / BITS_PER_BYTE,
        activations_written=elements * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def mamba2_scan(
    *, batch: Number, queries: Number, inner: Number, state: Number, groups: Number, activation_bits: Number
) -> Cost:
    """State-space duality of Mamba 2, with a state of inner x state elements per sequence.

    Decode: decay and multiply, outer product and add, read-out: 6 FLOP per element of the state. Prefill: per token, 2
    q (state groups + inner) within its chunk of q tokens and 4 inner state between chunks.
    batch [1], queries [token], inner, state, groups [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: Dao and Gu 2024; chunks of 256 tokens, the default of its implementation.
    """
    tokens = batch * queries
    chunk = smaller(queries, SSD_CHUNK)
    single = queries <= 1
    chunked = 2 * chunk * (state * groups + inner) + 4 * inner * state
    bytes_of_state = _state_bytes(batch=batch, elements=inner * state, bits=STATE_BITS)
    operands = tokens * (inner + 2 * groups * state) * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=where(single, 0.0, tokens * chunked),
        vector_flops=where(single, 6 * tokens * inner * state, 0.0),
        kv_read=bytes_of_state,
        kv_written=bytes_of_state,
        activations_read=operands,
        activations_written=tokens * inner * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def mamba1_scan(*, batch: Number, queries: Number, inner: Number, state: Number, activation_bits: Number) -> Cost:
    """Selective scan of Mamba 1, on the vector units: 9 FLOP per token and element of the state.

    batch [1], queries [token], inner, state [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: Gu and Dao 2023.
    """
    tokens = batch * queries
    bytes_of_state = _state_bytes(batch=batch, elements=inner * state, bits=STATE_BITS)
    return Cost(
        vector_flops=9 * tokens * inner * state,
        kv_read=bytes_of_state,
        kv_written=bytes_of_state,
        activations_read=tokens * (2 * inner + 2 * state) * activation_bits / BITS_PER_BYTE,
        activations_written=tokens * inner * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


def gated_delta(
    *,
    batch: Number,
    queries: Number,
    key_heads: Number,
    value_heads: Number,
    key_dim: Number,
    value_dim: Number,
    activation_bits: Number,
) -> Cost:
    """Gated delta rule, with a state of key_dim x value_dim elements for each value head.

    Decode: read-out, error and update: 8 FLOP per element of the state. Prefill in chunks of q tokens, per token and
    head: 2 q (3 key_dim + 2 value_dim) for the products within the chunk and 6 key_dim value_dim with the state.
    batch [1], queries [token], key_heads, value_heads, key_dim, value_dim [1], activation_bits [bit]. Returns the Cost
    of one call.
    Reference: Yang et al. 2024; chunks of 64 tokens, as in the kernels of flash-linear-attention.
    """
    tokens = batch * queries
    chunk = smaller(queries, DELTA_CHUNK)
    single = queries <= 1
    chunked = 2 * chunk * (3 * key_dim + 2 * value_dim) + 6 * key_dim * value_dim
    elements = value_heads * key_dim * value_dim
    bytes_of_state = _state_bytes(batch=batch, elements=elements, bits=STATE_BITS)
    row = (2 * key_heads * key_dim + value_heads * value_dim) * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=where(single, 0.0, tokens * value_heads * chunked),
        vector_flops=where(single, 8 * tokens * elements, 0.0),
        kv_read=bytes_of_state,
        kv_written=bytes_of_state,
        activations_read=tokens * row,
        activations_written=tokens * value_heads * value_dim * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=_heads)
def linear_attention(
    *,
    batch: Number,
    queries: Number,
    heads: Number,
    key_dim: Number,
    value_dim: Number,
    activation_bits: Number,
) -> Cost:
    """Linear attention with decay, with a state of key_dim x value_dim elements for each head.

    Decode: decay, outer product and add, read-out: 5 FLOP per element of the state. Prefill in chunks of q tokens, per
    token and head: 2 q (key_dim + value_dim) within the chunk, 4 key_dim value_dim with the state.
    batch [1], queries [token], heads, key_dim, value_dim [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: Qin et al. 2024, arXiv:2401.04658.
    """
    tokens = batch * queries
    chunk = smaller(queries, SSD_CHUNK)
    single = queries <= 1
    chunked = 2 * chunk * (key_dim + value_dim) + 4 * key_dim * value_dim
    elements = heads * key_dim * value_dim
    bytes_of_state = _state_bytes(batch=batch, elements=elements, bits=STATE_BITS)
    row = heads * activation_bits / BITS_PER_BYTE
    return Cost(
        matmul_flops=where(single, 0.0, tokens * heads * chunked),
        vector_flops=where(single, 5 * tokens * elements, 0.0),
        kv_read=bytes_of_state,
        kv_written=bytes_of_state,
        activations_read=tokens * row * (2 * key_dim + value_dim),
        activations_written=tokens * row * value_dim,
        dispatches=1,
    )


@describe("other", shape=elements)
def linear_recurrence(*, batch: Number, queries: Number, width: Number, activation_bits: Number) -> Cost:
    """Gated recurrence of single channels: reads the input and its two gates, updates the state, writes the output.

    batch [1], queries [token], width [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: De et al. 2024, arXiv:2402.19427, section 2.4; 10 FLOP per element for gates, decay and update
    [convention].
    """
    tokens = batch * queries
    bytes_of_state = _state_bytes(batch=batch, elements=width, bits=STATE_BITS)
    return Cost(
        vector_flops=10 * tokens * width,
        kv_read=bytes_of_state,
        kv_written=bytes_of_state,
        activations_read=3 * tokens * width * activation_bits / BITS_PER_BYTE,
        activations_written=tokens * width * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=elements)
def token_shift(*, batch: Number, queries: Number, width: Number, mixes: Number, activation_bits: Number) -> Cost:
    """Blends of each token with the token before it, x + (x_before - x) m; the last token of a sequence is the state.

    batch [1], queries [token], width [1], mixes [1]: number of blends, activation_bits [bit]. Returns the Cost of one
    call.
    Reference: [derived]: a difference, and a multiply-add per blend and element.
    """
    elements = batch * queries * width
    state = _state_bytes(batch=batch, elements=width, bits=activation_bits)
    return Cost(
        vector_flops=(1 + 2 * mixes) * elements,
        kv_read=state,
        kv_written=state,
        activations_read=elements * activation_bits / BITS_PER_BYTE,
        activations_written=mixes * elements * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )
