"""Weights as a checkpoint stores them: bits per weight, tensor by tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import PLAIN_BITS, Scenario, WeightFormat
from life_jax.core.schedule import Step
from life_jax.operators.linear import with_input_bits
from life_jax.optimizations.activation_quantization import quantize_inputs
from life_jax.optimizations.base import Optimization, Rewrite
from life_jax.optimizations.gguf_file_types import DEQUANT_FLOPS_OF_K_QUANTS


def _dequant_flops(bits: float) -> float:
    """Vector FLOP to expand one weight [assumption]: none, convert and scale, or unpack scales of scales."""
    return 0.0 if bits >= PLAIN_BITS else 2.0 if bits >= 8 else DEQUANT_FLOPS_OF_K_QUANTS


@dataclass(frozen=True)
class NarrowInputs:
    """A rewrite: inputs of linear layers are quantized but for those of the tensors `at_16_bit`, whose products run
    at the 16-bit rate, as the head does."""

    at_16_bit: tuple[str, ...]

    def __call__(self, graph: Graph, step: Step, *, input_bits: Number, activation_bits: Number) -> Graph:
        return quantize_inputs(
            Graph(tuple(self._plain(op, activation_bits) for op in graph)),
            step,
            input_bits=input_bits,
            activation_bits=activation_bits,
            left_out=self.at_16_bit,
        )

    def _plain(self, op: Op, activation_bits: Number) -> Op:
        if op.pipe != "linear" or op.name not in self.at_16_bit:
            return op
        return replace(op, pipe="head", args=with_input_bits(op.args, activation_bits))


def tensor_formats(
    *,
    bits: Mapping[str, float],
    other_bits: float = 16,
    channel_bits: Mapping[str, float] | None = None,
    dequant_flops: Mapping[str, float] | None = None,
    dtype: str = "",
    input_bits: float = 16,
    at_16_bit: Sequence[str] = (),
) -> Optimization:
    """Formats by the name of a tensor (q_proj, experts_down_proj, ...) or by role (linear, head, embedding, router).

    bits [bit per weight]; channel_bits [bit] beside each output channel; dequant_flops [FLOP per weight], by bits where
    it is not given; other_bits [bit] of norms and biases. dtype: of the matrix units that linear layers run on, with
    inputs of input_bits [bit], but for those in at_16_bit; "" leaves all of them at 16 bit.
    """
    channels, flops = channel_bits or {}, dequant_flops or {}
    formats = {
        name: WeightFormat(size, channels.get(name, 0.0), flops.get(name, _dequant_flops(size)))
        for name, size in bits.items()
    }

    def change(scenario: Scenario) -> Scenario:
        scenario = set_leaf(scenario, ("precision", "weights"), {**scenario.precision.weights, **formats})
        scenario = set_leaf(scenario, ("precision", "other_bits"), other_bits)
        if not dtype:
            return scenario
        numbers = {"input_bits": input_bits, "activation_bits": scenario.precision.activation_bits}
        scenario = set_leaf(scenario, ("precision", "linear_input_bits"), input_bits)
        return replace(scenario, rewrites=(*scenario.rewrites, Rewrite(numbers, NarrowInputs(tuple(at_16_bit)))))

    sets = {"weight_bits": "", "activation_bits": ""} if dtype else {"weight_bits": ""}
    return Optimization(transforms=(change,), sets=sets, math={"linear": (dtype, "")} if dtype else {})
