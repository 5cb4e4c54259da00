"""Readers of the methods with integers in groups: AWQ, GPTQ, AutoRound, MLX, bitsandbytes, HQQ and kin.

Sources: the documentation of transformers (quantization overview), of GPTQModel (dynamic), of AutoRound (extra_config),
of MLX (mlx.nn.quantize, mlx_lm.convert) and of HQQ.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.scheme import (
    NotKnown,
    Scheme,
    blocks,
    group_size,
    mapping,
    number,
    skipped,
)
from life_jax.config.checkpoints.quantization.storage import (
    FP8,
    FP8_WEIGHTS,
    INT8,
    MXFP4,
    MXFP8,
    NVFP4,
    NVFP4_WEIGHTS,
    Storage,
)

SCALE = 16
SIZES = ("group_size", "q_group_size")
BITS = ("bits", "w_bit", "nbits", "wbits")


def _grouped(section: Mapping[str, Any], zero: bool | None = None) -> Storage | None:
    """Bits, a 16-bit scale for each group, zero points of as many bits where they are not symmetric."""
    bits = number(section, *BITS, low=1)
    if bits is None:
        raise NotKnown("no bits")
    if bits >= 16:
        return None
    if bits not in (1, 2, 3, 4, 5, 6, 7, 8):
        raise NotKnown(f"bits {bits:g}")
    if zero is None:
        zero = bool(section.get("zero_point")) or section.get("sym") is False
    return Storage(bits, group_size(section, *SIZES), SCALE, bits * zero)


def awq(section: Mapping[str, Any]) -> Scheme:
    """All linear layers of the decoder's layers but those of modules_to_not_convert."""
    if all(key not in section for key in SIZES):
        raise NotKnown("no group_size")
    scheme = Scheme(linear=_grouped(section))
    scheme.skip(skipped(section))
    return scheme


def gptq(section: Mapping[str, Any]) -> Scheme:
    """GPTQ and GPTQModel: dynamic leaves modules out ("-:") or changes their numbers; lm_head: the head too."""
    if isinstance(section.get("autoround_version"), str) or "extra_config" in section:
        return auto_round(section)
    storage = _grouped(section)
    scheme = Scheme(linear=storage, head=storage if section.get("lm_head") is True else None)
    scheme.skip(skipped(section))
    for pattern, said in mapping(section.get("dynamic") or {}, "dynamic").items():
        if str(pattern).startswith("-:"):
            scheme.skip([str(pattern)[2:]], "regex")
        else:
            numbers = mapping(said or {}, f"dynamic of {str(pattern)[:40]}")
            scheme.store([str(pattern)], _grouped({**section, **numbers}), "regex")
    if section.get("modules_in_block_to_quantize"):
        scheme.only = tuple(blocks(section, "modules_in_block_to_quantize"))
    return scheme


def _rounded(section: Mapping[str, Any]) -> Storage | None:
    """AutoRound's numbers of one layer: data_type may be a micro-scaled or an 8-bit float."""
    kind = str(section.get("data_type") or "int").lower()
    bits = number(section, "bits", low=1)
    if bits is not None and bits >= 16:
        return None
    inputs = _inputs(section)
    if "nv_fp" in kind or "nvfp" in kind:
        return NVFP4 if inputs else NVFP4_WEIGHTS
    if "mx" in kind:
        return replace(MXFP4 if bits == 4 else MXFP8, inputs=inputs)
    if kind.startswith("fp"):
        if bits == 8:
            return FP8 if inputs else FP8_WEIGHTS
        raise NotKnown(f"data_type {kind[:30]!r}")
    storage = _grouped(section)
    return replace(storage, inputs=inputs) if storage else None


def _inputs(section: Mapping[str, Any]) -> str:
    bits = number(section, "act_bits", low=1)
    if bits is None or bits > 8:
        return ""
    kind = str(section.get("act_data_type") or section.get("data_type") or "int")
    return ("fp8" if bits > 4 else "fp4") if "fp" in kind else ("int8" if bits > 4 else "int4")


def auto_round(section: Mapping[str, Any]) -> Scheme:
    """The layers of block_name_to_quantize; extra_config says what differs, by name or regular expression."""
    scheme = Scheme(linear=_rounded(section))
    scheme.skip(skipped(section))
    for name, said in mapping(section.get("extra_config") or {}, "extra_config").items():
        numbers = mapping(said or {}, f"extra_config of {str(name)[:40]}")
        scheme.store([str(name)], _rounded({**section, **numbers}))
    if section.get("lm_head") is True or section.get("quant_lm_head") is True:
        scheme.head = scheme.linear
    for key in ("block_name_to_quantize", "to_quant_block_names"):
        if section.get(key):
            scheme.only = tuple(blocks(section, key))
            break
    cache = section.get("static_kv_dtype")
    if str(cache).lower().removeprefix("torch.").startswith(("fp8", "float8")):
        scheme.cache = "kv_fp8"
    return scheme


def _mlx_numbers(section: Mapping[str, Any]) -> Storage | None:
    """affine: a 16-bit scale and bias a group; micro-scaled floats: 8 bits a group."""
    mode = str(section.get("mode") or "affine")
    defaults = {"affine": (4, 64), "mxfp4": (4, 32), "mxfp8": (8, 32), "nvfp4": (4, 16)}
    if mode not in defaults:
        raise NotKnown(f"mode {mode[:30]!r}")
    bits = number(section, "bits", low=1, high=16)
    bits, size = bits or defaults[mode][0], group_size(section, "group_size") or defaults[mode][1]
    if bits >= 16:
        return None
    if bits not in (1, 2, 3, 4, 5, 6, 8):
        raise NotKnown(f"bits {bits:g}")
    return Storage(bits, size, SCALE, SCALE) if mode == "affine" else Storage(bits, size, 8)


