"""Rotary positions and the append to the KV cache in one kernel."""

from collections.abc import Mapping
from dataclasses import replace

from life_jax.core.cost import Cost
from life_jax.core.graph import Shape, describe
from life_jax.core.numerics import Number
from life_jax.operators import attention, elementwise


def _shape(*, tokens: Number, query_width: Number, kv_heads: Number, **_: Number) -> Shape:
    return Shape(m=tokens, n=query_width, kv_heads=kv_heads)


@describe("rope", shape=_shape, rows=True)
def rope_append(*, query_width: Number, key_width: Number, **append: Number) -> Cost:
    """Rotate queries and keys, and write keys and values to the cache, in one kernel: rotated keys go straight to the
    cache.

    query_width, key_width [1]: rotated elements per token; append: the arguments of `attention.kv_append`, in their
    units. Returns the Cost of one call.
    Reference: [derived] from `rope` and `kv_append`.
    """
    shape = {"tokens": append["tokens"], "activation_bits": append["activation_bits"]}
    rotary = elementwise.rope(query_width=query_width, key_width=key_width, **shape)
    queries = elementwise.rope(query_width=query_width, key_width=0.0, **shape)
    kv = attention.kv_append(**append)
    return replace(queries + kv, vector_flops=rotary.vector_flops, dispatches=1)


def rope_append_arguments(rotary: Mapping[str, Number], append: Mapping[str, Number]) -> dict[str, Number]:
    """Arguments of `rope_append` in place of `elementwise.rope` and `attention.kv_append`.

    rotary, append: arguments of those two operators.
    """
    return {**append, "query_width": rotary["query_width"], "key_width": rotary["key_width"]}
