"""Kernels: a function of one point, compiled to evaluate a whole chunk of rows x points.

The function is vmapped on two levels. Buffers of earlier results are donated and written over, because touching
fresh memory takes longer than computing (docs/speed.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from life_jax.grid.executable_cache import CachedFunction
from life_jax.grid.function import Aliases, Call, Function

Results = tuple[dict[str, Any], ...]  # arrays [rows, points] by column, of each call and of what derives from them


class Kernel:
    """A function compiled for chunks of rows x points: each of its parts, and what derives from them, by itself.

    A call writes over the buffers of an earlier result, which XLA reuses because they have the outputs' shapes.
    """

    def __init__(self, function: Function) -> None:
        """Compile nothing yet; the first call does."""
        self._calls: tuple[Call, ...] = getattr(function, "calls", None) or (Call(_Plain(function), ()),)
        self._jitted = {call.part: _jitted(call.part) for call in self._calls}
        self.derived: tuple[str, ...] = tuple(getattr(function, "derived", ()))
        self.aliases: Aliases = getattr(function, "aliases", {})
        self._derive = _jitted(_Derived(function, self.derived)) if self.derived else None

    def __call__(self, base: Any, outer: Any, inner: Any, spare: Any) -> Results:
        """Results of a chunk.

        base: a `Packed` pytree of numbers. outer: values [rows] by axis name. inner: values [points] by axis name.
        spare: an earlier result of this kernel for a chunk of the same shape, which is written over.
        """
        blocks = []
        for call, old in zip(self._calls, spare, strict=False):
            block = self._jitted[call.part](base, call.argument, {}, outer, inner, old)
            names = dict(zip(call.part.outputs, call.names, strict=True))
            blocks.append({names.get(output, output): array for output, array in block.items()})
        if self._derive is not None:
            columns = {name: array for block in blocks for name, array in block.items()}
            blocks.append(self._derive(base, (), columns, outer, inner, spare[-1]))
        return tuple(blocks)

    def prepare(self, base: Any, outer: Any, inner: Any, spare: Results) -> None:
        """Compile what a call with these arguments needs, and compute nothing."""
        for call, old in zip(self._calls, spare, strict=False):
            self._jitted[call.part].prepare(base, call.argument, {}, outer, inner, old)
        if self._derive is not None:
            columns = {name: array for block in spare[:-1] for name, array in block.items()}
            self._derive.prepare(base, (), columns, outer, inner, spare[-1])

    def spare(self, shape: tuple[int, int], outputs: Mapping[str, Any], dtype: Any) -> Results:
        """Buffers for the first chunks to write over, made by NumPy, because JAX compiles to make an array.

        shape: (rows, points). outputs: dtype by column. dtype: of columns that are not among them.
        """

        def empty(kind: Any) -> Any:
            return jax.device_put(np.empty(shape, kind), may_alias=False)

        pair = jnp.result_type(dtype, jnp.complex64)
        buffers = []
        for call in self._calls:
            names = dict(zip(call.names, call.part.outputs, strict=True)) or dict.fromkeys(outputs)
            pairs = {name for name, output in names.items() if output in call.part.pairs}
            buffers.append({n: empty(pair if n in pairs else outputs.get(n, dtype)) for n in names})
        return (*buffers, {name: empty(outputs.get(name, dtype)) for name in self.derived})

    @property
    def compilations(self) -> int:
        """How often a part has been compiled, at most: once for each structure of the base and shape of a chunk."""
        return max(part.compilations for part in self._jitted.values())


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True)
class Packed:
    """A pytree of scalars as one vector on the device: a call with eighty buffers takes twice as long.

    leaves: array [n], or a list of arrays where they differ in shape or dtype. tree: structure of the pytree.
    """

    leaves: Any
    tree: Any

    def unpacked(self) -> Any:
        """The pytree; in traced code its leaves are parts of the vector."""
        return jax.tree.unflatten(self.tree, list(self.leaves))

    def tree_flatten(self) -> tuple[tuple[Any], Any]:
        """Children and structure, as JAX asks of a pytree."""
        return (self.leaves,), self.tree

    @classmethod
    def tree_unflatten(cls, tree: Any, children: tuple[Any]) -> "Packed":
        """The value of a structure and children, as JAX asks of a pytree."""
        return cls(children[0], tree)


@dataclass(frozen=True)
class _Plain:
    """The only part of a function that has no `calls`; its columns keep their names."""

    function: Function
    outputs: tuple[str, ...] = ()
    pairs: frozenset[str] = frozenset()

    def __call__(self, base: Any, values: Mapping[str, Any], argument: Any) -> Mapping[str, Any]:
        columns: Mapping[str, Any] = self.function(base, values)
        return columns


@dataclass(frozen=True)
class _Derived:
    """The part of a function that derives further columns from those of its calls."""

    function: Function
    outputs: tuple[str, ...]

    def __call__(self, base: Any, values: Mapping[str, Any], argument: Any, columns: Any) -> Mapping[str, Any]:
        derived: Mapping[str, Any] = self.function.derive(columns, base, values)
        return derived


def packed(base: Any) -> Packed:
    """Copy a pytree of numbers to the device, as one vector where all leaves are scalars of one dtype."""
    leaves, tree = jax.tree.flatten(base)
    alike = len({(np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves}) == 1 and np.ndim(leaves[0]) == 0
    return Packed(jax.device_put(np.stack(leaves) if alike else leaves), tree)


def _jitted(part: Any) -> CachedFunction:
    """A part, compiled for chunks.

    Its arguments are the base, the argument of the call, the columns of earlier calls [rows, points], the values of
    the outer axes [rows] and of the inner axes [points], and buffers to write over.
    """

    def point(
        base: Packed, argument: Any, columns: Any, outer: dict[str, Any], inner: dict[str, Any]
    ) -> dict[str, Any]:
        values = {name: value for name, value in {**outer, **inner}.items() if name}
        results = part(base.unpacked(), values, argument, *([columns] if columns else []))
        return {name: _storable(results[name]) for name in part.outputs or results}

    # compiler_options={"xla_cpu_prefer_vector_width": 512} would make values a fifth faster and elasticities, which are
    # bound by memory, a sixth (measured with AVX-512); XLA's own choice serves every processor
    both = jax.vmap(jax.vmap(point, in_axes=(None, None, 0, None, 0)), in_axes=(None, None, 0, 0, None))
    return CachedFunction(jax.jit(lambda *args: both(*args[:-1]), donate_argnums=5, keep_unused=True), part)


def _storable(value: Any) -> Any:
    """Flags and small integers are stored as int8."""
    value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(jnp.int8)


@lru_cache(maxsize=64)
def kernel(function: Function) -> Kernel:
    """The kernel of a function, which all sweeps of the process share."""
    return Kernel(function)
