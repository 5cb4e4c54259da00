"""What mixes the tokens of a layer: attention or a recurrence, by the tensors that the layer has."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.gguf.file import StoredTensor
from life_jax.config.checkpoints.gguf.reader import Reader
from life_jax.config.checkpoints.gguf.rwkv import rwkv
from life_jax.config.checkpoints.gguf.windows import CHUNKED, UNROTATED, windows

KV_LAYERS = {"gemma3n": 20}  # layers from here on read the cache of earlier ones (llama.cpp, n_layer_kv_from_start)


def mixer(file: Reader, i: int) -> dict[str, Any]:
    """The mixer of a layer by the tensors that it has."""
    has = file.by_layer[i]
    if "time_mix_output.weight" in has:
        return rwkv(file, i)
    if "shortconv.in_proj.weight" in has:
        return {
            "attention": "short_conv",
            "conv_channels": has["shortconv.out_proj.weight"].shape[0],
            "conv_kernel_size": has["shortconv.conv.weight"].shape[0],
            "conv_bias": "shortconv.in_proj.bias" in has,
        }
    if "ssm_conv1d_q.weight" in has:
        return {
            "attention": "kda",
            "linear_num_value_heads": file.each("attention.head_count")[i],
            "linear_value_head_dim": file.whole("kda.head_dim"),
            "conv_kernel_size": file.whole("ssm.conv_kernel"),
            "conv_bias": False,
        }
    if any(f"{name}.weight" in has for name in ("ssm_ba", "ssm_beta")):
        return _gated_delta(file)
    attends = any(f"{name}.weight" in has for name in ("attn_q", "attn_qkv", "attn_kv_a_mqa"))
    if "ssm_in.weight" in has:
        return _state_space(file, has) | ({**_attention(file, i), "attention": "full_mamba2"} if attends else {})
    without = {"attention": "linear" if "attn_output.weight" in has else "none"}
    return _attention(file, i) if attends else without


def _gated_delta(file: Reader) -> dict[str, Any]:
    heads = file.whole("ssm.time_step_rank")
    inner = file.whole("ssm.inner_size")
    if inner % heads:
        raise file.refuse("ssm.inner_size", f"a multiple of the {heads} value heads")
    return {
        "attention": "gated_delta",
        "linear_num_key_heads": file.whole("ssm.group_count"),
        "linear_num_value_heads": heads,
        "linear_key_head_dim": file.whole("ssm.state_size"),
        "linear_value_head_dim": inner // heads,
        "conv_kernel_size": file.whole("ssm.conv_kernel"),
        "conv_bias": False,
    }


def _state_space(file: Reader, has: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """Mamba 1 makes time steps, B and C from x; Mamba 2 with its input projection."""
    found: dict[str, Any] = {
        "ssm_inner_size": file.whole("ssm.inner_size"),
        "ssm_state_size": file.whole("ssm.state_size"),
        "conv_kernel_size": file.whole("ssm.conv_kernel"),
        "conv_bias": "ssm_conv1d.bias" in has,
    }
    if "ssm_x.weight" in has:
        return found | {
            "attention": "mamba1",
            "ssm_time_step_rank": file.whole("ssm.time_step_rank"),
            "ssm_inner_norms": "ssm_dt_norm.weight" in has,
        }
    return found | {
        "attention": "mamba2",
        "ssm_num_heads": file.whole("ssm.time_step_rank"),
        "ssm_num_groups": file.whole("ssm.group_count", default=1),
        "ssm_gate_norm": "ssm_norm.weight" in has,
    }


def _attention(file: Reader, i: int) -> dict[str, Any]:
    has = file.by_layer[i]
    if "attn_kv_a_mqa.weight" in has:
        return _latent(file, i)
    local, window = windows(file.architecture, file.layers, file.get, file.path)
    heads = file.each("attention.head_count")[i]
    kv_heads = file.each("attention.head_count_kv", default=max(file.each("attention.head_count")))[i] or heads
    if not heads or heads % kv_heads:
        raise file.refuse("attention.head_count", f"a multiple of the {kv_heads} key and value heads in layer {i}")
    size = file.whole("attention.key_length", default=max(file.whole("embedding_length") // heads, 1))
    value = file.whole("attention.value_length", default=size)
    if local[i]:
        size = file.whole("attention.key_length_swa", default=size)
        value = file.whole("attention.value_length_swa", default=size if size == value else value)
    found: dict[str, Any] = {
        "attention": "full",
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": size,
        "qkv_bias": "attn_q.bias" in has or "attn_qkv.bias" in has,
        "o_bias": "attn_output.bias" in has,
        "attention_sinks": "attn_sinks.weight" in has,
        "partial_rotary_factor": min(1.0, file.whole("rope.dimension_count", 0, default=size) / size or 1.0),
    }
    if value != size:
        found["v_head_dim"] = value
    if local[i]:
        chunk = file.architecture in CHUNKED
        found["attention"] = "chunked" if chunk else "sliding_window"
        found["attention_chunk_size" if chunk else "sliding_window"] = window
    elif any(local) and file.architecture in UNROTATED:
        found["position"] = "none"
    if "attn_q_norm.weight" in has:
        found["qk_norm"] = "per_head" if has["attn_q_norm.weight"].elements == size else "full"
    return {**found, **_gates(has, heads, value)}


def _gates(has: Mapping[str, StoredTensor], heads: int, value: int) -> dict[str, Any]:
    """A gate of the attention's output: of each head, or of each of its elements, perhaps within the queries."""
    query, gate = has.get("attn_q.weight"), has.get("attn_gate.weight")
    if gate is not None:
        return {"attention_head_gate": True} if gate.shape[-1] == heads else {"attention_output_gate": True}
    output = has.get("attn_output.weight")
    if query is not None and output is not None and query.shape[1] == 2 * output.shape[0] == 2 * heads * value:
        return {"attention_output_gate": True}
    return {}


