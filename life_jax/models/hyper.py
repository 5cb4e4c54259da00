"""Hyper-connections (DeepSeek-V4): several residual streams, summed before each branch and mixed behind it."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.streams import collapse_streams, mix_streams

BRANCHES = 2.0  # attention and feed-forward network


def tensors(model: Architecture, layers: Number) -> tuple[Tensor, ...]:
    """Weights of every branch (to collapse, to add, to mix), with their biases and scales; those of the head."""
    n, d = model.streams, model.hidden_size
    weights, branches = (2 + n) * n, BRANCHES * layers
    return (
        Tensor("hyper_weights", "router", n * d, weights, 1.0, branches),
        Tensor("hyper_scales", "other", 3.0, 1.0, repeats=branches),
        Tensor("hyper_head", "router", n * d, n, 1.0),
        Tensor("hyper_head_scale", "other", 1.0, 1.0),
    )


def before(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Norm of all streams (without weights), their weights, one row from them."""
    n = model.streams
    return _summed(name, Tensor(f"{name}_weights", "router", n * model.hidden_size, (2 + n) * n, 1.0, repeats),
                   model, step.tokens, precision)  # fmt: skip


def head(model: Architecture, rows: Number, precision: Precision) -> list[Op]:
    """One row from all streams, in front of the final norm."""
    weights = Tensor("hyper_head", "router", model.streams * model.hidden_size, model.streams, 1.0)
    return _summed("hyper_head", weights, model, rows, precision)


def after(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
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
