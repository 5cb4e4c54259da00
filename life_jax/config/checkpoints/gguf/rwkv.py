"""Layers of RWKV-6 and RWKV-7 in GGUF: ranks by the shapes of the tensors that make blends, decays, rates and gates.

Tensor names: load_tensors of llama.cpp's models (src/models/rwkv6.cpp, rwkv7.cpp).
"""

from typing import Any

from life_jax.config.checkpoints.gguf.reader import Reader
from life_jax.config.schema.errors import ConfigError

OF_VALUES = ("time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight")


def rwkv(file: Reader, i: int) -> dict[str, Any]:
    """The time mixing of layer `i`. Raises ConfigError for versions that are not read."""
    has, hidden, size = file.by_layer[i], file.whole("embedding_length"), file.whole("wkv.head_size")
    if hidden % size:
        raise file.refuse("wkv.head_size", f"a divisor of the width, {hidden}")
    heads = hidden // size
    found = {"num_attention_heads": heads, "num_key_value_heads": heads, "head_dim": size, "position": "none"}
    if "time_mix_a1.weight" in has and "time_mix_g1.weight" in has:
        if i == 0:  # stored, and read by no layer: the first one has no values before it
            file.unread += [f"blk.{i}.{name}" for name in OF_VALUES if name in has]
        ranks = {"decay_rank": "w1", "rate_rank": "a1", "gate_rank": "g1", "value_rank": "v1"}
        made = {ours: _rank(file, i, theirs) for ours, theirs in ranks.items() if i or ours != "value_rank"}
        return {**found, "attention": "rwkv7", "value_rank": 0, **made}
    if "time_mix_first.weight" in has and "time_mix_w2.weight" in has and len(has["time_mix_w2.weight"].shape) == 3:
        made = {"mix_rank": has["time_mix_w2.weight"].shape[0], "decay_rank": _rank(file, i, "decay_w1")}
        return {**found, "attention": "rwkv6", "linear_value_head_dim": size, **made}
    raise ConfigError(f"{file.path}: {file.architecture}: of RWKV in GGUF only versions 6 and 7 are read")


def _rank(file: Reader, i: int, name: str) -> int:
    tensor = file.by_layer[i].get(f"time_mix_{name}.weight")
    if tensor is None or len(tensor.shape) != 2:
        raise ConfigError(f"{file.path}: blk.{i}.time_mix_{name}.weight is missing")
    return tensor.shape[1]
