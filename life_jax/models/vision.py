"""The vision tower in front of a language model: a bidirectional encoder of patches, and the projector to tokens.

patches_per_token patches make a token of the prompt. Some layers may attend windows of patches only. The weights stay
at 16 bit, whatever the language model's are. Reference: modelling of ViT, Dosovitskiy et al. 2020.
"""

from collections.abc import Mapping

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, divide, smaller
from life_jax.core.scenario import Architecture, Precision
from life_jax.core.schedule import Step
from life_jax.models.tensors import Tensor, project
from life_jax.operators import elementwise
from life_jax.operators.attention import flash_attention

KEYS = (
    "vision_layers",
    "vision_full_layers",
    "vision_hidden_size",
    "vision_heads",
    "vision_intermediate_size",
    "vision_gated",
    "vision_patch_inputs",
    "vision_patches_per_token",
    "vision_window",
    "vision_merger_inputs",
    "vision_merger_size",
    "vision_projectors",
    "vision_projector_inputs",
    "vision_projector_size",
)


def tensors(model: Architecture) -> tuple[Tensor, ...]:
    """Patch embedding, the four products of every layer (gated: up is gate and up together), merger and projectors."""
    v = model.vision
    d, n, width = v["vision_hidden_size"], v["vision_layers"], v["vision_intermediate_size"]
    merged = v["vision_merger_inputs"]
    inputs, hidden, several = v["vision_projector_inputs"], v["vision_projector_size"], v["vision_projectors"]
    return (
        Tensor("vision_patches", "router", v["vision_patch_inputs"], d),
        Tensor("vision_qkv_proj", "router", d, 3 * d, repeats=n),
        Tensor("vision_o_proj", "router", d, d, repeats=n),
        Tensor("vision_up_proj", "router", d, (1 + v["vision_gated"]) * width, repeats=n),
        Tensor("vision_down_proj", "router", width, d, repeats=n),
        Tensor("vision_merger", "router", merged, v["vision_merger_size"], repeats=1.0 * (merged > 0)),
        Tensor("vision_projector_in", "router", inputs, hidden, repeats=several),
        Tensor("vision_projector_out", "router", _last(inputs, hidden), model.hidden_size, repeats=several),
    )


def _last(inputs: Number, hidden: Number) -> Number:
    """Inputs of the last product [1]; it is the only product where the projector has no hidden layer."""
    return hidden + (1.0 * (hidden == 0)) * inputs


def weight_bytes(model: Architecture, precision: Precision) -> Number:
    """Bytes of the tower and its projector in memory [byte]."""
    return sum(t.bytes(precision) for t in tensors(model))


def operators(model: Architecture, step: Step, precision: Precision) -> list[Op]:
    """Operators of the tower on the patches of `images` images, which become `image_tokens` tokens of each sequence.

    In order: patch embedding, then per layer norm, q k v, attention, output projection, residual, MLP; merger and
    projectors.
    """
    v = model.vision
    tokens = step.batch * step.image_tokens
    patches = tokens * v["vision_patches_per_token"]
    d, n, width = v["vision_hidden_size"], v["vision_layers"], v["vision_intermediate_size"]
    embed, qkv, o, up, down, merger, first, last = tensors(model)
    bits = {"tokens": patches, "activation_bits": precision.activation_bits}
    norm = {**bits, "width": d, "weights": 2 * d, "flops": elementwise.NORM_FLOPS["layernorm"]}
    norm["weight_bits"] = precision.other_bits
    residual = {**bits, "width": d, "branches": 1.0}
    act = Op("vision_activation", elementwise.activation, {**bits, "width": width}, n)
    per_sequence = step.image_tokens * v["vision_patches_per_token"]
    image = divide(per_sequence, step.images)
    return [
        project(embed, patches, precision),
        Op("vision_norm", elementwise.norm, norm, 2 * n),
        project(qkv, patches, precision),
        _attention("vision_attention", v, step, precision, per_sequence, image, v["vision_full_layers"]),
        _attention("vision_window_attention", v, step, precision, per_sequence, smaller(v["vision_window"], image),
                   n - v["vision_full_layers"]),
        project(o, patches, precision),
        Op("vision_residual", elementwise.residual_add, residual, 2 * n),
        project(up, patches, precision),
        act,
        project(down, patches, precision),
        project(merger, tokens, precision),
        project(first, tokens, precision),
        project(last, tokens, precision),
    ]  # fmt: skip


def _attention(
    name: str, v: Mapping[str, Number], step: Step, precision: Precision, patches: Number, span: Number, layers: Number
) -> Op:
    """Attention of every patch to the `span` patches of its image or of its window; keys and values are activations."""
    size = v["vision_hidden_size"] / v["vision_heads"]
    args = {
        "batch": step.batch,
        "queries": patches,
        "pairs": patches * span,
        "positions": patches,
        "heads": v["vision_heads"],
        "kv_heads": v["vision_heads"],
        "head_dim": size,
        "value_dim": size,
        "activation_bits": precision.activation_bits,
        "kv_bits": precision.activation_bits,
        "kv_scale_bits": 0.0,
        "kv_dequant_flops": 0.0,
        "bias_flops": 0.0,
    }
    return Op(name, flash_attention, args, layers, "attention")
