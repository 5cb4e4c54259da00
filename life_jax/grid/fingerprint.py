"""Fingerprints of functions: texts that are equal only if JAX would trace the same computation."""

import dataclasses
import functools
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jaxlib.version import __version__ as jaxlib_version

from life_jax.core.own_code import code_hash


class NoFingerprintError(Exception):
    """Error for a value whose name and numbers do not determine its behaviour."""


@functools.singledispatch
def of(value: Any) -> str:
    """Fingerprint of a value: two values have the same one only if they compute the same, with the same code.

    value: numbers, texts, tuples, lists, dicts, frozensets, dataclasses, structures of pytrees, and functions and
    classes of this package or of the language that have a name.

    Raises NoFingerprintError for all else: functions and classes of other packages, closures, other objects.
    """
    if hasattr(value, "__qualname__"):
        return _named(value)
    if dataclasses.is_dataclass(value):
        return f"{of(type(value))}({_joined(getattr(value, field.name) for field in dataclasses.fields(value))})"
    raise NoFingerprintError(repr(value))


@of.register(type(None))
@of.register(int)
@of.register(float)
@of.register(str)
def _plain(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


@of.register(tuple)
@of.register(list)
def _sequence(value: Any) -> str:
    return f"{type(value).__name__}({_joined(value)})"


@of.register(frozenset)
def _set(value: frozenset[Any]) -> str:
    return f"set({', '.join(sorted(of(item) for item in value))})"


@of.register(dict)
def _dict(value: dict[Any, Any]) -> str:
    return f"dict({_joined(value.items())})"


@of.register
def _tree(value: jax.tree_util.PyTreeDef) -> str:
    return f"tree({of(value.node_data())}: {_joined(value.children())})"


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(of(value) for value in values)


def _named(value: Any) -> str:
    """Name of a class or a function of this package or of the language, under which it can be imported."""
    module, name = value.__module__, value.__qualname__
    ours = module in ("builtins", "collections") or module.split(".")[0] == "life_jax"
    imported: Any = sys.modules.get(module)
    for part in name.split("."):
        imported = getattr(imported, part, None)
    if not ours or imported is not value:
        raise NoFingerprintError(f"{module}.{name}")
    return f"{module}.{name}"


@functools.cache
def beneath() -> str:
    """Fingerprint of what every function stands on: this package's code, versions, flags, system and devices."""
    flags = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith(("JAX_", "XLA_")))
    versions = jax.__version__, jaxlib_version, np.__version__, sys.version, platform.platform(), os.cpu_count()
    return "\n".join(map(str, (code_hash(), *versions, *flags, jax.devices()[0].device_kind, jax.device_count())))
