"""Families whose mixer no other has: a matrix memory (xLSTM), attention that is a mixture of experts (JetMoE)."""

import math
from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import Family, experts

NO_HEADS = ("num_hidden_layers", "hidden_size", "vocab_size")


def xlstm(read: Fields, facts: dict[str, Any]) -> None:
    """xLSTM: keys and values are as wide as factors of the width say; so is the network, up to a multiple."""
    d, heads = facts["hidden_size"], read.count("num_attention_heads")
    keys, values = int(d * _factor(read, "qk_dim_factor", 0.5)), int(d * _factor(read, "v_dim_factor", 1.0))
    if keys % heads or values % heads or not keys or not values:
        raise read.refuse("num_heads", f"a divisor of the width of keys, {keys}, and of values, {values}")
    facts["linear_num_value_heads"] = heads
    facts["linear_key_head_dim"], facts["linear_value_head_dim"] = keys // heads, values // heads
    multiple = read.count_or_none("ffn_round_up_to_multiple_of") or 64
    facts["intermediate_size"] = math.ceil(d * _factor(read, "ffn_proj_factor", 2.667) / multiple) * multiple
    read.seen.update(("num_key_value_heads", "head_dim", "partial_rotary_factor"))


def _factor(read: Fields, key: str, otherwise: float) -> float:
    """A number above 0 and at most 100 under this name, or `otherwise`."""
    read.seen.add(key)
    value = read.config.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise read.refuse(key, "a number above 0, at most 100")
    return float(value)


def jetmoe(read: Fields, facts: dict[str, Any]) -> None:
    """JetMoE: a chosen expert has a query head for each key and value head; a bias behind the experts of both parts."""
    chosen, heads = read.count("num_experts_per_tok"), read.count("num_key_value_heads")
    facts.update(num_key_value_heads=heads, num_attention_heads=chosen * heads, head_dim=read.count("head_dim"))
    facts.update(attention_experts=read.count("num_experts"), attention_experts_per_tok=chosen)
    facts["layer_vectors"] = facts["hidden_size"]
    if read.count_or_none("num_attention_heads") not in (None, chosen * heads):
        raise read.refuse(read.find("num_attention_heads")[0], f"{chosen * heads}: of {chosen} experts {heads} each")


RARE_MIXERS: dict[str, Family] = {
    "xlstm": Family(
        facts={
            "attention": "mlstm", "position": "none", "num_attention_heads": 1, "num_key_value_heads": 1,
            "head_dim": 1, "max_position_embeddings": 2**20,
        },
        sizes=NO_HEADS, steps=(xlstm,), only={"use_bias": False, "add_out_norm": True},
        names={"hidden_size": ("embedding_dim",), "num_hidden_layers": ("num_blocks",),
               "num_attention_heads": ("num_heads",)},
        defaults={"num_attention_heads": 8},
        ignored=("norm_reduction_force_float32", "chunkwise_kernel", "sequence_kernel", "step_kernel", "mode",
                 "return_last_states", "weight_mode", "max_inference_chunksize", "gate_soft_cap",
                 "output_logit_soft_cap"),
    ),
    "jetmoe": Family(
        facts={"attention": "full_experts"}, sizes=(*NO_HEADS, "max_position_embeddings"),
        steps=(jetmoe, experts(width="intermediate_size")), defaults={"tie_word_embeddings": True},
        ignored=("bias", "glu", "rotary_percent"),
    ),
}  # fmt: skip
