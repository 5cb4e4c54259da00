"""Kinds of mixers by name. A kind is a module (or a Kind) with `tensors`, `operators`, `cache_bytes` and `widest`.

KEYS: the numbers of a model's file that it needs; OPTIONAL: numbers that it uses where the file has them. NUMBERS:
facts of numbers that only this kind has, by key (see models/numbers.py). RECURRENT: whether it carries a state only.
"""

from types import ModuleType

from life_jax.core.numerics import Number
from life_jax.core.scenario import Block
from life_jax.models.attention import (
    bidirectional,
    block_causal,
    block_sparse,
    compressed,
    full,
    full_cross,
    full_experts,
    full_mamba2,
    gated_delta,
    kda,
    lightning,
    linear,
    low_rank,
    mamba1,
    mamba2,
    mla,
    mla_sparse,
    mla_sparse_reused,
    mla_window,
    mlstm,
    none,
    rg_lru,
    rwkv4,
    rwkv6,
    rwkv7,
    shared_block,
    short_conv,
    windowed,
)
from life_jax.models.kind import Kind

INDEX: dict[str, ModuleType | Kind] = {
    "full": full,
    "full_cross": full_cross,
    "full_experts": full_experts,
    "bidirectional": bidirectional.bidirectional,
    "bidirectional_window": bidirectional.window,
    "sliding_window": windowed.sliding_window,
    "chunked": windowed.chunked,
    "low_rank": low_rank,
    "block_causal": block_causal,
    "block_sparse": block_sparse,
    "compressed": compressed,
    "mla": mla,
    "mla_sparse": mla_sparse,
    "mla_sparse_reused": mla_sparse_reused,
    "mla_window": mla_window,
    "gated_delta": gated_delta,
    "mamba1": mamba1,
    "mamba2": mamba2,
    "full_mamba2": full_mamba2,
    "kda": kda.kda,
    "kda_full": kda.kda_full,
    "kda_full_gate": kda.kda_full_gate,
    "lightning": lightning,
    "linear": linear,
    "mlstm": mlstm,
    "rg_lru": rg_lru,
    "rwkv4": rwkv4,
    "rwkv6": rwkv6,
    "rwkv7": rwkv7,
    "shared_mamba1": shared_block.over(mamba1),
    "shared_mamba2": shared_block.over(mamba2),
    "short_conv": short_conv,
    "none": none,
}

# kinds that only carry a state: those that also attend (full_mamba2, shared_*) are not among them
RECURRENT = frozenset(name for name, kind in INDEX.items() if getattr(kind, "RECURRENT", False))

# numbers of heads among which tensor parallelism divides a layer, and whether devices beyond them hold copies
HEADS = {
    "num_attention_heads": False,
    "num_key_value_heads": True,
    "linear_num_key_heads": False,
    "linear_num_value_heads": False,
    "ssm_num_heads": False,
}


def heads(block: Block) -> tuple[tuple[str, Number, bool], ...]:
    """Heads of a kind of layer, as (key of the file, number [1], whether devices beyond them hold copies)."""
    return tuple((key, block.attention[key], copied) for key, copied in HEADS.items() if key in block.attention)


def output_width(block: Block) -> Number | None:
    """Elements of a token's outputs of all heads, with a maximum and a sum for each head [1]; None for a kind that
    carries a state only."""
    a = block.attention
    if block.attention_kind in RECURRENT or "num_attention_heads" not in a:
        return None
    size = a.get("kv_lora_rank", a.get("v_head_dim", a.get("head_dim", 0.0)))
    return a["num_attention_heads"] * (size + 2)
