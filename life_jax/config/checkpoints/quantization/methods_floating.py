"""Readers of the methods that say data types of weights and inputs: compressed-tensors, ModelOpt, fp8, Quark and kin.

Sources: the documentation of compressed-tensors (QuantizationConfig), of NVIDIA Model Optimizer (hf_quant_config.json),
of TensorRT-LLM (QuantAlgo), of transformers (quantization overview) and of AMD Quark (export).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

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
    FP8,
    FP8_WEIGHTS,
    INT8,
    INT8_MATH,
    MXFP4,
    MXFP8,
    NVFP4,
    NVFP4_WEIGHTS,
    TENSOR,
    Storage,
)

MIXED = "MIXED_PRECISION"
SCALE = 16  # bits of a scale in a checkpoint of 16-bit weights
CLASSES = {
    **dict.fromkeys(("Linear", "LinearBase", "ColumnParallelLinear", "RowParallelLinear", "QKVParallelLinear",
                     "MergedColumnParallelLinear", "ReplicatedLinear"), "linear"),
    **dict.fromkeys(("Embedding", "VocabParallelEmbedding"), "embedding"),
    "ParallelLMHead": "head",
    **dict.fromkeys(("FusedMoE", "MoE"), "experts"),
    **dict.fromkeys(("Conv1D", "Conv1d", "Conv2d", "Conv3d", "Attention", "LayerNorm"), ""),
}  # fmt: skip


def cache_option(bits: float, kind: str, group: int = 0, scale: float = 0.0) -> Any:
    """The option for a cache of such elements; scales of whole tensors do not count."""
    if bits >= 16:
        return ""
    if (bits, kind, group) == (8, "float", 0):
        return "kv_fp8"
    numbers = {"group_size": group, "scale_bits": scale} if group else {}
    return {"kind": "kv_quantization", "bits": bits, **numbers, "dequant_flops": 2}


def _cache_scheme(said: Any) -> Any:
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


def _by_class(scheme: Scheme, target: str, storage: Storage | None) -> bool:
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
    scheme = Scheme(cache=_cache_scheme(section.get("kv_cache_scheme")))
    scheme.skip(skipped(section))
    for name, said in groups.items():
        group = mapping(said, f"config_groups.{str(name)[:30]}")
        storage = _arguments(group, section)
        targets = names(group, "targets") or ["Linear"]
        if storage is None and group.get("output_activations") is not None:  # the cache, as it was said before
            scheme.cache = scheme.cache or _cache_scheme(group["output_activations"])
            continue
        scheme.store([target for target in targets if target not in CLASSES], storage)
        for target in targets:
            _by_class(scheme, target, storage)
    if not any(isinstance(group, Mapping) and group.get("weights") for group in groups.values()):
        sparsity = section.get("sparsity_config")
        if not scheme.cache and not (isinstance(sparsity, Mapping) and "24" in str(sparsity.get("format"))):
            raise NotKnown("no group of config_groups says how weights are stored")
        if not groups:
            scheme.linear = scheme.head = Storage(9.0, TENSOR) if isinstance(sparsity, Mapping) else None
    return scheme


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
CACHES: dict[str, Any] = {
    "FP8": cache_option(8, "float"),
    "FP8_AFFINE": cache_option(8, "float"),
    "INT8": cache_option(8, "int"),
    **dict.fromkeys(("NVFP4", "NVFP4_AFFINE", "NVFP4_ROTATE", "FP4"), cache_option(4, "float", 16, 8)),
    **dict.fromkeys(("NONE", "NO_QUANT", "AUTO"), ""),
}


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
    scheme = Scheme(cache=_declared_cache(section))
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


def _declared_cache(section: Mapping[str, Any]) -> Any:
    said = section.get("kv_cache_quant_algo")
    if said is None:
        said = section.get("kv_cache_quant_method")
    if said is None or said is False:
        return _cache_scheme(section.get("kv_cache_scheme"))
    name = str(said).upper()
    if name not in CACHES:
        raise NotKnown(f"kv_cache_quant_algo {str(said)[:40]!r}")
    return CACHES[name]


def fp8(section: Mapping[str, Any]) -> Scheme:
    """All linear layers in fp8 but the head, with the lists of modules that stay; scales of blocks do not count."""
    if section.get("quantized_layers") is not None:
        return modelopt({"quant_algo": MIXED, **section})
    scheme = Scheme(linear=FP8, cache=_declared_cache(section))
    scheme.skip(skipped(section))
    experts = section.get("expert_dtype")
    if experts is not None:
        if experts not in ("fp4", "fp8"):
            raise NotKnown(f"expert_dtype {str(experts)[:30]!r}")
        if experts == "fp4":
            scheme.store([r"re:.*experts\.\d+\..*"], replace(MXFP4, inputs="fp8"))
    return scheme


def mxfp4(section: Mapping[str, Any]) -> Scheme:
    """Routed experts alone, but those of modules_to_not_convert."""
    scheme = Scheme(linear=MXFP4, experts_alone=True, cache=_declared_cache(section))
    scheme.skip(skipped(section))
    return scheme


def _all(storage: Storage) -> Callable[[Mapping[str, Any]], Scheme]:
    """A method with one storage for all linear layers but the skipped ones."""

    def read(section: Mapping[str, Any]) -> Scheme:
        scheme = Scheme(linear=storage, cache=_declared_cache(section))
        scheme.skip(skipped(section))
        return scheme

    return read


def experts_int8(section: Mapping[str, Any]) -> Scheme:
    """Experts alone in int8, with a scale for each row."""
    return Scheme(linear=INT8, experts_alone=True)


def fp_quant(section: Mapping[str, Any]) -> Scheme:
    """FP-Quant: mxfp4 or nvfp4; with master weights the 16-bit ones are stored."""
    dtype = str(section.get("forward_dtype", "mxfp4"))
    if dtype not in ("mxfp4", "nvfp4"):
        raise NotKnown(f"forward_dtype {dtype[:30]!r}")
    storage = replace(MXFP4, inputs="fp4") if dtype == "mxfp4" else NVFP4
    scheme = Scheme(linear=None if section.get("store_master_weights") else storage)
    scheme.skip(skipped(section))
    return scheme


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
        if not _by_class(scheme, str(name), storage):
            scheme.unknown.append(f"its quantization names a type of layer that is not known: {str(name)[:60]}")
    if section.get("global_quant_config") is not None:
        scheme.linear = scheme.head = _quark_config(section["global_quant_config"], "global_quant_config")
    for said in mapping(section.get("kv_cache_quant_config") or {}, "kv_cache_quant_config").values():
        stored = _quark_weights(mapping(said, "kv_cache_quant_config").get("output_tensors"))
        if stored is not None:
            scheme.cache = cache_option(stored.bits, "float" if stored == FP8_WEIGHTS else "int")
    return scheme


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {
    "compressed-tensors": compressed_tensors,
    "sparseml": compressed_tensors,
    **dict.fromkeys(("modelopt", "modelopt-fp4", "modelopt-fp8", "modelopt-mixed", "modelopt-mxfp8"), modelopt),
    **dict.fromkeys(("fp8", "deepseek-v4-fp8", "finegrained-fp8", "block-fp8"), fp8),
    **dict.fromkeys(("fbgemm-fp8", "ptpc-fp8", "w8a8-fp8"), _all(FP8)),
    "w8a8-int8": _all(INT8_MATH),
    **dict.fromkeys(("tpu-int8", "eetq", "int8"), _all(INT8)),
    **dict.fromkeys(("nvfp4", "petit-nvfp4"), _all(NVFP4)),
    "mxfp8": _all(replace(MXFP8, inputs="fp8")),
    **dict.fromkeys(("mxfp4", "gpt-oss-mxfp4"), mxfp4),
    "experts-int8": experts_int8,
    "fp-quant": fp_quant,
    "quark": quark,
}
