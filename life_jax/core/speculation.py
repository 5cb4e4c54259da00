"""Drafts: tokens that something cheaper than the model proposes, and that the model verifies in one step."""

from typing import Any

from life_jax.core.numerics import Number, is_fixed_at
from life_jax.core.pytree import neutral, pytree, static

# what makes drafts: a smaller model; a further layer of the model itself, as its own layers are (multi-token
# prediction) or dense (EAGLE); heads on its last hidden state, one for each draft (Medusa); text that was seen before
# (n-grams)
MODEL, LAYER, DENSE_LAYER, HEADS, LOOKUP = "model", "layer", "dense_layer", "heads", "lookup"
DRAFTERS = (MODEL, LAYER, DENSE_LAYER, HEADS, LOOKUP)


@pytree
class Speculation:
    """Drafts of a decode step; none at the defaults.

    tokens [token]: drafted one behind another, g; nodes [token]: of a tree of drafts that the model verifies, 0 where
    drafts are a chain; width [token]: of a tree, that each pass of the draft computes
    acceptance [1]: probability that a draft is accepted, if all before it are; positions [1]: the same of the first,
    the second, ... draft, where they differ; accepted [token]: that a step makes, the model's own token included, 0
    where it follows from these
    spread [1]: standard deviation of the acceptance over texts
    bits [bit]: of a weight of the draft, 0 where it is stored as the model is; vocabulary [1]: rows of the draft's own
    head, 0 where it has the model's
    drafter: one of DRAFTERS; model: architecture of the draft model, where there is one
    """

    tokens: Number = neutral(default=0.0, switch=True)
    nodes: Number = neutral(default=0.0, switch=True)
    width: Number = neutral(default=1.0)
    acceptance: Number = 0.0
    positions: tuple[Number, ...] = ()
    accepted: Number = neutral(default=0.0, switch=True)
    spread: Number = neutral(default=0.0)
    bits: Number = neutral(default=0.0, switch=True)
    vocabulary: Number = neutral(default=0.0, switch=True)
    model: tuple[Any, ...] = ()
    drafter: str = static(default=LOOKUP)

    @property
    def is_off(self) -> bool:
        """Whether nothing is drafted."""
        return is_fixed_at(self.tokens, 0)
