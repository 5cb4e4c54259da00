"""Scores of unfused attention at another precision than the other activations."""

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
    """Scores of unfused attention, and queries and results of its kernels, at `bits` [bit].

    Fused attention has no scores in memory, so that nothing changes there.
    """
    return Optimization(rewrites=(Rewrite({"bits": bits}, _scored),))
