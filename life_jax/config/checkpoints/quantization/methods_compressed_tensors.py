"""Reader of compressed-tensors: groups of targets, each with the arguments of a quantization.

Source: the documentation of compressed-tensors (QuantizationConfig).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.cache import cache_scheme
from life_jax.config.checkpoints.quantization.scheme import (
    NotKnown,
    Scheme,
    group_size,
    mapping,
    names,
    number,
    skipped,
)
from life_jax.config.checkpoints.quantization.storage import (
    FP8_WEIGHTS,
    MXFP4,
    MXFP8,
    NVFP4_WEIGHTS,
    SCALE,
    TENSOR,
    Storage,
)

CLASSES = {
    **dict.fromkeys(("Linear", "LinearBase", "ColumnParallelLinear", "RowParallelLinear", "QKVParallelLinear",
                     "MergedColumnParallelLinear", "ReplicatedLinear"), "linear"),
    **dict.fromkeys(("Embedding", "VocabParallelEmbedding"), "embedding"),
    "ParallelLMHead": "head",
    **dict.fromkeys(("FusedMoE", "MoE"), "experts"),
    **dict.fromkeys(("Conv1D", "Conv1d", "Conv2d", "Conv3d", "Attention", "LayerNorm"), ""),
}  # fmt: skip


def _inputs(said: Any, where: str) -> str:
    """The data type of quantized inputs, "" where they stay at 16 bit."""
    if said is None:
        return ""
    arguments = mapping(said, where)
    bits, kind = number(arguments, "num_bits", low=1), str(arguments.get("type", "int"))
    if bits is None or bits > 8:
        return ""
    if kind == "float":
        return "fp8" if bits > 4 else "fp4"
    return "int8" if bits > 4 else "int4"


def _arguments(group: Mapping[str, Any], section: Mapping[str, Any]) -> Storage | None:
    """The storage of one of config_groups; None where weights are not quantized."""
    if group.get("weights") is None:
        return None
    weights = mapping(group["weights"], "weights")
    bits, kind = number(weights, "num_bits", low=1), str(weights.get("type", "int"))
    if bits is None or bits >= 16:
        return None
    if bits > 8 or kind not in ("int", "float"):
        raise NotKnown(f"weights of {bits:g} bit, type {kind[:20]!r}")
    form = str(group.get("format") or section.get("format") or "")
    inputs = _inputs(group.get("input_activations"), "input_activations")
    if kind == "float":
        dense = _floats(bits, weights, form)
        storage = replace(dense, bits=_sparse(dense.bits, form, section))
    else:
        storage = _integers(bits, weights, form, section)
    return replace(storage, inputs=inputs)


def _floats(bits: float, weights: Mapping[str, Any], form: str) -> Storage:
    """4-bit floats are micro-scaled; 8-bit ones have a scale for each channel, or for blocks that do not count."""
    if bits == 4:
        micro = "mxfp4" in form or group_size(weights, "group_size") == 32
        return MXFP4 if micro else NVFP4_WEIGHTS
    size = _group_of(weights)
    if size == 32 and ("mx" in form or "mx" in str(weights.get("scale_dtype"))):
        return MXFP8
    return FP8_WEIGHTS if size <= 0 else Storage(bits, size, SCALE)


def _integers(bits: float, weights: Mapping[str, Any], form: str, section: Mapping[str, Any]) -> Storage:
    """Packed into 32-bit words, as many as fit; zero points of as many bits where they are not symmetric."""
    size = _group_of(weights)
    packed = ("pack" in form or not form) and bits < 8
    stored = _sparse(32 / (32 // bits) if packed else bits, form, section)
    if size == TENSOR:
        return Storage(stored, TENSOR)
    return Storage(stored, size, SCALE, 0.0 if weights.get("symmetric", True) else bits)


def _group_of(weights: Mapping[str, Any]) -> int:
    """By the strategy; a scale of a block of many weights counts as one of a tensor."""
    strategy, size = weights.get("strategy"), group_size(weights, "group_size")
    if strategy == "block":
        return 0
    if strategy == "tensor":
        return 0 if str(weights.get("type")) == "float" else TENSOR
    if strategy in (None, "group", "tensor_group", "channel", "token", "attn_head"):
        if strategy in ("group", "tensor_group") and not size and weights.get("group_size") is None:
            raise NotKnown("a group strategy without group_size")
        return 0 if strategy == "channel" else size
    raise NotKnown(f"strategy {str(strategy)[:30]!r}")


def _sparse(bits: float, form: str, section: Mapping[str, Any]) -> float:
    """Two of four weights stored: half the bits, and a bit for each weight that says which."""
    sparsity = section.get("sparsity_config")
    sparse = isinstance(sparsity, Mapping) and "24" in str(sparsity.get("format"))
    return bits / 2 + 1 if sparse or "24" in form else bits


def store_class(scheme: Scheme, target: str, storage: Storage | None) -> bool:
    """A target that is the name of a class of modules; False where it is not one."""
    if target not in CLASSES:
        return False
    role = CLASSES[target]
    if role == "linear":
        scheme.linear, scheme.head = storage, storage
    elif role == "experts":
        scheme.store(["experts"], storage)
    elif role:
        setattr(scheme, role, storage)
    return True


def compressed_tensors(section: Mapping[str, Any]) -> Scheme:
    """Groups of targets (classes, names, regular expressions) with their arguments; ignore; kv_cache_scheme."""
    groups = mapping(section.get("config_groups") or {}, "config_groups")
    scheme = Scheme(cache=cache_scheme(section.get("kv_cache_scheme")))
    left_out = skipped(section)
    scheme.skip(name for name in left_out if name not in CLASSES)
    for name, said in groups.items():
        group = mapping(said, f"config_groups.{str(name)[:30]}")
        storage = _arguments(group, section)
        targets = names(group, "targets") or ["Linear"]
        if storage is None and group.get("output_activations") is not None:  # the cache, as it was said before
            scheme.cache = scheme.cache or cache_scheme(group["output_activations"])
            continue
        if storage is None and targets and all(target.endswith("Attention") for target in targets):  # as it is said now
            scheme.cache = scheme.cache or cache_scheme(group.get("input_activations"))
            continue
        scheme.store([target for target in targets if target not in CLASSES], storage)
        for target in targets:
            store_class(scheme, target, storage)
    if not any(isinstance(group, Mapping) and group.get("weights") for group in groups.values()):
        sparsity = section.get("sparsity_config")
        if not scheme.cache and not (isinstance(sparsity, Mapping) and "24" in str(sparsity.get("format"))):
            raise NotKnown("no group of config_groups says how weights are stored")
        if not groups and isinstance(sparsity, Mapping):
            scheme.linear = scheme.head = Storage(9.0, TENSOR)
            left_out += skipped(sparsity)
            scheme.skip(name for name in skipped(sparsity) if name not in CLASSES)
    for target in left_out:
        store_class(scheme, target, None)
    return scheme


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {
    "compressed-tensors": compressed_tensors,
    "sparseml": compressed_tensors,
}
