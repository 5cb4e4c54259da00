"""Learned tensors, and the linear operator that reads a tensor."""

from dataclasses import dataclass

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_fixed_at, smaller
from life_jax.core.scenario import Precision
from life_jax.core.units import BITS_PER_BYTE, UNLIMITED
from life_jax.operators.linear import linear


@dataclass(frozen=True)
class Tensor:
    """`copies` matrices of d_in x d_out elements in each of `repeats` layers, each with a vector of d_out elements
    where bias is 1.

    role: linear, head, embedding or router, which decides the format; `other` for norms and biases, which have their
    own
    used [1]: copies that a token needs (chosen experts)
    parts [1]: parts into which tensor parallelism can divide it (KV heads; 1 where every device holds all of it)
    """

    name: str
    role: str
    d_in: Number
    d_out: Number
    bias: Number = 0.0
    repeats: Number = 1.0
    copies: Number = 1.0
    used: Number = 1.0
    parts: Number = UNLIMITED
    of_experts: bool = False  # its copies are experts, which devices may divide among them

    @property
    def parameters(self) -> Number:
        """Number of learned parameters [1], of all copies in all layers."""
        return self.copies * self._of_one_copy

    @property
    def active_parameters(self) -> Number:
        """Number of parameters that a token needs [1]."""
        return self.used * self._of_one_copy

    @property
    def _of_one_copy(self) -> Number:
        return self.repeats * (self.d_in * self.d_out + self.bias * self.d_out)

    @property
    def divided(self) -> Number:
        """Parts [1] that tensor parallelism makes of it at most: routers, norms and biases are on every device."""
        return 1.0 if self.role in ("router", "other") else self.parts

    def bytes(self, precision: Precision, devices: Number = 1.0) -> Number:
        """Bytes of all copies in all layers in memory [byte], scales of channels and biases included, on each of
        `devices` devices [1] that share every layer."""
        return on_one(self._bytes(precision), devices, self.divided)

    def _bytes(self, precision: Precision) -> Number:
        if self.role == "other":
            bits = self.d_in * self.d_out * precision.other_bits
        else:
            form = precision.weight(self.name, self.role)
            bits = self.d_in * self.d_out * form.bits + self.d_out * form.bits_per_channel
        return self.copies * self.repeats * (bits + self.bias * self.d_out * precision.other_bits) / BITS_PER_BYTE


def on_one(whole: Number, devices: Number, parts: Number = UNLIMITED) -> Number:
    """The part of `whole` (weights, cache) that each of `devices` devices [1] holds.

    parts [1]: into which it can be divided, at most; beyond that several devices hold the same part.
    """
    if is_fixed_at(devices, 1) or is_fixed_at(parts, 1):
        return whole
    return whole / (devices if is_fixed_at(parts, UNLIMITED) else smaller(devices, parts))


def project(tensor: Tensor, tokens: Number, precision: Precision) -> Op:
    """The operator x W of a linear, head or router tensor on `tokens` rows [token]."""
    form = precision.weight(tensor.name, tensor.role)
    # a router is a small linear layer that quantization leaves alone
    is_linear = tensor.role == "linear"
    return Op(
        name=tensor.name,
        formula=linear,
        args={
            "tokens": tokens,
            "d_in": tensor.d_in,
            "d_out": tensor.d_out,
            "weight_bits": form.bits,
            "bits_per_channel": form.bits_per_channel,
            "bias": tensor.bias,
            "bias_bits": precision.other_bits,
            "input_bits": precision.linear_input_bits if is_linear else precision.activation_bits,
            "output_bits": precision.activation_bits,
            "dequant_flops": form.dequant_flops,
        },
        repeats=tensor.repeats,
        pipe="linear" if is_linear else "head",  # 16-bit rate
        parts=tensor.divided,
    )
