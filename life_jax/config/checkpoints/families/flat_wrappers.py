"""Models whose config.json has the text model's fields beside those of towers: MiniCPM-V, Molmo, dots.ocr.

Sources: the configuration files beside the checkpoints (recalled).
"""

import re
from collections.abc import Mapping
from typing import Any

from life_jax.config.schema.errors import ConfigError

# model_type -> version -> the family of the text model
BY_VERSION = {
    "minicpmv": {2.5: "llama", 2.6: "qwen2", 4.0: "llama", 4.5: "qwen3"},
    "minicpmo": {2.6: "qwen2", 4.5: "qwen3"},
}
OF_TOWERS = re.compile(
    r"(?:batch_|drop_|use_)?(?:vision|audio|tts|image|slice|vae)_.*|batch_3d_resampler|image_size|patch_size|query_num|"
    r"version|chunk_input|listen_speak_type|stream_input|temporal_.*|.*_model_id"
)


def unwrapped(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The config.json of the text model alone, None for what is no model of this sort.

    Raises ConfigError for a version, or a kind of layer, that is not known.
    """
    wrapper = config.get("model_type")
    if isinstance(wrapper, str) and wrapper in BY_VERSION:
        return _by_version(config, BY_VERSION[wrapper])
    if wrapper == "molmo":
        return _molmo(config)
    if wrapper == "dots_ocr":
        text = {key: value for key, value in config.items() if key not in ("vision_config", "attention_bias")}
        return {**text, "model_type": "qwen2"}
    return None


def _by_version(config: Mapping[str, Any], families: Mapping[float, str]) -> dict[str, Any]:
    try:
        family = families[float(config.get("version", ""))]
    except (TypeError, ValueError, KeyError):
        known = ", ".join(f"{version:g}" for version in families)
        raise ConfigError(
            f"{config['model_type']} config.json: version {str(config.get('version'))[:20]!r} (accepted: {known})"
        ) from None
    text = {key: value for key, value in config.items() if not OF_TOWERS.fullmatch(key)}
    return {**text, "model_type": family}


MOLMO = {"norm_after": False, "attention_layer_norm": False, "layer_norm_type": "rms", "qkv_bias": True}
UNUSED = ("embedding_size", "weight_tying", "use_position_ids", "clip_qkv", "vision_config", "layer_norm_eps")


def _molmo(config: Mapping[str, Any]) -> dict[str, Any]:
    """Molmo on Qwen2: its network's width is that of gate and up together."""
    for key, accepted in MOLMO.items():
        if config.get(key) != accepted:
            raise ConfigError(f"molmo config.json: {key} is {str(config.get(key))[:20]} (accepted: {accepted})")
    width = config.get("intermediate_size")
    if not isinstance(width, int) or isinstance(width, bool) or width < 2 or width % 2:
        raise ConfigError("molmo config.json: intermediate_size is no even number: gate and up together")
    text = {key: value for key, value in config.items() if key not in (*MOLMO, *UNUSED)}
    return {**text, "model_type": "qwen2", "intermediate_size": width // 2}
