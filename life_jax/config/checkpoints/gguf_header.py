"""Reads a GGUF file into the keys of conf/model/NAME.yaml, with the exact bytes of every tensor.

The shape comes from the file's metadata and from which tensors each layer has. What comes out must have as many
parameters as the file has; a file of an architecture that is not understood does not.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.checkpoints import gguf_t5
from life_jax.config.checkpoints.families.base import grouped
from life_jax.config.checkpoints.gguf_encoders import DIFFUSION, ENCODERS, UNREAD, diffusion, encoder
from life_jax.config.checkpoints.gguf_file import GgufFile, StoredTensor, metadata_of, read_file
from life_jax.config.checkpoints.gguf_windows import CHUNKED, UNROTATED, windows
from life_jax.config.schema.errors import ConfigError

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
IMAGES = ("flux", "sd1", "sd3", "sdxl", "wan", "qwen_image", "lumina2", "ltxv", "hyvid", "aura", "pixart", "hidream",
          "cosmos", "z_image", "flux2")  # fmt: skip
UNPOSITIONED = ("jamba", "nemotron_h", "nemotron_h_moe", "mamba", "mamba2", "kimi-linear")
KV_LAYERS = {"gemma3n": 20}  # layers from here on read the cache of earlier ones (llama.cpp, n_layer_kv_from_start)
MOST_LAYERS, LARGEST = 4096, 10**9
NORMS = ("attn_norm", "attn_norm_2", "post_attention_norm", "attn_output_norm", "ffn_norm", "post_ffw_norm",
         "layer_output_norm")  # fmt: skip

INSIDE = ("attn_sub_norm.weight", "ffn_sub_norm.weight")  # norms of what output projections are given (BitNet)


class Reader:
    """Metadata and tensors of one file, layer by layer."""

    def __init__(self, file: GgufFile) -> None:
        self.path, self.tensors = file.path, dict(file.tensors)
        self.architecture = str(file.metadata.get("general.architecture", ""))
        self.metadata = metadata_of(file)
        _refuse_other_kinds(file, self.architecture)
        extra = self.whole("nextn_predict_layers", 0) if "nextn_predict_layers" in self.metadata else 0
        self.layers = self.whole("block_count", 1, MOST_LAYERS) - extra
        if self.layers < 1:
            raise ConfigError(f"{self.path}: {self.architecture}.nextn_predict_layers leaves no layer")
        self.unread: list[str] = []
        self.by_layer: list[dict[str, StoredTensor]] = [{} for _ in range(self.layers)]
        for name, tensor in file.tensors.items():
            parts = name.split(".", 2)
            if parts[0] == "blk" and len(parts) == 3 and parts[1].isdigit():
                number = int(parts[1][:6])
                if number >= self.layers:  # heads of multi-token prediction
                    del self.tensors[name]
                    continue
                self.by_layer[number][parts[2]] = tensor

    def get(self, key: str) -> Any:
        """A value of the metadata, None where it is not there."""
        return self.metadata.get(key)

    def refuse(self, key: str, accepted: str) -> ConfigError:
        """An error that names the file, the architecture's key, its value, and what would be accepted."""
        value = self.metadata.get(key)
        said = "is missing from the metadata" if value is None else f"is {str(value)[:60]}"
        return ConfigError(f"{self.path}: {self.architecture}.{key} {said} (accepted: {accepted})")

    def whole(self, key: str, low: int = 1, high: int = LARGEST, default: int | None = None) -> int:
        """A whole number; a list of equal ones is one."""
        value = self.metadata.get(key, default)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, f"a whole number from {low} to {high}")
        return value

    def each(self, key: str, low: int = 0, default: int | None = None) -> list[int]:
        """A whole number for each layer; one stands for all."""
        value = self.metadata.get(key, default)
        if not isinstance(value, list):
            return [self.whole(key, low, default=default)] * self.layers
        numbers = [one for one in value if isinstance(one, int) and not isinstance(one, bool) and low <= one <= LARGEST]
        if len(numbers) != len(value) or len(value) < self.layers:
            raise self.refuse(key, f"whole numbers of at least {low} for each of the {self.layers} layers")
        return numbers[: self.layers]

    def has(self, tensor: str) -> bool:
        """Whether any layer has it."""
        return any(tensor in layer for layer in self.by_layer)


def read_gguf(path: Path) -> dict[str, Any]:
    """The keys of ModelFile, `quantization` with the bits of each tensor among them.

    Raises ConfigError in one line where the file is no language model, or one that is not understood.
    """
    file = Reader(read_file(path))
    try:
        facts = _t5(file) if file.architecture in gguf_t5.ARCHITECTURES else _facts(file)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{path}: its metadata and tensors contradict each other ({type(error).__name__}: {str(error)[:80]})"
        ) from None
    _refuse_another_count(file, facts)
    return facts


