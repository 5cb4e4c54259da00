"""A kind of attention or of feed-forward network as a value, where several kinds are one function of something else.

Most kinds are modules with the same names; see models/attention and models/ffn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.models.tensors import Tensor


def keeps_nothing(block: Block, tokens: Number, precision: Precision) -> Number:
    """No bytes: what is computed is not needed again."""
    return 0.0


@dataclass(frozen=True)
class Kind:
    """KEYS: numbers of a model's file that it needs, OPTIONAL: those that it takes where they are given, NUMBERS: facts
    of those that it brings itself (models/numbers.py). RECURRENT: it only carries a state.

    tensors(block, hidden_size): what is learned. operators(block, hidden_size, step, precision): one layer of a step.
    widest(block) [1]: elements of its widest activation per token. cache_bytes(block, tokens, precision) [byte]: what
    one sequence keeps.
    """

    KEYS: tuple[str, ...]
    tensors: Callable[..., tuple[Tensor, ...]]
    operators: Callable[..., tuple[Op, ...]]
    widest: Callable[..., Number]
    cache_bytes: Callable[..., Number] = keeps_nothing
    OPTIONAL: tuple[str, ...] = ()
    NUMBERS: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    RECURRENT: bool = False
