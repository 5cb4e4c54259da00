"""Scores of unfused attention that are kept at another precision than the other activations."""

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.optimizations.base import Optimization, Rewrite

UNFUSED = ("attention_qk", "softmax", "attention_pv")


def _scored(graph: Graph, *, bits: Number) -> Graph:
    return graph.replace(lambda op: op.with_args(activation_bits=bits) if op.name in UNFUSED else op)


def attention_scores(*, bits: float) -> Optimization:
    """bits of the scores, and of the queries and results of the same kernels; fused attention has no scores to keep."""
    return Optimization(rewrites=(Rewrite({"bits": bits}, _scored),))