def _refuse_other_kinds(file: GgufFile, architecture: str) -> None:
    """Files that hold something else than a language model, named for what they are."""
    kind, path = file.metadata.get("general.type"), file.path
    if kind == "mmproj" or architecture == "clip":
        raise ConfigError(f"{path} is a multimodal projector (mmproj): give the language model that it belongs to")
    if (
        kind == "adapter"
        or "adapter.type" in file.metadata
        or any(name.endswith((".lora_a", ".lora_b")) for name in file.tensors)
    ):
        raise ConfigError(f"{path} is a LoRA adapter: give its base model, and opt=lora for the adapter")
    if kind in ("imatrix", "vocab", "controlvector") or architecture == "controlvector":
        raise ConfigError(f"{path} holds {'a vocabulary' if kind == 'vocab' else kind or architecture}, no model")
    if architecture in UNREAD:
        raise ConfigError(f"{path}: {architecture} is an encoder that is not read from GGUF; give its config.json")
    if architecture in IMAGES:
        raise ConfigError(f"{path}: {architecture} makes images or video; only language models are read")
    if not architecture:
        raise ConfigError(f"{path}: general.architecture is missing from the metadata")
    if not file.tensors:
        raise ConfigError(f"{path} holds a vocabulary and no tensors: it is no model (vocabulary-only file)")


def _facts(file: Reader) -> dict[str, Any]:
    table = file.tensors.get("token_embd.weight") or file.tensors.get("output.weight")
    if table is None or len(table.shape) < 2:
        raise ConfigError(
            f"{file.path}: it has neither an embedding table nor a head: it is a part of a model, such as a draft head"
        )
    hidden = file.whole("embedding_length")
    if table.shape[0] != hidden:
        raise file.refuse("embedding_length", f"{table.shape[0]}, the width of its embedding table")
    heads, layers = _heads(file), [_layer(file, i) for i in range(file.layers)]
    _cache_of_earlier_layers(file, layers)
    separate = "token_embd.weight" in file.tensors and "output.weight" in file.tensors
    facts: dict[str, Any] = {
        "name": _name(file),
        "family": file.architecture,
        "source": f"GGUF file {file.path.name}",
        "num_hidden_layers": file.layers,
        "hidden_size": hidden,
        **heads,
        "intermediate_size": 1,
        "vocab_size": table.shape[1],
        "max_position_embeddings": file.whole("context_length", default=2**17),
        "tie_word_embeddings": not separate,
        "head_bias": "output.bias" in file.tensors,
        "embedding_norm": "token_embd_norm.weight" in file.tensors and _final_norm(file),
        "quantization": [{"kind": "tensor_formats", **bits(file, layers)}],
        "layers": layers,
        **_norm(file),
        **_positions(file),
        **_beside(file),
    }
    if file.architecture in ENCODERS:
        facts |= encoder(file.tensors, layers)
    elif file.architecture in DIFFUSION:
        facts |= diffusion(layers)
    if file.unread:
        size = sum(file.tensors[name].bytes for name in file.unread)
        facts["warnings"] = [f"{len(file.unread)} tensors of {size} bytes are stored and read by no layer: not counted"]
    grouped(facts)
    del facts["order"]
    return facts


