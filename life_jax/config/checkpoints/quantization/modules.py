"""The modules of a checkpoint behind our tensors: their names in the files of the usual implementations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from life_jax.core.scenario import Architecture
from life_jax.models import attention, decoder, ffn

# wrappers around a language model
ROOTS = frozenset(
    ("model", "language_model", "text_model", "transformer", "backbone", "base_model", "gpt_neox", "thinker", "llm",
     "module", "decoder", "talker")
)  # fmt: skip
PREFIXES = ("model.", "", "language_model.model.", "model.language_model.", "backbone.")

# our tensor -> its module inside a layer; a fused module stands for several tensors
_LAYER: dict[str, tuple[str, ...]] = {
    "q_proj": ("self_attn.q_proj", "self_attn.qkv_proj"),
    "k_proj": ("self_attn.k_proj", "self_attn.qkv_proj"),
    "v_proj": ("self_attn.v_proj", "self_attn.qkv_proj"),
    "o_proj": ("self_attn.o_proj", "self_attn.dense"),
    "head_gate": ("self_attn.g_proj",),
    "side_proj": ("self_attn.side_proj",),
    "q_a_proj": ("self_attn.q_a_proj", "self_attn.fused_qkv_a_proj"),
    "q_b_proj": ("self_attn.q_b_proj", "self_attn.q_proj"),
    "kv_a_proj": ("self_attn.kv_a_proj_with_mqa", "self_attn.fused_qkv_a_proj"),
    "kv_b_proj": ("self_attn.kv_b_proj",),
    "kv_proj": ("self_attn.wkv", "self_attn.kv_proj"),
    "o_a_proj": ("self_attn.wo_a", "self_attn.o_a_proj"),
    "o_b_proj": ("self_attn.wo_b", "self_attn.o_b_proj"),
    "index_q_proj": ("self_attn.indexer.wq_b",),
    "index_k_proj": ("self_attn.indexer.wk",),
    "index_weights_proj": ("self_attn.indexer.weights_proj",),
    "in_proj_qkvz": ("linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv", "linear_attn.in_proj_z"),
    "in_proj_ba": ("linear_attn.in_proj_ba", "linear_attn.in_proj_b", "linear_attn.in_proj_a"),
    "in_proj_qkv": ("self_attn.qkv_proj",),
    "gate_proj_z": ("self_attn.output_gate",),
    "in_proj": ("mamba.in_proj", "conv.in_proj", "mixer.in_proj"),
    "out_proj": ("mamba.out_proj", "conv.out_proj", "mixer.out_proj", "linear_attn.out_proj"),
    "x_proj": ("mamba.x_proj", "mixer.x_proj"),
    "dt_proj": ("mamba.dt_proj", "mixer.dt_proj"),
    "gate_proj": ("mlp.gate_proj", "mlp.gate_up_proj"),
    "up_proj": ("mlp.up_proj", "mlp.gate_up_proj"),
    "down_proj": ("mlp.down_proj",),
    "router": ("mlp.gate", "mlp.router"),
    "experts_gate_proj": ("mlp.experts.0.gate_proj", "mlp.experts.gate_up_proj"),
    "experts_up_proj": ("mlp.experts.0.up_proj", "mlp.experts.gate_up_proj"),
    "experts_down_proj": ("mlp.experts.0.down_proj",),
    "shared_expert_gate_proj": ("mlp.shared_experts.gate_proj", "mlp.shared_expert.gate_proj"),
    "shared_expert_up_proj": ("mlp.shared_experts.up_proj", "mlp.shared_expert.up_proj"),
    "shared_expert_down_proj": ("mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj"),
    "shared_expert_gate": ("mlp.shared_expert_gate",),
    "experts_in_proj": ("mlp.fc1_latent_proj",),
    "experts_out_proj": ("mlp.fc2_latent_proj",),
    "per_layer_gate": ("per_layer_input_gate",),
    "per_layer_proj": ("per_layer_projection",),
    "laurel_in": ("laurel.linear_left",),
    "laurel_out": ("laurel.linear_right",),
}
# names that stand in lists of names only: as parts of regular expressions they would be taken for others
ALIASES = {
    "experts_gate_proj": ("mlp.switch_mlp.gate_proj",),
    "experts_up_proj": ("mlp.switch_mlp.up_proj",),
    "experts_down_proj": ("mlp.switch_mlp.down_proj",),
}
GLOBAL: dict[str, tuple[str, ...]] = {
    "lm_head": ("lm_head", "output", "embed_out"),
    "embedding": ("embed_tokens", "wte", "word_embeddings", "tok_embeddings", "embeddings", "embed_in"),
    "per_layer_embedding": ("embed_tokens_per_layer",),
    "per_layer_model_proj": ("per_layer_model_projection",),
    "altup_in_proj": ("altup_projections",),
    "altup_out_proj": ("altup_unembed_projections",),
}


def _experts(where: str, gate: str, up: str, down: str) -> dict[str, tuple[str, ...]]:
    inside = {"experts_gate_proj": gate, "experts_up_proj": up, "experts_down_proj": down}
    return {name: (f"{where}.experts.0.{part}",) for name, part in inside.items()}


def _renamed(old: str, new: str) -> dict[str, tuple[str, ...]]:
    """The modules of a family that calls a part of a layer by another name."""
    return {
        name: tuple(path.replace(f"{old}.", f"{new}.", 1) for path in paths if path.startswith(f"{old}."))
        for name, paths in _LAYER.items()
        if any(path.startswith(f"{old}.") for path in paths)
    }


def _fused(attention: str, qkv: str, out: str) -> dict[str, tuple[str, ...]]:
    one = (f"{attention}.{qkv}",)
    return {"q_proj": one, "k_proj": one, "v_proj": one, "o_proj": (f"{attention}.{out}",)}


def _plain(where: str, up: str, down: str) -> dict[str, tuple[str, ...]]:
    return {"up_proj": (f"{where}.{up}",), "down_proj": (f"{where}.{down}",)}


_BLOCK_SPARSE = {**_experts("block_sparse_moe", "w1", "w3", "w2"), "router": ("block_sparse_moe.gate",)}
_W123 = {"gate_proj": ("feed_forward.w1",), "up_proj": ("feed_forward.w3",), "down_proj": ("feed_forward.w2",)}
_GRANITE = {
    "experts_gate_proj": ("block_sparse_moe.input_linear",),
    "experts_up_proj": ("block_sparse_moe.input_linear",),
    "experts_down_proj": ("block_sparse_moe.output_linear",),
    "router": ("block_sparse_moe.router.layer",),
    "shared_expert_gate_proj": ("shared_mlp.input_linear",),
    "shared_expert_up_proj": ("shared_mlp.input_linear",),
    "shared_expert_down_proj": ("shared_mlp.output_linear",),
}
_LLAMA4 = {
    **_renamed("mlp", "feed_forward"),
    "shared_expert_gate_proj": ("feed_forward.shared_expert.gate_proj",),
    "shared_expert_up_proj": ("feed_forward.shared_expert.up_proj",),
    "shared_expert_down_proj": ("feed_forward.shared_expert.down_proj",),
    "router": ("feed_forward.router",),
}
_H = {"layers": "h"}
_BLOOM = {
    **_H,
    **_fused("self_attention", "query_key_value", "dense"),
    **_plain("mlp", "dense_h_to_4h", "dense_4h_to_h"),
}
_NEMOTRON = {
    **{name: (f"mixer.{name}",) for name in ("q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "out_proj")},
    **_plain("mixer", "up_proj", "down_proj"),
    **_experts("mixer", "gate_proj", "up_proj", "down_proj"),
    "router": ("mixer.gate",),
    "shared_expert_up_proj": ("mixer.shared_experts.up_proj",),
    "shared_expert_down_proj": ("mixer.shared_experts.down_proj",),
    "experts_in_proj": ("mixer.fc1_latent_proj",),
    "experts_out_proj": ("mixer.fc2_latent_proj",),
}
_KDA = {
    "decay_a_proj": ("self_attn.f_a_proj",), "decay_b_proj": ("self_attn.f_b_proj",),
    "decay_proj": ("self_attn.f_proj",), "in_proj_b": ("self_attn.b_proj",), "out_proj": ("self_attn.o_proj",),
    "output_gate_a_proj": ("self_attn.g_a_proj",), "output_gate_b_proj": ("self_attn.g_b_proj",),
    "output_gate_proj": ("self_attn.g_proj",), "side_proj": ("self_attn.g_proj",),
}  # fmt: skip
# What differs in a family: {"layers": the name of its list of layers, tensor: modules}; beside_router: tensors that
# are stored as the router is, whatever the section says of linear layers (Kimi K3)
FAMILY: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("mixtral", "phimoe", "minimax", "minimax_m2", "minimax_m3_vl_text"), _BLOCK_SPARSE),
    **dict.fromkeys(("granitemoe", "granitemoeshared", "granitemoehybrid", "granitemoe_swa"), _GRANITE),
    **dict.fromkeys(("llama4_text", "llama4"), _LLAMA4),
    "jamba": _renamed("mlp", "feed_forward"),
    "falcon_h1": {**_renamed("mlp", "feed_forward")},
    "lfm2": {**_W123, "o_proj": ("self_attn.out_proj",)},
    "lfm2_moe": {
        **_W123, **_experts("feed_forward", "w1", "w3", "w2"), "router": ("feed_forward.gate",),
        "o_proj": ("self_attn.out_proj",),
    },
    "nemotron_h": _NEMOTRON,
    "hunyuan_v1_moe": {
        "router": ("mlp.gate.wg",), "shared_expert_gate_proj": ("mlp.shared_mlp.gate_proj",),
        "shared_expert_up_proj": ("mlp.shared_mlp.up_proj",), "shared_expert_down_proj": ("mlp.shared_mlp.down_proj",),
    },
    "kimi_linear": {
        **_BLOCK_SPARSE, **_KDA, "experts_in_proj": ("block_sparse_moe.routed_expert_down_proj",),
        "experts_out_proj": ("block_sparse_moe.routed_expert_up_proj",),
        "beside_router": ("experts_in_proj", "experts_out_proj"),
    },
    "bailing_hybrid": _KDA,
    "gpt2": {**_H, **_fused("attn", "c_attn", "c_proj"), **_plain("mlp", "c_fc", "c_proj")},
    "gpt_bigcode": {**_H, **_fused("attn", "c_attn", "c_proj"), **_plain("mlp", "c_fc", "c_proj")},
    "gptj": {**_H, **_renamed("self_attn", "attn"), "o_proj": ("attn.out_proj",), **_plain("mlp", "fc_in", "fc_out")},
    "gpt_neox": {**_fused("attention", "query_key_value", "dense"), **_plain("mlp", "dense_h_to_4h", "dense_4h_to_h")},
    "bloom": _BLOOM,
    "falcon": _BLOOM,
    "mpt": {"layers": "blocks", **_fused("attn", "Wqkv", "out_proj"), **_plain("ffn", "up_proj", "down_proj")},
    "qwen": {
        **_H, **_fused("attn", "c_attn", "c_proj"), "gate_proj": ("mlp.w2",), "up_proj": ("mlp.w1",),
        "down_proj": ("mlp.c_proj",),
    },
    "opt": {**_plain("", "fc1", "fc2"), "o_proj": ("self_attn.out_proj",)},
    "starcoder2": _plain("mlp", "c_fc", "c_proj"),
    "phi": _plain("mlp", "fc1", "fc2"),
    "dbrx": {
        "layers": "blocks", **_fused("norm_attn_norm.attn", "Wqkv", "out_proj"),
        **_experts("ffn", "w1", "v1", "w2"), "router": ("ffn.router.layer",),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Module:
    """A matrix of one layer (or of none), with every name that it may have.

    tensor: ours. role: linear, experts, head, embedding or router. d_in, d_out: its sides. copies: experts of the
    layer, whose names differ in a number, which stands as 0 in `paths`; or layers of a matrix outside of them.
    aliases: names that lists of names have, and regular expressions do not mean.
    """

    tensor: str
    role: str
    d_in: float
    d_out: float
    copies: float
    paths: tuple[str, ...]
    aliases: tuple[str, ...] = ()

    @cached_property
    def spans(self) -> frozenset[str]:
        """Every run of parts of a path: layers.0.mlp, 0.mlp, mlp, mlp.up_proj, ..."""
        found: set[str] = set()
        for path in (*self.paths, *self.aliases):
            parts = path.split(".")
            for start in range(len(parts)):
                found.update(".".join(parts[start:end]) for end in range(start + 1, len(parts) + 1))
        return frozenset(found)

    @property
    def full_paths(self) -> Iterator[str]:
        """Its names with every prefix under which checkpoints have them."""
        return (prefix + path for path in self.paths for prefix in PREFIXES)


def modules(model: Architecture, order: Sequence[int], family: str) -> list[Module]:
    """Every matrix of the decoder. order: for each layer, which of model.blocks it is."""
    own = FAMILY.get(family, {})
    container, hidden = str(own.get("layers", "layers")), model.hidden_size
    found: list[Module] = []
    in_layers: set[str] = set()
    by_block = [
        [
            *attention.INDEX[block.attention_kind].tensors(block, hidden),
            *ffn.INDEX[block.ffn_kind].tensors(block, hidden),
            *decoder.side_tensors(block, hidden),
        ]
        for block in model.blocks
    ]
    repeated = [t for t in decoder.tensors(model) if t.name in _LAYER and t.role in ("linear", "router")]
    for layer, kind in enumerate(order):
        names = {tensor.name for tensor in by_block[kind]}
        in_layers |= names
        others = [t for t in repeated if t.name not in in_layers and t.repeats == len(order)]
        for tensor in (*by_block[kind], *others):
            if tensor.role in ("linear", "router") and tensor.d_in * tensor.d_out:
                role = "experts" if tensor.name.startswith("experts_") else tensor.role
                role = "router" if tensor.name in own.get("beside_router", ()) else role
                paths = _paths(tensor.name, own, f"{container}.{layer}")
                aliases = tuple(f"{container}.{layer}.{path}" for path in ALIASES.get(tensor.name, ()))
                found.append(Module(tensor.name, role, tensor.d_in, tensor.d_out, tensor.copies, paths, aliases))
    known = {module.tensor for module in found}
    for tensor in decoder.tensors(model):
        role = {"embedding": "embedding", "lm_head": "head"}.get(tensor.name, tensor.role)
        if role in ("linear", "head", "embedding") and tensor.name not in known and tensor.d_in * tensor.d_out:
            paths = GLOBAL.get(tensor.name, (tensor.name,))
            copies = float(tensor.copies * tensor.repeats)
            found.append(Module(tensor.name, role, float(tensor.d_in), float(tensor.d_out), copies, paths))
    return found


def _paths(tensor: str, own: Mapping[str, tuple[str, ...]], layer: str) -> tuple[str, ...]:
    inside = own.get(tensor) or _LAYER.get(tensor, (tensor,))
    return tuple(f"{layer}.{path.lstrip('.')}" for path in inside)
