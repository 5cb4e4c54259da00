"""The forward passes of a request: how many tokens each computes, and how many are cached before it."""

from dataclasses import dataclass, replace
from typing import Any

from life_jax.core.engine import Engine
from life_jax.core.numerics import Number, ceil, is_nothing, larger
from life_jax.core.scenario import Workload
from life_jax.core.units import UNLIMITED


@dataclass(frozen=True)
class Step:
    """One forward pass: `new` tokens for each of `batch` sequences that have `past` tokens cached.

    logit_rows [1]: positions per sequence whose logits are computed (1 when serving: the last); the literal 0 leaves
    the head out
    image_tokens [token]: of each sequence, made by the vision tower, which runs before; images [1]: number of images
    they come from
    decoding: whether the prompt is over, so that eviction has begun
    distinct [token]: tokens that choose experts independently, at most
    source [token]: of each sequence, the tokens that an encoder reads, and a decoder behind it attends
    """

    batch: Number
    new: Number
    past: Number
    logit_rows: Number = 1.0
    image_tokens: Number = 0.0
    images: Number = 1.0
    decoding: bool = False
    distinct: Number = UNLIMITED
    source: Number = 0.0

    @property
    def tokens(self) -> Number:
        """New tokens of all sequences together [token]."""
        return self.batch * self.new

    @property
    def context(self) -> Number:
        """Tokens of all sequences together, cached and new [token]."""
        return self.batch * (self.past + self.new)


@dataclass(frozen=True)
class Mixed:
    """One forward pass over groups of sequences, each with a Step of its own: those that decode, those in prefill.

    Products, norms, experts, the head and messages take the tokens of all groups together; attention and recurrences
    run once for each group.
    """

    groups: tuple[Step, ...]

    @property
    def batch(self) -> Number:
        """Sequences of all groups [1]."""
        return sum(group.batch for group in self.groups)

    @property
    def tokens(self) -> Number:
        """New tokens of all groups together [token]."""
        return sum(group.tokens for group in self.groups)

    @property
    def context(self) -> Number:
        """Tokens of all sequences together, cached and new [token]."""
        return sum(group.context for group in self.groups)


@dataclass(frozen=True)
class Passes:
    """`count` forward passes of one shape in a row, each with the tokens of those before it in the cache, unless
    `alike`: then all of them are the same.

    kept [token]: of each pass, that stay in the cache for the next; None where all do.
    """

    first: Step
    count: Number = 1.0
    alike: bool = False
    kept: Number | None = None

    @property
    def advance(self) -> Number:
        """Tokens [token] by which the cache grows from a pass to the next."""
        return self.first.new if self.kept is None else self.kept

    def at(self, index: Number) -> Step:
        """The pass of this index [1], 0 for the first; fractional indices are allowed."""
        return self.first if self.alike else replace(self.first, past=self.first.past + index * self.advance)

    @property
    def middle(self) -> Step:
        """The pass in the middle. Counts are affine in the context (but for the bend of a window), so that it has their
        mean."""
        return self.first if self.single else self.at((self.count - 1) / 2)

    @property
    def single(self) -> bool:
        """Whether there is one pass only, whatever the numbers."""
        return isinstance(self.count, float) and self.count == 1.0


def in_graph(step: Step, engine: Engine) -> Step:
    """The step as a program runs it that was compiled for `engine.chunks.graph` positions: it attends all of them,
    those that are not filled behind a mask. A longer context has a program of its own length."""
    graph = engine.chunks.graph
    return step if is_nothing(graph) else replace(step, past=larger(step.past, graph - step.new))


def chunk_of_one(workload: Workload, engine: Engine) -> Number:
    """Tokens of one sequence that are prefilled at once [token]."""
    chunks = engine.chunks
    return chunks.tokens / workload.batch if chunks.shared else chunks.tokens


