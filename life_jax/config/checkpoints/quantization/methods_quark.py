"""Reader of AMD Quark: a global config, and others by pattern or by type of layer.

Source: the documentation of AMD Quark (export).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.cache import cache_option
from life_jax.config.checkpoints.quantization.methods_compressed_tensors import store_class
from life_jax.config.checkpoints.quantization.scheme import NotKnown, Scheme, group_size, mapping, skipped
from life_jax.config.checkpoints.quantization.storage import FP8_WEIGHTS, SCALE, TENSOR, Storage

QUARK_BITS = re.compile(r"(?:u?int|fp|mx_fp|mxfp|mx)_?(\d+)")


def _quark_weights(said: Any) -> Storage | None:
    """weight of a Quark layer config: dtype, qscheme, group_size, scale_format; the last of a list is stored."""
    if isinstance(said, list):
        said = said[-1] if said else None
    if said is None:
        return None
    weights = mapping(said, "weight")
    dtype, way = str(weights.get("dtype", "")).lower(), str(weights.get("qscheme", "per_tensor"))
    found = QUARK_BITS.search(dtype)
    bits = float(found[1]) if found else 0.0
    if dtype in ("bfloat16", "float16", "float32", "bf16", "fp16", "fp32"):
        return None
    if not 1 <= bits <= 8:
        raise NotKnown(f"dtype {dtype[:30]!r} of weights")
    if dtype.startswith("mx") or weights.get("scale_format") == "e8m0":
        return Storage(bits, group_size(weights, "group_size", default=32) or 32, 8)
    zero = 0.0 if weights.get("symmetric") is not False or dtype.startswith("fp") else bits
    if way == "per_group":
        size = group_size(weights, "group_size")
        if not size:
            raise NotKnown("per_group without group_size")
        return Storage(bits, size, 8 if (bits, size) == (4, 16) and dtype.startswith("fp") else SCALE, zero)
    if dtype.startswith("fp") and bits == 8:
        return FP8_WEIGHTS
    return Storage(bits, TENSOR) if way == "per_tensor" else Storage(bits, 0, SCALE, zero)


def _quark_config(said: Any, where: str) -> Storage | None:
    config = mapping(said, where)
    storage, given = _quark_weights(config.get("weight")), config.get("input_tensors")
    given = given[0] if isinstance(given, list) and given else given
    if storage is None or given is None:
        return storage
    dtype = str(mapping(given, "input_tensors").get("dtype", "")).lower()
    found = QUARK_BITS.search(dtype)
    bits = float(found[1]) if found else 16.0
    if bits > 8:
        return storage
    narrow = "fp" in dtype or dtype.startswith("mx")
    inputs = ("fp8" if bits > 4 else "fp4") if narrow else ("int8" if bits > 4 else "int4")
    return replace(storage, inputs=inputs)


def quark(section: Mapping[str, Any]) -> Scheme:
    """A global config, others by pattern or by type of layer, exclude; the cache by its own config."""
    scheme = Scheme()
    scheme.skip(skipped(section))
    for pattern, said in mapping(section.get("layer_quant_config") or {}, "layer_quant_config").items():
        scheme.store([str(pattern)], _quark_config(said, f"layer_quant_config of {str(pattern)[:40]}"))
    for name, said in mapping(section.get("layer_type_quant_config") or {}, "layer_type_quant_config").items():
        storage = _quark_config(said, f"layer_type_quant_config of {str(name)[:40]}")
        if not store_class(scheme, str(name), storage):
            scheme.unknown.append(f"its quantization names a type of layer that is not known: {str(name)[:60]}")
    if section.get("global_quant_config") is not None:
        scheme.linear = scheme.head = _quark_config(section["global_quant_config"], "global_quant_config")
    for said in mapping(section.get("kv_cache_quant_config") or {}, "kv_cache_quant_config").values():
        stored = _quark_weights(mapping(said, "kv_cache_quant_config").get("output_tensors"))
        if stored is not None:
            scheme.cache = cache_option(stored.bits, "float" if stored == FP8_WEIGHTS else "int")
    return scheme


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {"quark": quark}
