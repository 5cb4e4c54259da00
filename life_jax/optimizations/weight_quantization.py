"""Weight-only quantization: fewer bytes, the same matrix rate, and the work to expand the weights."""

from life_jax.core.numerics import is_nothing
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Scenario, WeightFormat
from life_jax.optimizations.base import Optimization

ROLES = ("linear", "head", "embedding", "router")


def weight_format(
    *, bits: float, group_size: float = 0, scale_bits: float = 0, zero_bits: float = 0, dequant_flops: float = 0
) -> WeightFormat:
    """The format of weights of `bits` [bit], with a scale and a zero point [bit] per group of `group_size` weights.

    group_size 0: one scale per output channel. dequant_flops [FLOP per weight].
    """
    extra = scale_bits + zero_bits
    if is_nothing(group_size):
        return WeightFormat(bits, extra, dequant_flops)
    return WeightFormat(bits + extra / group_size, 0.0, dequant_flops)


def weight_quantization(
    *,
    bits: float,
    group_size: float = 0,
    scale_bits: float = 0,
    zero_bits: float = 0,
    dequant_flops: float = 0,
    roles: tuple[str, ...] = ("linear",),
    tensors: tuple[str, ...] = (),
) -> Optimization:
    """Store weights in `bits` [bit] each, with a scale and a zero point [bit] per group of `group_size` weights.

    roles: linear, head, embedding, router; tensors: only tensors of these names (experts_up_proj, ...), where there are
    any.
    Dequantization is fused into the matrix multiplication: dequant_flops [FLOP per weight] on the vector units, no
    extra bytes, no extra dispatch.
    """
    form = weight_format(
        bits=bits, group_size=group_size, scale_bits=scale_bits, zero_bits=zero_bits, dequant_flops=dequant_flops
    )

    def change(scenario: Scenario) -> Scenario:
        if tensors:
            return set_leaf(
                scenario, ("precision", "weights"), {**scenario.precision.weights, **dict.fromkeys(tensors, form)}
            )
        # A later format replaces an earlier one whole, also where that one named single tensors.
        kept = {k: v for k, v in scenario.precision.weights.items() if k in ROLES}
        return set_leaf(scenario, ("precision", "weights"), {**kept, **dict.fromkeys(roles, form)})

    return Optimization(transforms=(change,), sets={"weight_bits": ""})
