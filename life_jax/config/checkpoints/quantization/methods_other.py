"""Readers of TorchAO, Quanto, and of the methods with codebooks, trellises or ternary weights.

Sources: the documentation of transformers (quantization overview), of torchao (quantize_), the model cards of EXL2 and
EXL3 files, and the papers of AQLM (arXiv:2401.06118), HIGGS (arXiv:2411.17525), SpQR (arXiv:2306.03078), VPTQ
(arXiv:2409.17066) and BitNet (arXiv:2402.17764).
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.cache import declared_cache
from life_jax.config.checkpoints.quantization.scheme import (
    NotKnown,
    Scheme,
    group_size,
    mapping,
    number,
    skipped,
)
from life_jax.config.checkpoints.quantization.storage import (
    FP8,
    FP8_WEIGHTS,
    INT8,
    INT8_MATH,
    MXFP4,
    NVFP4,
    NVFP4_WEIGHTS,
    SCALE,
    TENSOR,
    Storage,
)

# names of torchao's configs, as classes and as functions, without "Config"
TORCHAO: dict[str, Storage] = {
    "int8weightonly": INT8,
    "int8dynamicactivationint8weight": INT8_MATH,
    "float8weightonly": FP8_WEIGHTS,
    "float8dynamicactivationfloat8weight": FP8,
    "float8staticactivationfloat8weight": FP8,
    "int4weightonly": Storage(4, 128, SCALE, SCALE),
    "int8dynamicactivationint4weight": Storage(4, 32, SCALE, 0, inputs="int8"),
    "float8dynamicactivationint4weight": Storage(4, 128, SCALE, 0, inputs="fp8"),
    "int4dynamicactivationint4weight": Storage(4, 0, SCALE, inputs="int4"),
    "nvfp4inference": NVFP4,
    "nvfp4dynamicactivationnvfp4weight": NVFP4,
    "nvfp4weightonly": NVFP4_WEIGHTS,
    "mxfp4weightonly": MXFP4,
}


def _torchao_kind(said: Any, arguments: Mapping[str, Any]) -> Storage | None:
    """A config of torchao: a name and its arguments, or {_type, _data}."""
    if said is None:
        return None
    if isinstance(said, Mapping):
        data = said.get("_data") or {}
        return _torchao_kind(said.get("_type"), mapping(data, "_data"))
    name = re.sub(r"[^a-z0-9]", "", str(said).lower()).removesuffix("config")
    if name in TORCHAO:
        storage = TORCHAO[name]
        size = group_size(arguments, "group_size")
        return replace(storage, group=size) if size else storage
    if name in ("intxweightonly", "uintxweightonly", "int8dynamicactivationintxweight", "gemliteuintxweightonly"):
        return _torchao_any(name, arguments)
    if name in ("fpxweightonly", "fpx"):
        exponent, mantissa = number(arguments, "ebits") or 3.0, number(arguments, "mbits")
        return Storage(1 + exponent + (2 if mantissa is None else mantissa), 0, SCALE)
    raise NotKnown(f"quant_type {str(said)[:60]!r}")


def _torchao_any(name: str, arguments: Mapping[str, Any]) -> Storage:
    """Integers of any width; the granularity says the group."""
    dtype = arguments.get("weight_dtype", arguments.get("dtype", arguments.get("bit_width")))
    text = str(dtype.get("_data") if isinstance(dtype, Mapping) else dtype)
    width = re.search(r"(\d+)$", text)
    if not width or not 1 <= int(width[1][:4]) <= 8:
        raise NotKnown(f"weight_dtype {text[:40]!r}")
    size = group_size(arguments, "group_size")
    granularity = arguments.get("granularity") or arguments.get("weight_granularity")
    if isinstance(granularity, Mapping) and isinstance(granularity.get("_data"), Mapping):
        size = group_size(granularity["_data"], "group_size") or size
    zero = 0.0 if "dynamic" in name else SCALE
    return Storage(float(width[1]), size, SCALE, zero, inputs="int8" if "dynamic" in name else "")


def torchao(section: Mapping[str, Any]) -> Scheme:
    """One config for all linear layers, or one by the name of a module; the ends where they are included."""
    said, arguments = section.get("quant_type"), section.get("quant_type_kwargs") or {}
    if isinstance(said, Mapping) and "_type" not in said:
        said = said.get("default")
    scheme = Scheme()
    scheme.skip(skipped(section))
    kind = str(said.get("_type")) if isinstance(said, Mapping) else ""
    if isinstance(said, Mapping) and kind in ("ModuleFqnToConfig", "FqnToConfig", "AOPerModuleConfig"):
        data = mapping(said.get("_data") or {}, "_data")
        by_name = next((data[key] for key in ("module_fqn_to_config", "fqn_to_config") if key in data), None)
        for name, config in mapping(by_name, "module_fqn_to_config").items():
            storage = _torchao_kind(config, {})
            if name == "_default":
                scheme.linear = storage
            else:
                scheme.store([str(name)], storage)
    else:
        scheme.linear = _torchao_kind(said, mapping(arguments, "quant_type_kwargs"))
        if scheme.linear is None:
            raise NotKnown("no quant_type")
    if section.get("include_input_output_embeddings"):
        scheme.head = scheme.embedding = scheme.linear
    return scheme


def quanto(section: Mapping[str, Any]) -> Scheme:
    """Weights as int2, int4 (groups of 128), int8 or float8; inputs are not counted as quantized."""
    kinds = {
        "int2": Storage(2, 128, SCALE, SCALE),
        "int4": Storage(4, 128, SCALE, SCALE),
        "int8": INT8,
        "float8": FP8_WEIGHTS,
    }
    kind = re.sub(r"^q", "", str(section.get("weights")))
    if kind not in kinds:
        raise NotKnown(f"weights {kind[:30]!r}")
    scheme = Scheme(linear=kinds[kind])
    scheme.skip(skipped(section))
    return scheme


def exllama(section: Mapping[str, Any]) -> Scheme:
    """EXL2 and EXL3: bits are the mean of all linear layers, scales among them; head_bits of the head."""
    bits = number(section, "bits", low=1, high=16)
    if bits is None:
        raise NotKnown("no bits")
    head = number(section, "head_bits", "lm_head_bits", low=1, high=16)
    return Scheme(linear=Storage(bits, TENSOR), head=Storage(head, TENSOR) if head and head < 16 else None)


PLAIN = 16.0  # bits of a weight that is not quantized


def aqlm(section: Mapping[str, Any]) -> Scheme:
    """Codes of groups of weights, codebooks of 16-bit vectors for each matrix, a scale for each output."""
    keys = ("in_group_size", "out_group_size", "num_codebooks", "nbits_per_codebook")
    values = [number(section, key, low=1, high=64) for key in keys]
    across, along, books, bits = (value or 1.0 for value in values)
    if values[0] is None or values[3] is None:
        raise NotKnown("no in_group_size or nbits_per_codebook")
    if bits > 24:
        raise NotKnown(f"nbits_per_codebook {bits:g}")
    if books * bits > PLAIN * across * along:  # which would take more than what it replaces
        raise NotKnown(f"num_codebooks {books:g} of {bits:g} bit for {across * along:g} weights")
    codebooks = books * 2**bits * across * along * SCALE
    scheme = Scheme(linear=Storage(books * bits / (across * along), 0, SCALE / along, 0, codebooks))
    scheme.skip(skipped(section))
    return scheme


def higgs(section: Mapping[str, Any]) -> Scheme:
    """HIGGS: grids of 4 bit for each weight unless it says otherwise, a scale for each group of 256."""
    bits = number(section, "bits", low=1, high=8)
    scheme = Scheme(linear=Storage(4.0 if bits is None else bits, group_size(section, "group_size") or 256, SCALE))
    scheme.skip(skipped(section))
    return scheme


def spqr(section: Mapping[str, Any]) -> Scheme:
    """Tiles of beta1 x beta2 weights with quantized scales and zero points, and outliers apart: sizes by shapes."""
    bits = number(section, "bits", low=1, high=8) or 3.0
    first = number(section, "beta1", low=1, high=1024) or 16.0
    second = number(section, "beta2", low=1, high=1024) or 16.0
    # scale and zero point of `bits` each for a group of beta1, and two of 16 bit each for a tile of both
    beside = 2 * bits / first + 4 * SCALE / (first * second)
    scheme = Scheme(linear=Storage(bits + beside + _outliers(section), TENSOR))
    scheme.skip(skipped(section))
    return scheme


def _outliers(section: Mapping[str, Any]) -> float:
    """Bits of a weight that outliers take on average: 32 for each, by the shapes of col_vals, else 1 % of weights."""
    shapes = section.get("shapes")
    found = weights = 0.0
    for name, shape in shapes.items() if isinstance(shapes, Mapping) else ():
        size = math.prod(shape) if isinstance(shape, list) and all(type(x) is int and x > 0 for x in shape) else shape
        if isinstance(size, bool) or not isinstance(size, int | float) or not 0 < size < 1e15:
            continue
        if str(name).endswith(("col_vals.shape", "col_vals")):
            found += size
        elif str(name).endswith(("dense_weights.shape", "dense_weights")):
            weights += size * 16  # a 64-bit word holds a row of 16 weights with its scales
    return 32 * found / weights if weights else 0.32


def vptq(section: Mapping[str, Any]) -> Scheme:
    """Vectors as indices into centroids and residual centroids, layer by layer."""
    scheme = Scheme()
    by_storage: dict[Storage | None, list[str]] = {}
    for key in ("config_for_layers", "shared_layer_config"):
        for name, said in mapping(section.get(key) or {}, key).items():
            by_storage.setdefault(_vectors(mapping(said, key)), []).append(str(name))
    if not by_storage:
        raise NotKnown("no config_for_layers")
    for storage, listed in by_storage.items():
        scheme.store(listed, storage)
    return scheme


def _vectors(said: Mapping[str, Any]) -> Storage:
    def last(key: str) -> float:
        value = said.get(key)
        value = value[-1] if isinstance(value, list) and value else value
        if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value <= 2**24:
            raise NotKnown(f"{key} {str(value)[:40]!r}")
        return float(value)

    length = last("vector_lens")
    if length < 1:
        raise NotKnown("vector_lens")
    bits = beside = 0.0
    for key in ("num_centroids", "num_res_centroids"):
        count = last(key) if key in said else -1.0
        if count > 1:
            bits += math.ceil(math.log2(count)) / length
            beside += count * length * SCALE
    return Storage(bits, TENSOR, matrix=beside)


def bitnet(section: Mapping[str, Any]) -> Scheme:
    """Ternary weights, four in a byte; trained online they are stored at 16 bit."""
    online = section.get("quantization_mode") == "online"
    scheme = Scheme(linear=None if online else Storage(2, TENSOR, inputs="int8"))
    scheme.skip(skipped(section))
    return scheme


def deepspeed(section: Mapping[str, Any]) -> Scheme:
    """DeepSpeed's quantization of weights: the bits must be there, a scale for each group of 512."""
    bits = number(section, "bits", low=4, high=8)
    if bits is None:
        raise NotKnown("no bits")
    return Scheme(linear=Storage(bits, group_size(section, "group_size") or 512, SCALE))


