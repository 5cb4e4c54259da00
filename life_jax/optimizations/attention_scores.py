"""Scores of unfused attention that are kept at another precision than the other activations."""

from dataclasses import replace

from life_jax.core.graph import Graph
from life_jax.core.numerics import Number
from life_jax.core.schedule import Step
from life_jax.operators.attention import with_score_bits
from life_jax.optimizations.base import Optimization, Rewrite

UNFUSED = ("attention_qk", "softmax", "attention_pv")


def _scored(graph: Graph, step: Step, *, bits: Number) -> Graph:
    return graph.replace(lambda op: replace(op, args=with_score_bits(op.args, bits)) if op.name in UNFUSED else op)


def attention_scores(*, bits: float) -> Optimization:
    """bits of the scores, and of the queries and results of the same kernels; fused attention has no scores to keep."""
    return Optimization(rewrites=(Rewrite({"bits": bits}, _scored),))
