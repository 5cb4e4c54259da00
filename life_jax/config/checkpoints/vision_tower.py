"""vision_config of a multimodal config.json -> the keys of ModelFile that describe the tower, or none."""

from collections.abc import Callable, Mapping
from typing import Any

from life_jax.config.checkpoints.config_fields import Fields

Reader = Callable[[Fields, Mapping[str, Any]], dict[str, Any]]


def tower(config: Mapping[str, Any]) -> dict[str, Any]:
    """The tower in front of a language model; empty where there is none that is known."""
    said, kind = config.get("vision_config"), str(config.get("model_type"))
    if not isinstance(said, Mapping) or kind not in READERS:
        return {}
    try:
        return READERS[kind](Fields(said, f"{kind} vision_config of", {}), config)
    except KeyError:  # a size is not said; text can still be forecast
        return {}


def _plain(layers: int, width: int, heads: int, mlp: int, patch_inputs: int) -> dict[str, Any]:
    return {
        "vision_layers": layers,
        "vision_full_layers": layers,
        "vision_hidden_size": width,
        "vision_heads": heads,
        "vision_intermediate_size": mlp,
        "vision_patch_inputs": patch_inputs,
    }


def _qwen(read: Fields, config: Mapping[str, Any]) -> dict[str, Any]:
    """Patches in pairs of frames; squares of them are merged; Qwen2.5 has windows and gated MLPs, Qwen3 projects
    what some inner layers see too."""
    kind = config["model_type"]
    width = _number(read, "embed_dim") if kind == "qwen2_vl" else _number(read, "hidden_size")
    heads, layers, patch = (_number(read, key) for key in ("num_heads", "depth", "patch_size"))
    ratio = _number(read, "mlp_ratio", 4) if kind == "qwen2_vl" else 0
    mlp = ratio * width if ratio else _number(read, "intermediate_size")
    merged = _number(read, "spatial_merge_size", 2) ** 2
    channels, frames = _number(read, "in_channels", 3), _number(read, "temporal_patch_size", 2)
    found = {
        **_plain(layers, width, heads, mlp, channels * frames * patch**2),
        "vision_patches_per_token": merged,
        "vision_projector_inputs": merged * width,
        "vision_projector_size": merged * width,
        "vision_projectors": 1 + len(read.indices("deepstack_visual_indexes", layers)),
    }
    if kind == "qwen2_5_vl":
        found["vision_gated"] = True
        found["vision_full_layers"] = len(read.indices("fullatt_block_indexes", layers)) or 4
        found["vision_window"] = (_number(read, "window_size", 112) // patch) ** 2
    return found


def _kimi(read: Fields, _: Mapping[str, Any]) -> dict[str, Any]:
    layers, width, heads, mlp, patch = (
        _number(read, key)
        for key in ("vt_num_hidden_layers", "vt_hidden_size", "vt_num_attention_heads", "vt_intermediate_size",
                    "patch_size")
    )  # fmt: skip
    kernel = read.config.get("merge_kernel_size", [2, 2])
    if not isinstance(kernel, list) or len(kernel) != 2 or any(type(x) is not int or not 1 <= x <= 64 for x in kernel):
        raise read.refuse("merge_kernel_size", "two whole numbers")
    merged = kernel[0] * kernel[1]
    return {
        **_plain(layers, width, heads, mlp, 3 * patch**2),
        "vision_patches_per_token": merged,
        "vision_projector_inputs": merged * width,
        "vision_projector_size": merged * width,
    }


def _gemma4(read: Fields, _: Mapping[str, Any]) -> dict[str, Any]:
    """Squares of patches are averaged, then one product."""
    if read.config.get("model_type") != "gemma4_vision":
        return {}
    layers, width, heads, mlp, patch = _siglip(read)
    pooled = _number(read, "pooling_kernel_size", 3) ** 2
    return {
        **_plain(layers, width, heads, mlp, 3 * patch**2),
        "vision_gated": True,
        "vision_patches_per_token": pooled,
        "vision_projector_inputs": width,
    }


def _gemma3(read: Fields, config: Mapping[str, Any]) -> dict[str, Any]:
    """SigLIP on a square image; its patches are averaged to mm_tokens_per_image tokens."""
    layers, width, heads, mlp, patch = _siglip(read)
    tokens = _number(Fields(config, "gemma3", {}), "mm_tokens_per_image", 256)
    return {
        **_plain(layers, width, heads, mlp, 3 * patch**2),
        "vision_patches_per_token": (_number(read, "image_size", 896) // patch) ** 2 / tokens,
        "vision_projector_inputs": width,
    }


def _llava(read: Fields, config: Mapping[str, Any]) -> dict[str, Any]:
    """CLIP, SigLIP or Pixtral (whose MLPs are gated), then two products; Mistral 3 merges squares of patches first."""
    layers, width, heads, mlp, patch = _siglip(read)
    merge = _number(Fields(config, "mistral3", {}), "spatial_merge_size", 1) ** 2
    found = {
        **_plain(layers, width, heads, mlp, 3 * patch**2),
        "vision_gated": read.config.get("model_type") == "pixtral",
        "vision_patches_per_token": merge,
        "vision_projector_inputs": width,
        "vision_projector_size": _text_width(config),
    }
    if merge > 1:
        found |= {"vision_merger_inputs": merge * width, "vision_merger_size": width}
    return found


def _intern(read: Fields, config: Mapping[str, Any]) -> dict[str, Any]:
    """Squares of patches are stacked, then two products."""
    sizes = read.config["patch_size"]  # a number, or one for each side
    if isinstance(sizes, list) and len(sizes) == 2 and sizes[0] == sizes[1]:
        read = Fields({**read.config, "patch_size": sizes[0]}, "internvl vision_config of", {})
    layers, width, heads, mlp, patch = _siglip(read)
    merged = _squares(Fields(config, "internvl", {}), "downsample_ratio")
    return {
        **_plain(layers, width, heads, mlp, 3 * patch**2),
        "vision_patches_per_token": merged,
        "vision_projector_inputs": merged * width,
        "vision_projector_size": _text_width(config),
    }


def _llama4(read: Fields, _: Mapping[str, Any]) -> dict[str, Any]:
    """Squares of patches are stacked, then two products of the tower and one to the language model."""
    layers, width, heads, mlp, patch = _siglip(read)
    merged = _squares(read, "pixel_shuffle_ratio")
    inner, out = _number(read, "projector_input_dim", 4096), _number(read, "projector_output_dim", 4096)
    return {
        **_plain(layers, width, heads, mlp, 3 * patch**2),
        "vision_patches_per_token": merged,
        "vision_merger_inputs": merged * width,
        "vision_merger_size": inner,
        "vision_projector_inputs": inner,
        "vision_projector_size": out,
    }


def _text_width(config: Mapping[str, Any]) -> int:
    text = config.get("text_config") or config.get("llm_config")
    return _number(Fields(text if isinstance(text, Mapping) else {}, "text_config of", {}), "hidden_size")


def _squares(read: Fields, key: str) -> int:
    """Patches of a token, where every side is shortened by a ratio such as 0.5."""
    ratio = read.config.get(key, 0.5)
    sides = 1 / ratio if isinstance(ratio, float) and 0 < ratio <= 1 else 0
    if not sides or abs(sides - round(sides)) > 1e-9:
        raise read.refuse(key, "1 over a whole number")
    return round(sides) ** 2


def _siglip(read: Fields) -> tuple[int, int, int, int, int]:
    keys = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "patch_size")
    layers, width, heads, mlp, patch = (_number(read, key) for key in keys)
    return layers, width, heads, mlp, patch


def _number(read: Fields, key: str, otherwise: int | None = None) -> int:
    """A whole number under exactly this name; KeyError where config.json is silent and there is no default."""
    value = read.config.get(key, otherwise) if otherwise is not None else read.config[key]
    if type(value) is not int or not 1 <= value <= 10**6:
        raise read.refuse(key, "a whole number from 1 to 1000000")
    return value


READERS: dict[str, Reader] = {
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"), _qwen),
    **dict.fromkeys(("kimi_k25", "kimi_vl"), _kimi),
    **dict.fromkeys(("llava", "llava_next", "mistral3"), _llava),
    **dict.fromkeys(("internvl", "internvl_chat"), _intern),
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "llama4": _llama4,
}