def qqq(section: Mapping[str, Any]) -> Scheme:
    """QQQ: weights of 4 bit, activations of 8."""
    size = group_size(section, "group_size")
    scheme = Scheme(linear=Storage(number(section, "bits", "wbits", low=4, high=8) or 4.0, size, SCALE, inputs="int8"))
    scheme.skip(skipped(section))
    return scheme


def qoq(section: Mapping[str, Any]) -> Scheme:
    """QServe (arXiv:2405.04532): 4 bit, with scale and zero point of 8 bit a group, or of 16 an output channel."""
    bits, size = number(section, "weight_bits", "bits", "w_bit", low=4, high=4), group_size(section, "group_size")
    if bits is None:
        raise NotKnown("no weight_bits")
    parts = (8, 8) if size else (SCALE, SCALE)
    scheme = Scheme(linear=Storage(bits, size, *parts, inputs="int8"))
    scheme.skip(skipped(section))
    return scheme


# of FastDeploy, which PaddlePaddle's checkpoints are written for; scales of an output channel
PADDLE: dict[str, Storage] = {
    "wint8": INT8,
    "wint4": Storage(4, 0, SCALE),
    "wint2": Storage(2, 0, SCALE),
    "w4a8": Storage(4, 0, SCALE, inputs="int8"),
    "w4afp8": Storage(4, 0, SCALE, inputs="fp8"),
    "block-wise-fp8": FP8,
    "tensor-wise-fp8": FP8,
}


