"""T5 and its encoder in GGUF: two stacks of layers, enc.blk.N and dec.blk.N, and tables of relative positions.

Tensor names: gguf-py of llama.cpp (constants.py).
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.gguf.file import StoredTensor
from life_jax.config.schema.errors import ConfigError

ARCHITECTURES = ("t5", "t5encoder")
PRODUCTS = {
    **{f"attn_{part}": f"{part}_proj" for part in "qkvo"},
    **{f"cross_attn_{part}": f"cross_{part}_proj" for part in "qkvo"},
    **{f"ffn_{part}": f"{part}_proj" for part in ("gate", "up", "down")},
}
LAYER = re.compile(r"(enc|dec)\.blk\.(\d{1,4})\.(\w+)\.weight")
DECODER = {"stack": "decoder", "attention": "full_cross"}
ENCODER = {"stack": "encoder", "attention": "bidirectional"}


def t5(where: str, tensors: Mapping[str, StoredTensor], numbers: Mapping[str, int]) -> dict[str, Any]:
    """Keys of ModelFile, but for its name, family and source.

    where: the file, for errors. tensors: of the file, by name. numbers: embedding_length, feed_forward_length,
    context_length, head_count and key_length of its metadata. Raises ConfigError where layers are missing.
    """
    layers = [{**ENCODER} for _ in range(_count(where, tensors, "enc"))]
    layers += [{**DECODER} for _ in range(_count(where, tensors, "dec"))]
    table = tensors.get("token_embd.weight")
    if table is None or len(table.shape) != 2 or not layers or layers[0] == DECODER:
        raise ConfigError(f"{where}: it has no embedding table, or no encoder: it is a part of a model")
    alone = all(layer == ENCODER for layer in layers)
    grouped = [{"repeats": layers.count(kind), **kind} for kind in (ENCODER, DECODER) if kind in layers]
    return {
        "num_hidden_layers": len(layers),
        "hidden_size": numbers["embedding_length"],
        "num_attention_heads": numbers["head_count"],
        "num_key_value_heads": numbers["head_count"],
        "head_dim": numbers["key_length"],
        "intermediate_size": numbers["feed_forward_length"],
        "vocab_size": table.shape[1],
        "max_position_embeddings": numbers["context_length"],
        "tie_word_embeddings": not alone and "output.weight" not in tensors,
        "ffn": "gated" if any(".ffn_gate." in name for name in tensors) else "plain",
        "position": "relative",
        "vectors": sum(tensor.elements for name, tensor in tensors.items() if "attn_rel_b." in name),
        **({"generation": "none", "language_head": False, **ENCODER} if alone else {"encoder_final_norm": True}),
        "layers": [] if alone else grouped,
        "quantization": [{"kind": "tensor_formats", **_bits(tensors)}],
    }


def _count(where: str, tensors: Mapping[str, StoredTensor], stack: str) -> int:
    """Layers of a stack, of which none may be missing."""
    numbers = {int(match[2]) for name in tensors if (match := LAYER.fullmatch(name)) and match[1] == stack}
    if numbers and max(numbers) != len(numbers) - 1:
        raise ConfigError(f"{where}: layers of {stack}.blk are missing: it is a part of a model")
    return len(numbers)


def _bits(tensors: Mapping[str, StoredTensor]) -> dict[str, Any]:
    """Bits per weight of each of our tensors over both stacks, and of all others together."""
    size: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, tensor in tensors.items():
        match = LAYER.fullmatch(name)
        ours = PRODUCTS.get(match[3], "others") if match else ROLES.get(name, "others")
        size[ours][0] += 8 * tensor.bytes
        size[ours][1] += tensor.elements
    others = size.pop("others", [32, 1])
    size.setdefault("head", size["embedding"])
    return {"bits": {name: total / count for name, (total, count) in size.items()}, "other_bits": others[0] / others[1]}


ROLES = {"token_embd.weight": "embedding", "output.weight": "head"}
