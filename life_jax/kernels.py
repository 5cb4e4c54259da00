"""A scalar function over rows x points, compiled once. Knows nothing of language models.

The function is vmapped on two levels; output buffers are donated back, because touching fresh memory costs more
than computing. See README, "Speed".
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

# (base, values by axis name) -> scalars by name; hashable. Or an object with `parts`, such functions with
# `outputs`, and a method derive(scalars) -> the further scalars `derived`, and `aliases`, columns that are
# equal to another. Each is compiled apart: XLA stops
# fusing a long expression as soon as another output needs its result, which was measured to cost a factor of seven.
Function = Any
Found = tuple[dict[str, Any], ...]


class Kernel:
    """The parts of a function over rows x points, and what derives from them, each jitted apart.

    Each writes over `spare`, an earlier result: XLA reuses donated buffers of the outputs' shapes.
    """

    def __init__(self, function: Function) -> None:
        self._outputs = [getattr(part, "outputs", None) for part in getattr(function, "parts", (function,))]
        self._parts = [_jitted(part) for part in getattr(function, "parts", (function,))]
        derive: Callable[..., Mapping[str, Any]] = getattr(function, "derive", lambda found: {})
        self.derived: tuple[str, ...] = tuple(getattr(function, "derived", ()))
        self.aliases: Mapping[str, str] = getattr(function, "aliases", {})
        self._derive = jax.jit(lambda found, spare: dict(derive(found)), donate_argnums=1, keep_unused=True)

    def __call__(self, base: Any, outer: Any, inner: Any, spare: Any) -> Found:
        blocks = [part(base, outer, inner, old) for part, old in zip(self._parts, spare, strict=False)]
        found = {name: block for one in blocks for name, block in one.items()}
        return (*blocks, self._derive(found, spare[-1]) if self.derived else {})

    def spare(self, shape: tuple[int, int], outputs: Mapping[str, Any], dtype: Any) -> Found:
        """Buffers to be written over by the first chunks."""
        names = [tuple(outputs) if part is None else part for part in self._outputs]
        return tuple(
            {name: jnp.empty(shape, outputs.get(name, dtype)) for name in one} for one in (*names, self.derived)
        )

    @property
    def compilations(self) -> int:
        return max(int(part._cache_size()) for part in self._parts)


def _jitted(part: Callable[..., Mapping[str, Any]]) -> Any:
    def point(base: Any, outer: dict[str, Any], inner: dict[str, Any]) -> Mapping[str, Any]:
        values = {name: value for name, value in {**outer, **inner}.items() if name}
        return {name: _storable(value) for name, value in part(base, values).items()}

    both = jax.vmap(jax.vmap(point, in_axes=(None, None, 0)), in_axes=(None, 0, None))
    return jax.jit(lambda base, outer, inner, spare: both(base, outer, inner), donate_argnums=3, keep_unused=True)


def _storable(value: Any) -> Any:
    """Flags and small integers are stored as int8."""
    value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(jnp.int8)


@lru_cache(maxsize=64)
def kernel(function: Function) -> Kernel:
    """The kernel of a function; the same one whenever it is asked for."""
    return Kernel(function)


def compilations(function: Function) -> int:
    """How often the function has been compiled (one for each structure of base and shape of chunk)."""
    return kernel(function).compilations
