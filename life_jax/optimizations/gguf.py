"""Weights in the formats of a llama.cpp file of a type.

Where only some layers get a wider type, the tensor's format is their mean, weighted by layers, so that the bytes are
exact.
"""

from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Architecture, Scenario, WeightFormat
from life_jax.models import attention, ffn
from life_jax.optimizations.base import Optimization
from life_jax.optimizations.gguf_file_types import (
    BLOCK,
    DEQUANT_FLOPS,
    DEQUANT_FLOPS_OF_K_QUANTS,
    FALLBACK,
    FILE_TYPES,
    Layer,
    bits_per_weight,
)


def _format(types: list[str], row: int) -> WeightFormat:
    """Mean format of a tensor over its layers; row [1]: its input width."""
    fitting = [FALLBACK.get(t, t) if row % 256 and BLOCK[t][1] == 256 else t for t in types]
    bits = sum(bits_per_weight(t) for t in fitting) / len(fitting)
    flops = sum(DEQUANT_FLOPS.get(t, DEQUANT_FLOPS_OF_K_QUANTS) for t in fitting) / len(fitting)
    return WeightFormat(bits, 0.0, flops)


def tensor_formats(file_type: str, model: Architecture) -> dict[str, WeightFormat]:
    """Format of every linear tensor by name, averaged over the layers that have it, and of the roles.

    file_type: a key of FILE_TYPES.
    """
    kind = FILE_TYPES[file_type]
    layers = int(sum(block.repeats for block in model.blocks))
    experts = max(int(block.ffn.get("num_experts", 0)) for block in model.blocks)
    hybrid = any(block.attention_kind in attention.RECURRENT for block in model.blocks)
    types: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    start = 0
    for block in model.blocks:
        heads, recurrent = block.attention.get("num_attention_heads", 1.0), block.attention_kind in attention.RECURRENT
        sharing = float(heads / block.attention.get("num_key_value_heads", heads))
        for mixes, learned in (
            (True, attention.INDEX[block.attention_kind].tensors(block, model.hidden_size)),
            (False, ffn.INDEX[block.ffn_kind].tensors(block, model.hidden_size)),
        ):
            for tensor in (t for t in learned if t.role == "linear"):
                rows[tensor.name] = int(tensor.d_in)
                where = [
                    Layer(start + i, layers, sharing, experts, mixes, recurrent, hybrid)
                    for i in range(int(block.repeats))
                ]
                types.setdefault(tensor.name, []).extend(kind.type_of(tensor.name, layer) for layer in where)
        start += int(block.repeats)
    hidden = int(model.hidden_size)
    output, embedding = kind.ends(experts)
    output = "Q8_0" if hidden % 256 and output == "Q6_K" else output
    return {
        **{name: _format(blocks, rows[name]) for name, blocks in types.items()},
        "linear": _format([kind.default], hidden),
        "head": _format([output], hidden),
        # a tied table is the output
        "embedding": _format([output if model.tied else embedding], hidden),
        "router": WeightFormat(32.0),
    }


_known: dict[tuple[str, int], tuple[Architecture, dict[str, WeightFormat]]] = {}
MOST_KNOWN = 2**8


def _remembered_formats(file_type: str, model: Architecture) -> dict[str, WeightFormat]:
    """`tensor_formats` of a model object, which is one for all devices of a study."""
    key = file_type, id(model)
    if key not in _known:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = model, tensor_formats(file_type, model)  # kept with its model, so that no other gets its id
    return _known[key][1]


def gguf(*, file_type: str) -> Optimization:
    """Weights in the formats of a llama.cpp file of that type; norms and biases are stored as F32."""

    def change(scenario: Scenario) -> Scenario:
        formats = _remembered_formats(file_type, scenario.architecture)
        scenario = set_leaf(scenario, ("precision", "weights"), formats)
        return set_leaf(scenario, ("precision", "other_bits"), 32.0)

    return Optimization(transforms=(change,), sets={"weight_bits": ""})
