"""Which layers of a GGUF file attend a window: by the pattern in the file, else by its architecture.

Source: load_arch_hparams of llama.cpp's models (src/models/ARCHITECTURE.cpp) and set_swa_pattern: in each period the
last layer (or the first) attends everything, the others a window.
"""

from collections.abc import Callable
from typing import Any

from life_jax.config.schema.errors import ConfigError

# architecture -> (period, whether the first layer of a period is the one that attends everything, window or None)
PERIODS: dict[str, tuple[int, bool, int | None]] = {
    "gemma2": (2, False, 4096),
    "gemma3": (6, False, None),
    "gemma-embedding": (6, False, None),
    "gemma3n": (5, False, None),
    "cohere2": (4, False, None),
    "cohere2moe": (4, False, None),
    "olmo2": (4, False, None),
    "exaone-moe": (4, False, 128),
    "gpt-oss": (2, False, None),
    "gptoss": (2, False, None),  # Ollama's own
    "afmoe": (4, False, None),
    "plamo3": (8, False, None),
    "smallthinker": (4, True, 4096),
    "llama4": (4, False, 8192),
}
NEED_WINDOW = ("smallthinker",)  # whose window is on only where the file says one
CHUNKED = ("llama4",)  # the window is a chunk
WITHOUT = ("phi3", "phimoe", "llama", "qwen2", "qwen3", "starcoder2")  # llama.cpp does not apply what these files say
UNROTATED = ("cohere2", "cohere2moe", "exaone4", "exaone-moe", "llama4", "smallthinker", "afmoe")  # beside windows


def windows(architecture: str, layers: int, get: Callable[[str], Any], path: Any) -> tuple[list[bool], int]:
    """For each layer whether it attends a window, and the window in tokens (0 for none).

    get: metadata of the architecture by key.
    """
    window, pattern = get("attention.sliding_window"), get("attention.sliding_window_pattern")
    if window is not None and (isinstance(window, bool) or not isinstance(window, int) or window < 0):
        raise ConfigError(f"{path}: {architecture}.attention.sliding_window is {str(window)[:40]}, no number of tokens")
    period, first, window = _rule(architecture, layers, window, pattern is not None)
    if not window:
        return [False] * layers, 0
    if pattern is not None and architecture not in NEED_WINDOW:
        return _said(pattern, layers, architecture, path), window
    return _periodic(layers, period, first=first), window


def _rule(architecture: str, layers: int, window: int | None, has_pattern: bool) -> tuple[int, bool, int]:
    """The period, whether its first layer attends everything, and the window in force (0 for none)."""
    if architecture in WITHOUT:
        return 1, False, 0
    if architecture == "exaone4":  # EXAONE 4.0 32B alone
        return 4, False, (window or 4096) if layers == 64 else 0
    if architecture not in PERIODS:
        return 1, False, (window or 0) if has_pattern else 0
    period, first, default = PERIODS[architecture]
    if default is None or window == 0 or (architecture in NEED_WINDOW and not window):
        return period, first, window or 0
    return period, first, default if window is None or architecture in CHUNKED else window


def _periodic(layers: int, period: int, *, first: bool) -> list[bool]:
    """A period of 0 stands for windows everywhere, of 1 for none."""
    if period == 0:
        return [True] * layers
    return [(i % period != 0) if first else (i % period < period - 1) for i in range(layers)]


def _said(pattern: Any, layers: int, architecture: str, path: Any) -> list[bool]:
    """A period, or a word for each layer, over and over where there are fewer words than layers."""
    if isinstance(pattern, int) and not isinstance(pattern, bool) and 0 <= pattern <= 10_000:
        return _periodic(layers, pattern, first=False)
    if isinstance(pattern, list) and pattern and all(one in (0, 1) for one in pattern):
        return [bool(pattern[i % len(pattern)]) for i in range(layers)]
    raise ConfigError(
        f"{path}: {architecture}.attention.sliding_window_pattern is {str(pattern)[:40]}; a period or one word a layer"
    )
