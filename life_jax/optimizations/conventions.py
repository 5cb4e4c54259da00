"""Counting conventions: `exact` counts what is executed and moved; others are rewrites of the finished graph."""

from collections.abc import Callable

from life_jax.optimizations import life_paper
from life_jax.optimizations.base import Optimization

Convention = tuple[Optimization, Optimization]  # around the stack of options: before it and after it


def exact(positions: float) -> Convention:
    """The convention that changes nothing: causal pairs, logits of the last position, KV read once, a roof for every
    operator.

    positions [token]: longest context of the model, which this convention does not use.
    """
    return Optimization(), Optimization()


INDEX: dict[str, Callable[[float], Convention]] = {"exact": exact, "life_paper": life_paper.convention}