def _latent(file: Reader, i: int) -> dict[str, Any]:
    has, heads = file.by_layer[i], file.each("attention.head_count", 1)[i]
    rotated = file.whole("rope.dimension_count")
    key = file.whole("attention.key_length_mla", default=file.get("attention.key_length"))
    value = file.whole("attention.value_length_mla", default=file.get("attention.value_length"))
    if key <= rotated:
        raise file.refuse("attention.key_length_mla", f"more than the {rotated} rotated ones")
    found: dict[str, Any] = {
        "attention": "mla",
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "head_dim": key,
        "q_lora_rank": file.whole("attention.q_lora_rank", 0, default=0),
        "kv_lora_rank": file.whole("attention.kv_lora_rank"),
        "qk_rope_head_dim": rotated,
        "qk_nope_head_dim": key - rotated,
        "v_head_dim": value,
    }
    if "indexer.attn_q_b.weight" in has:
        names = {"index_n_heads": "head_count", "index_head_dim": "key_length", "index_topk": "top_k"}
        found |= {ours: file.whole(f"attention.indexer.{theirs}") for ours, theirs in names.items()}
        found["attention"] = "mla_sparse"
    return found


def cache_of_earlier_layers(file: Reader, layers: list[dict[str, Any]]) -> None:
    """Layers that read the keys and values of earlier ones; what they store of their own is never read."""
    own = KV_LAYERS.get(file.architecture, file.layers)
    if "attention.shared_kv_layers" in file.metadata:
        own = file.layers - file.whole("attention.shared_kv_layers", 0)
    for i, layer in enumerate(layers):
        if layer["attention"] not in ("full", "sliding_window"):
            continue
        if i >= own:
            layer["keys_values"] = "reused"
            unread = ("attn_k.weight", "attn_v.weight", "attn_k_norm.weight")
            file.unread += [f"blk.{i}.{name}" for name in unread if name in file.by_layer[i]]
        elif "attn_v.weight" not in file.by_layer[i] and "attn_k.weight" in file.by_layer[i]:
            layer["keys_values"] = "shared_projection"
