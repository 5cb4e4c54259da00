"""Many scenarios side by side, a block at a time: what is computed for a block stays in the cache of a core.

Numbers of scenarios are arrays along the same axes of a batch, each of the batch's length or of 1; a table of a law has
them in front of its own. Beyond some megabytes NumPy takes five times as long for the same numbers, whose memory is new
to it again and again.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from life_jax.core.numerics import PLAIN
from life_jax.serving.step_law import TABLE_AXES

Place = tuple[slice, ...]


def blocks(shape: tuple[int, ...], trees: tuple[Any, ...], most: int) -> Iterator[tuple[Place, tuple[Any, ...]]]:
    """Blocks of at most `most` scenarios that cover a batch: their place along its axes, and the trees there.

    shape: of the batch. trees: dataclasses and numbers. All at once where they are few, or where a number belongs to
    JAX, which has blocks of its own, has a derivative, or has other axes.
    """
    lengths = list(shape)
    while np.prod(lengths, dtype=int) > most:
        axis = int(np.argmax(lengths))
        rest = int(np.prod(lengths, dtype=int)) // lengths[axis]
        lengths[axis] = max(1, most // rest)
    if lengths == list(shape) or not all(_is_along(tree, shape) for tree in trees):
        yield tuple(slice(None) for _ in shape), trees
        return
    starts = (range(0, whole, length) for whole, length in zip(shape, lengths, strict=True))
    for corner in product(*starts):
        place = tuple(slice(first, first + length) for first, length in zip(corner, lengths, strict=True))
        yield place, tuple(_cut(tree, place) for tree in trees)


def _is_along(tree: Any, shape: tuple[int, ...], own: int = 0) -> bool:
    """Whether every number of a tree is a plain one, or an array of NumPy along all axes of the batch before its
    `own`."""
    if is_dataclass(tree):
        return all(_is_along(getattr(tree, f.name), shape, _own_axes(tree, f.name)) for f in fields(tree))
    if isinstance(tree, tuple):
        return all(_is_along(item, shape) for item in tree)
    if isinstance(tree, np.ndarray):
        lead = tree.shape[: tree.ndim - own]
        fits = len(lead) == len(shape) and all(n in (1, of_all) for n, of_all in zip(lead, shape, strict=True))
        return fits or not lead
    return tree is None or isinstance(tree, str) or type(tree) in PLAIN


def _cut(tree: Any, place: Place, own: int = 0) -> Any:
    if is_dataclass(tree) and not isinstance(tree, type):
        parts = {f.name: _cut(getattr(tree, f.name), place, _own_axes(tree, f.name)) for f in fields(tree)}
        return replace(tree, **parts)
    if isinstance(tree, tuple):
        return tuple(_cut(item, place) for item in tree)
    if isinstance(tree, np.ndarray) and tree.ndim > own:
        several = zip(place, tree.shape, strict=False)
        return tree[tuple(part if length > 1 else slice(None) for part, length in several)]
    return tree


def _own_axes(tree: Any, name: str) -> int:
    """Axes that a number of a law has beside those of the batch."""
    return TABLE_AXES.get(name, 0) if hasattr(tree, "launch_decode") else 0
