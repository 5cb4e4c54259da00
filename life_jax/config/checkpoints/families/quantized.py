"""quantization_config of a checkpoint -> the options that say how its weights are stored."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.config_fields import short
from life_jax.config.schema.errors import ConfigError

FP8 = ["w8a8_fp8", "fp8"]
NVFP4 = ["w4a4_nvfp4", "nvfp4"]
KNOWN = "fp8, mxfp4, awq, gptq, bitsandbytes, compressed-tensors, modelopt"
EXPERTS = ("experts_gate_proj", "experts_up_proj", "experts_down_proj")


def stored_as(said: Any, family: str) -> tuple[list[Any], str]:
    """The options in order of preference, and a note on what they leave out."""
    if not isinstance(said, Mapping):
        raise ConfigError(f"{family} config.json: quantization_config {short(said)} is not an object (known: {KNOWN})")
    method = said.get("quant_method") or ("modelopt" if "quant_algo" in said else None)
    if method == "fp8" and "quantized_layers" in said:
        return [], "stored in several formats layer by layer, counted at 16 bit"
    try:
        reader = READERS.get(str(method))
        found = reader(said) if reader else None
    except (AttributeError, TypeError):  # parts of another type than the method writes
        found = None
    if found is None:
        described = {key: said.get(key) for key in ("quant_method", "quant_algo", "bits", "format") if key in said}
        raise ConfigError(f"{family} config.json: quantization_config {short(described)} is not known (known: {KNOWN})")
    return found


def _grouped(said: Mapping[str, Any]) -> tuple[list[Any], str] | None:
    """AWQ and GPTQ: bits, group size, zero points."""
    bits, size = said.get("bits", said.get("w_bit")), said.get("group_size", said.get("q_group_size"))
    zero = bool(said.get("zero_point")) or said.get("sym") is False
    names = {(4, 128): "int4", (4, 32): "int4_g32"}
    if (bits, size) in names:
        return [names[bits, size] + "_zp" * zero], ""
    if bits in (2, 3, 4, 8) and isinstance(size, int) and not isinstance(size, bool) and size >= -1:
        return [_weights(bits, max(size, 0), 16, bits * zero)], ""
    return None


def _bitsandbytes(said: Mapping[str, Any]) -> tuple[list[Any], str] | None:
    if said.get("load_in_8bit"):
        return ["int8"], ""
    if said.get("load_in_4bit"):
        # an absolute maximum per 64 weights: 32 bits, or 8 and 32 per 256 of them when quantized again
        scale = 8 + 32 / 256 if said.get("bnb_4bit_use_double_quant") else 32
        return [_weights(4, 64, scale, 0)], ""
    return None


def _modelopt(said: Mapping[str, Any]) -> tuple[list[Any], str] | None:
    names = {"FP8": FP8, "NVFP4": NVFP4}
    algorithm = said.get("quant_algo")
    if algorithm == "MIXED_PRECISION":
        return [], "stored in several formats layer by layer, counted at 16 bit"
    if algorithm not in names:
        return None
    return _but(names[str(algorithm)], said.get("ignore") or said.get("exclude_modules"), str(algorithm).lower())


def _compressed(said: Mapping[str, Any]) -> tuple[list[Any], str] | None:
    groups = said.get("config_groups")
    if not isinstance(groups, Mapping) or len(groups) != 1:
        return None
    (group,) = groups.values()
    weights, inputs = group.get("weights") or {}, group.get("input_activations")
    kind = (weights.get("type"), weights.get("num_bits"))
    if kind == ("float", 8):
        found: list[Any] = FP8 if inputs else ["fp8"]
    elif kind == ("int", 8):
        found = ["w8a8", "int8"] if inputs else ["int8"]
    elif kind == ("float", 4):
        micro = "mxfp4" in str(said.get("format"))
        found = ["mxfp4"] if micro else NVFP4 if inputs else ["nvfp4"]
    elif kind == ("int", 4) and isinstance(weights.get("group_size"), int):
        found = [_weights(4, weights["group_size"], 16, 0 if weights.get("symmetric") else 4)]
    else:
        return None
    return _but(found, said.get("ignore"), f"{kind[0]}{kind[1]}")


def _but(found: list[Any], left_out: Any, name: str) -> tuple[list[Any], str]:
    """Without the modules that stay at 16 bit: if attention is among them, only the experts are narrow."""
    patterns = [str(one) for one in left_out or ()]
    if not any("attn" in one or "attention" in one for one in patterns):
        return found, ""
    return [], f"stored as {name} but for attention and other modules, counted at 16 bit"


def _weights(bits: float, group_size: float, scale_bits: float, zero_bits: float) -> dict[str, Any]:
    numbers = {"bits": bits, "group_size": group_size, "scale_bits": scale_bits, "zero_bits": zero_bits}
    return {"kind": "weight_quantization", **numbers, "dequant_flops": 4}


READERS = {
    "fp8": lambda said: (FP8, ""),
    "mxfp4": lambda said: (["mxfp4_experts"], ""),
    "awq": _grouped,
    "gptq": _grouped,
    "bitsandbytes": _bitsandbytes,
    "modelopt": _modelopt,
    "compressed-tensors": _compressed,
}
