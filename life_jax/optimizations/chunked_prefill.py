"""Prefill in chunks: the weights are read once per chunk, and the KV cache of the chunks before it."""

from life_jax.core.engine import Chunks
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario
from life_jax.optimizations.base import Optimization


def chunked_prefill(*, chunk_tokens: float) -> Optimization:
    """chunk_tokens [token] of each sequence are prefilled at once; a shorter prompt is one chunk.

    Reference: Agrawal et al. 2023, arXiv:2308.16369. Mixing chunks with decode steps is not modelled.
    """

    def change(scenario: Scenario) -> Scenario:
        return set_leaf(scenario, ("engine", "chunks"), Chunks(chunk_tokens))

    return Optimization(transforms=(change,), sets={"chunk_tokens": ""})
