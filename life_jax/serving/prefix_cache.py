"""Prompts that begin as an earlier one did, and find part of their keys and values in the cache.

The cache holds whole blocks, and the last token of a prompt is always computed, since its logits are needed.
Reference: Che, Tung and Wang 2002, "Hierarchical web caching systems: modeling, design and experimental results".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from life_jax.core.numerics import Number, clip, floor, is_fixed_at, where

HALVINGS = 200


def reused(prompt: Number, part: Number, block: Number) -> Number:
    """Tokens [token] of a prompt [token] that are not computed, where the cache holds this part [1] of it.

    block [token]: whole blocks are reused; 1 where single tokens are, fractional ones too.
    """
    if is_fixed_at(part, 0):
        return 0.0 * prompt
    held = prompt * part
    if not is_fixed_at(block, 1):
        held = where(block > 1, floor(held / block) * block, held)
    return clip(held, 0.0, prompt - 1) if not is_fixed_at(block, 1) else held


def characteristic_time(rates: Any, room: float) -> float:
    """Time [s] since its last use after which a block leaves a cache of `room` [1] blocks; infinite where all fit.

    rates [n] [1/s]: uses of each block. The blocks used within the time fill the room: sum of 1 - exp(-rate time).
    """
    rates = np.asarray(rates, float)
    if room >= len(rates):
        return float("inf")
    low, high = 0.0, len(rates) / rates.min()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 - np.exp(-rates * middle)).sum() < room else (low, middle)
    return (low + high) / 2


def hit_rates(rates: Any, room: float) -> np.ndarray:
    """Part [n] of the uses of each block that find it in a cache of `room` [1] blocks under LRU.

    rates [n] [1/s]: uses of each block, at random times.
    """
    return 1 - np.exp(-np.asarray(rates, float) * characteristic_time(rates, room))


def reused_blocks(requests: Sequence[Sequence[Any]], duration: float, room: float) -> np.ndarray:
    """Blocks [n] [1] at the beginning of each request that the cache holds, expected, in order of arrival.

    requests: the blocks of each prompt by name, the first first; duration [s] of all of them; room [1]: blocks of the
    cache. What was never used before is not there, nor what follows a block that is not.
    """
    counts: dict[Any, int] = {}
    for blocks in requests:
        for name in blocks:
            counts[name] = counts.get(name, 0) + 1
    rates = np.array(list(counts.values())) / max(duration, 1e-9)
    kept = dict(zip(counts, hit_rates(rates, room), strict=True))
    seen: set[Any] = set()
    found = []
    for blocks in requests:
        reached, total = 1.0, 0.0
        for name in blocks:
            if name not in seen:
                break
            reached = min(reached, float(kept[name]))  # LRU keeps the beginning of a prompt longer than its end
            total += reached
        found.append(total)
        seen.update(blocks)
    return np.array(found)
