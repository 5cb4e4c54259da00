"""Per-layer embeddings (Gemma 3n, Gemma 4): a second table, whose rows hold a small input for every layer.

Each row is joined with a projection of the token's own embedding; each layer gates its part and adds it.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise


def tensors(model: Architecture, layers: Number) -> tuple[Tensor, ...]:
    """The second table, the projection of the embedding and its norm; for every layer a gate, a projection back and a
    norm.

    layers [1]: layers of the model; a row of the table holds per_layer_width elements for each.
    """
    d, width = model.hidden_size, model.per_layer_width
    return (
        Tensor("per_layer_embedding", "embedding", model.per_layer_vocab, layers * width),
        Tensor("per_layer_model_proj", "linear", d, layers * width),
        Tensor("per_layer_norm", "other", width, 1.0),
        Tensor("per_layer_gate", "linear", d, width, repeats=layers),
        Tensor("per_layer_proj", "linear", width, d, repeats=layers),
        Tensor("per_layer_output_norm", "other", d, 1.0, repeats=layers),
    )


def inputs(model: Architecture, layers: Number, step: Step, precision: Precision) -> list[Op]:
    """Operators once per step: look up a row of the table per token, project the embedding, norm it, add both."""
    table, projection, *_ = tensors(model, layers)
    width = layers * model.per_layer_width
    bits = {"tokens": step.tokens, "width": width, "activation_bits": precision.activation_bits}
    row = {"weight_bits": precision.weight(table.name, table.role).bits, "learned_positions": 0.0}
    return [
        Op("per_layer_embedding", elementwise.embedding, {**bits, **row}),
        project(projection, step.tokens, precision),
        _norm("per_layer_norm", bits, model.per_layer_width, precision, 1.0),
        Op("per_layer_sum", elementwise.residual_add, {**bits, "branches": 1.0}),
    ]


def operators(block: Block, model: Architecture, step: Step, precision: Precision) -> list[Op]:
    """Operators of a kind of layer: gate, product with the layer's input, projection, norm, residual."""
    *_, gate, out, _ = tensors(model, block.repeats)
    narrow = {"tokens": step.tokens, "width": model.per_layer_width, "activation_bits": precision.activation_bits}
    wide = {**narrow, "width": model.hidden_size}
    return [
        project(gate, step.tokens, precision),
        Op("per_layer_multiply", elementwise.gate_multiply, narrow, block.repeats),
        project(out, step.tokens, precision),
        _norm("per_layer_output_norm", wide, model.hidden_size, precision, block.repeats),
        Op("per_layer_residual", elementwise.residual_add, {**wide, "branches": 1.0}, block.repeats),
    ]


def _norm(name: str, shape: dict[str, Number], weights: Number, precision: Precision, repeats: Number) -> Op:
    flops = elementwise.NORM_FLOPS["rmsnorm"]
    return Op(
        name, elementwise.norm, {**shape, "weights": weights, "flops": flops, "weight_bits": precision.other_bits},
        repeats,
    )  # fmt: skip
