"""Attention of block diffusion: a token attends its whole block, of `diffusion_block` tokens, and those before.

Blocks before are cached. In decode each pass computes one whole block, with tokens that are still masked.
References: Arriola et al. 2025, arXiv:2503.09573; Cheng et al. 2025, arXiv:2510.06303 (SDAR).
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full

KEYS = (*full.KEYS, "diffusion_block")
OPTIONAL = full.OPTIONAL
NUMBERS = {"diffusion_block": {"name": "tokens of a block that a diffusion model denoises together", "unit": "token"}}
tensors = full.tensors
cache_bytes = full.cache_bytes
widest = full.widest


def block_pairs(*, queries: Number, past: Number, block: Number) -> Number:
    """(query, key) pairs [1] where a query attends `past` cached positions, and of the new ones its own block and those
    before it.

    queries, past, block [token]. Reference: [derived] q past + q (q + min(block, q)) / 2, for q a multiple of block.
    """
    return queries * past + queries * (queries + smaller(block, queries)) / 2


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Operators of `full`, whose masks are those of blocks."""
    pairs = block_pairs(queries=step.new, past=step.past, block=block.attention["diffusion_block"])
    core = full.attention_core(block, step, precision, pairs=pairs, positions=step.past + step.new)
    return full.around(block, full.tensors(block, hidden_size), step, precision, core)
