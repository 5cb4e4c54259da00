"""Numbers of a model's file that only single kinds of attention or of feed-forward network use.

A kind lists them in NUMBERS, a mapping from the key of the file to facts: `name` [text] and, where they differ from the
defaults, `unit` ("1"), `low` (1), `high`, `whole` (True: whole numbers only), `default` (none: the file must have it).
"""

from collections.abc import Mapping
from typing import Any

from life_jax.models import attention, ffn


def numbers_of_kinds() -> dict[str, Mapping[str, Any]]:
    """Facts of every such number by key, with the `leaf` of the scenario that it sets."""
    numbers: dict[str, Mapping[str, Any]] = {}
    for part, index in (("attention", attention.INDEX), ("ffn", ffn.INDEX)):
        for kind in index.values():
            for key, facts in getattr(kind, "NUMBERS", {}).items():
                usual = {"number": True, "unit": "1", "low": 1, "whole": True}
                numbers[key] = {**usual, **facts, "leaf": f"architecture.blocks.*.{part}.{key}"}
    return numbers
