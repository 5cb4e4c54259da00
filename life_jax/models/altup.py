"""Alternating updates (Gemma 3n): several residual streams, of which each layer runs one and predicts the others.

A low-rank path (laurel) runs beside attention. Reference: Baykal et al. 2023, arXiv:2301.13310.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.streams import correct_streams, mix_streams


def tensors(model: Architecture, layers: Number) -> tuple[Tensor, ...]:
    """Coefficients, router and scales of the predictions and corrections; the low-rank path; projections to the other
    streams.

    layers [1]: layers of the model, each with tensors of its own.
    """
    n, d, rank = model.streams, model.hidden_size, model.laurel_rank
    return (
        Tensor("altup_coefs", "other", n * n + n * n * n, 1.0, repeats=layers),
        Tensor("altup_router", "router", d, n, repeats=layers),
        Tensor("altup_others", "other", 2 * d, 1.0, repeats=layers),
        Tensor("laurel_in", "linear", d, rank, repeats=layers),
        Tensor("laurel_out", "linear", rank, d, repeats=layers),
        Tensor("laurel_norm", "other", d, 1.0, repeats=layers),
        Tensor("altup_in_proj", "linear", d, d, repeats=n - 1),
        Tensor("altup_out_proj", "linear", d, d, repeats=n - 1),
    )


def around(model: Architecture, rows: Number, precision: Precision, name: str) -> list[Op]:
    """The product from the embedding to the other streams (name altup_in_proj), or from them to one row before the
    final norm (altup_out_proj).

    rows [1]: rows that are multiplied.
    """
    by_name = {t.name: t for t in tensors(model, 1.0)}
    return [project(by_name[name], rows, precision)]


def before(model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operators in front of attention: a small router makes coefficients, from which every stream is predicted from all
    streams."""
    mixed = {**_row(model, step, precision), "streams": model.streams}
    coefficients = model.streams * model.streams
    return [
        *_routed("altup_predict", model, step, precision, repeats, coefficients),
        Op("altup_predict_mix", mix_streams, mixed, repeats, "head"),
    ]


def beside(model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operators of the low-rank path beside attention: two products, a norm, a sum."""
    by_name = {t.name: t for t in tensors(model, repeats)}
    shape = _row(model, step, precision)
    return [
        project(by_name["laurel_in"], step.tokens, precision),
        project(by_name["laurel_out"], step.tokens, precision),
        _norm("laurel_norm", model, step, precision, repeats),
        Op("laurel_sum", elementwise.residual_add, {**shape, "branches": 1.0}, repeats),
    ]


def after(model: Architecture, step: Step, precision: Precision, repeats: Number) -> list[Op]:
    """Operators behind the layer: coefficients, and the correction of all streams by the prediction error of the active
    one."""
    shape = {**_row(model, step, precision), "streams": model.streams}
    return [
        *_routed("altup_correct", model, step, precision, repeats, model.streams),
        Op("altup_correct_add", correct_streams, shape, repeats),
    ]


def _routed(
    name: str, model: Architecture, step: Step, precision: Precision, repeats: Number, coefficients: Number
) -> list[Op]:
    n = model.streams
    router = Tensor(f"{name}_router", "router", model.hidden_size, n, repeats=repeats)
    coefs = Tensor(f"{name}_coefs", "router", n, coefficients, repeats=repeats)
    return [
        _norm(f"{name}_norm", model, step, precision, repeats),
        project(router, step.tokens, precision),
        project(coefs, step.tokens, precision),
    ]


def _row(model: Architecture, step: Step, precision: Precision) -> dict[str, Number]:
    return {"tokens": step.tokens, "width": model.hidden_size, "activation_bits": precision.activation_bits}


def _norm(name: str, model: Architecture, step: Step, precision: Precision, repeats: Number) -> Op:
    learned = {"weights": model.hidden_size, "flops": elementwise.NORM_FLOPS["rmsnorm"]}
    args = {**_row(model, step, precision), **learned, "weight_bits": precision.other_bits}
    return Op(name, elementwise.norm, args, repeats)
