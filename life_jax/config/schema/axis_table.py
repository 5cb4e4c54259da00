"""The axis table: every number of the files by its own key, with unit, long name and bounds. Starts no JAX."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import unknown
from life_jax.config.schema.files import CostFile, DeviceFile, PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile

FILES = {
    "workload": WorkloadFile,
    "precision": PrecisionFile,
    "hw": DeviceFile,
    "engine": EngineFile,
    "model": ModelFile,
    "cost": CostFile,
}
RATE_FACTS = {"number": True, "unit": "TFLOP s-1", "low": 0, "open_low": True}


def facts(key: str) -> Mapping[str, Any]:
    """Unit, long name and bounds of a key, or ConfigError with the closest keys."""
    return _find(key)[1]


def section_of(key: str) -> str:
    """Which file the key belongs to: workload, precision, hw, engine or model."""
    return _find(key)[0]


def dimension(key: str) -> str:
    """The name of the axis in the dataset."""
    return key.replace(".", "_")


def _find(key: str) -> tuple[str, Mapping[str, Any]]:
    if key.startswith("peak_tflops."):
        dtype = key.split(".", 1)[1]
        return "hw", {**RATE_FACTS, "name": f"peak {dtype} rate, dense"}
    for section, schema in FILES.items():
        for field in dataclasses.fields(schema):
            if field.name == key and field.metadata.get("number"):
                return section, field.metadata
    raise unknown("axis", key, axis_keys())


def axis_keys() -> list[str]:
    """Every key that can be an axis; rates are peak_tflops.DTYPE."""
    found = [
        field.name
        for schema in FILES.values()
        for field in dataclasses.fields(schema)
        if field.metadata.get("number") and "leaf" in field.metadata
    ]
    return ["opt", *found, "peak_tflops.fp16"]
