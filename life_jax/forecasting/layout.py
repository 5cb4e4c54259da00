"""Whether a scenario's layout over devices is possible: whether its numbers divide the model as engines need it."""

from life_jax.core.numerics import Number, is_fixed_at
from life_jax.core.scenario import Scenario
from life_jax.models import attention
from life_jax.parallelism.tensor_parallel import divides

DIVIDED = tuple(attention.HEADS)  # numbers of a model that a layout must divide
MOST = 1024  # devices that are tried for the list of allowed numbers


def is_possible(scenario: Scenario) -> Number | None:
    """Whether the layout divides the heads of every layer; None where a single device needs no division."""
    devices = scenario.engine.parallelism.tensor_parallel
    if is_fixed_at(devices, 1):
        return None
    possible: Number = 1.0
    for block in scenario.architecture.blocks:
        for _, number, copied in attention.heads(block):
            possible = possible * divides(devices, number, copied=copied)
    return possible > 0


def why_impossible(scenario: Scenario, devices: float) -> str | None:
    """The reason for which `devices` devices [1] cannot share the layers, with the numbers that can; None where they
    can.

    The scenario has plain numbers.
    """
    heads = {one: None for block in scenario.architecture.blocks for one in attention.heads(block)}
    wrong = {f"{key} {number:g}": None for key, number, copied in heads if not divides(devices, number, copied=copied)}
    if not wrong:
        return None
    allowed = (
        n for n in range(1, MOST + 1) if all(divides(float(n), number, copied=copied) for _, number, copied in heads)
    )
    numbers = ", ".join(map(str, allowed))
    return f"{devices:g} devices cannot share {' and '.join(wrong)} evenly; tensor_parallel can be {numbers}"
