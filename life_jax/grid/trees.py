"""Nested dataclasses, mappings and tuples of numbers: their structure and their leaves, without JAX.

A leaf is a float, an int or a number or array of NumPy; all else (text, None, a subclass of float that stands for a
fixed number) is structure. Fields of dataclasses whose metadata has `static` are structure too.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np


def _is_leaf(value: Any) -> bool:
    return type(value) in (float, int) or isinstance(value, np.generic | np.ndarray)


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the fields of a dataclass that are children, and of those that are structure."""
    fields = dataclasses.fields(kind)
    static = tuple(field.name for field in fields if field.metadata.get("static"))
    return tuple(field.name for field in fields if field.name not in static), static


def _children(tree: Any) -> Iterable[tuple[Any, Any]]:
    """(key, child) of a node; of a dataclass without its static fields."""
    if isinstance(tree, Mapping):
        return tree.items()
    if isinstance(tree, tuple):
        return enumerate(tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(name, getattr(tree, name)) for name in _fields(type(tree))[0]]
    return ()


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves in the order of the tree."""
    yield from flattened(tree)[1]


def structure(tree: Any) -> Any:
    """All of the tree but its leaves; equal and hashable for trees whose leaves can be taken together."""
    return flattened(tree)[0]


def flattened(tree: Any) -> tuple[Any, list[Any]]:
    """The structure of the tree and its leaves, in the order of the tree."""
    found: list[Any] = []
    return _flattened(tree, found), found


def _flattened(tree: Any, found: list[Any]) -> Any:
    if _is_leaf(tree):
        found.append(tree)
        return None
    head, below = node(tree)
    return head, tuple([_flattened(child, found) for child in below])


def node(tree: Any) -> tuple[Any, tuple[Any, ...]]:
    """What the structure of a tree says of its uppermost node, and the trees below that node; none below a leaf."""
    if _is_leaf(tree):
        return None, ()
    if isinstance(tree, Mapping):
        return (dict, tuple(tree)), tuple(tree.values())
    if isinstance(tree, tuple):
        return tuple, tree
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return (type(tree), tree), ()
    inner, static = _fields(type(tree))
    return (type(tree), tuple([getattr(tree, name) for name in static])), tuple([getattr(tree, name) for name in inner])


def refilled(tree: Any, new: Iterable[Any]) -> Any:
    """The tree with other leaves, in the order of the tree."""
    left = iter(new)
    return mapped(lambda _: next(left), tree)


def mapped(function: Callable[..., Any], *trees: Any) -> Any:
    """A tree of the function of the leaves that stand at one place of these trees, which have one structure."""
    first = trees[0]
    if _is_leaf(first):
        return function(*trees)
    others = [dict(_children(tree)) for tree in trees[1:]]
    results = {key: mapped(function, child, *(other[key] for other in others)) for key, child in _children(first)}
    if isinstance(first, Mapping):
        return results
    if isinstance(first, tuple):
        return tuple(results.values())
    return dataclasses.replace(first, **results) if results else first
