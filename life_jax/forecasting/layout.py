"""Whether a scenario's layout over devices is possible: whether its numbers divide the model as engines need it."""

from dataclasses import replace
from typing import Any

from life_jax.core.engine import Parallelism
from life_jax.core.numerics import Number, is_fixed_at, larger
from life_jax.core.scenario import Scenario
from life_jax.models import attention, ffn
from life_jax.parallelism.tensor_parallel import divides, is_whole

# the numbers of a layout, as engine files name them
NUMBERS = ("tensor_parallel", "pipeline_parallel", "data_parallel", "context_parallel", "expert_parallel")
# numbers of a model that a layout must divide
DIVIDED = (*attention.HEADS, *ffn.WIDTHS, "num_experts", "num_hidden_layers")
MOST = 1024  # devices that are tried for the list of allowed numbers
CHANGED = ("tensor_parallel", "expert_parallel", "data_parallel")  # of a layout, that another value may help


def is_possible(scenario: Scenario) -> Number | None:
    """Whether the layout divides the heads, the widths, the experts and the layers; None where a single device needs no
    division.

    An expert is divided among the devices that hold the same part of the experts, a dense network among those of tensor
    parallelism. Reference: vLLM and SGLang, whose layers refuse a width that does not divide.
    """
    layout = scenario.engine.parallelism
    copied = not is_fixed_at(layout.redundant_experts, 0)
    if layout.alone and not copied:
        return None
    model = scenario.architecture
    possible: Number = 1.0
    if copied:
        possible = possible * (layout.redundant_experts * (layout.expert_parallel <= 1) <= 0)
    if not is_fixed_at(layout.tensor_parallel, 1):
        for block in model.blocks:
            for _, number, copied in attention.heads(block):
                possible = possible * divides(layout.tensor_parallel, number, copied=copied)
    for block in model.blocks:
        for _, number, of_expert in ffn.widths(block):
            parts = _sharing(layout, of_expert=of_expert)
            if not is_fixed_at(parts, 1):
                possible = possible * divides(parts, number)
    if layout.only_tensor:
        return possible > 0
    layers = sum(block.repeats for block in model.blocks)
    possible = possible * is_whole(layout.pipeline_parallel) * (layout.pipeline_parallel <= larger(layers, 1.0))
    possible = possible * is_whole(layout.data_parallel) * is_whole(layout.context_parallel)
    if not is_fixed_at(layout.expert_parallel, 1):
        possible = possible * is_whole(layout.expert_parallel) * divides(layout.expert_parallel, layout.stage)
        experts = ffn.experts(model)
        for number in experts:
            possible = possible * divides(layout.expert_parallel, number + layout.redundant_experts)
        if not experts:
            possible = possible * (layout.expert_parallel <= 1)
    return possible > 0


def why_impossible(scenario: Scenario) -> str | None:
    """The reason for which the layout is impossible, with the numbers that are possible; None where it is possible.

    The scenario has plain numbers.
    """
    possible = is_possible(scenario)
    if possible is None or possible:
        return None
    layout, model = scenario.engine.parallelism, scenario.architecture
    for key in NUMBERS:
        if not is_whole(getattr(layout, key)):
            return f"{key} is {getattr(layout, key):g}; a whole number is needed"
    layers = sum(block.repeats for block in model.blocks)
    if layout.pipeline_parallel > layers:
        return f"{layout.pipeline_parallel:g} stages are more than its {layers:g} layers; pipeline_parallel can be less"
    return _experts_that_differ(scenario) or _numbers_that_differ(scenario)


def _experts_that_differ(scenario: Scenario) -> str | None:
    """What the parts of the experts do not divide, with the numbers that do; None where they divide all."""
    layout = scenario.engine.parallelism
    parts, copies = layout.expert_parallel, layout.redundant_experts
    if copies > 0 and parts <= 1:
        return f"{copies:g} copies of experts need parts to be on; expert_parallel can be more than 1"
    experts = tuple(number + copies for number in ffn.experts(scenario.architecture))
    if not experts and parts > 1:
        return f"it has no experts to divide among {parts:g} devices; expert_parallel can be 1"
    if parts <= 1 or all(divides(parts, number) for number in (*experts, layout.stage)):
        return None
    least = 1 if copies == 0 else 2
    allowed = (n for n in range(least, MOST + 1) if all(divides(float(n), m) for m in (*experts, layout.stage)))
    wrong = [f"{n:g} experts" for n in dict.fromkeys(experts) if not divides(parts, n)]
    if not divides(parts, layout.stage):
        wrong.append(f"the {layout.stage:g} devices of a stage (tensor x data x context)")
    numbers = ", ".join(map(str, allowed))
    return f"{parts:g} parts do not divide {' and '.join(wrong)} evenly; expert_parallel can be {numbers}"


def _sharing(layout: Parallelism, *, of_expert: bool) -> Number:
    """Devices [1] that share the width of an expert, or of a dense network."""
    return layout.stage / layout.expert_parallel if of_expert else layout.tensor_parallel


def _numbers_that_differ(scenario: Scenario) -> str:
    layout = scenario.engine.parallelism
    wrong: dict[float, dict[str, None]] = {}
    for block in scenario.architecture.blocks:
        shared = [(key, n, layout.tensor_parallel, copied) for key, n, copied in attention.heads(block)]
        shared += [(key, n, _sharing(layout, of_expert=of), False) for key, n, of in ffn.widths(block)]
        for key, number, parts, copied in shared:
            if not divides(parts, number, copied=copied):
                wrong.setdefault(float(parts), {})[f"{key} {number:g}"] = None
    changed = next((key for key in CHANGED if _allowed(scenario, key)), CHANGED[0])
    numbers = ", ".join(map(str, _allowed(scenario, changed))) or "nothing beside the others"
    said = [f"{parts:g} devices cannot share {' and '.join(names)}" for parts, names in wrong.items()]
    return f"{' and '.join(said)} evenly; {changed} can be {numbers}"


def _allowed(scenario: Scenario, key: str) -> list[int]:
    """Values of a number of the layout that are possible beside the others."""
    layout = scenario.engine.parallelism

    def possible(value: int) -> bool:
        number: dict[str, Any] = {key: float(value)}
        changed = replace(layout, **number)
        divided = is_possible(replace(scenario, engine=replace(scenario.engine, parallelism=changed)))
        return divided is None or bool(divided)

    return [value for value in range(1, MOST + 1) if possible(value)]
