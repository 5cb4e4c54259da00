"""Optimizations by kind. A kind is a factory: numbers of a YAML file -> Optimization.

May import: core, operators, models.
"""

from collections.abc import Callable

from life_jax.optimizations.activation_quantization import activation_quantization
from life_jax.optimizations.attention_scores import attention_scores
from life_jax.optimizations.base import Optimization, Origin, Refused, chain, named
from life_jax.optimizations.chunked_prefill import chunked_prefill
from life_jax.optimizations.fusion import fusion
from life_jax.optimizations.gguf import gguf
from life_jax.optimizations.kv_eviction import kv_eviction
from life_jax.optimizations.kv_quantization import kv_quantization
from life_jax.optimizations.latent_attention import latent_attention, latent_form
from life_jax.optimizations.layout_options import sequence_parallel, two_batches
from life_jax.optimizations.lora import lora, lora_merged
from life_jax.optimizations.low_rank_kv import low_rank_kv
from life_jax.optimizations.places import disaggregation, disk, offload
from life_jax.optimizations.polynomial_activation import polynomial_activation
from life_jax.optimizations.rotated_quantization import rotated_quantization
from life_jax.optimizations.sliding_window import sliding_window
from life_jax.optimizations.speculation import speculation
from life_jax.optimizations.tensor_formats import tensor_formats
from life_jax.optimizations.tiling import tiling
from life_jax.optimizations.weight_quantization import weight_quantization

INDEX: dict[str, Callable[..., Optimization]] = {
    "activation_quantization": activation_quantization,
    "attention_scores": attention_scores,
    "chunked_prefill": chunked_prefill,
    "disaggregation": disaggregation,
    "disk": disk,
    "fusion": fusion,
    "gguf": gguf,
    "kv_eviction": kv_eviction,
    "kv_quantization": kv_quantization,
    "latent_attention": latent_attention,
    "latent_form": latent_form,
    "lora": lora,
    "lora_merged": lora_merged,
    "low_rank_kv": low_rank_kv,
    "offload": offload,
    "polynomial_activation": polynomial_activation,
    "rotated_quantization": rotated_quantization,
    "sequence_parallel": sequence_parallel,
    "sliding_window": sliding_window,
    "speculation": speculation,
    "tensor_formats": tensor_formats,
    "tiling": tiling,
    "two_batches": two_batches,
    "weight_quantization": weight_quantization,
}

__all__ = ["INDEX", "Optimization", "Origin", "Refused", "chain", "named"]
