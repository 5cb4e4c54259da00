"""Seconds of any step of an engine as a function of a few sums over its sequences."""

from typing import Protocol

from life_jax.core.numerics import Number
from life_jax.core.pytree import pytree
from life_jax.roofline.roofs import roof


@pytree
class StepLoad:
    """What a step computes.

    decoding [1]: sequences that get one token each; contexts [token]: sum of their contexts, the new token included
    prompts [token]: tokens of prompts; pairs [1]: sum over these tokens of the positions that each attends to, itself
    included
    ended [1]: prompts whose last token is among them, so that they get logits
    """

    decoding: Number
    contexts: Number
    prompts: Number = 0.0
    pairs: Number = 0.0
    ended: Number = 0.0

    @property
    def tokens(self) -> Number:
        """Tokens that pass through the linear layers [token]."""
        return self.decoding + self.prompts


class Law(Protocol):
    """A pytree that gives the time of a step."""

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""


@pytree
class RooflineLaw:
    """A law of seven numbers: a smooth roof over weights and tokens, attention, and the host.

    weights [s]: to read the weights once; token [s]: compute of a token; smoothness [1]: of the roof over both
    context [s]: of a token in the cache of a decoding sequence; pair [s]: of a pair in prefill
    step [s]: of every step; sequence [s]: of every decoding sequence
    """

    weights: Number
    token: Number
    smoothness: Number
    context: Number
    pair: Number
    step: Number
    sequence: Number

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""
        linear = roof(self.weights, self.token * load.tokens, self.smoothness)
        attention = self.context * load.contexts + self.pair * load.pairs
        return self.step + self.sequence * load.decoding + linear + attention
