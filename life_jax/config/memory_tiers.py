"""Defaults of an engine's server that follow the memory of its devices."""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from life_jax.config.parts import Parts
from life_jax.config.schema.check import check_number
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, unknown

NUMBERS = ("token_budget", "max_sequences", "activation_tokens")  # that a tier may say
USUAL = {"token_budget": 2048.0, "max_sequences": 256.0}  # of engines that say neither
ABOVE = {"low": 0, "open_low": True}


def by_memory(engine: EngineFile, device: DeviceFile, parts: Parts) -> EngineFile:
    """The engine with the numbers of the first of its memory_tiers that the device is of, where none is typed.

    The same object for the same engine and tier. Raises ConfigError for a tier that is not understood.
    """
    numbers = next((numbers for holds, numbers in parts(_tiers, engine) if holds(device)), {})
    left = tuple((key, value) for key, value in {**USUAL, **numbers}.items() if getattr(engine, key) is None)
    return parts(_with, engine, left) if left else engine


def _tiers(engine: EngineFile) -> list[tuple[Any, Mapping[str, float]]]:
    return [_checked(tier, f"engine.memory_tiers of {engine.name}") for tier in engine.memory_tiers]


def _with(engine: EngineFile, numbers: tuple[tuple[str, float], ...]) -> EngineFile:
    changed: dict[str, Any] = dict(numbers)
    return replace(engine, **changed)


def _checked(tier: Any, where: str) -> tuple[Any, Mapping[str, float]]:
    """Whether a device is of a tier (a function), and the tier's numbers."""
    if not isinstance(tier, Mapping):
        raise ConfigError(f"{where}: {tier!r} is no mapping such as {{memory_gb: 70, token_budget: 8192}}")
    for key in tier:
        if key not in (*NUMBERS, "memory_gb", "except"):
            raise unknown(f"{where}: the key", str(key), (*NUMBERS, "memory_gb", "except"))
    least = check_number(tier.get("memory_gb", 0), {"low": 0, "unit": "GB"}, f"{where}.memory_gb")
    others = tier.get("except", [])
    if not isinstance(others, list) or not all(isinstance(name, str) for name in others):
        raise ConfigError(
            f"{where}.except is {others!r}; a list of patterns of devices' names in small letters is needed"
        )
    numbers = {key: check_number(tier[key], ABOVE, f"{where}.{key}") for key in NUMBERS if key in tier}

    def holds(device: DeviceFile) -> bool:
        return device.memory_gb >= least and not any(fnmatchcase(device.name.lower(), name) for name in others)

    return holds, numbers
