"""A scalar function over rows x points, compiled once. Knows nothing of language models.

The function is vmapped on two levels; output buffers are donated back, because touching fresh memory costs more
than computing. See README, "Speed".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from life_jax.grid.executable_cache import Remembered
from life_jax.grid.function import Aliases, Call, Function

Found = tuple[dict[str, Any], ...]


class Kernel:
    """The calls of a function over rows x points, and what derives from them, each jitted apart.

    Each writes over `spare`, an earlier result: XLA reuses donated buffers of the outputs' shapes.
    """

    def __init__(self, function: Function) -> None:
        self._calls: tuple[Call, ...] = getattr(function, "calls", None) or (Call(_Plain(function), ()),)
        self._jitted = {call.part: _jitted(call.part) for call in self._calls}
        self.derived: tuple[str, ...] = tuple(getattr(function, "derived", ()))
        self.aliases: Aliases = getattr(function, "aliases", {})
        self._derive = _jitted(_Derived(function, self.derived)) if self.derived else None

    def __call__(self, base: Any, outer: Any, inner: Any, spare: Any) -> Found:
        blocks = []
        for call, old in zip(self._calls, spare, strict=False):
            block = self._jitted[call.part](base, call.argument, {}, outer, inner, old)
            names = dict(zip(call.part.outputs, call.names, strict=True))
            blocks.append({names.get(output, output): one for output, one in block.items()})
        if self._derive is not None:
            found = {name: block for one in blocks for name, block in one.items()}
            blocks.append(self._derive(base, (), found, outer, inner, spare[-1]))
        return tuple(blocks)

    def spare(self, shape: tuple[int, int], outputs: Mapping[str, Any], dtype: Any) -> Found:
        """Buffers to be written over by the first chunks, from NumPy: an array that JAX makes is a compilation."""

        def empty(kind: Any) -> Any:
            return jax.device_put(np.empty(shape, kind), may_alias=False)

        pair = jnp.result_type(dtype, jnp.complex64)
        found = []
        for call in self._calls:
            names = dict(zip(call.names, call.part.outputs, strict=True)) or dict.fromkeys(outputs)
            pairs = {name for name, output in names.items() if output in call.part.pairs}
            found.append({n: empty(pair if n in pairs else outputs.get(n, dtype)) for n in names})
        return (*found, {name: empty(outputs.get(name, dtype)) for name in self.derived})

    @property
    def compilations(self) -> int:
        return max(part.compilations for part in self._jitted.values())


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True)
class Packed:
    """A tree of scalars as one vector on the device: a call that is given eighty buffers takes twice as long."""

    leaves: Any
    tree: Any

    def unpacked(self) -> Any:
        return jax.tree.unflatten(self.tree, list(self.leaves))

    def tree_flatten(self) -> tuple[tuple[Any], Any]:
        return (self.leaves,), self.tree

    @classmethod
    def tree_unflatten(cls, tree: Any, children: tuple[Any]) -> "Packed":
        return cls(children[0], tree)


@dataclass(frozen=True)
class _Plain:
    """A function without parts is its only one; its columns keep their names."""

    function: Function
    outputs: tuple[str, ...] = ()
    pairs: frozenset[str] = frozenset()

    def __call__(self, base: Any, values: Mapping[str, Any], argument: Any) -> Mapping[str, Any]:
        columns: Mapping[str, Any] = self.function(base, values)
        return columns


@dataclass(frozen=True)
class _Derived:
    """What derives from the columns found so far, as a part."""

    function: Function
    outputs: tuple[str, ...]

    def __call__(self, base: Any, values: Mapping[str, Any], argument: Any, found: Any) -> Mapping[str, Any]:
        columns: Mapping[str, Any] = self.function.derive(found, base, values)
        return columns


def packed(base: Any) -> Packed:
    """A pytree of numbers on the device."""
    leaves, tree = jax.tree.flatten(base)
    alike = len({(np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves}) == 1 and np.ndim(leaves[0]) == 0
    return Packed(jax.device_put(np.stack(leaves) if alike else leaves), tree)


def _jitted(part: Any) -> Remembered:
    """Of (base, argument, columns found, values of the outer axes, of the inner ones, buffers to be written over)."""

    def point(base: Packed, argument: Any, found: Any, outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in {**outer, **inner}.items() if name}
        results = part(base.unpacked(), values, argument, *([found] if found else []))
        return {name: _storable(results[name]) for name in part.outputs or results}

    # compiler_options={"xla_cpu_prefer_vector_width": 512} would make values a fifth faster and elasticities, which are
    # bound by memory, a sixth (measured with AVX-512); XLA's own choice serves every processor
    both = jax.vmap(jax.vmap(point, in_axes=(None, None, 0, None, 0)), in_axes=(None, None, 0, 0, None))
    return Remembered(jax.jit(lambda *given: both(*given[:-1]), donate_argnums=5, keep_unused=True), part)


def _storable(value: Any) -> Any:
    """Flags and small integers are stored as int8."""
    value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(jnp.int8)


@lru_cache(maxsize=64)
def kernel(function: Function) -> Kernel:
    """The kernel of a function; the same one whenever it is asked for."""
    return Kernel(function)


def compilations(function: Function) -> int:
    """How often the function has been compiled (one for each structure of base and shape of chunk)."""
    return kernel(function).compilations
