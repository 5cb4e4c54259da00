"""Hyper-connections (DeepSeek-V4): several residual streams, summed before each branch and mixed behind it.

Reference: DeepSeek-AI 2026, DeepSeek-V4, section 2.2.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.streams import collapse_streams, mix_streams

BRANCHES = 2.0  # attention and feed-forward network


def tensors(model: Architecture, layers: Number) -> tuple[Tensor, ...]:
    """Weights that collapse, add and mix the streams around every branch, with biases and scales; those of the head.

    layers [1]: layers of the model, each with two branches.
    """
    n, d = model.streams, model.hidden_size
    weights, branches = (2 + n) * n, BRANCHES * layers
    return (
        Tensor("hyper_weights", "router", n * d, weights, 1.0, branches),
        Tensor("hyper_scales", "other", 3.0, 1.0, repeats=branches),
        Tensor("hyper_head", "router", n * d, n, 1.0),
        Tensor("hyper_head_scale", "other", 1.0, 1.0),
    )


def before(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operators in front of a branch: a norm of all streams (without learned weights), their weights, one row."""
    n = model.streams
    return _summed(name, Tensor(f"{name}_weights", "router", n * model.hidden_size, (2 + n) * n, 1.0, repeats),
                   model, step.tokens, precision)  # fmt: skip


def head(model: Architecture, rows: Number, precision: Precision) -> list[Op]:
    """Operators in front of the final norm: one row from all streams."""
    weights = Tensor("hyper_head", "router", model.streams * model.hidden_size, model.streams, 1.0)
    return _summed("hyper_head", weights, model, rows, precision)


def after(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operator behind a branch: all streams are mixed with each other and with the branch's output."""
    return [Op(f"{name}_mix", mix_streams, _shape(model, step.tokens, precision), repeats, "head")]


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
