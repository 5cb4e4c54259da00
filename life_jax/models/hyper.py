"""Hyper-connections (DeepSeek-V4): several residual streams, summed before each branch and mixed behind it.

Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.2.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.streams import collapse_streams, correct_streams, mix_streams

BRANCHES = 2.0  # attention and feed-forward network


def tensors(model: Architecture, layers: Number) -> tuple[Tensor, ...]:
    """Weights that collapse, add and mix the streams around every branch, with biases and scales; those of the head.

    layers [1]: layers of the model, each with two branches.
    """
    n, d = model.streams, model.hidden_size
    branches = BRANCHES * layers
    around = (
        Tensor("hyper_weights", "router", n * d, _weights(model), 1.0, branches),
        Tensor("hyper_scales", "other", 2.0 + model.stream_mixing, 1.0, repeats=branches),
    )
    if not model.stream_head:
        return around
    return (
        *around,
        Tensor("hyper_head", "router", n * d, n, 1.0),
        Tensor("hyper_head_scale", "other", 1.0, 1.0),
    )


def _weights(model: Architecture) -> Number:
    """Weights of a branch [1]: of each stream into it and out of it, and (stream_mixing) from each stream to each."""
    n = model.streams
    return (2 + n) * n if model.stream_mixing else 2 * n


def before(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operators in front of a branch: a norm of all streams (without learned weights), their weights, one row."""
    inputs = model.streams * model.hidden_size
    weights = Tensor(f"{name}_weights", "router", inputs, _weights(model), 1.0, repeats)
    return _summed(name, weights, model, step.tokens, precision)


def head(model: Architecture, rows: Number, precision: Precision) -> list[Op]:
    """Operators in front of the final norm: one row from all streams, weighed or (without stream_head) their mean."""
    if not model.stream_head:
        return [Op("hyper_head_collapse", collapse_streams, _shape(model, rows, precision))]
    weights = Tensor("hyper_head", "router", model.streams * model.hidden_size, model.streams, 1.0)
    return _summed("hyper_head", weights, model, rows, precision)


def after(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operator behind a branch: its output is added to all streams, which are mixed with each other (stream_mixing)."""
    formula = mix_streams if model.stream_mixing else correct_streams
    return [Op(f"{name}_mix", formula, _shape(model, step.tokens, precision), repeats, "head")]


def _summed(name: str, weights: Tensor, model: Architecture, rows: Number, precision: Precision) -> list[Op]:
    shape = _shape(model, rows, precision)
    norm = {"tokens": rows, "width": model.streams * model.hidden_size, "weights": 0.0,
            "flops": elementwise.NORM_FLOPS["rmsnorm"], "weight_bits": precision.other_bits,
            "activation_bits": precision.activation_bits}  # fmt: skip
    return [
        Op(f"{name}_norm", elementwise.norm, norm, weights.repeats),
        project(weights, rows, precision),
        Op(f"{name}_collapse", collapse_streams, shape, weights.repeats),
    ]


def _shape(model: Architecture, rows: Number, precision: Precision) -> dict[str, Number]:
    return {
        "tokens": rows,
        "width": model.hidden_size,
        "streams": model.streams,
        "activation_bits": precision.activation_bits,
    }
