"""Attention kinds by name. A kind is a module with KEYS (the numbers of ModelFile that it
needs), `tensors`, `operators`, `cache_bytes` and `widest`."""

from types import ModuleType

from life_jax.models.attention import full, mla, sliding_window

INDEX: dict[str, ModuleType] = {"full": full, "mla": mla, "sliding_window": sliding_window}
