"""Requests of several classes, each with lengths and a prefix of its own, that one engine serves together."""

from typing import Any

import numpy as np

from life_jax.core.numerics import Number
from life_jax.core.pytree import pytree
from life_jax.serving.lengths import Lengths
from life_jax.serving.prefix_cache import reused
from life_jax.serving.requested import Requested
from life_jax.serving.step_law import last_axis

GOLDEN = 0.6710436067037893  # of the plastic number's powers, unlike those of the other points of a request


def chosen(shares: tuple[Number, ...], count: int) -> list[Any]:
    """Whether each of `count` points [..., count] belongs to a class, for every class; shares [1] sum to 1."""
    place = (np.arange(count) * GOLDEN + 0.5) % 1
    below: Number = 0.0
    masks = []
    for share in shares:
        masks.append((place >= last_axis(below)) & (place < last_axis(below + share)))
        below = below + share
    masks[-1] = masks[-1] | (place >= last_axis(below))  # rounding of the sum
    return masks


def _mean(shares: tuple[Number, ...], values: Any) -> Any:
    return sum(share * value for share, value in zip(shares, values, strict=True))


def _behind(arrays: list[Any]) -> Any:
    """Arrays [..., n] behind each other on the last axis, each of its own length n."""
    ends = np.cumsum([array.shape[-1] for array in arrays])
    whole: Any = 0.0
    for array, end in zip(arrays, ends, strict=True):
        places = np.eye(ends[-1])[:, end - array.shape[-1] : end]
        whole = whole + (array[..., None, :] * places).sum(-1)
    return whole


@pytree
class SeveralLengths:
    """Lengths [token] of requests of several classes, with the share [1] of each; the shares sum to 1."""

    lengths: tuple[Lengths, ...]
    shares: tuple[Number, ...]

    @property
    def average(self) -> Number:
        """Mean length [token]."""
        return _mean(self.shares, (of.average for of in self.lengths))

    @property
    def variation(self) -> Number:
        """Squared coefficient of variation [1]."""
        squares = (of.average * of.average * (1 + of.variation) for of in self.lengths)
        return _mean(self.shares, squares) / (self.average * self.average) - 1

    @property
    def nodes(self) -> tuple[Any, Any]:
        """Lengths [..., n] of all classes and their weights [..., n]."""
        lengths, weights = zip(*(of.nodes for of in self.lengths), strict=True)
        shares = [last_axis(share) * weight for share, weight in zip(self.shares, weights, strict=True)]
        return _behind(list(lengths)), _behind(shares)

    def at(self, quantiles: np.ndarray, normal: np.ndarray) -> Number:
        """Lengths [..., q] [token] at quantiles [q], each point of the class that `chosen` says."""
        masks = chosen(self.shares, len(quantiles))
        return sum(mask * of.at(quantiles, normal) for mask, of in zip(masks, self.lengths, strict=True))


@pytree
class SeveralRequested:
    """What requests of several classes ask for: `classes`, and the share [1] of each; the shares sum to 1.

    Offers what Requested does, of all requests together. A class whose outputs are long is there for longer, and counts
    more in the mean of what is there.
    """

    classes: tuple[Requested, ...]
    shares: tuple[Number, ...]

    @property
    def prompt(self) -> SeveralLengths:
        """Lengths of all prompts."""
        return SeveralLengths(tuple(of.prompt for of in self.classes), self.shares)

    @property
    def output(self) -> SeveralLengths:
        """Lengths of all outputs."""
        return SeveralLengths(tuple(of.output for of in self.classes), self.shares)

    @property
    def cached(self) -> Number:
        """Part of all prompt tokens [1] that the prefix cache holds."""
        return 1 - self.new / self.prompt.average

    @property
    def block(self) -> Number:
        """Tokens [token] that the cache holds as a whole."""
        return self.classes[0].block

    @property
    def hits(self) -> Number:
        """Part of the requests [1] that find something: a class does or does not."""
        return 1.0

    @property
    def width(self) -> Number:
        """Tokens [token] that a step computes of each decoding sequence."""
        return self.classes[0].width

    @property
    def kept(self) -> Number:
        """Of them, those that stay [token], mean."""
        return self.classes[0].kept

    @property
    def prompts(self) -> tuple[Any, Any, Any]:
        """Lengths [..., n] of prompts [token], tokens of them to compute [token], and weights [1]."""
        lengths, new, weights = zip(*(of.prompts for of in self.classes), strict=True)
        shares = [last_axis(share) * weight for share, weight in zip(self.shares, weights, strict=True)]
        return _behind(list(lengths)), _behind(list(new)), _behind(shares)

    @property
    def new(self) -> Number:
        """Prompt tokens to compute [token], mean."""
        return _mean(self.shares, (of.new for of in self.classes))

    @property
    def decoded(self) -> Number:
        """Decode steps of a request [1], mean."""
        return _mean(self.shares, (of.decoded for of in self.classes))

    def computed(self, decoding: Number) -> Number:
        """Tokens [token] that a step computes of so many decoding sequences [1]."""
        return self.classes[0].computed(decoding)

    @property
    def context(self) -> Number:
        """Context [token] of a decoding sequence, mean over steps, which meet long outputs more often."""
        return _mean(self.shares, (of.decoded * of.context for of in self.classes)) / self.decoded

    def pairs(self, prompt: Number) -> Number:
        """Positions [1] that a new token of a prompt attends to, mean over new tokens, where `prompt` [token] is the
        mean length over tokens; in proportion where it is another."""
        of_all = _mean(
            self.shares, (of.new * of.pairs(of.prompt.average * (1 + of.prompt.variation)) for of in self.classes)
        )
        return of_all / self.new * prompt / (self.prompt.average * (1 + self.prompt.variation))

    def at_points(self, quantiles: np.ndarray, normal: np.ndarray) -> tuple[Any, Any]:
        """Lengths [..., q] of prompts [token], and tokens of them to compute [token], each of the class that `chosen`
        says."""
        masks = chosen(self.shares, len(quantiles))
        prompt: Any = 0.0
        new: Any = 0.0
        for mask, of in zip(masks, self.classes, strict=True):
            mine: Any = of.prompt.at(quantiles, normal)
            prompt = prompt + mask * mine
            new = new + mask * (mine - reused(mine, last_axis(of.cached), last_axis(of.block)))
        return prompt, new
