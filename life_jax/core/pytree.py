"""Frozen dataclasses of numbers as JAX pytrees; access to leaves by path; numbers that are absent.

One mechanism makes a term absent: a leaf that is a plain number at its neutral value (a bias of 0, a factor of 1).
`absent_as_static` makes such leaves static when a case is made, unless something moves them, and a compiled function
leaves their terms out. On plain numbers the formulas see the neutral value anyway.
"""

import dataclasses
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from life_jax.core.numerics import Number, Static, is_fixed_at

T = TypeVar("T")
Leaf = tuple[str | int, ...]  # where a number stands in a tree: ("device", "rates", "linear")


def static(**kwargs: Any) -> Any:
    """A dataclass field that is metadata of the pytree, not a leaf; compiled functions depend on its value."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


def neutral(*, default: float) -> Any:
    """A dataclass field that is a leaf, and whose term is absent at the default value."""
    return dataclasses.field(default=default, metadata={"neutral": default})


@dataclass_transform(frozen_default=True, field_specifiers=(static, neutral, dataclasses.field))
def pytree(cls: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass as a JAX pytree. Fields made by `static` are metadata, the others leaves or
    subtrees."""
    frozen = dataclass(frozen=True)(cls)
    _UNREGISTERED.append(frozen)
    if "jax" in sys.modules:
        register_with_jax()
    return frozen


_UNREGISTERED: list[type] = []  # pytrees that are not registered yet, since JAX may not be imported


def register_with_jax() -> None:
    """Import JAX and register every pytree with it. Must be called before a pytree is passed to JAX."""
    import jax

    if _UNREGISTERED and Static not in _REGISTERED:
        _REGISTERED.add(Static)
        jax.tree_util.register_pytree_node(Static, lambda number: ((), float(number)), lambda at, _: Static(at))
    while _UNREGISTERED:
        cls = _UNREGISTERED.pop()
        _REGISTERED.add(cls)
        jax.tree_util.register_dataclass(cls)


_REGISTERED: set[type] = set()


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """A copy of the tree with `function(leaf)` for every leaf; static numbers stay."""
    if isinstance(tree, Static):
        return tree
    if isinstance(tree, Mapping):
        return {key: map_leaves(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map_leaves(function, value) for value in tree)
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return function(tree)
    fields = (field for field in dataclasses.fields(tree) if not field.metadata.get("static"))
    return dataclasses.replace(tree, **{f.name: map_leaves(function, getattr(tree, f.name)) for f in fields})


def get_leaf(tree: Any, path: Leaf) -> Any:
    """The leaf of `tree` at `path`; passes through dataclasses, mappings and tuples. Raises the container's own error
    where the path does not exist."""
    for key in path:
        if isinstance(tree, tuple):
            tree = tree[int(key)]
        else:
            tree = tree[key] if isinstance(tree, Mapping) else getattr(tree, str(key))
    return tree


def set_leaf(tree: Any, path: Leaf, value: Any) -> Any:
    """A copy of `tree` in which the leaf at `path` has this value; passes through dataclasses, mappings and tuples."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(tree, Mapping):
        return {**tree, str(key): set_leaf(tree[str(key)], rest, value)}
    if isinstance(tree, tuple):
        index = int(key)
        return (*tree[:index], set_leaf(tree[index], rest, value), *tree[index + 1 :])
    return dataclasses.replace(tree, **{str(key): set_leaf(getattr(tree, str(key)), rest, value)})


def absent_as_static(tree: Any, moved: Collection[Leaf] = (), path: Leaf = ()) -> Any:
    """A copy of the tree in which every leaf at its neutral value is static, except those in `moved`.

    path: where `tree` stands in a larger tree, as a prefix of the leaves in `moved`.
    """
    if isinstance(tree, Mapping):
        return {key: absent_as_static(value, moved, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(absent_as_static(value, moved, (*path, index)) for index, value in enumerate(tree))
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return tree
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(tree):
        value, at = getattr(tree, field.name), (*path, field.name)
        if field.metadata.get("static"):
            continue
        if "neutral" in field.metadata:
            if at not in moved and is_fixed_at(value, field.metadata["neutral"]):
                changes[field.name] = Static(value)
        elif not isinstance(value, int | float):
            changes[field.name] = absent_as_static(value, moved, at)
    return dataclasses.replace(tree, **changes)


def is_absent(number: Number) -> bool:
    """Whether a leaf was made static by `absent_as_static`: it is at its neutral value, and nothing moves it."""
    return isinstance(number, Static)
