"""Mixture of experts: routing, products with the experts that a step touches, and moves of rows to and from them."""

from collections import deque
from typing import Any

import numpy as np

from life_jax.core.cost import Cost
from life_jax.core.graph import Experts, Shape, describe
from life_jax.core.numerics import Number, clip, current_trace, exp, larger, log, power, product, smaller, where
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators.elementwise import elements
from life_jax.operators.linear import expand_passes, stored, storing

# ranks one by one, steps of Newton and nodes of the integral over the other ranks: within 3e-4 of the sum up to skew 2
FIRST_RANKS, NEWTON_STEPS = 8, 12
NODES, WEIGHTS = (array.tolist() for array in np.polynomial.legendre.leggauss(12))
ROUTE_FLOPS = 5  # per expert score: softmax or sigmoid, and the choice


def distinct_experts(*, tokens: Number, experts: Number, chosen: Number, skew: Number) -> Number:
    """Expected number of distinct experts [1] that `tokens` tokens touch; each token chooses `chosen` without
    replacement.

    tokens [token], experts [1] in all, chosen [1] per token, skew [1].
    Uniform routing (skew 0): E (1 - (1 - k/E)^M), exact. Skewed routing: the r-th most popular expert is drawn in
    proportion to r^-skew, draw after draw. Then P(chosen) = 1 - exp(-x r^-skew), with x such that these sum to k, and M
    tokens touch the sum of 1 - exp(-M x r^-skew): at skew 0 the same as above, at skew > 0 its asymptotic form for many
    experts.
    Reference: Rosen 1972, Annals of Mathematical Statistics 43, 373-397.
    """
    if isinstance(skew, float | int) and skew == 0:
        return experts * (1 - power(1 - chosen / experts, tokens))
    everyone, weight = _popularity(experts, chosen, skew)
    return where(everyone, experts, _touched(tokens * weight, experts, skew)[0])


# (trace, experts, chosen, skew, result of `_popularity`) of the last few calls; the numbers are kept, so that no other
# number gets their identity
_KNOWN: deque[tuple[Any, Number, Number, Number, tuple[Number, Number]]] = deque(maxlen=16)


def _popularity(experts: Number, chosen: Number, skew: Number) -> tuple[Number, Number]:
    """Whether every token takes all experts, and the x of `distinct_experts`, which takes most of the work of an
    operator.

    All operators of a layer have the same three numbers in every step of a trace. These are recognised by identity, so
    that the work is traced once instead of a dozen times.
    """
    trace = current_trace(experts, chosen, skew)
    for known, e, c, s, result in tuple(_KNOWN):
        if e is experts and c is chosen and s is skew and known == trace:
            return result
    everyone = chosen >= experts
    result = (everyone, _draw_weight(experts, where(everyone, 0.5 * experts, chosen), skew))
    _KNOWN.append((trace, experts, chosen, skew, result))
    return result


def _draw_weight(experts: Number, chosen: Number, skew: Number) -> Number:
    """The x of `distinct_experts`, by Newton's method on -log(1 - touched / E), which is x itself where skew is 0.

    It starts at x = 0 and rises: that function of x is concave, so that no step goes too far.
    """
    goal = -log(1 - chosen / experts)
    x: Number = 0.0 * experts
    for _ in range(NEWTON_STEPS):
        touched, slope = _touched(x, experts, skew)
        left = 1 - touched / experts
        x = x + (goal + log(left)) * left * experts / slope
    return x


def _touched(x: Number, experts: Number, skew: Number) -> tuple[Number, Number]:
    """The sum over ranks r = 1..E of 1 - exp(-x r^-skew), and its slope in x.

    The first ranks are summed one by one; the others are an integral in log r between the half ranks around them.
    """
    total: Number = 0.0
    slope: Number = 0.0
    rank: Number
    for rank in range(1, FIRST_RANKS + 1):
        weight, there = float(rank) ** -skew, clip(experts + 1 - rank, 0.0, 1.0)
        gone = exp(-x * weight)
        total, slope = total + there * (1 - gone), slope + there * weight * gone
    low = log(FIRST_RANKS + 0.5)
    span = larger(log(experts + 0.5) - low, 0.0)
    for node, part in zip(NODES, WEIGHTS, strict=True):
        rank = exp(low + span * (1 + node) / 2)
        weight = exp(-skew * log(rank))
        gone = exp(-x * weight)
        measure = part * span / 2 * rank
        total, slope = total + measure * (1 - gone), slope + measure * weight * gone
    return total, slope


