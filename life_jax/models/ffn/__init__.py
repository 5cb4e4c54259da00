"""Feed-forward kinds by name. A kind is a module with KEYS (the numbers of ModelFile that it
needs) and perhaps OPTIONAL (those that it takes where they are given), `tensors`, `operators` and `widest`."""

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
