"""One model on one device under one stack, and how axes set its numbers."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from life_jax.config.build import Built
from life_jax.core.parameter import Parameter
from life_jax.core.scenario import Leaf, Scenario
from life_jax.sensitivity.columns import absent
from life_jax.sensitivity.grid_function import Forecaster, Sensitivity


@dataclass(frozen=True)
class Case:
    """One model on one device under one stack, and how the axes set its numbers."""

    model: str
    hw: str
    opt: str
    built: Built
    parameters: tuple[Parameter, ...]
    sensitivity: Sensitivity | None = None

    @cached_property
    def _zeros(self) -> tuple[Leaf, ...]:
        s = self.sensitivity
        moved = [path for parameter in self.parameters for path in parameter.paths]
        if s is not None:
            moved += [path for _, paths in s.parameters for path in paths]
            moved += [path for _, parameter in s.slopes if parameter is not None for path in parameter.paths]
        return absent(self.scenario, moved)

    def forecaster(self, metrics: tuple[str, ...]) -> Forecaster:
        """What the grid evaluates for this case."""
        return Forecaster(self.parameters, metrics, self.sensitivity, self._zeros)

    @property
    def scenario(self) -> Scenario:
        return self.built.scenario

    @property
    def label(self) -> str:
        return f"{self.model} on {self.hw}" + ("" if self.opt == "none" else f" with {self.opt}")


# flag of an engine that says that some numbers matter at all -> the axes that need it
SWITCHES = {
    "smooth": ("roof_smoothness",),
    "tiled": ("tile_rows",),
    "chunked": ("chunk_tokens",),
    "split": ("tensor_parallel",),
    "threaded": ("threads",),
    "expands": ("expand_rows",),
    "repacks": ("repack_flops", "unpack_work"),
    "laned": ("attention_lanes",),
    "gemv": ("vector_rows",),
    "rereads": ("kv_reread",),
    "by_format": ("compute_8bit", "compute_4bit", "memory_quantized"),
}


def smoothed(built: Built, axes: Mapping[str, Any]) -> Built:
    """Sweeping the smoothness of the roof needs the smooth formula, also where the file says 0; so do others."""
    on = {flag: True for flag, keys in SWITCHES.items() if not axes.keys().isdisjoint(keys)}
    engine = dataclasses.replace(built.scenario.engine, **on)  # type: ignore[arg-type]
    costs = built.scenario.costs
    if "price_usd" in axes:
        costs = dataclasses.replace(costs, known_price=True)
    return dataclasses.replace(built, scenario=dataclasses.replace(built.scenario, engine=engine, costs=costs))
