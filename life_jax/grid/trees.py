"""Nested dataclasses, mappings and tuples of numbers: their structure and their leaves, without JAX.

A leaf is a float, an int or a number or array of NumPy; all else (text, None, a subclass of float that stands for a
fixed number) is structure. Fields of dataclasses whose metadata has `static` are structure too.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


def _is_leaf(value: Any) -> bool:
    return type(value) in (float, int) or isinstance(value, np.generic | np.ndarray)


def _children(tree: Any) -> list[tuple[Any, Any]]:
    """(key, child) of a node; of a dataclass without its static fields."""
    if isinstance(tree, Mapping):
        return list(tree.items())
    if isinstance(tree, tuple):
        return list(enumerate(tree))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(f.name, getattr(tree, f.name)) for f in dataclasses.fields(tree) if not f.metadata.get("static")]
    return []


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves in the order of the tree."""
    if _is_leaf(tree):
        yield tree
        return
    for _, child in _children(tree):
        yield from leaves(child)


def structure(tree: Any) -> Any:
    """All of the tree but its leaves; equal and hashable for trees whose leaves can be taken together."""
    if _is_leaf(tree):
        return None
    inner = tuple((key, structure(child)) for key, child in _children(tree))
    if isinstance(tree, Mapping):
        return dict, inner
    if isinstance(tree, tuple):
        return tuple, inner
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fixed = tuple((f.name, getattr(tree, f.name)) for f in dataclasses.fields(tree) if f.metadata.get("static"))
        return type(tree), fixed, inner
    return type(tree), tree


def mapped(function: Callable[..., Any], *trees: Any) -> Any:
    """A tree of the function of the leaves that stand at one place of these trees, which have one structure."""
    first = trees[0]
    if _is_leaf(first):
        return function(*trees)
    inner = {key: [dict(_children(tree))[key] for tree in trees] for key, _ in _children(first)}
    results = {key: mapped(function, *below) for key, below in inner.items()}
    if isinstance(first, Mapping):
        return results
    if isinstance(first, tuple):
        return tuple(results.values())
    return dataclasses.replace(first, **results) if results else first
