"""Numbers of a model's file that kinds of attention and of feed-forward network bring themselves.

A kind says them in NUMBERS, a mapping from the key of the file to its facts: `name` [text] and, where they are not the
defaults, `unit` ("1"), `low` (1), `high`, `whole` (True: it comes in pieces), `default` (none: the file must give it).
"""

from collections.abc import Mapping
from typing import Any

from life_jax.models import attention, ffn


def numbers_of_kinds() -> dict[str, Mapping[str, Any]]:
    """Facts of every such number by key, with the `leaf` of the scenario that it sets."""
    found: dict[str, Mapping[str, Any]] = {}
    for part, index in (("attention", attention.INDEX), ("ffn", ffn.INDEX)):
        for kind in index.values():
            for key, facts in getattr(kind, "NUMBERS", {}).items():
                usual = {"number": True, "unit": "1", "low": 1, "whole": True}
                found[key] = {**usual, **facts, "leaf": f"architecture.blocks.*.{part}.{key}"}
    return found
