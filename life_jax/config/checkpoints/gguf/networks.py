"""The feed-forward network of a layer, by the tensors that the layer has."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.gguf.file import StoredTensor
from life_jax.config.checkpoints.gguf.reader import Reader


def network(file: Reader, i: int) -> dict[str, Any]:
    """The feed-forward network of a layer: none, dense, experts, or experts beside a dense one."""
    has = file.by_layer[i]
    apart = [name for name in has if name.startswith("ffn_up.") and name.split(".")[1].isdigit()]
    up = has.get("ffn_up.weight")
    found: dict[str, Any] = {"ffn": "none"}
    if "channel_mix_key.weight" in has:
        gated = "channel_mix_receptance.weight" in has
        width = has["channel_mix_key.weight"].shape[1]
        return {"ffn": "rwkv_channel", "intermediate_size": width, "channel_receptance": gated}
    if up is not None:
        fused = "ffn_gate.weight" not in has and up.shape[1] == 2 * _row(has, "ffn_down.weight")
        gated = fused or "ffn_gate.weight" in has
        found = {"ffn": "gated" if gated else "plain", "intermediate_size": _row(has, "ffn_down.weight")}
        found["ffn_bias"] = "ffn_up.bias" in has
    if "ffn_gate_inp.weight" not in has and not apart and "ffn_up_exps.weight" not in has:
        return found
    gated = bool(apart) or "ffn_gate_exps.weight" in has or "ffn_gate_up_exps.weight" in has
    width = has[min(apart)].shape[1] if apart else _row(has, "ffn_down_exps.weight")
    shared = has.get("ffn_up_shexp.weight")
    count = file.whole("expert_count")
    experts = {
        "ffn": "moe_beside" if up is not None else "moe" if gated else "moe_plain",
        "num_experts": count,
        "num_experts_per_tok": file.whole("expert_used_count", 1, count),
        "moe_intermediate_size": width,
        "shared_expert_intermediate_size": shared.shape[1] if shared is not None else 0,
        "shared_expert_gate": "ffn_gate_inp_shexp.weight" in has,
        "router_bias": "ffn_gate_inp.bias" in has,
        "expert_bias": "ffn_up_exps.bias" in has or "ffn_gate_up_exps.bias" in has,
    }
    if "ffn_up_chexps.weight" in has:  # GroveMoE
        experts["ffn"] = "moe_adjugate"
        experts["adjugate_intermediate_size"] = _row(has, "ffn_down_chexps.weight")
        experts["experts_per_adjugate"] = count // has["ffn_down_chexps.weight"].shape[-1]
    if "ffn_latent_down.weight" in has:
        experts["moe_latent_size"] = has["ffn_latent_down.weight"].shape[1]
    if "ffn_norm_exps.weight" in has and up is not None:  # Arctic: the dense network is as a shared expert
        dense = {"ffn": "moe", "shared_expert_intermediate_size": found["intermediate_size"]}
        return {**experts, **dense, "layer_vectors": has["ffn_norm_exps.weight"].elements}
    return {**found, **experts}


def _row(has: Mapping[str, StoredTensor], name: str) -> int:
    """The input width of a tensor."""
    if name not in has:
        raise KeyError(f"{name} is missing from a layer")
    return has[name].shape[0]
