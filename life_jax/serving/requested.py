"""What requests ask of an engine, mean over them."""

from typing import Any

from life_jax.core.numerics import Number, is_fixed_at, larger
from life_jax.core.pytree import neutral, pytree
from life_jax.serving.lengths import Lengths
from life_jax.serving.prefix_cache import reused
from life_jax.serving.step_law import last_axis, side_by_side

LEAST = 1e-12


@pytree
class Requested:
    """What requests ask for: lengths of prompts and outputs [token], and what a prefix cache holds of the prompts.

    hits [1]: part of the requests that find something; cached [1]: part of each of their prompts that they find; block
    [token]: that the cache holds as a whole
    width [token]: that a step computes of each decoding sequence, kept [token]: of them, that stay, mean
    """

    prompt: Lengths
    output: Lengths
    cached: Number = 0.0
    hits: Number = neutral(default=1.0)
    block: Number = neutral(default=1.0)
    width: Number = neutral(default=1.0)
    kept: Number = neutral(default=1.0)

    @property
    def prompts(self) -> tuple[Any, Any, Any]:
        """Lengths [..., n] of prompts [token], tokens of them to compute [token], and weights [1]: of those that find
        something, and behind them, where there are any, of those that do not."""
        lengths, weights = self.prompt.nodes
        found = reused(lengths, last_axis(self.cached), last_axis(self.block))
        if is_fixed_at(self.hits, 1):
            return lengths, lengths - found, weights
        hits = last_axis(self.hits)
        new, both = side_by_side(lengths - found, lengths), side_by_side(weights * hits, weights * (1 - hits))
        return side_by_side(lengths, lengths), new, both

    @property
    def new(self) -> Number:
        """Prompt tokens to compute [token], mean."""
        if is_fixed_at(self.hits, 1) and is_fixed_at(self.block, 1):
            return self.prompt.average * (1 - self.cached)
        _, new, weights = self.prompts
        return (new * weights).sum(-1)

    @property
    def decoded(self) -> Number:
        """Decode steps of a request [1], mean, which make all tokens but the first; next to none where that is all."""
        others = larger(self.output.average - 1, LEAST)
        return others if is_fixed_at(self.kept, 1) else others / self.kept

    def computed(self, decoding: Number) -> Number:
        """Tokens [token] that a step computes of so many decoding sequences [1]."""
        return decoding if is_fixed_at(self.width, 1) else decoding * self.width

    @property
    def context(self) -> Number:
        """Context [token] of a decoding sequence, mean over steps, which meet long outputs more often."""
        return self.prompt.average + self.output.average * (1 + self.output.variation) / 2

    @property
    def _held(self) -> Number:
        """Part of the prompts [1] that is found in whole blocks by those that find something."""
        if is_fixed_at(self.block, 1):
            return self.cached
        lengths, weights = self.prompt.nodes
        found = reused(lengths, last_axis(self.cached), last_axis(self.block))
        return (found * weights).sum(-1) / self.prompt.average

    def pairs(self, prompt: Number) -> Number:
        """Positions [1] that a new token of a prompt of this length attends to, mean over new tokens."""
        held = self._held
        of_hit = (1 - held) / 2 + held
        if is_fixed_at(self.hits, 1):
            return prompt * of_hit
        new = self.hits * (1 - held)
        return prompt * (new * of_hit + (1 - self.hits) / 2) / (new + 1 - self.hits)
