"""QuaRot: weights, activations and KV cache in 4 bits, made possible by Hadamard rotations at run time."""

from dataclasses import replace
from typing import Any

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.schedule import Step
from life_jax.operators.elementwise import hadamard
from life_jax.optimizations.activation_quantization import activation_quantization
from life_jax.optimizations.base import Optimization, Rewrite, chain
from life_jax.optimizations.kv_quantization import kv_quantization

ROTATED_INPUTS = ("o_proj", "down_proj")


def _rotations(graph: Graph, step: Step, *, activation_bits: Number) -> Graph:
    """Add rotations: over the whole width before the output and down projections, and per head on queries and keys."""
    scores = {op.block: op.shape for op in graph if op.name == "attention_qk"}
    ops: list[Op] = []
    for op in graph:
        if op.name in ROTATED_INPUTS:
            ops.append(_rotation(op, f"rotate_{op.name}_input", op.shape.m, op.shape.k, activation_bits))
        if op.name == "kv_append" and op.block in scores:
            heads = scores[op.block]
            rows = step.tokens * (heads.heads + heads.kv_heads)  # type: ignore[operator]
            ops.append(_rotation(op, "rotate_heads", rows, heads.k, activation_bits))
        ops.append(op)
    return Graph(tuple(ops))


def _rotation(op: Op, name: str, rows: Number | None, width: Number | None, bits: Number) -> Op:
    args: dict[str, Any] = {"rows": rows, "width": width, "activation_bits": bits}
    return replace(op, name=name, formula=hadamard, args=args, pipe="vector")


def rotated_quantization(
    *,
    dtype: str,
    weight_bits: float,
    input_bits: float,
    scale_bits: float,
    kv_bits: float,
    kv_group_size: float,
    kv_zero_bits: float,
    kv_dequant_flops: float,
) -> Optimization:
    """Activation quantization on `dtype` matrix units, a quantized KV cache, and the rotations that are not folded into
    the weights.

    weight_bits, input_bits, scale_bits: as in activation_quantization; kv_*: as in kv_quantization.
    Reference: Ashkboos et al. 2024, arXiv:2404.00456.
    """
    rotations = Optimization(rewrites=(Rewrite({"activation_bits": 16.0}, _rotations),))
    weights = activation_quantization(
        dtype=dtype, weight_bits=weight_bits, input_bits=input_bits, scale_bits=scale_bits
    )
    cache = kv_quantization(
        bits=kv_bits, group_size=kv_group_size, scale_bits=scale_bits, zero_bits=kv_zero_bits,
        dequant_flops=kv_dequant_flops,
    )  # fmt: skip
    return chain(weights, cache, rotations)
