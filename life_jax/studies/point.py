"""The point of a grid that a picture or a sentence is about: at.KEY=VALUE, the usual workload, else the first."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from life_jax.config.schema.errors import unknown

USUAL = {"prompt_tokens": 512.0, "output_tokens": 128.0, "batch": 1.0}  # as conf/workload/default.yaml has them


def place(values: Any, name: str, at: Mapping[str, Any]) -> int:
    """The place along a dimension: of its value in `at`, else of the usual workload, or nearest to it, else the first.

    values: labels of the dimension, texts or numbers [n]. name: of the dimension. Raises ConfigError where `at` has a
    value that the dimension has not.
    """
    labels = np.asarray(values)
    is_text = labels.dtype.kind in "OU"
    if name in at:
        found = [i for i, v in enumerate(labels.tolist()) if v == at[name] or (not is_text and np.isclose(v, at[name]))]
        if not found:
            raise unknown(f"at.{name}=", str(at[name]), [str(v) if is_text else f"{v:g}" for v in labels.tolist()])
        return found[0]
    if is_text or name not in USUAL:
        return 0
    return int(np.argmin(np.abs(np.log(np.maximum(labels.astype(float), 1e-9) / USUAL[name]))))


def point(coordinates: Mapping[str, Any], at: Mapping[str, Any]) -> dict[str, int]:
    """Dimension -> place of the point. coordinates: labels by dimension. Raises ConfigError as `place` does."""
    return {name: place(values, name, at) for name, values in coordinates.items()}
