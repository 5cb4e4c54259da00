"""Prefill in chunks: each chunk reads the weights, and the KV cache of the chunks before it."""

from life_jax.core.engine import Chunks
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario
from life_jax.optimizations.base import Optimization


def chunked_prefill(*, chunk_tokens: float) -> Optimization:
    """Prefill `chunk_tokens` tokens [token] of each sequence at once; a shorter prompt is one chunk.

    Mixing chunks with decode steps is not modelled.
    Reference: Agrawal et al. 2023, arXiv:2308.16369.
    """

    def change(scenario: Scenario) -> Scenario:
        chunks = Chunks(chunk_tokens, scenario.engine.chunks.graph)
        return set_leaf(scenario, ("engine", "chunks"), chunks)

    return Optimization(transforms=(change,), sets={"chunk_tokens": ""})
