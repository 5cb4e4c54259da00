"""Encoders in GGUF: BERT and what came of it, as embedding models and rerankers are served; and diffusion models.

Tensor names: gguf-py of llama.cpp (constants.py). An encoder has no head; what stands behind its layers (`cls`), and
tables of token types, are learned numbers outside of layers.
"""

from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.gguf.file import StoredTensor

ENCODERS = ("bert", "nomic-bert", "jina-bert-v3", "modern-bert", "eurobert", "gemma-embedding")
UNREAD = ("nomic-bert-moe", "neo-bert", "jina-bert-v2", "wavtokenizer-dec", "llama-embed")  # fmt: skip
DIFFUSION = ("dream", "llada", "llada-moe")
OUTSIDE = ("token_types", "cls", "dense_2", "dense_3")


def encoder(tensors: Mapping[str, StoredTensor], layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Keys of ModelFile that make the layers those of an encoder; `layers` are changed in place.

    tensors: of the file, by name.
    """
    _both_directions(layers)
    beside = (t.elements for name, t in tensors.items() if name.split(".")[0] in OUTSIDE)
    return {
        "generation": "none",
        "stack": "encoder",
        "language_head": False,
        "tie_word_embeddings": False,
        "vectors": sum(beside),
        "embedding_norm": "token_embd_norm.weight" in tensors,
        "final_norm": "output_norm.weight" in tensors,
    }


def diffusion(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Keys of ModelFile of a model that denoises; `layers` are changed in place."""
    _both_directions(layers)
    return {"generation": "diffusion"}


def _both_directions(layers: list[dict[str, Any]]) -> None:
    for layer in layers:
        local = layer["attention"] == "sliding_window"
        layer["attention"] = "bidirectional_window" if local else "bidirectional"
