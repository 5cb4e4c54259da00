"""Intervals of forecast times, and whether anything like them was measured."""

from typing import Any, Protocol

from life_jax.core.engine import Support
from life_jax.core.numerics import Number, exp, is_fixed_at, larger, sqrt, where
from life_jax.forecasting import speculation
from life_jax.forecasting.request import Run

QUANTILE = 1.2816  # of the normal distribution: 80 % lie within
TIMES = ("ttft", "tpot", "e2e")


class Lengths(Protocol):
    """A workload, or a row of measurements."""

    @property
    def prompt_tokens(self) -> Any:
        """Of a sequence [token]."""

    @property
    def output_tokens(self) -> Any:
        """Generated, of a sequence [token]."""

    @property
    def past_tokens(self) -> Any:
        """In the cache before the prompt [token]."""

    @property
    def batch(self) -> Any:
        """Sequences that run together [1]."""


def bound(run: Run, name: str, side: float) -> Number:
    """An end of the interval in which 80 % of measurements of a time lie [s], on devices that the fit had not seen.

    name: of TIMES. side: -1 for the lower end, 1 for the upper. NaN for an engine that is not fitted.
    """
    time = getattr(run, name)
    return time * exp(side * QUANTILE * spread(run, name))


def spread(run: Run, name: str) -> Number:
    """Standard deviation of ln(measured / forecast) of a time [1], wider beyond what was measured."""
    scenario = run.scenario
    wide = scenario.engine.spreads.get(name, float("nan"))
    if name in scenario.engine.support:
        wide = wide * factor(scenario.engine.support[name], scenario.workload, name)
    drafts = scenario.speculation
    if drafts.is_off or is_fixed_at(drafts.spread, 0):
        return wide
    part = {"ttft": 0.0, "tpot": 1.0, "e2e": run.decode_steps * run.decode_seconds / run.e2e}[name]
    return sqrt(wide * wide + (part * speculation.relative_spread(drafts)) ** 2)


def factor(of: Support, workload: Lengths, name: str) -> Number:
    """By how much the spread of a time is wider than where it was measured [1]."""
    in_context = where(_context(workload, name) > of.context, of.wider_context, 1.0)
    in_batch = where(workload.batch > of.batch, of.wider_batch, 1.0)
    return larger(of.wider, larger(in_context, in_batch))


def is_extrapolated(run: Run) -> Number:
    """Whether nothing like the time to the first token, or that of an output token, was measured."""
    w = run.scenario.workload
    reasons = 0.0 * w.batch
    for name in ("ttft", "tpot"):
        of = run.scenario.engine.support.get(name)
        if of is not None:
            longer = where(_context(w, name) > of.context, 1.0, 0.0)
            reasons = reasons + of.unlike + longer + where(w.batch > of.batch, 1.0, 0.0)
    return reasons > 0


def _context(w: Lengths, name: str) -> Number:
    """Positions that a step attends at most [token]."""
    prompt = w.past_tokens + w.prompt_tokens
    return prompt if name == "ttft" else prompt + w.output_tokens