def prefill(workload: Workload, engine: Engine, reading: str = "chunks") -> tuple[Passes, ...]:
    """The passes of prefill: the whole prompt at once, or equal chunks and then the rest. The last pass makes the first
    token.

    A prompt shorter than a chunk is one chunk. Logits are those of the last position, or of every position where
    `engine.counting.logits` is `all`. reading: of the model (Architecture.reading); what is read in both directions is
    one pass, since no part of it can be cached.
    """
    if reading != "chunks":
        return (Passes(both_directions(workload, reading)),)
    every = engine.counting.logits == "all"
    w = workload
    images: dict[str, Any] = {"image_tokens": w.image_tokens, "images": w.images}
    sequences: dict[str, Any] = {"batch": w.batch, "distinct": w.distinct_tokens}
    if is_nothing(engine.chunks.tokens):
        step = Step(**sequences, new=w.prompt_tokens, past=w.past_tokens, **images)
        return (Passes(replace(step, logit_rows=w.prompt_tokens) if every else step),)
    chunk = chunk_of_one(w, engine)
    before = ceil(w.prompt_tokens / chunk) - 1
    rest = w.prompt_tokens - before * chunk
    whole = Step(**sequences, new=chunk, past=w.past_tokens, logit_rows=chunk if every else 0.0)
    last = Step(**sequences, new=rest, past=w.past_tokens + before * chunk, logit_rows=rest if every else 1.0, **images)
    return (Passes(whole, before), Passes(last))


def both_directions(workload: Workload, reading: str) -> Step:
    """The pass over everything: the prompt and what came before it; where reading is `sequence`, also the tokens that
    are to be generated."""
    w = workload
    tokens = w.past_tokens + w.prompt_tokens
    tokens = tokens + w.output_tokens if reading == "sequence" else tokens
    whole = Step(batch=w.batch, new=tokens, past=0.0, logit_rows=tokens, distinct=w.distinct_tokens)
    return replace(whole, image_tokens=w.image_tokens, images=w.images)


def decode(
    workload: Workload, generation: str = "autoregressive", steps_per_token: Number = 1.0, block: Number = 1.0
) -> Passes:
    """The decode steps: one token each after the prompt, one step fewer than generated tokens since prefill makes the
    first.

    The first step attends past + prompt + 1 positions. An encoder has no decode steps; a diffusion model computes the
    whole sequence steps_per_token [1] times for each token; in blocks of `block` [token] it computes one behind the
    cache, which grows evenly by 1 / steps_per_token tokens a step.
    """
    w = workload
    past = w.past_tokens + w.prompt_tokens
    first = Step(batch=w.batch, new=1.0, past=past, decoding=True, distinct=w.distinct_tokens, source=past)
    if generation == "none":
        return Passes(first, 0.0)
    if generation == "diffusion":
        whole = replace(both_directions(w, "sequence"), decoding=True)
        return Passes(whole, (w.output_tokens - 1) * steps_per_token, alike=True)
    if generation == "block_diffusion":
        block_step = replace(first, new=block, logit_rows=block)
        return Passes(block_step, (w.output_tokens - 1) * steps_per_token, kept=1 / steps_per_token)
    return Passes(first, w.output_tokens - 1)


def engine_step(
    *,
    sequences: Number,
    context: Number,
    prefill_tokens: Number,
    past: Number = 0.0,
    prompts: Number = 1.0,
    ending: Number = 1.0,
    distinct: Number = UNLIMITED,
) -> Mixed:
    """The step of an engine in which some sequences decode while prompts are prefilled.

    sequences [1]: that decode a token each; context [token]: cached of each of them, their mean
    prefill_tokens [token]: of all prompts together in this step, spread evenly over `prompts` prompts [1]; past
    [token]: of each prompt, cached before (earlier chunks, a cached prefix)
    ending [1]: part of the prompts that end in this step, whose next token is sampled
    """
    return Mixed(
        (
            Step(batch=sequences, new=1.0, past=context, decoding=True, distinct=distinct),
            Step(batch=prompts, new=prefill_tokens / prompts, past=past, logit_rows=ending, distinct=distinct),
        )
    )
