"""Effects of an engine on a device and on the work of operators, by name, in the order in which they are applied."""

from collections.abc import Mapping

from life_jax.core.engine import Engine
from life_jax.core.graph import Op
from life_jax.core.scenario import Device
from life_jax.roofline.effects.attention_lanes import AttentionLanes
from life_jax.roofline.effects.attention_scores import AttentionScores
from life_jax.roofline.effects.base import Effect, Work
from life_jax.roofline.effects.cache_traffic import CacheConversion, CacheTraffic
from life_jax.roofline.effects.cpu_threads import CpuThreads
from life_jax.roofline.effects.kernel_quality import KernelQuality
from life_jax.roofline.effects.matrix_tiles import MatrixTiles
from life_jax.roofline.effects.shared_cache import SharedCache

EFFECTS: Mapping[str, type[Effect]] = {
    "cpu_threads": CpuThreads,
    "kernel_quality": KernelQuality,
    "matrix_tiles": MatrixTiles,
    "cache_conversion": CacheConversion,
    "cache_traffic": CacheTraffic,
    "attention_lanes": AttentionLanes,
    "attention_scores": AttentionScores,
    "shared_cache": SharedCache,
}


def on_device(device: Device, engine: Engine) -> Device:
    """The device after all effects of the engine on it."""
    for name in EFFECTS:
        if name in engine.effects:
            device = engine.effects[name].on_device(device)
    return device


def on_work(op: Op, work: Work, engine: Engine) -> Work:
    """The work of an operator after all effects of the engine on it."""
    for name in EFFECTS:
        if name in engine.effects:
            work = engine.effects[name].on_work(op, work)
    return work


__all__ = ["EFFECTS", "Effect", "Work", "on_device", "on_work"]
