"""Feed-forward kinds by name. A kind is a module with `tensors`, `operators` and `widest`, and with `cache_bytes` where
it keeps a state.

KEYS: the numbers of a model's file that it needs; OPTIONAL: those that it takes where they are given. NUMBERS: facts of
those that it brings itself, by key (see models/numbers.py).
"""

from types import ModuleType

from life_jax.models.ffn import gated, moe, moe_beside, moe_plain, none, plain, rwkv_channel

INDEX: dict[str, ModuleType] = {
    "gated": gated,
    "moe": moe,
    "moe_beside": moe_beside,
    "moe_plain": moe_plain,
    "none": none,
    "plain": plain,
    "rwkv_channel": rwkv_channel,
}
