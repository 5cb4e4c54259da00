"""Frozen dataclasses of numbers as JAX pytrees; access to leaves by path; numbers that are absent.

One mechanism makes a term absent: a leaf that is a plain number at its neutral value (a bias of 0, a factor of 1).
`absent_as_static` makes such leaves static when a case is made, unless something moves them, and a compiled function
leaves their terms out. On plain numbers the formulas see the neutral value anyway.
"""

import dataclasses
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any, TypeVar, dataclass_transform

from life_jax.core.numerics import Number, Static, is_fixed_at

T = TypeVar("T")
Leaf = tuple[str | int, ...]  # where a number stands in a tree: ("device", "rates", "linear")


def static(**kwargs: Any) -> Any:
    """A dataclass field that is metadata of the pytree, not a leaf; compiled functions depend on its value."""
    return dataclasses.field(metadata={"static": True}, **kwargs)


def neutral(*, default: float, switch: bool = False) -> Any:
    """A dataclass field that is a leaf, and whose term is absent at the default value.

    switch: the default says that there is no such thing at all (chunks of 0 tokens), which no formula says of a number.
    """
    return dataclasses.field(default=default, metadata={"neutral": default, "switch": switch})


@dataclass_transform(frozen_default=True, field_specifiers=(static, neutral, dataclasses.field))
def pytree(cls: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass as a JAX pytree, with a repr of a line. Fields made by `static` are metadata,
    the others leaves or subtrees."""
    if "__repr__" not in vars(cls):
        cls.__repr__ = _short_repr  # type: ignore[method-assign]
    frozen = dataclass(frozen=True, slots=True)(cls)  # studies have hundreds of thousands of them
    _UNREGISTERED.append(frozen)
    if "jax" in sys.modules:
        register_with_jax()
    return frozen


def _short_repr(tree: Any) -> str:
    """A dataclass without the fields that are at their defaults; what is long is left out."""
    facts = dataclasses.fields(tree)
    values = {f.name: getattr(tree, f.name) for f in facts if not _is_default(f, getattr(tree, f.name))}
    inner = ", ".join(f"{name}={_shown(value)}" for name, value in values.items())
    return f"{type(tree).__name__}({inner})"


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return type(value) in (dict, tuple) and not value
    return isinstance(value, int | float | str | tuple) and value == field.default


def _shown(value: Any, most: int = 72) -> str:
    """A value in at most so many characters."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
        return f"{{{inner}}}" if len(inner) <= most else f"{{{len(value)} entries}}"
    if isinstance(value, tuple):
        inner = ", ".join(_shown(item) for item in value)
        return f"({inner})" if len(inner) <= most else f"({len(value)} entries)"
    text = repr(value)
    return text if len(text) <= most else f"{type(value).__name__}(...)"


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


MOST_KNOWN = 2**14  # nodes that are remembered at once: what cases do not share is soon forgotten

Fields = tuple[tuple[str, Mapping[str, Any]], ...]
_FIELDS: dict[type, Fields] = {}


def _fields(tree: Any) -> Fields:
    """Name and metadata of the fields of a dataclass; none of any other value."""
    cls = type(tree)
    if cls not in _FIELDS:
        fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
        _FIELDS[cls] = tuple((field.name, field.metadata) for field in fields)
    return _FIELDS[cls]


def changed(tree: T, changes: Mapping[str, Any]) -> T:
    """A copy of a dataclass with these fields changed, as dataclasses.replace in half the time."""
    values = {name: changes[name] if name in changes else getattr(tree, name) for name, _ in _fields(tree)}
    return type(tree)(**values)


class Shared:
    """A function of trees that computes what trees have in common once: a node is one Python object, as devices and
    models of a study are in all its cases.

    function(node, again): the result of a node, of which `again` gives the results of what is below it.
    """

    def __init__(self, function: Callable[[Any, Callable[[Any], Any]], Any]) -> None:
        self._function = function
        self._known: dict[int, tuple[Any, Any]] = {}  # nodes are kept, so that no other gets their id

    def __call__(self, node: Any) -> Any:
        """The result of a tree."""
        if isinstance(node, int | float):
            return self._function(node, self)
        known = self._known.get(id(node))
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[id(node)] = node, self._function(node, self)
        return known[1]


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with `function(leaf)` for every leaf; static numbers stay, and so does what does not change."""
    return mapping(function)(tree)


def mapping(function: Callable[[Any], Any]) -> Shared:
    """`map_leaves` of many trees, of which parts are shared."""

    def mapped(tree: Any, again: Callable[[Any], Any]) -> Any:
        if isinstance(tree, Static):
            return tree
        if isinstance(tree, int | float):
            return function(tree)
        if isinstance(tree, Mapping):
            items = {key: again(value) for key, value in tree.items()}
            return tree if all(map(is_, items.values(), tree.values())) else items
        if isinstance(tree, tuple):
            values = tuple([again(value) for value in tree])
            return tree if all(map(is_, values, tree)) else values
        if not (fields := _fields(tree)):
            return function(tree)
        changes = {}
        for name, facts in fields:
            if not facts.get("static") and (new := again(value := getattr(tree, name))) is not value:
                changes[name] = new
        return changed(tree, changes) if changes else tree

    return Shared(mapped)


def any_leaf(is_so: Callable[[Any], bool]) -> Shared:
    """Whether `is_so` holds of any leaf that is a number, of many trees, of which parts are shared; static numbers are
    not asked."""

    def looked(tree: Any, again: Callable[[Any], Any]) -> Any:
        if isinstance(tree, Static):
            return False
        if isinstance(tree, int | float):
            return is_so(tree)
        if isinstance(tree, Mapping):
            return any(map(again, tree.values()))
        if isinstance(tree, tuple):
            return any(map(again, tree))
        return any(again(getattr(tree, name)) for name, facts in _fields(tree) if not facts.get("static"))

    return Shared(looked)


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
    return changed(tree, {str(key): set_leaf(getattr(tree, str(key)), rest, value)})


def absent_as_static(tree: Any, moved: Collection[Leaf] = (), known: "Absent | None" = None) -> Any:
    """A copy of the tree in which every leaf at its neutral value is static, except those in `moved`.

    known: what was made of other trees that have parts in common with this one.
    """
    return _absent(tree, frozenset(moved), (), {} if known is None else known)


def switched_off_as_static(tree: Any, known: "Absent", path: Leaf = ()) -> Any:
    """A copy of the tree in which what is switched off is static: other leaves at their neutral value are numbers as
    any other, so that trees that differ in them can be computed together.

    known: as of absent_as_static, its own. path: where the tree stands in a case.
    """
    return _absent(tree, SWITCHES, path, known)


SWITCHES = frozenset({("switches",)})  # stands for all leaves but those that switch something off
Absent = dict[tuple[int, Leaf, frozenset[Leaf]], tuple[Any, Any]]  # a node, its place and what moves -> node and result


def _absent(tree: Any, moved: frozenset[Leaf], path: Leaf, known: Absent) -> Any:
    if not path:  # a case itself is in no other
        return _absent_here(tree, moved, path, known)
    key = id(tree), path, moved
    before = known.get(key)
    if before is None:
        if len(known) >= MOST_KNOWN:
            known.clear()
        before = known[key] = tree, _absent_here(tree, moved, path, known)
    return before[1]


def _absent_here(tree: Any, moved: frozenset[Leaf], path: Leaf, known: Absent) -> Any:
    if isinstance(tree, Mapping):
        return {key: _absent(value, moved, (*path, key), known) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple([_absent(value, moved, (*path, index), known) for index, value in enumerate(tree)])
    changes: dict[str, Any] = {}
    for name, facts in _fields(tree):
        value, at = getattr(tree, name), (*path, name)
        if facts.get("static"):
            continue
        if "neutral" in facts:
            moves = not facts["switch"] if moved is SWITCHES else at in moved
            if not moves and is_fixed_at(value, facts["neutral"]):
                changes[name] = Static(value)
        elif not isinstance(value, int | float):
            changes[name] = _absent(value, moved, at, known)
    return changed(tree, changes) if changes else tree


def is_absent(number: Number) -> bool:
    """Whether a leaf was made static by `absent_as_static`: it is at its neutral value, and nothing moves it."""
    return isinstance(number, Static)
