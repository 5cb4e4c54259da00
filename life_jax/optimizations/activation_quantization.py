"""Quantized weights and activations: linear layers run at a narrower matrix rate (W8A8, fp8, fp4)."""

import dataclasses
from dataclasses import replace
from typing import Any

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Step
from life_jax.operators.elementwise import quantize_input
from life_jax.optimizations.base import Optimization, Origin, Refused, Rewrite, chain
from life_jax.optimizations.weight_quantization import weight_quantization

SEPARATE, FUSED = INPUTS_ARE = ("separate", "fused")
REFUSED, WEIGHT_ONLY = WITHOUT_UNITS = ("refused", "weight_only")
DEQUANT_FLOPS = 2.0  # a conversion and a product with the scale, as conf/opt/fp8_weight_only.yaml has it
# linear layers whose input is not the one of a layer before it: q, k, v share one input; so do gate and up
INPUTS = (
    *("q_proj", "q_a_proj", "q_b_proj", "kv_b_proj", "in_proj", "in_proj_qkvz", "o_proj", "out_proj"),
    *("gate_proj", "up_proj", "down_proj"),
    *("experts_gate_proj", "experts_down_proj", "shared_expert_down_proj"),
)


def quantize_inputs(
    graph: Graph, step: Step, *, input_bits: Number, activation_bits: Number, left_out: tuple[str, ...] = ()
) -> Graph:
    """Add a quantization, as a separate kernel, for every distinct input of the linear layers.

    left_out: linear layers whose inputs stay as they are.
    """
    gated = {op.block for op in graph if op.name == "gate_proj"}

    def quantizer(op: Op) -> Op:
        shape = op.shape
        copies = shape.experts.chosen if shape.experts is not None and op.name == "experts_down_proj" else 1.0
        args: dict[str, Any] = {
            "tokens": shape.m * copies,  # type: ignore[operator]
            "width": shape.k,
            "activation_bits": activation_bits,
            "input_bits": input_bits,
        }
        return replace(op, name=f"quantize_{op.name}_input", formula=quantize_input, args=args, pipe="vector")

    ops: list[Op] = []
    for op in graph:
        if op.name in INPUTS and op.name not in left_out and not (op.name == "up_proj" and op.block in gated):
            ops.append(quantizer(op))
        ops.append(op)
    return Graph(tuple(ops))


def activation_quantization(
    *,
    dtype: str,
    weight_bits: float,
    input_bits: float,
    group_size: float = 0,
    scale_bits: float = 0,
    inputs: str = SEPARATE,
    without_units: str = REFUSED,
) -> Optimization:
    """Linear layers on `dtype` matrix units.

    weight_bits, input_bits [bit]; group_size, scale_bits: of the weights, as in weight_quantization. inputs:
    `separate`, quantized by kernels of their own, or `fused` with what makes them, which then costs nothing more.
    without_units: what a device without such units does with the option, `refused` or `weight_only`. The head, the
    embedding and attention stay at 16 bit. Raises Refused for another word."""
    for key, word, accepted in (("inputs", inputs, INPUTS_ARE), ("without_units", without_units, WITHOUT_UNITS)):
        if word not in accepted:
            raise Refused(f"{key} is {word}; it can be {' or '.join(accepted)}")

    def change(scenario: Scenario) -> Scenario:
        precision = dataclasses.replace(scenario.precision, linear_input_bits=input_bits)
        if inputs == FUSED:
            return dataclasses.replace(scenario, precision=precision)
        numbers = {"input_bits": input_bits, "activation_bits": precision.activation_bits}
        rewrites = (*scenario.rewrites, Rewrite(numbers, quantize_inputs))
        return dataclasses.replace(scenario, precision=precision, rewrites=rewrites)

    stored: dict[str, Any] = {"bits": weight_bits, "group_size": group_size, "scale_bits": scale_bits}
    on_units = Optimization(transforms=(change,), sets={"activation_bits": ""}, math={"linear": (dtype, "")})
    alone = Origin("", "weight_quantization", {**stored, "dequant_flops": DEQUANT_FLOPS})
    return replace(
        chain(weight_quantization(**stored), on_units), otherwise=(alone,) if without_units == WEIGHT_ONLY else ()
    )
