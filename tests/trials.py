"""How often random tests try: LIFE_JAX_TRIALS=10000 pytest tests/... tries so often, instead of as the test says."""

import os


def trials(usual: int) -> int:
    """Number of examples [1] of a random test."""
    return int(os.environ.get("LIFE_JAX_TRIALS", usual))
