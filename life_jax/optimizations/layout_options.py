"""Options of a layout over devices: how those that share a layer divide what is no product, and when they send."""

from life_jax.core.pytree import Leaf, set_leaf
from life_jax.core.scenario import Scenario
from life_jax.optimizations.base import Optimization


def sequence_parallel() -> Optimization:
    """Devices that share a layer divide the tokens of norms, residuals and activations among them.

    All-reduces become a reduce-scatter and an all-gather, of the same volume.
    Reference: Korthikanti et al. 2022, arXiv:2205.05198.
    """
    return _switched_on(("engine", "parallelism", "sequence_parallel"))


def two_batches() -> Optimization:
    """Run a batch as two halves, so that the messages of one are behind the computation of the other; each reads the
    weights, so that small batches lose.

    Reference: SGLang, two-batch overlap (lmsys.org/blog/2025-05-05-large-scale-ep).
    """
    return _switched_on(("engine", "parallelism", "two_batches"))


def _switched_on(leaf: Leaf) -> Optimization:
    def change(scenario: Scenario) -> Scenario:
        return set_leaf(scenario, leaf, 1.0)

    return Optimization(transforms=(change,))
