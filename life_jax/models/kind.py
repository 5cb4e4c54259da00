"""A kind of attention or of feed-forward network as a value, for kinds that one function of another kind or number
makes.

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
    """No bytes [byte]: the cache of a kind without a state."""
    return 0.0


@dataclass(frozen=True)
class Kind:
    """Functions and facts of a kind.

    KEYS: numbers of a model's file that it needs; OPTIONAL: numbers that it uses where the file has them
    NUMBERS: facts of numbers that only this kind has (models/numbers.py)
    RECURRENT: whether it carries a state only
    tensors(block, hidden_size): learned tensors of its layers
    operators(block, hidden_size, step, precision): operators of a step, with repeats for the layers
    widest(block) [1]: elements per token of its widest activation
    cache_bytes(block, tokens, precision) [byte]: cache of one sequence
    """

    KEYS: tuple[str, ...]
    tensors: Callable[..., tuple[Tensor, ...]]
    operators: Callable[..., tuple[Op, ...]]
    widest: Callable[..., Number]
    cache_bytes: Callable[..., Number] = keeps_nothing
    OPTIONAL: tuple[str, ...] = ()
    NUMBERS: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    RECURRENT: bool = False
