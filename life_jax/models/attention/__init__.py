"""Attention kinds by name. A kind is a module with `tensors`, `operators` and `kv_bytes_per_token`."""

from types import ModuleType

from life_jax.models.attention import full

INDEX: dict[str, ModuleType] = {"full": full}
