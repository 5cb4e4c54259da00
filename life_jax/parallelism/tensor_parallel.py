"""The part of an operator that each device executes under tensor parallelism, and the numbers of devices it allows."""

from dataclasses import replace

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, floor, is_fixed_at, larger, smaller
from life_jax.core.units import UNLIMITED

NEAR = 1e-3  # of a whole number, for quotients in float32


def share_of_one(op: Op, devices: Number, by_sequence: Number = 0.0) -> Cost:
    """Cost of an operator on one of `devices` devices [1] under tensor parallelism.

    Matrix work and its traffic is divided by the devices, but for the few products that every device executes whole
    (`Op.parts`). A KV head is not divided, nor is a latent: no more devices than KV heads share the cache. Element-wise
    operators run in full on every device, but for the part `by_sequence` [1] of them, whose tokens are divided.
    Reference: Korthikanti et al. 2022, arXiv:2205.05198 (sequence parallelism), whose messages have the same volume.
    """
    cost = op.cost
    if op.pipe == "vector" and not op.grows and not is_fixed_at(by_sequence, 0):
        return replace(cost.times(1 - by_sequence + by_sequence / devices), dispatches=cost.dispatches)
    if (op.pipe == "vector" and not op.grows) or is_fixed_at(op.parts, 1):
        return cost
    shape = op.shape
    kept = shape.kv_heads if shape.cache_parts is None else shape.cache_parts
    kv = devices if kept is None else smaller(devices, kept)
    rest = devices if is_fixed_at(op.parts, UNLIMITED) else smaller(devices, op.parts)
    return Cost(
        matmul_flops=cost.matmul_flops / rest,
        vector_flops=cost.vector_flops / rest,
        weight_bytes=cost.weight_bytes / rest,
        kv_read=cost.kv_read / kv,
        kv_written=cost.kv_written / kv,
        activations_read=cost.activations_read / rest,
        activations_written=cost.activations_written / rest,
        dispatches=cost.dispatches,
    )


def divides(devices: Number, heads: Number, *, copied: bool = False) -> Number:
    """1 where `devices` devices [1] can share so many heads [1] evenly, else 0.

    copied: whether devices beyond the heads hold copies of them, as they do of KV heads.
    Reference: vLLM and SGLang, which refuse any other number.
    """
    evenly = is_whole(heads / devices)
    return larger(evenly, is_whole(devices / heads)) if copied else evenly


def is_whole(number: Number) -> Number:
    """1 for a whole number [1], else 0."""
    off = number - floor(number + 0.5)
    return 1.0 * (off * off < NEAR * NEAR)
