"""The form in which latent attention is computed: in each step the one that takes less time on the device.

Engines choose between absorbed and expanded by what they measured (SGLang by the length of a prefix, vLLM by whether a
step decodes); the faster of both is what such a choice comes to. Each form takes more time for more work, and so does
the faster of them, which the form with fewer FLOP would not.
"""

from collections.abc import Callable
from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, where
from life_jax.core.scenario import Block, Scenario
from life_jax.forecasting import places
from life_jax.optimizations.latent_attention import LATENT
from life_jax.roofline.roofs import step_seconds

FREE = "cheaper"  # the form that is not fixed


def in_faster_form(scenario: Scenario, build: Callable[[Scenario], Graph]) -> Graph:
    """Operators of a step, in which each kind of layer with latent attention has the form that takes less time.

    build: makes the operators of the step of a scenario; those of both forms differ in numbers alone.
    """
    blocks = scenario.architecture.blocks
    free = [index for index, block in enumerate(blocks) if _is_free(block)]
    if not free:
        return build(scenario)
    absorbed, expanded = (build(_in_form(scenario, form)) for form in ("absorbed", "expanded"))
    faster = {index: _seconds(scenario, absorbed, index) < _seconds(scenario, expanded, index) for index in free}
    pairs = zip(absorbed, expanded, strict=True)
    return Graph(tuple(_either(faster[a.block], a, b) if a.block in faster and _differs(a) else a for a, b in pairs))


def _is_free(block: Block) -> bool:
    return block.attention_kind in LATENT and block.latent_form == FREE


def _in_form(scenario: Scenario, form: str) -> Scenario:
    blocks = tuple(replace(b, latent_form=form) if _is_free(b) else b for b in scenario.architecture.blocks)
    return replace(scenario, architecture=replace(scenario.architecture, blocks=blocks))


def _differs(op: Op) -> bool:
    """Whether an operator of such a layer depends on the form: attention, and the up-projection with all of its own."""
    return op.grows or op.name.startswith("kv_b_proj")


def _seconds(scenario: Scenario, graph: Graph, block: int) -> Number:
    """Seconds [s] of what depends on the form in one kind of layer."""
    ops = graph.select(lambda op: op.block == block and _differs(op))
    return step_seconds(places.terms(scenario, ops), scenario.engine.efficiency.roof_smoothness)


def _either(first: Number, a: Op, b: Op) -> Op:
    """An operator with the numbers of `a` where `first` is true, else with those of `b`."""
    return replace(
        a,
        args={name: _number(first, value, b.args[name]) for name, value in a.args.items()},
        executed=_number(first, a.executed, b.executed),
        more_dispatches=_number(first, a.more_dispatches, b.more_dispatches),
    )


def _number(first: Number, a: Number, b: Number) -> Number:
    same = a is b or (isinstance(a, float | int) and isinstance(b, float | int) and a == b)
    return a if same else where(first, a, b)
