"""Optimizations by kind. Each is a factory: numbers of its YAML file -> Optimization."""

from collections.abc import Callable

from life_jax.optimizations.activation_quantization import activation_quantization
from life_jax.optimizations.base import Optimization, chain, named
from life_jax.optimizations.chunked_prefill import chunked_prefill
from life_jax.optimizations.fusion import fusion
from life_jax.optimizations.gguf import gguf
from life_jax.optimizations.kv_quantization import kv_quantization
from life_jax.optimizations.lora import lora, lora_merged
from life_jax.optimizations.tensor_formats import tensor_formats
from life_jax.optimizations.weight_quantization import weight_quantization

INDEX: dict[str, Callable[..., Optimization]] = {
    "activation_quantization": activation_quantization,
    "chunked_prefill": chunked_prefill,
    "fusion": fusion,
    "gguf": gguf,
    "kv_quantization": kv_quantization,
    "lora": lora,
    "lora_merged": lora_merged,
    "tensor_formats": tensor_formats,
    "weight_quantization": weight_quantization,
}

__all__ = ["INDEX", "Optimization", "chain", "named"]
