"""Seconds of any step of an engine as a function of a few sums over its sequences."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from life_jax.core.numerics import (
    Number,
    clip,
    divide,
    is_fixed_at,
    is_nothing,
    is_of_jax,
    larger,
    where,
)
from life_jax.core.pytree import map_leaves, neutral, pytree, static
from life_jax.roofline.roofs import roof
from life_jax.serving.law_nodes import CHUNKS, LOW_ENDS, POSITIONS, SEQUENCES, SPANS, Nodes, interval, pick

# axes of a law's tables, by their names
TABLE_AXES = {
    "low": 1, "high": 1, "head_low": 1, "head_high": 1, "shared_low": 1, "shared_high": 1, "decode": 2, "prefill": 2,
}  # fmt: skip


def last_axis(number: Any) -> Any:
    """An array with one more axis at its end, of length 1; a plain number as it is."""
    return number[..., None] if hasattr(number, "shape") else number


def side_by_side(first: Any, second: Any) -> Any:
    """Two arrays behind each other on the last axis."""
    shape = np.broadcast_shapes(first.shape, second.shape)
    places = np.eye(2)[:, :, None]
    both = sum(
        (array + np.zeros(shape))[..., None, :] * place for array, place in zip((first, second), places, strict=True)
    )
    return both.reshape(*shape[:-1], 2 * shape[-1])


@pytree
class StepLoad:
    """What a step computes.

    decoding [1]: sequences that get one token each; contexts [token]: sum of their contexts, the new token included
    prompts [token]: tokens of prompts; pairs [1]: sum over these tokens of the positions that each attends to, itself
    included
    prefilling [1]: prompts that these tokens belong to; ended [1]: those whose last token is among them, so that they
    get logits
    others [token]: tokens of each other group of devices that makes the step in lockstep, mean; None for as many as
    here
    width [token]: that the step computes of each decoding sequence; more than one where it verifies drafts
    """

    decoding: Number
    contexts: Number
    prompts: Number = 0.0
    pairs: Number = 0.0
    prefilling: Number = 0.0
    ended: Number = 0.0
    others: Number | None = None
    width: Number = neutral(default=1.0)

    @property
    def verified(self) -> Number:
        """Tokens of all decoding sequences [token]."""
        return self.decoding if is_fixed_at(self.width, 1) else self.decoding * self.width

    @property
    def tokens(self) -> Number:
        """Tokens that pass through the linear layers [token]."""
        return self.verified + self.prompts


class Law(Protocol):
    """A pytree that gives the time of a step."""

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""

    def each(self) -> "Law":
        """The same law for loads that have one more axis at their end."""


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

    def each(self) -> "RooflineLaw":
        """The same law for loads that have one more axis at their end."""
        return map_leaves(last_axis, self)


@pytree
class TabulatedLaw:
    """A law by tables, made of the operators of a step (forecasting/step_law.py). Leading axes are those of a batch.

    low, high [..., intervals] [s]: of what handles tokens one by one, at LOW_ENDS and HIGH_ENDS
    shared_low, shared_high [..., intervals] [s]: of experts that `groups` [1] groups of devices share, by the mean of
    their tokens; None where there are none
    head_low, head_high [..., intervals] [s]: of logits, by their rows
    decode [..., sequences, positions] [s]: of attention, for each decoding sequence
    prefill [..., chunks, positions] [s]: of attention, for each token of a prompt, by the tokens cached before
    launch_decode, launch_prefill [s]: of attention's kernels, once a step
    step, sequence, context [s]: of the host, for a step, a sequence, and a token in its context
    launched [s]: in which the host starts the operators of a step with prompts one by one, while the devices work
    ranks [1]: devices that share the tokens of each prompt, each with its part of them
    stages [1]: of a pipeline, through which a batch goes while others are in the other stages; first, last [1]: layers
    of the first and of the last stage over those of the mean stage
    """

    low: Any
    high: Any
    head_low: Any
    head_high: Any
    decode: Any
    prefill: Any
    launch_decode: Number
    launch_prefill: Number
    step: Number
    sequence: Number
    context: Number
    shared_low: Any = None
    shared_high: Any = None
    groups: Number = neutral(default=1.0)
    ranks: Number = neutral(default=1.0)
    launched: Number = neutral(default=0.0)
    stages: Number = neutral(default=1.0)
    first: Number = neutral(default=1.0)
    last: Number = neutral(default=1.0)
    batch: int = static(default=0)  # leading axes of the tables
    more: int = static(default=0)  # axes at the end of loads, beyond those

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""
        tokens = load.tokens if is_fixed_at(self.ranks, 1) else load.verified + load.prompts / self._own(self.ranks)
        layers = self._by_tokens(self.low, self.high, tokens) + self._of_experts(load, tokens)
        launches: Number = 0.0
        piece = None
        if not is_nothing(load.decoding):
            position = divide(load.contexts, load.decoding) - 1  # cached before the new token
            layers = layers + load.decoding * self._at(self.decode, SEQUENCES, load.decoding, position)
            launches = launches + where(load.decoding > 0, self._own(self.launch_decode), 0.0)
        if not is_nothing(load.prompts):
            piece = _chunk_of(load)
            layers = layers + load.prompts * self._at(self.prefill, CHUNKS, *piece)
            launches = launches + where(load.prompts > 0, self._own(self.launch_prefill), 0.0)
        rows = load.verified + load.ended
        head = where(rows > 0, self._by_tokens(self.head_low, self.head_high, rows), 0.0)
        if not is_fixed_at(self.launched, 0):
            layers = layers + larger(self.launch_seconds(load) - (layers + head + launches), 0.0)
        return self._in_stages(load, layers, head) + launches + self.host_seconds(load, piece)

    def launch_seconds(self, load: StepLoad) -> Number:
        """Time in which the host starts operators one by one [s]."""
        return 0.0 if is_nothing(load.prompts) else where(load.prompts > 0, self._own(self.launched), 0.0)

    def host_seconds(self, load: StepLoad, piece: tuple[Number, Number] | None = None) -> Number:
        """Time of the host in a step [s]; piece [token]: as `_chunk_of` gives it, where it is known."""
        sequences, contexts = load.decoding + load.prefilling, self._contexts(load, piece)
        return self._own(self.step) + self._own(self.sequence) * sequences + self._own(self.context) * contexts

    def _of_experts(self, load: StepLoad, tokens: Number) -> Number:
        """Seconds [s] of experts that groups share; tokens [token]: of this group."""
        if self.shared_low is None:
            return 0.0
        if load.others is not None:
            groups = self._own(self.groups)
            tokens = (tokens + (groups - 1) * load.others) / groups
        return self._by_tokens(self.shared_low, self.shared_high, tokens)

    def _contexts(self, load: StepLoad, piece: tuple[Number, Number] | None) -> Number:
        """Tokens [token] in the context of all sequences on one of the devices that share them."""
        if is_nothing(load.prompts):
            return load.contexts if is_fixed_at(self.ranks, 1) else load.contexts / self._own(self.ranks)
        chunk, past = _chunk_of(load) if piece is None else piece
        if is_fixed_at(self.ranks, 1):
            return load.contexts + load.prefilling * (past + chunk)
        ranks = self._own(self.ranks)
        return load.contexts / ranks + load.prefilling * (past + chunk / 2 + chunk / (2 * ranks))

    def _in_stages(self, load: StepLoad, layers: Number, head: Number) -> Number:
        """Seconds [s] from a token to the next of a batch in a pipeline: those of all stages, or of the slowest of them
        for each batch in flight, where that is longer and all stages have batches."""
        if is_fixed_at(self.stages, 1):
            return layers + head
        stages, first, last = (self._own(x) for x in (self.stages, self.first, self.last))
        slowest = larger(first * layers, last * layers + stages * head)
        others = clip(stages * (load.decoding - 1), 0.0, stages - 1) / larger(stages - 1, 1.0)
        return layers + head + others * larger(slowest - layers - head, 0.0)

    def each(self) -> "TabulatedLaw":
        """The same law for loads that have one more axis at their end."""
        return replace(self, more=self.more + 1)

    def _own(self, number: Number) -> Number:
        """A number of the batch, for loads with more axes."""
        for _ in range(self.more):
            number = last_axis(number)
        return number

    def _by_tokens(self, low: Any, high: Any, tokens: Number) -> Number:
        index = interval(tokens)
        part = clip((tokens - pick(LOW_ENDS, index)) / pick(SPANS, index), 0.0, 1.0)
        first, second = self._take(low, index, (0,))[0], self._take(high, index, (0,))[0]
        return first + (second - first) * part

    def _at(self, table: Any, rows: Nodes, row: Number, position: Number) -> Number:
        """Bilinear interpolation in a table of `rows` and POSITIONS."""
        i, u = rows.bracket(row)
        j, v = POSITIONS.bracket(position)
        flat = table.reshape(*table.shape[:-2], -1)
        width = table.shape[-1]
        a, b, c, d = self._take(flat, i * width + j, (0, 1, width, width + 1))
        return (1 - u) * ((1 - v) * a + v * b) + u * ((1 - v) * c + v * d)

    def _take(self, table: Any, index: Any, beyond: tuple[int, ...]) -> list[Any]:
        """Entries of the last axis of a table [batch..., n] at so many places beyond indices [batch..., more...]."""
        if table.ndim == 1:
            return [table[index + further] for further in beyond]
        index = np.asarray(index) if not is_of_jax(index) else index
        lead = table.ndim - 1
        index = index.reshape((1,) * max(lead + self.more - index.ndim, 0) + index.shape)
        more = index.shape[lead:]
        if not is_of_jax(index) and not is_of_jax(table):  # places in the flat table: a third of take_along_axis's time
            rows = np.arange(0, table.size, table.shape[-1]).reshape(*table.shape[:-1], *(1,) * len(more))
            places, flat = rows + index, table.reshape(-1)
            return [flat[places + further] for further in beyond]
        batch = np.broadcast_shapes(table.shape[:-1], index.shape[:lead])
        index = np.broadcast_to(index, batch + more).reshape(*batch, -1)
        whole = np.broadcast_to(table, (*batch, table.shape[-1]))
        return [np.take_along_axis(whole, index + further, -1).reshape(batch + more) for further in beyond]


def _chunk_of(load: StepLoad) -> tuple[Number, Number]:
    """Tokens [token] of a prompt in a step, and those cached before them, mean."""
    chunk = divide(load.prompts, larger(load.prefilling, 1.0))
    return chunk, larger(divide(load.pairs, load.prompts) - (chunk + 1) / 2, 0.0)


@pytree
class CappedLaw:
    """A law of steps whose power is limited.

    free: law without the limit; joules: energy [J] of a step beyond idle power, as a law; room [W]: between idle power
    and the limit; smoothness [1]: of the roof over both times
    """

    free: Any
    joules: Any
    room: Number
    smoothness: Number

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""
        return roof(self.free.seconds(load), self.joules.seconds(load) / self.room, self.smoothness)

    def each(self) -> "CappedLaw":
        """The same law for loads that have one more axis at their end."""
        room, smoothness = last_axis(self.room), last_axis(self.smoothness)
        return CappedLaw(self.free.each(), self.joules.each(), room, smoothness)
