"""Speculative decoding: a draft proposes tokens, and the model verifies all of them in one step."""

from dataclasses import replace

from life_jax.core.host_time import HostTime
from life_jax.core.numerics import Number
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario
from life_jax.core.speculation import DRAFTERS, MODEL, Speculation
from life_jax.core.units import MICRO
from life_jax.optimizations.base import Optimization, Refused

ONCE = {"drafts": "each token has one draft"}


def speculation(
    *,
    drafter: str,
    draft_tokens: float,
    acceptance: float = 0.0,
    accepted_tokens: float = 0.0,
    acceptance_spread: float = 0.0,
    tree_tokens: float = 0.0,
    tree_width: float = 1.0,
    draft_bits: float = 0.0,
    draft_vocabulary: float = 0.0,
    draft_us: float = 0.0,
    draft_step_us: float = 0.0,
    lookup_us: float = 0.0,
    acceptances: tuple[float, ...] = (),
) -> Optimization:
    """Draft `draft_tokens` tokens [token] in every decode step.

    drafter: one of core.speculation.DRAFTERS; `model` takes the model of draft.model=
    acceptance [1]: probability that a draft is accepted, if those before it are; acceptances [1]: the same by position,
    the first first; accepted_tokens [token]: that a step makes, the model's own included, instead of both where above 0
    acceptance_spread [1]: standard deviation of the acceptance over texts, which widens tpot_low and tpot_high
    tree_tokens [token]: verified drafts of a tree, 0 for a chain; tree_width [token]: that a pass of the draft computes
    draft_bits [bit]: of a weight of the draft, 0 for the formats of the model; draft_vocabulary [1]: rows of its own
    head, 0 for the model's head
    draft_us [us]: host time of a pass of the draft; draft_step_us [us]: of a step that drafts, beside its passes; both
    beyond what the engine takes for a draft model; lookup_us [us]: of a sequence whose drafts are looked up
    What is accepted is a matter of draft, model and text, and never forecast.
    Raises Refused for parts beyond 1, for more accepted tokens than a step has, and where no draft model is given.
    """
    if drafter not in DRAFTERS:
        raise Refused(f"drafter is {drafter}; it can be {', '.join(DRAFTERS)}")
    if not isinstance(acceptances, list | tuple):
        raise Refused(f"acceptances is {acceptances!r}; a list is needed, such as [0.8,0.7,0.6]")
    for name, part in (("acceptance", acceptance), *(("acceptances", part) for part in acceptances)):
        if not _at_most(part, 1):
            raise Refused(f"{name} has {part}; a part from 0 to 1 is needed")
    if not _at_most(accepted_tokens, draft_tokens + 1):
        raise Refused(
            f"accepted_tokens is {accepted_tokens:g}; {draft_tokens:g} drafts and the model's own token are at most "
            f"{draft_tokens + 1:g}"
        )

    def change(scenario: Scenario) -> Scenario:
        if drafter == MODEL and not scenario.speculation.model:
            raise Refused("which model drafts? draft.model=NAME names it; opt=eagle3, mtp, medusa and ngram need none")
        if scenario.architecture.generation != "autoregressive":
            raise Refused("it does not generate one token after another, so that there is nothing to draft")
        drafts = Speculation(
            tokens=draft_tokens,
            nodes=tree_tokens,
            width=tree_width,
            acceptance=acceptance,
            positions=tuple(acceptances),
            accepted=accepted_tokens,
            spread=acceptance_spread,
            bits=draft_bits,
            vocabulary=draft_vocabulary,
            model=scenario.speculation.model,
            drafter=drafter,
        )
        of_engine = scenario.engine.host if drafter == MODEL else HostTime()
        for leaf, own in (("draft", draft_us), ("drafting", draft_step_us)):
            scenario = set_leaf(scenario, ("engine", "host", leaf), own * MICRO + getattr(of_engine, leaf))
        scenario = set_leaf(scenario, ("engine", "host", "lookup"), lookup_us * MICRO)
        return replace(scenario, speculation=drafts)

    return Optimization(transforms=(change,), once=ONCE)


def _at_most(number: Number, most: Number) -> bool:
    """Whether a plain number is from 0 to `most`; a traced one was checked before."""
    plain = isinstance(number, int | float) and isinstance(most, int | float)
    return not plain or bool(0 <= number <= most)
