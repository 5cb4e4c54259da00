"""Reads a GGUF file into the keys of conf/model/NAME.yaml, with the exact bytes of every tensor.

The shape comes from the file's metadata and from which tensors there are. What comes out must
have as many parameters as the file has; a file of an architecture that is not understood does not.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError

# name of a layer's tensor in the file -> ours; a fused tensor stands for several
LAYER_TENSORS = {
    "attn_q": ("q_proj",),
    "attn_k": ("k_proj",),
    "attn_v": ("v_proj",),
    "attn_qkv": ("q_proj", "k_proj", "v_proj"),
    "attn_output": ("o_proj",),
    "ffn_gate": ("gate_proj",),
    "ffn_up": ("up_proj",),
    "ffn_down": ("down_proj",),
    "ffn_gate_inp": ("router",),
    "ffn_gate_exps": ("experts_gate_proj",),
    "ffn_up_exps": ("experts_up_proj",),
    "ffn_down_exps": ("experts_down_proj",),
    "ffn_gate_shexp": ("shared_expert_gate_proj",),
    "ffn_up_shexp": ("shared_expert_up_proj",),
    "ffn_down_shexp": ("shared_expert_down_proj",),
    "attn_q_a": ("q_a_proj",),
    "attn_q_b": ("q_b_proj",),
    "attn_kv_a_mqa": ("kv_a_proj",),
    "attn_kv_b": ("kv_b_proj",),
}
BUFFERS = ("rope_freqs", "rope_factors_long", "rope_factors_short", "exp_probs_b")  # in the file, not learned
# one layer in `every` attends everything, the others a window
WINDOW_PATTERN = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2}


class Reader:
    """Metadata and tensors of one file."""

    def __init__(self, path: Path) -> None:
        try:
            import gguf
        except ModuleNotFoundError:
            raise ConfigError(f"{path}: reading GGUF needs the package gguf: pip install 'life_jax[gguf]'") from None
        try:
            file = gguf.GGUFReader(path)
            self.metadata = {name: field.contents() for name, field in file.fields.items() if "tokenizer" not in name}
        except (ValueError, IndexError, OSError, KeyError) as error:
            raise ConfigError(f"{path} cannot be read as GGUF: {error}") from None
        self.path = path
        self.tensors = {t.name: t for t in file.tensors}
        self.architecture = str(self.metadata.get("general.architecture", ""))

    def get(self, key: str, default: Any = None) -> Any:
        return self.metadata.get(f"{self.architecture}.{key}", default)

    def need(self, key: str) -> Any:
        value = self.get(key)
        if value is None:
            raise ConfigError(f"{self.path}: {self.architecture}.{key} is missing from the metadata")
        return value

    def has(self, tensor: str) -> bool:
        """Whether any layer has it."""
        return any(name.startswith("blk.") and name.split(".", 2)[2] == tensor for name in self.tensors)

    def width(self, tensor: str) -> int:
        """Outputs of the first layer's tensor of that name."""
        found = next(t for name, t in self.tensors.items() if name.startswith("blk.") and name.endswith(f".{tensor}"))
        return int(found.shape[1] if len(found.shape) > 1 else found.shape[0])


