"""Our names for the tensors of a GGUF file, and the bits per weight of each."""

from collections import defaultdict
from typing import Any

from life_jax.config.checkpoints.gguf.reader import Reader

# products of time mixing, all of RWKV-7 and most of RWKV-6
RWKV = {
    "receptance": "r", "key": "k", "value": "v", "gate": "g", "output": "o", "w1": "decay_a", "w2": "decay_b",
    "a1": "rate_a", "a2": "rate_b", "v1": "value_a", "v2": "value_b", "g1": "gate_a", "g2": "gate_b",
    "decay_w1": "decay_a", "decay_w2": "decay_b",
}  # fmt: skip
# name of a layer's tensor in the file -> ours; a fused tensor stands for several
LAYER_TENSORS = {
    "attn_q": ("q_proj",),
    "attn_k": ("k_proj",),
    "attn_v": ("v_proj",),
    "attn_qkv": ("q_proj", "k_proj", "v_proj"),
    "attn_output": ("o_proj",),
    "attn_gate": ("q_proj",),  # the gate of the output, which our query projection makes
    "ffn_gate": ("gate_proj",),
    "ffn_up": ("up_proj",),
    "ffn_down": ("down_proj",),
    "ffn_gate_inp": ("router",),
    "ffn_gate_exps": ("experts_gate_proj",),
    "ffn_up_exps": ("experts_up_proj",),
    "ffn_down_exps": ("experts_down_proj",),
    "ffn_gate_up_exps": ("experts_gate_proj", "experts_up_proj"),
    "ffn_gate_chexps": ("adjugate_gate_proj",),
    "ffn_up_chexps": ("adjugate_up_proj",),
    "ffn_down_chexps": ("adjugate_down_proj",),
    "ffn_latent_down": ("experts_in_proj",),
    "ffn_latent_up": ("experts_out_proj",),
    "ffn_gate_inp_shexp": ("shared_expert_gate",),
    "ffn_gate_shexp": ("shared_expert_gate_proj",),
    "ffn_up_shexp": ("shared_expert_up_proj",),
    "ffn_down_shexp": ("shared_expert_down_proj",),
    "attn_q_a": ("q_a_proj",),
    "attn_q_b": ("q_b_proj",),
    "attn_kv_a_mqa": ("kv_a_proj",),
    "attn_kv_b": ("kv_b_proj",),
    "attn_k_b": ("kv_b_proj",),
    "attn_v_b": ("kv_b_proj",),
    "indexer.attn_q_b": ("index_q_proj",),
    "indexer.attn_k": ("index_k_proj",),
    "indexer.proj": ("index_weights_proj",),
    "shortconv.in_proj": ("in_proj",),
    "shortconv.out_proj": ("out_proj",),
    "ssm_in": ("in_proj",),
    "ssm_out": ("out_proj",),
    "ssm_x": ("x_proj",),
    "ssm_dt": ("dt_proj",),
    "ssm_f_a": ("decay_a_proj",),
    "ssm_f_b": ("decay_b_proj",),
    "ssm_g_a": ("gate_a_proj",),
    "ssm_g_b": ("gate_b_proj",),
    **{f"time_mix_{theirs}": (f"{ours}_proj",) for theirs, ours in RWKV.items()},
    "channel_mix_key": ("up_proj",),
    "channel_mix_value": ("down_proj",),
    "channel_mix_receptance": ("receptance_proj",),
    "inp_gate": ("per_layer_gate",),
    "proj": ("per_layer_proj",),
    "laurel_l": ("laurel_in",),
    "laurel_r": ("laurel_out",),
    "altup_router": ("altup_router",),
}
# what the same names stand for in layers of a kind
KIND_TENSORS: dict[str, dict[str, tuple[str, ...]]] = {
    "gated_delta": {
        "attn_qkv": ("in_proj_qkvz",), "attn_gate": ("in_proj_qkvz",), "ssm_in": ("in_proj_qkvz",),
        "ssm_ba": ("in_proj_ba",), "ssm_beta": ("in_proj_ba",), "ssm_alpha": ("in_proj_ba",),
    },
    "kda": {"ssm_beta": ("in_proj_b",), "attn_output": ("out_proj",)},
    "rwkv6": {"time_mix_w1": ("mix_a_proj",), "time_mix_w2": ("mix_b_proj",)},
    "mla": {"attn_q": ("q_b_proj",)},
    "mla_sparse": {"attn_q": ("q_b_proj",)},
}  # fmt: skip
GLOBAL_TENSORS = {
    "token_embd": ("embedding",),
    "output": ("head",),
    "per_layer_token_embd": ("per_layer_embedding",),
    "per_layer_model_proj": ("per_layer_model_proj",),
    "altup_proj": ("altup_in_proj",),
    "altup_unembd_proj": ("altup_out_proj",),
}
# in the file, not learned; scales of a whole matrix or layer
BUFFERS = ("rope_freqs", "rope_factors_long", "rope_factors_short", "exp_probs_b", "layer_output_scale", "input_scale",
           ".scale")  # fmt: skip


def bits(file: Reader, layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Bits per weight of each of our tensors over all layers that have it, and of all others together."""
    size: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, tensor in file.tensors.items():
        if any(part in name for part in BUFFERS) or name in file.unread:
            continue
        for ours in _ours(name, layers) or ("others",):
            size[ours][0] += 8 * tensor.bytes
            size[ours][1] += tensor.elements
    others = size.pop("others", [32, 1])
    if "gate_proj" not in size and "up_proj" in size and any(layer["ffn"] == "gated" for layer in layers):
        size["gate_proj"] = size["up_proj"]  # gate and up are one tensor
    if "embedding" not in size:
        size["embedding"] = size["head"]
    size.setdefault("head", size["embedding"])
    found = {name: total / elements for name, (total, elements) in size.items()}
    return {"bits": found, "other_bits": others[0] / others[1]}


def _ours(name: str, layers: list[dict[str, Any]]) -> tuple[str, ...]:
    """Our names for a tensor of the file; none for norms, biases and the like."""
    if not name.endswith(".weight"):
        return ()
    base = name.removesuffix(".weight")
    if not base.startswith("blk."):
        return GLOBAL_TENSORS.get(base, ())
    _, number, inside = base.split(".", 2)
    kind = layers[int(number)]["attention"]
    expert, _, which = inside.partition(".")
    if which.isdigit() and expert in ("ffn_gate", "ffn_up", "ffn_down"):
        return LAYER_TENSORS[f"{expert}_exps"]  # each expert a tensor of its own
    if inside in ("ffn_gate", "ffn_up", "ffn_down") and layers[int(number)]["ffn"] == "moe":  # Arctic
        return LAYER_TENSORS[f"{inside}_shexp"]
    if inside == "attn_gate" and layers[int(number)].get("attention_head_gate"):
        return ("head_gate",)
    return KIND_TENSORS.get(kind, {}).get(inside) or LAYER_TENSORS.get(inside, ())
