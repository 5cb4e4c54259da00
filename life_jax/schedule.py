"""The steps of a request: what the model is run on, and with how much context."""

from dataclasses import dataclass

from life_jax.numerics import Number
from life_jax.specs import Workload


@dataclass(frozen=True)
class Step:
    """One forward pass: `new` tokens for each of `batch` sequences that have `past` tokens cached.

    logit_rows: positions per sequence whose logits are computed (the last one, when serving).
    """

    batch: Number
    new: Number
    past: Number
    logit_rows: Number = 1.0

    @property
    def tokens(self) -> Number:
        return self.batch * self.new


def prefill(workload: Workload) -> Step:
    """The whole prompt at once; its logits give the first token."""
    return Step(batch=workload.batch, new=workload.prompt_tokens, past=workload.past_tokens)


def decode(workload: Workload, generated: Number) -> Step:
    """The decode step after `generated` decode steps; it attends past + prompt + generated + 1 positions."""
    past = workload.past_tokens + workload.prompt_tokens + generated
    return Step(batch=workload.batch, new=1.0, past=past)


def decode_steps(workload: Workload) -> Number:
    """Steps after prefill: one fewer than the generated tokens."""
    return workload.output_tokens - 1
