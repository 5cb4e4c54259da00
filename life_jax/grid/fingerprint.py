"""What a function computes, said in full: texts that are the same only if the same would be traced."""

import dataclasses
import functools
import hashlib
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxlib.version import __version__ as jaxlib_version

PACKAGE = Path(__file__).resolve().parents[1]


class UnsaidError(Exception):
    """Something whose behaviour its name and numbers do not tell."""


@functools.singledispatch
def of(value: Any) -> str:
    """A text that two values share only if they compute the same, given the same code.

    Raises UnsaidError for what cannot be said: functions and classes of others, closures, objects of unknown kinds.
    """
    if hasattr(value, "__qualname__"):
        return _named(value)
    if dataclasses.is_dataclass(value):
        return f"{of(type(value))}({_each(getattr(value, field.name) for field in dataclasses.fields(value))})"
    raise UnsaidError(repr(value))


@of.register(type(None))
@of.register(int)
@of.register(float)
@of.register(str)
def _plain(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


@of.register(tuple)
@of.register(list)
def _several(value: Any) -> str:
    return f"{type(value).__name__}({_each(value)})"


@of.register(frozenset)
def _set(value: frozenset[Any]) -> str:
    return f"set({', '.join(sorted(of(one) for one in value))})"


@of.register(dict)
def _dict(value: dict[Any, Any]) -> str:
    return f"dict({_each(value.items())})"


@of.register
def _tree(value: jax.tree_util.PyTreeDef) -> str:
    return f"tree({of(value.node_data())}: {_each(value.children())})"


def _each(values: Iterable[Any]) -> str:
    return ", ".join(of(one) for one in values)


def _named(value: Any) -> str:
    """A class or a function that its name finds again, here or in the language."""
    module, name = value.__module__, value.__qualname__
    ours = module in ("builtins", "collections") or module.split(".")[0] == "life_jax"
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if not ours or found is not value:
        raise UnsaidError(f"{module}.{name}")
    return f"{module}.{name}"


@functools.cache
def beneath() -> str:
    """The code that is run, and what it is run by."""
    code = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        code.update(f"{path.relative_to(PACKAGE)} {path.stat().st_size}\n".encode() + path.read_bytes())
    flags = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith(("JAX_", "XLA_")))
    versions = jax.__version__, jaxlib_version, np.__version__, sys.version, platform.platform(), os.cpu_count()
    return "\n".join(map(str, (code.hexdigest(), *versions, *flags, jax.devices()[0].device_kind, jax.device_count())))
