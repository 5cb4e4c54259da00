"""Attention of every token to every token of its sequence, before and behind it: encoders and diffusion models.

Nothing is cached: keys and values are activations of the same pass. `window` attends so many tokens around each one,
half of them on either side (ModernBERT). Reference: Devlin et al. 2018, arXiv:1810.04805.
"""

from collections.abc import Callable
from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, floor, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.kind import Kind


def symmetric_pairs(*, queries: Number, reach: Number) -> Number:
    """(query, key) pairs [1] where each of `queries` tokens attends itself and up to `reach` tokens on either side.

    Reference: [derived] q + 2 sum over i = 0 .. q - 1 of min(i, reach).
    """
    near = smaller(reach, queries - 1)
    return queries + 2 * (near * (near + 1) / 2 + (queries - 1 - near) * near)


def _kind(keys: tuple[str, ...], pairs: Callable[[Block, Number], Number]) -> Kind:
    """A kind with full attention's tensors and without a cache; pairs: function of (layer, tokens of a sequence)."""

    def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
        kept = replace(precision, kv_bits=precision.activation_bits, kv_scale_bits=0.0, kv_dequant_flops=0.0)
        core = full.attention_core(block, step, kept, pairs=pairs(block, step.new), positions=step.new)
        core = tuple(replace(op, grows=False) for op in core)
        return full.around(block, full.tensors(block, hidden_size), step, kept, core, cached=False)

    def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
        return 0.0 * tokens

    return Kind((*full.KEYS, *keys), full.tensors, operators, full.widest, cache_bytes, OPTIONAL=full.OPTIONAL)


bidirectional = _kind((), lambda block, tokens: tokens * tokens)
window = _kind(
    ("sliding_window",),
    lambda block, tokens: symmetric_pairs(queries=tokens, reach=floor(block.attention["sliding_window"] / 2)),
)