def mlx(section: Mapping[str, Any]) -> Scheme:
    """All linear layers, the head, the embedding and routers; a module may have numbers of its own, or false."""
    storage = _mlx_numbers(section)
    scheme = Scheme(linear=storage, head=storage, embedding=storage, router=storage)
    own: dict[Storage | None, list[str]] = {}
    for name, said in section.items():
        if said is False:
            own.setdefault(None, []).append(str(name))
        elif isinstance(said, Mapping):
            own.setdefault(_mlx_numbers({**section, **said}), []).append(str(name))
    for stored, listed in own.items():
        scheme.store(listed, stored)
    return scheme


def bitsandbytes(section: Mapping[str, Any]) -> Scheme:
    """int8, or 4 bits with a maximum for each 64 weights: 32 bits, or 8 and 32 for 256 of them if quantized again."""
    if section.get("load_in_4bit") or section.get("_load_in_4bit"):
        scale = 8 + 32 / 256 if section.get("bnb_4bit_use_double_quant") else 32
        storage = Storage(4, group_size(section, "bnb_4bit_blocksize") or 64, scale)
    elif section.get("load_in_8bit") or section.get("_load_in_8bit"):
        storage = INT8
    else:
        raise NotKnown("neither load_in_8bit nor load_in_4bit")
    scheme = Scheme(linear=storage)
    scheme.skip(skipped(section))
    return scheme


def _hqq_numbers(said: Any, where: str) -> Storage | None:
    """A scale and a zero point of 16 bit for each group, fewer where they are quantized again."""
    if said is None:
        return None
    config = mapping(said, where)
    weights = mapping(config.get("weight_quant_params") or config, where)
    bits = number(weights, "nbits", low=1)
    if bits is None:
        raise NotKnown(f"{where} has no nbits")
    size = group_size(weights, "group_size")
    beside = {}
    for name in ("scale", "zero"):
        again = config.get(f"{name}_quant_params")
        beside[name] = float(SCALE)
        if isinstance(again, Mapping):
            beside[name] = (number(again, "nbits", low=1) or 8) + 2 * SCALE / (group_size(again, "group_size") or 128)
    return Storage(bits, size, beside["scale"], beside["zero"]) if bits < 16 else None


def hqq(section: Mapping[str, Any]) -> Scheme:
    """One config for all linear layers, or one for each name of a linear layer (self_attn.q_proj)."""
    config = mapping(section.get("quant_config") or {}, "quant_config")
    if not config:
        config = {key: section[key] for key in ("nbits", "group_size") if key in section}
    scheme = Scheme()
    scheme.skip(skipped(section))
    if "weight_quant_params" in config or "nbits" in config:
        scheme.linear = _hqq_numbers(config, "quant_config")
        return scheme
    if not config:
        raise NotKnown("no quant_config")
    for name, said in config.items():
        scheme.store([str(name)], _hqq_numbers(said, f"quant_config of {str(name)[:40]}"))
    return scheme


def sinq(section: Mapping[str, Any]) -> Scheme:
    """SINQ: groups with zero points."""
    scheme = Scheme(linear=_grouped(section, zero=True))
    scheme.skip(skipped(section))
    return scheme


def metal(section: Mapping[str, Any]) -> Scheme:
    """transformers on Metal: MLX's affine groups, of linear layers alone."""
    scheme = Scheme(linear=_mlx_numbers({key: section.get(key) for key in ("bits", "group_size")}))
    scheme.skip(skipped(section))
    return scheme


def gemma(section: Mapping[str, Any]) -> Scheme:
    """Gemma's own: a 32-bit scale of each output channel; other bits for modules that a regular expression finds."""
    bits = number(section, "num_bits", low=1, high=8) or 4.0
    scheme = Scheme(linear=Storage(bits, 0, 32))
    if section.get("quantize_embeddings"):
        scheme.embedding = Storage(bits, 0, 32)
    scheme.skip(skipped(section))
    for pattern, said in mapping(section.get("module_quant_configs") or {}, "module_quant_configs").items():
        own = number(mapping(said, "module_quant_configs"), "num_bits", low=1, high=8) or bits
        scheme.store([f"re:.*(?:{pattern})"], Storage(own, 0, 32))
    return scheme


def any_grouped(section: Mapping[str, Any]) -> Scheme:
    """Kernels' own names for a checkpoint in groups: with zero points as AWQ, else as GPTQ."""
    return awq(section) if "zero_point" in section else gptq(section)


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {
    **dict.fromkeys(("awq", "awq-marlin", "cpu-awq"), awq),
    **dict.fromkeys(("gptq", "gptq-marlin", "gptq-bitblas", "gptq-marlin-24", "gptqmodel", "bitblas"), gptq),
    **dict.fromkeys(("moe-wna16", "marlin", "rtn", "ipex"), any_grouped),
    **dict.fromkeys(("auto-round", "autoround", "inc", "auto-round-best"), auto_round),
    "mlx": mlx,
    **dict.fromkeys(("bitsandbytes", "bitsandbytes-4bit", "bitsandbytes-8bit", "bnb"), bitsandbytes),
    "hqq": hqq,
    "sinq": sinq,
    "metal": metal,
    "gemma": gemma,
}
