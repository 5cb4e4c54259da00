"""Weights as a checkpoint stores them: bits per weight, tensor by tensor."""

from collections.abc import Mapping

from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import PLAIN_BITS, Scenario, WeightFormat
from life_jax.optimizations.base import Optimization
from life_jax.optimizations.gguf import DEQUANT_FLOPS_OF_K_QUANTS


def _dequant_flops(bits: float) -> float:
    """Vector FLOP to expand one weight [assumption]: none, convert and scale, or unpack scales of scales."""
    return 0.0 if bits >= PLAIN_BITS else 2.0 if bits >= 8 else DEQUANT_FLOPS_OF_K_QUANTS


def tensor_formats(*, bits: Mapping[str, float], other_bits: float = 16) -> Optimization:
    """Store weights in `bits` [bit per weight], by tensor name (q_proj, experts_down_proj, ...) or role (linear, head,
    embedding).

    other_bits [bit]: of norms and biases.
    """
    formats = {name: WeightFormat(size, 0.0, _dequant_flops(size)) for name, size in bits.items()}

    def change(scenario: Scenario) -> Scenario:
        scenario = set_leaf(scenario, ("precision", "weights"), {**scenario.precision.weights, **formats})
        return set_leaf(scenario, ("precision", "other_bits"), other_bits)

    return Optimization(transforms=(change,), sets={"weight_bits": ""})