def _t5(file: Reader) -> dict[str, Any]:
    """An encoder and a decoder, or the encoder alone."""
    hidden, heads = file.whole("embedding_length"), file.whole("attention.head_count")
    numbers = {
        "embedding_length": hidden,
        "feed_forward_length": file.whole("feed_forward_length"),
        "context_length": file.whole("context_length", default=512),
        "head_count": heads,
        "key_length": file.whole("attention.key_length", default=max(hidden // heads, 1)),
    }
    said = {"name": _name(file), "family": file.architecture, "source": f"GGUF file {file.path.name}"}
    return said | gguf_t5.t5(str(file.path), file.tensors, numbers)


def _name(file: Reader) -> str:
    return re.sub(r"-\d{5}-of-\d{5}$", "", file.path.stem)


def _final_norm(file: Reader) -> bool:
    """Whether there is a final norm beside that of the embedding (LFM2 calls its final norm token_embd_norm)."""
    return "output_norm.weight" in file.tensors


def _heads(file: Reader) -> dict[str, Any]:
    """The largest numbers of heads; layers say what differs."""
    if file.get("attention.head_count") is None and not file.has("attn_q.weight") and not file.has("attn_qkv.weight"):
        return {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 1}
    heads = max(file.each("attention.head_count"))
    kv_heads = max(file.each("attention.head_count_kv", default=heads))
    if not heads:
        return {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 1}
    hidden = file.whole("embedding_length")
    return {
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads or heads,
        "head_dim": file.whole("attention.key_length", default=max(hidden // heads, 1)),
    }


def _layer(file: Reader, i: int) -> dict[str, Any]:
    """What one layer is: its mixer, its network, its norms."""
    has = file.by_layer[i]
    found = {**_mixer(file, i), **_network(file, i)}
    norms = sum(f"{name}.weight" in has for name in NORMS)
    both = found["attention"] != "none" and found["ffn"] != "none"
    parallel = both and (norms == 1 or bool(file.get("use_parallel_residual")) or "attn_norm_2.weight" in has)
    weightless = not norms and file.get("attention.layer_norm_rms_epsilon") is None
    inside = sum(has[name].elements for name in INSIDE if name in has)
    if inside:
        found["layer_vectors"] = inside
    found["norms_per_layer"] = (2 if both else 1) if weightless else norms
    if parallel and not weightless:
        found["parallel"] = True
    return found


def _mixer(file: Reader, i: int) -> dict[str, Any]:
    """The mixer of a layer by the tensors that it has."""
    has = file.by_layer[i]
    if any(name.startswith("time_mix") for name in has):
        raise ConfigError(f"{file.path}: {file.architecture}: recurrent layers of RWKV are not read from GGUF yet")
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
    return _attention(file, i) if attends else {"attention": "none"}


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


def _network(file: Reader, i: int) -> dict[str, Any]:
    """The feed-forward network of a layer: none, dense, experts, or experts beside a dense one."""
    has = file.by_layer[i]
    apart = [name for name in has if name.startswith("ffn_up.") and name.split(".")[1].isdigit()]
    up = has.get("ffn_up.weight")
    found: dict[str, Any] = {"ffn": "none"}
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
        "expert_bias": "ffn_up_exps.bias" in has,
    }
    if "ffn_latent_down.weight" in has:
        experts["moe_latent_size"] = has["ffn_latent_down.weight"].shape[1]
    return {**found, **experts}


def _row(has: Mapping[str, StoredTensor], name: str) -> int:
    """The input width of a tensor."""
    if name not in has:
        raise KeyError(f"{name} is missing from a layer")
    return has[name].shape[0]


def _cache_of_earlier_layers(file: Reader, layers: list[dict[str, Any]]) -> None:
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


def _norm(file: Reader) -> dict[str, Any]:
    if file.has("attn_norm.bias") or file.has("attn_output_norm.bias"):
        return {"norm": "layernorm"}
    if file.get("attention.layer_norm_rms_epsilon") is None:
        normed = file.has("attn_norm.weight") or file.has("attn_output_norm.weight")
        return {"norm": "layernorm_no_bias" if normed else "layernorm_no_weight"}
    return {}


def _positions(file: Reader) -> dict[str, Any]:
    table = file.tensors.get("position_embd.weight")
    if table is not None:
        return {"position": "learned", "learned_positions": table.shape[1]}
    if file.architecture in UNPOSITIONED:
        return {"position": "none"}
    return {"position": "alibi"} if file.get("attention.max_alibi_bias") else {}


def _beside(file: Reader) -> dict[str, Any]:
    """Residual streams and inputs for each layer (Gemma 3n, Gemma 4)."""
    found: dict[str, Any] = {}
    streams, laurel = file.tensors.get("altup_proj.weight"), file.by_layer[0].get("laurel_l.weight")
    if streams is not None and laurel is not None:
        found["residual_streams"] = (streams.shape[2] if len(streams.shape) > 2 else 1) + 1
        found["laurel_rank"] = laurel.shape[1]
    table, gate = file.tensors.get("per_layer_token_embd.weight"), file.by_layer[0].get("inp_gate.weight")
    if table is not None and gate is not None:
        found["per_layer_width"], found["per_layer_vocab"] = gate.shape[1], table.shape[1]
    return found


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
    if inside == "attn_gate" and layers[int(number)].get("attention_head_gate"):
        return ("head_gate",)
    return KIND_TENSORS.get(kind, {}).get(inside) or LAYER_TENSORS.get(inside, ())


def _refuse_another_count(file: Reader, facts: Mapping[str, Any]) -> None:
    """A shape that was not understood has another number of parameters than the file."""
    from life_jax.config.checkpoints.architecture import architecture
    from life_jax.config.schema.check import check
    from life_jax.config.schema.model_file import ModelFile
    from life_jax.models.decoder import parameter_count

    counted = parameter_count(architecture(check(facts, ModelFile, str(file.path)), str(file.path)))
    twice = file.has("attn_k_b.weight")  # the two halves of attn_kv_b, which may stand beside it
    stored = sum(
        tensor.elements
        for name, tensor in file.tensors.items()
        if not any(part in name for part in BUFFERS)
        and name not in file.unread
        and not (twice and name.endswith(".attn_kv_b.weight"))
    )
    if int(counted) != stored:
        raise ConfigError(
            f"{file.path}: architecture {file.architecture} is not understood: its tensors have {stored} parameters, "
            f"the shape that was read {int(counted)}"
        )
