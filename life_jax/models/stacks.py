"""The stacks of a model and the tokens that each computes in a step.

A decoder is one stack. An encoder is one stack too, which has no cache: it reads everything at once, and computes
nothing when the prompt is over. With both (T5, BART), the encoder reads the prompt; the decoder starts from one token
of its own, and its cache grows by what it generates, beside the keys and values of the encoder's output, which it
computes once.
Reference: Vaswani et al. 2017, arXiv:1706.03762.
"""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Architecture, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.elementwise import NORM_VECTORS

ENCODER, DECODER = "encoder", "decoder"
START = 1.0  # token from which a decoder behind an encoder begins


def stacks(model: Architecture) -> tuple[str, ...]:
    """The stacks that a model has, in the order in which they run."""
    have = {block.stack for block in model.blocks}
    return tuple(name for name in (ENCODER, DECODER) if name in have)


def steps(model: Architecture, step: Step) -> dict[str, Step]:
    """What each stack computes in a step; a stack that computes nothing is left out."""
    have = stacks(model)
    if have == (DECODER,):
        return {DECODER: step}
    if step.decoding:
        own = replace(step, past=step.past - step.source + START)
        return {DECODER: own} if DECODER in have else {}
    source = step.past + step.new
    reading = {ENCODER: replace(step, new=source, past=0.0, source=source)}
    return reading | ({DECODER: replace(step, new=START, past=0.0, source=source)} if DECODER in have else {})


def logit_rows(model: Architecture, step: Step) -> Number:
    """Rows of a step whose logits are computed [1].

    An encoder has those of every token; without a language head, one pooled row of each sequence. A decoder behind an
    encoder has one.
    """
    if ENCODER not in stacks(model):
        return step.batch * step.logit_rows
    return step.batch * (step.past + step.new if model.generation == "none" and model.headed else 1.0)


def table_width(model: Architecture) -> Number:
    """Width of the embedding's table [1]."""
    return model.embedding_size or model.hidden_size


def embedding_tensors(model: Architecture) -> tuple[Tensor, ...]:
    """The projection from the table's width to the model's, where these differ; the encoder's positions; vectors."""
    width = table_width(model)
    learned = (
        Tensor("encoder_positions", "other", model.encoder_positions, width),
        Tensor("vectors", "other", model.vectors, 1.0),
    )
    return (*_projection(model), *learned)


def _projection(model: Architecture) -> tuple[Tensor, ...]:
    if not model.embedding_size:
        return ()
    return (Tensor("embedding_proj", "linear", model.embedding_size, model.hidden_size, 1.0 * model.embedding_bias),)


def project_embedding(model: Architecture, tokens: Number, precision: Precision) -> list[Op]:
    """The operator from the table's width to the model's; none where they are the same."""
    return [project(tensor, tokens, precision) for tensor in _projection(model)]


def head_tensors(model: Architecture) -> tuple[Tensor, ...]:
    """The layer in front of the head, and its norm; none where there is no such layer."""
    if not model.head_size:
        return ()
    layer = Tensor("head_layer", "router", model.hidden_size, model.head_size, 1.0 * model.head_layer_bias)
    norm = NORM_VECTORS[model.blocks[-1].norm] * model.head_size * model.head_norm
    return (layer, Tensor("head_layer_norm", "other", norm, 1.0))


def head_layer(model: Architecture, rows: Number, precision: Precision) -> list[Op]:
    """Operators of the layer in front of the head on so many rows [1]."""
    if not model.head_size:
        return []
    layer, norm = head_tensors(model)
    shape = {"tokens": rows, "width": model.head_size, "activation_bits": precision.activation_bits}
    ops = [project(layer, rows, precision), Op("head_layer_activation", elementwise.activation, shape)]
    if model.head_norm:
        learned = {"weights": norm.d_in, "weight_bits": precision.other_bits}
        flops = elementwise.NORM_FLOPS[model.blocks[-1].norm]
        ops.append(Op("head_layer_norm", elementwise.norm, {**shape, **learned, "flops": flops}))
    return ops