def fast_deploy(section: Mapping[str, Any]) -> Scheme:
    """One type for all linear layers, or one for dense layers and one for experts (mix_quant)."""

    def storage(said: Any) -> Storage:
        name = str(said).lower().replace("_", "-")
        if name not in PADDLE:
            raise NotKnown(f"{str(said)[:40]!r} as the type of weights")
        return PADDLE[name]

    method = section.get("quant_method") or section.get("quantization")
    if "moe_activation_scheme" in section:  # SGLang's W4AFp8: experts of 4 bit, all else fp8 in blocks
        scheme = Scheme(linear=FP8, cache=declared_cache(section))
        scheme.skip(skipped(section))
        scheme.store([r"re:.*experts\.\d+\..*"], Storage(4, 128, SCALE, inputs="fp8"))
        return scheme
    dense = section.get("dense_quant_type") or (None if str(method).lower().startswith("mix") else method)
    experts = section.get("moe_quant_type") or dense
    if dense is None and experts is None:
        raise NotKnown("neither dense_quant_type nor moe_quant_type")
    scheme = Scheme(linear=storage(dense) if dense is not None else None)
    scheme.skip(skipped(section))
    if experts != dense:
        scheme.store([r"re:.*experts\.\d+\..*"], storage(experts))
    if str(section.get("kv_cache_quant_type", "")).startswith(("float8", "block_wise_fp8")):
        scheme.cache = "kv_fp8"
    return scheme


