"""Reader of NVIDIA Model Optimizer and TensorRT-LLM: an algorithm for all layers, or one for each.

Sources: the documentation of NVIDIA Model Optimizer (hf_quant_config.json) and of TensorRT-LLM (QuantAlgo).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.cache import declared_cache
from life_jax.config.checkpoints.quantization.methods_compressed_tensors import compressed_tensors
from life_jax.config.checkpoints.quantization.scheme import NotKnown, Scheme, group_size, mapping, skipped
from life_jax.config.checkpoints.quantization.storage import (
    FP8,
    FP8_WEIGHTS,
    INT8,
    INT8_MATH,
    MXFP4,
    MXFP8,
    NVFP4,
    NVFP4_WEIGHTS,
    SCALE,
    Storage,
)

MIXED = "MIXED_PRECISION"
# QuantAlgo of TensorRT-LLM and ModelOpt; sizes of groups may be said beside
ALGORITHMS: dict[str, Storage | None] = {
    "FP8": FP8,
    **dict.fromkeys(("FP8_PER_CHANNEL_PER_TOKEN", "FP8_PER_CHANNEL_PER_TOKEN_WO"), FP8),
    **dict.fromkeys(("FP8_BLOCK_SCALES", "FP8_PB_REAL", "FP8_BLOCK", "FP8_PB"), FP8),
    "FP8_PB_WO": FP8_WEIGHTS,
    "W8A16_FP8": FP8_WEIGHTS,
    **dict.fromkeys(("NVFP4", "NVFP4_AWQ", "NVFP4_SVDQUANT", "W4A4_NVFP4"), NVFP4),
    **dict.fromkeys(("W4A16_NVFP4", "NVFP4_WO"), NVFP4_WEIGHTS),
    "W4A8_NVFP4_FP8": replace(NVFP4_WEIGHTS, inputs="fp8"),
    **dict.fromkeys(("MXFP4", "W4A16_MXFP4"), MXFP4),
    **dict.fromkeys(("W4A8_MXFP4_FP8", "W4A8_MXFP4_MXFP8"), replace(MXFP4, inputs="fp8")),
    "MXFP8": replace(MXFP8, inputs="fp8"),
    "MXFP8_WO": MXFP8,
    **dict.fromkeys(("W4A16_AWQ", "INT4_AWQ", "W4A16_GPTQ", "W4A16"), Storage(4, 128, SCALE)),
    **dict.fromkeys(("W4A8_AWQ", "W4A8_AWQ_BETA"), Storage(4, 128, SCALE, inputs="fp8")),
    **dict.fromkeys(("W4A8_QSERVE_PER_GROUP", "W4A8_QSERVE_PER_CHANNEL"), Storage(4, 128, SCALE, 8, inputs="int8")),
    **dict.fromkeys(("W8A16", "W8A16_GPTQ", "INT8_WO"), INT8),
    **dict.fromkeys(("W8A8_SQ_PER_CHANNEL", "INT8_SQ", "INT8", "W8A8_SQ_PER_CHANNEL_PER_TOKEN_PLUGIN",
                     "W8A8_SQ_PER_CHANNEL_PER_TENSOR_PLUGIN", "W8A8_SQ_PER_TENSOR_PLUGIN",
                     "W8A8_SQ_PER_TENSOR_PER_TOKEN_PLUGIN"), INT8_MATH),
    **dict.fromkeys(("NO_QUANT", "NONE", "W16A16", "BF16", "FP16"), None),
}  # fmt: skip


def _algorithm(section: Mapping[str, Any], where: str = "") -> Storage | None:
    said = section.get("quant_algo")
    name = "NONE" if said is None else str(said).upper()
    if name not in ALGORITHMS:
        raise NotKnown(f"quant_algo {str(said)[:40]!r}{where}")
    storage = ALGORITHMS[name]
    size = group_size(section, "group_size", "awq_block_size", "block_size")
    if storage is not None and storage.group > 0 and size:
        return replace(storage, group=size)
    return storage


def modelopt(section: Mapping[str, Any]) -> Scheme:
    """One algorithm for all linear layers but the excluded ones, or one for each layer (MIXED_PRECISION)."""
    if isinstance(section.get("quantization"), Mapping):
        section = {**section, **section["quantization"]}
    if section.get("quant_algo") is None and isinstance(section.get("config_groups"), Mapping):
        scheme = compressed_tensors(section)
        scheme.head = None
        return scheme
    scheme = Scheme(cache=declared_cache(section))
    scheme.skip(skipped(section))
    layers = section.get("quantized_layers")
    if layers is not None:
        by_storage: dict[Storage | None, list[str]] = {}
        for name, said in mapping(layers, "quantized_layers").items():
            described = mapping(said, f"quantized_layers of {str(name)[:40]}")
            by_storage.setdefault(_algorithm(described, f" of {str(name)[:40]}"), []).append(str(name))
        for storage, listed in by_storage.items():
            scheme.store(listed, storage)
    algorithm = str(section.get("quant_algo") or "").upper()
    if algorithm == MIXED:
        if not layers:
            groups = section.get("config_groups")
            if isinstance(groups, Mapping) and groups:
                mixed = compressed_tensors(section)
                mixed.head = None
                return mixed
            raise NotKnown("MIXED_PRECISION without quantized_layers")
        return scheme
    if layers is None or algorithm:
        scheme.linear = _algorithm(section)
    return scheme


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = dict.fromkeys(
    ("modelopt", "modelopt-fp4", "modelopt-fp8", "modelopt-mixed", "modelopt-mxfp8"), modelopt
)
