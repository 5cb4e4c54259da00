"""Prefill in chunks: the weights are read once per chunk, and the KV cache of the chunks before it."""

import dataclasses

from life_jax.core.scenario import Scenario
from life_jax.optimizations.base import Optimization


def chunked_prefill(*, chunk_tokens: float) -> Optimization:
    """chunk_tokens [token] of each sequence are prefilled at once; a shorter prompt is one chunk.

    Reference: Agrawal et al. 2023, arXiv:2308.16369. Mixing chunks with decode steps is not modelled.
    """

    def change(scenario: Scenario) -> Scenario:
        engine = dataclasses.replace(scenario.engine, chunk_tokens=chunk_tokens, chunked=True, chunk_shared=False)
        return dataclasses.replace(scenario, engine=engine)

    return Optimization(transforms=(change,), sets={"chunk_tokens": ""})
