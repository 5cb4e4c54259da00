"""The type of the KV cache that a checkpoint declares -> the option of the cache.

Sources: the documentation of compressed-tensors (kv_cache_scheme), of NVIDIA Model Optimizer and of TensorRT-LLM
(kv_cache_quant_algo).
"""

from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.quantization.scheme import NotKnown, group_size, mapping, number
from life_jax.config.checkpoints.quantization.storage import SCALE


def cache_option(bits: float, kind: str, group: int = 0, scale: float = 0.0) -> Any:
    """The option for a cache of such elements; scales of whole tensors do not count."""
    if bits >= 16:
        return ""
    if (bits, kind, group) == (8, "float", 0):
        return "kv_fp8"
    numbers = {"group_size": group, "scale_bits": scale} if group else {}
    return {"kind": "kv_quantization", "bits": bits, **numbers, "dequant_flops": 2}


CACHES: dict[str, Any] = {
    "FP8": cache_option(8, "float"),
    "FP8_AFFINE": cache_option(8, "float"),
    "INT8": cache_option(8, "int"),
    **dict.fromkeys(("NVFP4", "NVFP4_AFFINE", "NVFP4_ROTATE", "FP4"), cache_option(4, "float", 16, 8)),
    **dict.fromkeys(("NONE", "NO_QUANT", "AUTO"), ""),
}


def cache_scheme(said: Any) -> Any:
    """kv_cache_scheme of compressed-tensors and ModelOpt: the arguments of a quantization."""
    if said is None:
        return ""
    if said in ("static", "dynamic"):  # of an fp8 checkpoint, as AutoFP8 writes it
        return cache_option(8, "float")
    scheme = mapping(said, "kv_cache_scheme")
    bits = number(scheme, "num_bits", low=1)
    if bits is None:
        return ""
    size = group_size(scheme, "group_size")
    return cache_option(bits, str(scheme.get("type", "int")), size, 8 if size == 16 else SCALE if size else 0)


def declared_cache(section: Mapping[str, Any]) -> Any:
    said = section.get("kv_cache_quant_algo")
    if said is None:
        said = section.get("kv_cache_quant_method")
    if said is None or said is False:
        return cache_scheme(section.get("kv_cache_scheme"))
    name = str(said).upper()
    if name not in CACHES:
        raise NotKnown(f"kv_cache_quant_algo {str(said)[:40]!r}")
    return CACHES[name]
