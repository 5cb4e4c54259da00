"""One model on one device under one stack, and how axes set its numbers."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from life_jax.config.build import Built
from life_jax.config.knobs import Knob
from life_jax.forecaster import Forecaster, Sensitivity
from life_jax.ledger import Path
from life_jax.parts import absent
from life_jax.specs import Scenario


@dataclass(frozen=True)
class Case:
    """One model on one device under one stack, and how the axes set its numbers."""

    model: str
    hw: str
    opt: str
    built: Built
    knobs: tuple[Knob, ...]
    sensitivity: Sensitivity | None = None

    @cached_property
    def _zeros(self) -> tuple[Path, ...]:
        s = self.sensitivity
        moved = [path for knob in self.knobs for path in knob.paths]
        if s is not None:
            moved += [path for _, paths in s.parameters for path in paths]
            moved += [path for _, knob in s.slopes if knob is not None for path in knob.paths]
        return absent(self.scenario, moved)

    def forecaster(self, metrics: tuple[str, ...]) -> Forecaster:
        """What the grid evaluates for this case."""
        return Forecaster(self.knobs, metrics, self.sensitivity, self._zeros)

    @property
    def scenario(self) -> Scenario:
        return self.built.scenario

    @property
    def label(self) -> str:
        return f"{self.model} on {self.hw}" + ("" if self.opt == "none" else f" with {self.opt}")


def smoothed(built: Built, axes: Mapping[str, Any]) -> Built:
    """Sweeping the smoothness of the roof needs the smooth formula, also where the file says 0; so do devices."""
    engine = built.scenario.engine
    if "roof_smoothness" in axes:
        engine = dataclasses.replace(engine, smooth=True)
    if "tile_rows" in axes:
        engine = dataclasses.replace(engine, tiled=True)
    if "chunk_tokens" in axes:
        engine = dataclasses.replace(engine, chunked=True)
    if "tensor_parallel" in axes:
        engine = dataclasses.replace(engine, split=True)
    if "expand_rows" in axes:
        engine = dataclasses.replace(engine, expands=True)
    if "vector_rows" in axes:
        engine = dataclasses.replace(engine, gemv=True)
    if {"compute_8bit", "compute_4bit", "memory_quantized"} & set(axes):
        engine = dataclasses.replace(engine, by_format=True)
    costs = built.scenario.costs
    if "price_usd" in axes:
        costs = dataclasses.replace(costs, known_price=True)
    return dataclasses.replace(built, scenario=dataclasses.replace(built.scenario, engine=engine, costs=costs))