def _shape(
    *,
    tokens: Number,
    d_in: Number,
    d_out: Number,
    experts: Number,
    chosen: Number,
    distinct: Number,
    **_: Number,
) -> Shape:
    return Shape(m=tokens, n=d_out, k=d_in, experts=Experts(experts, chosen, distinct))


def _choice(*, tokens: Number, **_: Number) -> Shape:
    return Shape(m=tokens)


@describe("gemm", shape=_shape, rows=True, weights=stored, with_weights=storing)
def grouped_linear(
    *,
    tokens: Number,
    d_in: Number,
    d_out: Number,
    experts: Number,
    chosen: Number,
    skew: Number,
    distinct: Number,
    weight_bits: Number,
    bits_per_channel: Number,
    bias: Number,
    bias_bits: Number,
    input_bits: Number,
    output_bits: Number,
    dequant_flops: Number,
) -> Cost:
    """x W_e for the `chosen` experts e of each token, all in one kernel.

    Weights of the distinct experts are read once; every token is read and written once per chosen expert.
    tokens [token], d_in, d_out [1] of an expert, experts, chosen [1], skew [1] of the routing, distinct [token]: tokens
    that choose independently, at most (the others choose as one of them does), *_bits [bit], bias 0 or 1, dequant_flops
    [FLOP per weight]. Returns the Cost of one call.
    Reference: [derived], `linear` on the rows of the touched experts.
    """
    touched = distinct_experts(tokens=smaller(tokens, distinct), experts=experts, chosen=chosen, skew=skew)
    rows = tokens * chosen
    weights = d_in * d_out * weight_bits + d_out * (bits_per_channel + bias * bias_bits)
    passes = expand_passes(rows / touched)
    return Cost(
        matmul_flops=2 * rows * d_in * d_out,
        vector_flops=product(bias, rows, d_out) + product(dequant_flops, touched, d_in, d_out, passes),
        weight_bytes=touched * weights / BITS_PER_BYTE,
        activations_read=rows * d_in * input_bits / BITS_PER_BYTE,
        activations_written=rows * d_out * output_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=_choice)
def choose_experts(*, tokens: Number, experts: Number, activation_bits: Number) -> Cost:
    """Scores of all experts to the chosen experts and their weights.

    tokens [token], experts [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: 5 FLOP per score (softmax or sigmoid, and the choice) [convention].
    """
    return Cost(
        vector_flops=ROUTE_FLOPS * tokens * experts,
        activations_read=tokens * experts * activation_bits / BITS_PER_BYTE,
        dispatches=1,
    )


@describe("other", shape=elements)
def shuffle(*, tokens: Number, width: Number, chosen: Number, activation_bits: Number) -> Cost:
    """Copy rows to their experts: every token is read once and written once per chosen expert.

    tokens [token], width, chosen [1], activation_bits [bit]. Returns the Cost of one call. Reference: [derived].
    """
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(activations_read=tokens * row, activations_written=tokens * chosen * row, dispatches=1)


@describe("other", shape=elements)
def combine(*, tokens: Number, width: Number, chosen: Number, activation_bits: Number) -> Cost:
    """Weight the experts' rows and add them to their tokens: a row is read per chosen expert, and written once per
    token.

    tokens [token], width, chosen [1], activation_bits [bit]. Returns the Cost of one call.
    Reference: [derived]: a product and a sum per element and chosen expert.
    """
    row = width * activation_bits / BITS_PER_BYTE
    return Cost(
        vector_flops=2 * tokens * chosen * width,
        activations_read=tokens * chosen * row,
        activations_written=tokens * row,
        dispatches=1,
    )