def read_gguf(path: Path) -> dict[str, Any]:
    """The keys of ModelFile, `quantization` with the bits of each tensor among them."""
    file = Reader(path)
    heads = file.need("attention.head_count")
    if isinstance(heads, list):
        raise ConfigError(f"{path}: layers with different numbers of heads ({file.architecture}) are not read yet")
    hidden = int(file.need("embedding_length"))
    head_dim = int(file.get("attention.key_length", hidden // heads))
    shape = {
        "name": path.stem,
        "family": file.architecture,
        "source": f"GGUF file {path.name}",
        "num_hidden_layers": int(file.need("block_count")),
        "hidden_size": hidden,
        "num_attention_heads": int(heads),
        "num_key_value_heads": int(file.get("attention.head_count_kv", heads)),
        "head_dim": head_dim,
        "vocab_size": int(file.tensors["token_embd.weight"].shape[1]),
        "max_position_embeddings": int(file.get("context_length", 2**17)),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "head_bias": "output.bias" in file.tensors,
        "embedding_norm": "token_embd_norm.weight" in file.tensors,
        "partial_rotary_factor": min(1.0, int(file.get("rope.dimension_count", head_dim)) / head_dim),
        "quantization": [{"kind": "tensor_formats", "bits": bits(file), "other_bits": 32}],
        **_attention(file),
        **_ffn(file),
        **_norms(file, head_dim),
        **_positions(file),
    }
    _refuse_another_count(file, shape)
    return shape


def bits(file: Reader) -> dict[str, float]:
    """Bits per weight of each of our tensors, over all layers that have it."""
    size: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, tensor in file.tensors.items():
        if not name.endswith(".weight"):
            continue
        base = name.removesuffix(".weight")
        ours = LAYER_TENSORS.get(base.split(".", 2)[2], ()) if base.startswith("blk.") else ()
        ours = {"token_embd": ("embedding",), "output": ("head",)}.get(base, ours)
        for one in ours:
            size[one][0] += 8 * int(tensor.n_bytes)
            size[one][1] += int(tensor.n_elements)
    if "gate_proj" not in size and "up_proj" in size and file.architecture == "phi3":
        size["gate_proj"] = size["up_proj"]  # gate and up are one tensor
    size.setdefault("head", size["embedding"])
    return {name: total / elements for name, (total, elements) in size.items()}


def _attention(file: Reader) -> dict[str, Any]:
    found: dict[str, Any] = {
        "qkv_bias": file.has("attn_q.bias") or file.has("attn_qkv.bias"),
        "o_bias": file.has("attn_output.bias"),
        "attention_sinks": file.has("attn_sinks.weight"),
    }
    window, every = file.get("attention.sliding_window"), WINDOW_PATTERN.get(file.architecture)
    if window and every:
        layers = int(file.need("block_count"))
        found |= {"sliding_window": int(window)}
        found["layers"] = [
            {"repeats": layers - layers // every, "attention": "sliding_window"},
            {"repeats": layers // every},
        ]
    elif window and file.architecture != "llama":
        found |= {"sliding_window": int(window), "attention": "sliding_window"}
    if file.get("attention.kv_lora_rank") is not None:
        rotated = int(file.need("rope.dimension_count"))
        key = int(file.get("attention.key_length_mla", file.need("attention.key_length")))
        value = int(file.get("attention.value_length_mla", file.need("attention.value_length")))
        found |= {"attention": "mla", "q_lora_rank": int(file.get("attention.q_lora_rank", 0))}
        found |= {"kv_lora_rank": int(file.get("attention.kv_lora_rank")), "qk_rope_head_dim": rotated}
        found |= {"qk_nope_head_dim": key - rotated, "v_head_dim": value}
    return found


def _ffn(file: Reader) -> dict[str, Any]:
    gated = file.has("ffn_gate.weight") or file.architecture == "phi3"
    found: dict[str, Any] = {
        "ffn": "gated" if gated else "plain",
        "intermediate_size": int(file.get("feed_forward_length", 1)),
        "ffn_bias": file.has("ffn_up.bias"),
    }
    experts = file.get("expert_count")
    if experts:
        found |= {
            "ffn": "moe",
            "num_experts": int(experts),
            "num_experts_per_tok": int(file.need("expert_used_count")),
            "moe_intermediate_size": file.width("ffn_up_exps.weight"),
            "shared_expert_intermediate_size": file.width("ffn_up_shexp.weight")
            if file.has("ffn_up_shexp.weight")
            else 0,
            "shared_expert_gate": file.has("ffn_gate_inp_shexp.weight"),
            "router_bias": file.has("ffn_gate_inp.bias"),
            "expert_bias": file.has("ffn_up_exps.bias"),
        }
        dense = int(file.get("leading_dense_block_count", 0))
        if dense:
            layers = int(file.need("block_count"))
            found["layers"] = [{"repeats": dense, "ffn": "gated"}, {"repeats": layers - dense}]
    return found


def _norms(file: Reader, head_dim: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if file.has("attn_norm.bias"):
        found["norm"] = "layernorm"
    elif file.get("attention.layer_norm_rms_epsilon") is None:
        found["norm"] = "layernorm_no_bias" if file.has("attn_norm.weight") else "layernorm_no_weight"
    behind = file.has("post_ffw_norm.weight")
    alone = not file.has("ffn_norm.weight") and not behind and not file.has("post_attention_norm.weight")
    if behind and file.has("ffn_norm.weight"):
        found["norms_per_layer"] = 4
    if alone:
        found |= {"norms_per_layer": 1, "parallel": True}
    elif file.get("use_parallel_residual"):
        found["parallel"] = True
    if file.has("attn_q_norm.weight"):
        found["qk_norm"] = "per_head" if file.width("attn_q_norm.weight") == head_dim else "full"
    return found


def _positions(file: Reader) -> dict[str, Any]:
    table = file.tensors.get("position_embd.weight")
    if table is not None:
        return {"position": "learned", "learned_positions": int(table.shape[1])}
    return {"position": "alibi"} if file.get("attention.max_alibi_bias") else {}


def _refuse_another_count(file: Reader, shape: Mapping[str, Any]) -> None:
    """A shape that was not understood has another number of parameters than the file."""
    from life_jax.config.checkpoints.architecture import architecture
    from life_jax.config.schema.check import check
    from life_jax.config.schema.model_file import ModelFile
    from life_jax.models.decoder import parameter_count

    counted = parameter_count(architecture(check(shape, ModelFile, "model"), str(file.path)))
    stored = sum(int(t.n_elements) for name, t in file.tensors.items() if not any(b in name for b in BUFFERS))
    if int(counted) != stored:
        raise ConfigError(
            f"{file.path}: architecture {file.architecture} is not understood: its tensors have {stored} parameters, "
            f"the shape that was read {int(counted)}"
        )
