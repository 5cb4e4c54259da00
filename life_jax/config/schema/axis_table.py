"""The axis table: every number of the files by its own key, with unit, long name and bounds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import unknown
from life_jax.config.schema.files import CostFile, LoadFile, PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.schema.yaml_files import read_yaml

FILES = {
    "workload": WorkloadFile,
    "load": LoadFile,
    "precision": PrecisionFile,
    "hw": DeviceFile,
    "engine": EngineFile,
    "model": ModelFile,
    "cost": CostFile,
}
ALL_RATES = "peak_tflops"  # every rate in use, scaled together; no axis, which would be that of one data type
LABELLED = ("opt", "engine")  # axes of names, not of numbers
RATE_FACTS = {"number": True, "unit": "TFLOP s-1", "low": 0, "open_low": True}


def facts(key: str) -> Mapping[str, Any]:
    """Metadata of a key's field: unit, name, bounds, leaf. Raises ConfigError with the closest keys."""
    return _find(key)[1]


def section_of(key: str) -> str:
    """The file that a key belongs to: workload, precision, hw, engine, model or cost. Raises ConfigError."""
    return _find(key)[0]


def dimension(key: str) -> str:
    """The name of a key's dimension in a dataset: peak_tflops.fp16 is peak_tflops_fp16."""
    return key.replace(".", "_")


def _find(key: str) -> tuple[str, Mapping[str, Any]]:
    if key == ALL_RATES:
        return "hw", {**RATE_FACTS, "name": "peak rates, dense, all scaled with that of 16-bit matrix work"}
    if key.startswith("peak_tflops."):
        dtype = key.split(".", 1)[1]
        return "hw", {**RATE_FACTS, "name": f"peak {dtype} rate, dense"}
    for section, schema in FILES.items():
        for field in dataclasses.fields(schema):
            if field.name == key and field.metadata.get("number"):
                return section, field.metadata
    of_kinds = ModelFile.more_numbers()
    if key in of_kinds:
        return "model", of_kinds[key]
    facts_of_option = _of_option(key)
    if facts_of_option is not None:
        return "opt", facts_of_option
    raise unknown("axis", key, axis_keys())


def _of_option(key: str) -> Mapping[str, Any] | None:
    """Facts of a number of options: NUMBER of any kind that has it, or OPTION.NUMBER."""
    from life_jax.config.options import numbers
    from life_jax.optimizations import INDEX

    name, _, argument = key.rpartition(".")
    if not name:
        return next((facts for kind in INDEX if (facts := numbers(kind).get(argument))), None)
    file = paths.choices("opt").get(name)
    return None if file is None else numbers(str(read_yaml(file).get("kind"))).get(argument)


def axis_keys() -> list[str]:
    """Every key that can be an axis; of the rates, which are peak_tflops.DTYPE, one as an example."""
    numbers_of_files = [
        field.name
        for schema in FILES.values()
        for field in dataclasses.fields(schema)
        if field.metadata.get("number") and "leaf" in field.metadata
    ]
    more = (*ModelFile.more_numbers(), *option_keys())
    return [
        *LABELLED,
        *numbers_of_files,
        "peak_tflops.fp16",
        *(key for key in more if key not in numbers_of_files),
    ]


def option_keys() -> list[str]:
    """Numbers that kinds of options have, each once."""
    from life_jax.config.options import numbers
    from life_jax.optimizations import INDEX

    return list(dict.fromkeys(key for kind in INDEX for key in numbers(kind)))


def keys_of(leaf: tuple[str | int, ...]) -> list[str]:
    """The keys of the files whose number sets this leaf alone."""
    path = ".".join(map(str, leaf))
    return [
        field.name
        for schema in FILES.values()
        for field in dataclasses.fields(schema)
        if field.metadata.get("leaf") == path
    ]
