"""A model's file -> Architecture. Refuses shapes that contradict themselves."""

from collections.abc import Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any

from life_jax.config.schema.check import check, check_number
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.numerics import Static
from life_jax.core.scenario import Architecture, Block
from life_jax.models import attention, ffn, vision
from life_jax.models.kind import Kind

# keys of the file that an Architecture has under the same name, and that no axis moves
AS_THEY_ARE = (
    "generation", "embedding_size", "embedding_bias", "head_size", "head_layer_bias", "head_norm", "final_norm",
    "encoder_embedding_norm", "encoder_final_norm", "stream_mixing", "stream_head",
)  # fmt: skip


def architecture(model: ModelFile, where: str) -> Architecture:
    """The decoder of a model file; refuses shapes that contradict themselves."""
    entries = model.layers or [{"repeats": model.num_hidden_layers}]
    blocks = tuple(_block(_layer_file(model, entry, where), entry, where) for entry in entries)
    if sum(block.repeats for block in blocks) != model.num_hidden_layers:
        counted = "+".join(f"{block.repeats:g}" for block in blocks)
        raise ConfigError(f"{where}.layers repeat {counted} times; num_hidden_layers is {model.num_hidden_layers:g}")
    if model.position == "learned" and model.learned_positions < 1:
        raise ConfigError(f"{where}.learned_positions is missing (rows of the table of learned positions)")
    if (model.per_layer_width > 0) != (model.per_layer_vocab > 0):
        raise ConfigError(f"{where}: per_layer_width and per_layer_vocab go together")
    return Architecture(
        hidden_size=model.hidden_size,
        vocab_size=model.vocab_size,
        learned_positions=float(model.learned_positions),
        head_bias=_number(model.head_bias),
        blocks=blocks,
        streams=model.residual_streams,
        per_layer_width=model.per_layer_width,
        per_layer_vocab=model.per_layer_vocab,
        laurel_rank=model.laurel_rank,
        hyper=model.residual_streams > 1 and not model.laurel_rank,
        altup=model.residual_streams > 1 and model.laurel_rank > 0,
        per_layer=model.per_layer_width > 0,
        vision=_vision(model, where),
        tied=model.tie_word_embeddings,
        headed=model.language_head,
        embedding_norm=model.embedding_norm,
        vectors=model.vectors,
        encoder_positions=model.encoder_positions,
        steps_per_token=model.steps_per_token,
        **{key: getattr(model, key) for key in AS_THEY_ARE},
    )


def _vision(model: ModelFile, where: str) -> dict[str, float]:
    """Numbers of the vision tower; none where it has no layers."""
    if not model.vision_layers:
        return {}
    for key in vision.KEYS:
        if getattr(model, key) is None:
            raise ConfigError(f"{where}: a vision tower needs {key}, which the model's file does not give")
    if model.vision_full_layers > model.vision_layers:
        raise ConfigError(f"{where}.vision_full_layers is more than the {model.vision_layers:g} layers of the tower")
    return {key: float(getattr(model, key)) for key in vision.KEYS}


def _layer_file(model: ModelFile, entry: Mapping[str, Any], where: str) -> ModelFile:
    """The model's file with what an entry of `layers` changes."""
    changes = {key: value for key, value in entry.items() if key != "repeats"}
    if not changes:
        return model
    said = {f.name: getattr(model, f.name) for f in fields(ModelFile) if f.name != "layers"}
    return check({**said, **changes}, ModelFile, f"{where}.layers")


def _block(model: ModelFile, entry: Mapping[str, Any], where: str) -> Block:
    if model.attention not in attention.INDEX:
        raise unknown(f"{where}.attention", model.attention, attention.INDEX)
    if model.ffn not in ffn.INDEX:
        raise unknown(f"{where}.ffn", model.ffn, ffn.INDEX)
    if model.num_attention_heads % model.num_key_value_heads:
        raise ConfigError(
            f"{where}.num_attention_heads is {model.num_attention_heads:g}, "
            f"not a multiple of num_key_value_heads {model.num_key_value_heads:g}"
        )
    if model.norms_per_layer not in (1, 2, 4):
        raise ConfigError(f"{where}.norms_per_layer is {model.norms_per_layer}; it must be 1, 2 or 4")
    repeats = check_number(entry.get("repeats"), {"low": 1}, f"{where}.layers.repeats")
    return Block(
        repeats=repeats,
        attention=_numbers(model, attention.INDEX[model.attention], f"{where}: attention {model.attention}"),
        ffn=_numbers(model, ffn.INDEX[model.ffn], f"{where}: ffn {model.ffn}"),
        attention_kind=model.attention,
        ffn_kind=model.ffn,
        norm=model.norm,
        norms=model.norms_per_layer,
        parallel=model.parallel,
        qk_norm=model.qk_norm,
        position=model.position,
        output_gate=model.attention_output_gate,
        keys_values=model.keys_values,
        loops=model.loops,
        vectors=model.layer_vectors,
        side=model.side_outputs,
        stack=model.stack,
    )


def _numbers(model: ModelFile, kind: ModuleType | Kind, where: str) -> dict[str, float]:
    """The numbers that a kind needs, and those of OPTIONAL that are given; yes and no are 1 and 0."""
    for key in kind.KEYS:
        if model.number(key) is None:
            raise ConfigError(f"{where} needs {key}, which the model's file does not give")
    given = [key for key in getattr(kind, "OPTIONAL", ()) if model.number(key)]
    return {key: _number(model.number(key)) for key in (*kind.KEYS, *given)}


def _number(value: float | bool) -> float:
    """A number of the file; what a model does not have is no leaf, since nothing can move it."""
    return Static(0.0) if value is False else float(value)
