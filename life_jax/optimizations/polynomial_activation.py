"""Activation functions by a polynomial, as units without a table or an exponential compute them."""

from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.schedule import Step
from life_jax.operators.elementwise import activation, gate_multiply, polynomial, polynomial_gate
from life_jax.optimizations.base import Optimization, Refused, Rewrite, below

INSTEAD = {activation: polynomial, gate_multiply: polynomial_gate}


def _with_polynomials(graph: Graph, step: Step, *, degree: Number) -> Graph:
    def change(op: Op) -> Op:
        if op.formula not in INSTEAD:
            return op
        return replace(op, formula=INSTEAD[op.formula], args={**op.args, "degree": degree})

    return graph.replace(change)


def polynomial_activation(*, degree: float) -> Optimization:
    """Compute activation functions by a polynomial of `degree` [1]. Raises Refused for a degree below 1.

    Reference: Patwari et al. 2025, table 1.
    """
    if below(degree, 1):
        raise Refused(f"degree is {degree:g}; at least 1 is needed")
    return Optimization(rewrites=(Rewrite({"degree": degree}, _with_polynomials),))
