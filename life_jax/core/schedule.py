"""The steps of a request: what the model is run on, and with how much context."""

from dataclasses import dataclass, replace
from typing import Any

from life_jax.core.engine import Engine
from life_jax.core.numerics import Number, ceil, is_nothing
from life_jax.core.scenario import Workload
from life_jax.core.units import UNLIMITED


@dataclass(frozen=True)
class Step:
    """One forward pass: `new` tokens for each of `batch` sequences that have `past` tokens cached.

    logit_rows: positions per sequence whose logits are computed (the last one, when serving); the literal
    0 leaves the head out. image_tokens of each sequence come from the vision tower, which runs before.
    decoding: the prompt is over, so that eviction has begun. distinct: tokens that choose experts independently, at
    most.
    """

    batch: Number
    new: Number
    past: Number
    logit_rows: Number = 1.0
    image_tokens: Number = 0.0
    images: Number = 1.0
    decoding: bool = False
    distinct: Number = UNLIMITED

    @property
    def tokens(self) -> Number:
        return self.batch * self.new

    @property
    def context(self) -> Number:
        """Tokens of all sequences together, the new ones among them."""
        return self.batch * (self.past + self.new)


@dataclass(frozen=True)
class Passes:
    """`count` forward passes of one shape, one after another; each finds the tokens of those before it cached."""

    first: Step
    count: Number = 1.0

    def at(self, index: Number) -> Step:
        return replace(self.first, past=self.first.past + index * self.first.new)

    @property
    def middle(self) -> Step:
        """Counts are affine in the context (but for the bend of a window), so that the middle has their mean."""
        return self.first if self.single else self.at((self.count - 1) / 2)

    @property
    def single(self) -> bool:
        """One pass, whatever the numbers."""
        return isinstance(self.count, float) and self.count == 1.0


def chunk_of_one(workload: Workload, engine: Engine) -> Number:
    """Tokens of one sequence that are prefilled at once."""
    chunks = engine.chunks
    return chunks.tokens / workload.batch if chunks.shared else chunks.tokens


def prefill(workload: Workload, engine: Engine) -> tuple[Passes, ...]:
    """The whole prompt at once, or chunk by chunk: equal chunks, then what is left. The last gives the first token.

    A prompt shorter than a chunk is one chunk. Logits are those of the last position, or, with
    `engine.counting.logits` all, of every position.
    """
    every = engine.counting.logits == "all"
    w = workload
    seen: dict[str, Any] = {"image_tokens": w.image_tokens, "images": w.images}
    each: dict[str, Any] = {"batch": w.batch, "distinct": w.distinct_tokens}
    if is_nothing(engine.chunks.tokens):
        step = Step(**each, new=w.prompt_tokens, past=w.past_tokens, **seen)
        return (Passes(replace(step, logit_rows=w.prompt_tokens) if every else step),)
    chunk = chunk_of_one(w, engine)
    before = ceil(w.prompt_tokens / chunk) - 1
    rest = w.prompt_tokens - before * chunk
    whole = Step(**each, new=chunk, past=w.past_tokens, logit_rows=chunk if every else 0.0)
    last = Step(**each, new=rest, past=w.past_tokens + before * chunk, logit_rows=rest if every else 1.0, **seen)
    return (Passes(whole, before), Passes(last))


def decode(workload: Workload) -> Passes:
    """One token a step after the prompt: one step fewer than generated tokens, since prefill gives the first.

    The first step attends past + prompt + 1 positions.
    """
    w = workload
    past = w.past_tokens + w.prompt_tokens
    first = Step(batch=w.batch, new=1.0, past=past, decoding=True, distinct=w.distinct_tokens)
    return Passes(first, w.output_tokens - 1)
