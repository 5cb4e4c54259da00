"""Readers of fp8, mxfp4 and the other methods that name one data type, as transformers and vLLM do.

Source: the documentation of transformers (quantization overview).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.cache import declared_cache
from life_jax.config.checkpoints.quantization.methods_modelopt import MIXED, modelopt
from life_jax.config.checkpoints.quantization.scheme import NotKnown, Scheme, skipped
from life_jax.config.checkpoints.quantization.storage import (
    FP8,
    INT8,
    INT8_MATH,
    MXFP4,
    MXFP8,
    NVFP4,
    NVFP4_WEIGHTS,
    Storage,
)


def fp8(section: Mapping[str, Any]) -> Scheme:
    """All linear layers in fp8 but the head, with the lists of modules that stay; scales of blocks do not count."""
    if section.get("quantized_layers") is not None:
        return modelopt({"quant_algo": MIXED, **section})
    scheme = Scheme(linear=FP8, cache=declared_cache(section))
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
    scheme = Scheme(linear=MXFP4, experts_alone=True, cache=declared_cache(section))
    scheme.skip(skipped(section))
    return scheme


def _all(storage: Storage) -> Callable[[Mapping[str, Any]], Scheme]:
    """A method with one storage for all linear layers but the skipped ones."""

    def read(section: Mapping[str, Any]) -> Scheme:
        scheme = Scheme(linear=storage, cache=declared_cache(section))
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


def four_over_six(section: Mapping[str, Any]) -> Scheme:
    """Four Over Six: nvfp4 whose blocks are scaled to 4 or 6, or mxfp4; with master weights the 16-bit ones are stored.

    Reference: Cook et al. 2025, arXiv:2512.02010.
    """
    dtypes = [str(section.get(key) or section.get("dtype") or "nvfp4") for key in ("weight_dtype", "activation_dtype")]
    known = {"nvfp4": NVFP4_WEIGHTS, "mxfp4": MXFP4}
    if dtypes[0] not in known:
        raise NotKnown(f"dtype {dtypes[0][:30]!r}")
    storage = replace(known[dtypes[0]], inputs="fp4" if dtypes[1] in known else "")
    scheme = Scheme(linear=None if section.get("keep_master_weights") else storage)
    scheme.skip(skipped(section))
    if section.get("module_config_overrides"):
        scheme.unknown.append("module_config_overrides of its quantization is not read")
    return scheme


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {
    **dict.fromkeys(("fp8", "deepseek-v4-fp8", "finegrained-fp8", "block-fp8"), fp8),
    **dict.fromkeys(("fbgemm-fp8", "ptpc-fp8", "w8a8-fp8"), _all(FP8)),
    "w8a8-int8": _all(INT8_MATH),
    **dict.fromkeys(("tpu-int8", "eetq", "int8"), _all(INT8)),
    **dict.fromkeys(("nvfp4", "petit-nvfp4"), _all(NVFP4)),
    "mxfp8": _all(replace(MXFP8, inputs="fp8")),
    **dict.fromkeys(("mxfp4", "gpt-oss-mxfp4"), mxfp4),
    "experts-int8": experts_int8,
    "fp-quant": fp_quant,
    "fouroversix": four_over_six,
}
