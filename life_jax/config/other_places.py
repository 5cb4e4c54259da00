"""Devices beside those of hw=: what offload.hw= and prefill.hw= name, as places of a scenario."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.config import conf_files
from life_jax.config.build import build
from life_jax.config.compose import Composed
from life_jax.config.engine_fit import automatic, why_impossible
from life_jax.config.options import made
from life_jax.config.parts import Parts
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.vocabulary import OFFLOAD
from life_jax.core.places import Place
from life_jax.optimizations import Optimization, chain

OF_LAYOUT = [key.removeprefix("engine.") for key in SHORT_WORDS.values() if key.startswith("engine.")]
# kinds of options that are about the devices of hw= alone
NOT_THERE = ("offload", "disaggregation", "speculation", "disk")


def places(
    composed: Composed, engine: str, labels: tuple[str, ...], stack: Optimization, parts: Parts, **files: Any
) -> dict[str, Place]:
    """Place by the word that names its device.

    engine: label of the engine on hw=, which also runs there where it can; labels: of the options; files: arguments of
    `build` that both have in common. Raises ConfigError as `build` does.
    """
    key = composed, engine, labels, stack, *files.values()
    return parts.once(key, lambda: _places(composed, engine, labels, stack, parts, files))


def _places(
    composed: Composed,
    engine: str,
    labels: tuple[str, ...],
    stack: Optimization,
    parts: Parts,
    files: Mapping[str, Any],
) -> dict[str, Place]:
    there = chain(*(made(origin) for origin in stack.origins if origin.kind not in NOT_THERE))
    found = {}
    for word, device in composed.beside.items():
        software = _engine(composed.engines[engine], device, labels, composed.kinds)
        if word == OFFLOAD:
            alone: dict[str, Any] = dict.fromkeys(OF_LAYOUT, 1.0)
            software = dataclasses.replace(software, **alone)
            software = dataclasses.replace(software, threads=composed.engines[engine].threads, stage_layers=[])
        if device.cores is None:
            software = dataclasses.replace(software, threads=None)
        of_class = composed.efficiency.get(device.efficiency_class) if software.efficiency == "class" else None
        scenario = build(
            **{**files, "device": device, "stack": there, "engine": software, "efficiency": of_class},
            labels={"model": "", "hw": word},
            parts=parts,
        ).scenario
        found[word] = Place(scenario.device, scenario.engine, scenario.costs)
    return found


def _engine(here: EngineFile, device: DeviceFile, labels: tuple[str, ...], kinds: Mapping[str, str]) -> EngineFile:
    """The engine of hw= where it runs on the device, else what people run there."""
    if why_impossible(here, device, labels, kinds) is None:
        return here
    return conf_files.engine_file(automatic(device, labels, kinds))
