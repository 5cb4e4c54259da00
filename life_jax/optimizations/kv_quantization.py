"""A quantized KV cache: fewer bytes per cached element, and the work to expand it."""

import dataclasses

from life_jax.core.numerics import is_nothing
from life_jax.core.scenario import Scenario
from life_jax.optimizations.base import Optimization


def kv_quantization(
    *,
    bits: float,
    group_size: float = 0,
    scale_bits: float = 0,
    zero_bits: float = 0,
    dequant_flops: float = 0,
    dtype: str = "",
) -> Optimization:
    """Store cached elements in `bits` [bit] each.

    scale_bits, zero_bits [bit]: a scale and a zero point per `group_size` elements, or, with group_size 0, per head
    vector (one token, one head)
    dequant_flops [FLOP]: per element that is read
    dtype: a data type that not every device has units to convert (fp8); without them engine.fp8_convert_flops count
    """
    extra = scale_bits + zero_bits

    def change(scenario: Scenario) -> Scenario:
        precision = dataclasses.replace(
            scenario.precision,
            kv_bits=bits + (0.0 if is_nothing(group_size) else extra / group_size),
            kv_scale_bits=extra if is_nothing(group_size) else 0.0,
            kv_dequant_flops=dequant_flops,
        )
        return dataclasses.replace(scenario, precision=precision)

    return Optimization(transforms=(change,), sets={"kv_bits": ""}, cache_dtype=dtype)
