"""The part of an operator that each device executes under tensor parallelism."""

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller


def share_of_one(op: Op, devices: Number) -> Cost:
    """Cost of an operator on one of `devices` devices [1] under tensor parallelism.

    Matrix work and its traffic is divided by the devices. A KV head is not divided, so that no more devices than KV
    heads share the cache. Element-wise operators run in full on every device.
    """
    cost = op.cost
    if op.pipe == "vector" and not op.grows:
        return cost
    kv_heads = op.shape.kv_heads
    kv = devices if kv_heads is None else smaller(devices, kv_heads)
    return Cost(
        matmul_flops=cost.matmul_flops / devices,
        vector_flops=cost.vector_flops / devices,
        weight_bytes=cost.weight_bytes / devices,
        kv_read=cost.kv_read / kv,
        kv_written=cost.kv_written / kv,
        activations_read=cost.activations_read / devices,
        activations_written=cost.activations_written / devices,
        dispatches=cost.dispatches,
    )