MLC = re.compile(r"q([034])f(16|32)_?(\w*)")


def mlc(section: Mapping[str, Any]) -> Scheme:
    """MLC LLM's q4f16_1 and its like: as many weights as fit into 32 bit, a scale for each 32 or 40 of them; all
    products, the head and the embedding."""
    name = MLC.fullmatch(str(section.get("format")))
    if name is None:
        raise NotKnown(f"format {str(section.get('format'))[:30]!r} of MLC")
    bits, scale = int(name[1]), float(name[2])
    if not bits:
        return Scheme()
    storage = Storage(3.2, 40, scale) if bits == 3 else Storage(4, 128 if "awq" in name[3] else 32, scale)
    return Scheme(linear=storage, head=storage, embedding=storage)


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {
    "torchao": torchao,
    "quanto": quanto,
    **dict.fromkeys(("exl2", "exl3"), exllama),
    "aqlm": aqlm,
    "higgs": higgs,
    "spqr": spqr,
    "vptq": vptq,
    "bitnet": bitnet,
    "deepspeedfp": deepspeed,
    **dict.fromkeys((*PADDLE, "mix-quant"), fast_deploy),
    "qqq": qqq,
    **dict.fromkeys(("qoq", "qserve"), qoq),
    "mlc": mlc,
}
