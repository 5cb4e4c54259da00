"""Reads a GGUF file into the keys of conf/model/NAME.yaml, with the exact bytes of every tensor.

The shape comes from the file's metadata and from which tensors each layer has. What comes out must have as many
parameters as the file has; a file of an architecture that is not understood does not.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.checkpoints.families.base import grouped
from life_jax.config.checkpoints.gguf import t5
from life_jax.config.checkpoints.gguf.encoders import DIFFUSION, ENCODERS, diffusion, encoder
from life_jax.config.checkpoints.gguf.file import read_file
from life_jax.config.checkpoints.gguf.mixers import cache_of_earlier_layers, mixer
from life_jax.config.checkpoints.gguf.networks import network
from life_jax.config.checkpoints.gguf.reader import Reader
from life_jax.config.checkpoints.gguf.tensors import BUFFERS, bits
from life_jax.config.schema.errors import ConfigError

UNPOSITIONED = ("jamba", "nemotron_h", "nemotron_h_moe", "mamba", "mamba2", "kimi-linear", "rwkv6", "rwkv7")
NORMS = ("attn_norm", "attn_norm_2", "post_attention_norm", "attn_output_norm", "ffn_norm", "post_ffw_norm",
         "layer_output_norm")  # fmt: skip
INSIDE = ("attn_sub_norm.weight", "ffn_sub_norm.weight")  # norms of what output projections are given (BitNet)


def read_gguf(path: Path) -> dict[str, Any]:
    """The keys of ModelFile, `quantization` with the bits of each tensor among them.

    Raises ConfigError in one line where the file is no language model, or one that is not understood.
    """
    file = Reader(read_file(path))
    try:
        facts = _t5(file) if file.architecture in t5.ARCHITECTURES else _facts(file)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{path}: its metadata and tensors contradict each other ({type(error).__name__}: {str(error)[:80]})"
        ) from None
    _refuse_another_count(file, facts)
    return facts


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
    cache_of_earlier_layers(file, layers)
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
    if file.beside_text:
        facts["warnings"] = [
            *facts.get("warnings", []),
            f"text model only: {file.beside_text} bytes of its towers for images or sound are not counted",
        ]
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
    return said | t5.t5(str(file.path), file.tensors, numbers)


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
    found = {**mixer(file, i), **network(file, i)}
    norms = sum(f"{name}.weight" in has for name in NORMS)
    both = found["attention"] != "none" and found["ffn"] != "none"
    both_norms = "attn_norm_2.weight" in has and found["ffn"] != "rwkv_channel"  # RWKV calls its second norm so
    parallel = both and (norms == 1 or bool(file.get("use_parallel_residual")) or both_norms)
    weightless = not norms and file.get("attention.layer_norm_rms_epsilon") is None
    inside = sum(has[name].elements for name in INSIDE if name in has)
    if inside:
        found["layer_vectors"] = inside
    found["norms_per_layer"] = (2 if both else 1) if weightless else norms
    if parallel and not weightless:
        found["parallel"] = True
    return found


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
