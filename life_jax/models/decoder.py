"""A language model as an unfused operator graph, (Architecture, Step, Precision) -> Graph, and its size in memory."""

from collections.abc import Mapping
from dataclasses import replace

from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, is_fixed_at, larger
from life_jax.core.scenario import Architecture, Block, Precision
from life_jax.core.schedule import Step
from life_jax.models import altup, attention, ffn, hyper, per_layer, stacks, vision
from life_jax.models.kind import keeps_nothing
from life_jax.models.tensors import Tensor, on_one, project
from life_jax.operators import elementwise
from life_jax.operators.elementwise import NORM_FLOPS, NORM_VECTORS


def decoder(model: Architecture, step: Step, precision: Precision) -> Graph:
    """Every operator of one forward pass; layers of one kind are one entry with repeats."""
    parts = stacks.steps(model, step)
    ops = []
    if model.vision and not (isinstance(step.image_tokens, float) and step.image_tokens == 0.0):
        present = 1.0 * (step.image_tokens > 0)
        ops += [replace(op, repeats=op.repeats * present) for op in vision.operators(model, step, precision)]
    for name, own in parts.items():
        ops += _stack(name, model, own, precision)
    if parts and not (isinstance(step.logit_rows, float) and step.logit_rows == 0.0):
        ops += _behind(model, parts, stacks.logit_rows(model, step), precision)
    return Graph(tuple(ops))


def _stack(name: str, model: Architecture, step: Step, precision: Precision) -> list[Op]:
    """Operators of an encoder or a decoder: embedding, layers; of an encoder before a decoder also its final norm."""
    first, width, both = model.blocks[0], stacks.table_width(model), name == stacks.ENCODER and model.encoder_final_norm
    ops = [_embedding(model, step, precision)]
    if model.encoder_embedding_norm if name == stacks.ENCODER and not _alone(model) else model.embedding_norm:
        ops.append(_norm("embedding_norm", first, width, step.tokens, precision, repeats=1.0))
    ops += stacks.project_embedding(model, step.tokens, precision)
    if model.altup:
        ops += altup.around(model, step.tokens, precision, "altup_in_proj")
    if model.per_layer:
        ops += per_layer.inputs(model, _layers(model), step, precision)
    for index, block in enumerate(model.blocks):
        if block.stack == name:
            ops += [replace(op, block=index) for op in _layer(block, model, step, precision)]
    if both:
        ops.append(_norm("encoder_norm", first, model.hidden_size, step.tokens, precision, repeats=1.0))
    return ops


def _alone(model: Architecture) -> bool:
    """Whether the model has one stack."""
    return len(stacks.stacks(model)) == 1


def _behind(model: Architecture, parts: Mapping[str, Step], rows: Number, precision: Precision) -> list[Op]:
    """Operators behind the layers: final norm, layer in front of the head, head. An encoder's norm is of all tokens."""
    last = model.blocks[-1]
    ops = hyper.head(model, rows, precision) if model.hyper else []
    ops += altup.around(model, rows, precision, "altup_out_proj") if model.altup else []
    if model.final_norm:
        normed = parts[stacks.ENCODER].tokens if model.generation == "none" else rows
        ops.append(_norm("final_norm", last, model.hidden_size, normed, precision, repeats=1.0))
    ops += stacks.head_layer(model, rows, precision)
    return ops + ([project(_head(model), rows, precision)] if model.headed else [])


def tensors(model: Architecture) -> tuple[Tensor, ...]:
    """Every learned tensor of the model; tied tensors stand once."""
    d = model.hidden_size
    first, last = model.blocks[0], model.blocks[-1]
    width = stacks.table_width(model)
    learned = [_table(model), Tensor("position_embedding", "other", model.learned_positions, width)]
    learned += stacks.embedding_tensors(model)
    if model.embedding_norm or model.encoder_embedding_norm:
        learned.append(
            _norm_tensor("embedding_norm", first, width, model.embedding_norm + model.encoder_embedding_norm)
        )
    for block in model.blocks:
        learned += attention.INDEX[block.attention_kind].tensors(block, d)
        learned += ffn.INDEX[block.ffn_kind].tensors(block, d)
        learned.append(_norm_tensor("norms", block, d, block.repeats * block.norms))
        learned.append(Tensor("layer_vectors", "other", block.vectors, 1.0, repeats=block.repeats))
        learned += side_tensors(block, d)
    learned += hyper.tensors(model, _layers(model)) if model.hyper else ()
    learned += altup.tensors(model, _layers(model)) if model.altup else ()
    learned += per_layer.tensors(model, _layers(model)) if model.per_layer else ()
    learned.append(_norm_tensor("final_norm", last, d, 1.0 * model.final_norm + model.encoder_final_norm))
    learned += stacks.head_tensors(model)
    if model.tied:
        learned.append(Tensor("head_bias", "other", model.head_bias * model.vocab_size, 1.0))
    elif model.headed:
        learned.append(_head(model))
    return tuple(learned)


def _layers(model: Architecture) -> Number:
    return sum(block.repeats for block in model.blocks)


def parameter_count(model: Architecture) -> Number:
    """Number of learned parameters [1], tied tensors once."""
    return sum(tensor.parameters for tensor in tensors(model))


def active_parameter_count(model: Architecture) -> Number:
    """Number of parameters that a token needs [1]: all but the experts that it does not choose."""
    return sum(tensor.active_parameters for tensor in tensors(model))


def weight_bytes(model: Architecture, precision: Precision, devices: Number = 1.0) -> Number:
    """Bytes of the model in memory [byte], embedding included, on each of `devices` devices [1] that share every
    layer."""
    return sum(tensor.bytes(precision, devices) for tensor in tensors(model))


def layer_and_end_bytes(
    model: Architecture, precision: Precision, devices: Number, experts: Number
) -> tuple[Number, Number, Number]:
    """Bytes on each device [byte] of all layers; of what stands before and behind them; of the larger of both.

    devices [1]: that share every layer; experts [1]: devices that share the experts. A tied table is at both ends.
    """
    table, head = _table(model), _head(model)
    layers: Number = 0.0
    before: Number = 0.0
    behind: Number = 0.0
    for tensor in tensors(model):
        held = tensor.bytes(precision, experts if tensor.of_experts else devices)
        if tensor.name in (table.name, "position_embedding", "embedding_norm"):
            before = before + held
        elif tensor.name in (head.name, "head_bias", "final_norm"):
            behind = behind + held
        else:
            layers = layers + held
    apart = larger(before, behind + (table.bytes(precision, devices) if model.tied else 0.0))
    return layers, before + behind, apart


def block_bytes(
    model: Architecture, block: Block, precision: Precision, devices: Number, experts: Number
) -> tuple[Number, Number]:
    """Bytes on each device [byte] of the products of a kind of layer, without its experts; and of its experts.

    devices [1]: that share every layer; experts [1]: devices that share the experts.
    """
    learned = attention.INDEX[block.attention_kind].tensors(block, model.hidden_size)
    learned = (*learned, *ffn.INDEX[block.ffn_kind].tensors(block, model.hidden_size))
    dense = sum(tensor.bytes(precision, devices) for tensor in learned if not tensor.of_experts)
    return dense, sum(tensor.bytes(precision, experts) for tensor in learned if tensor.of_experts)


def head_bytes(model: Architecture, precision: Precision) -> Number:
    """Bytes of the head in memory [byte]; none where it is the table."""
    return 0.0 if model.tied or not model.headed else _head(model).bytes(precision)


def cache_bytes(model: Architecture, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Bytes [byte] of KV cache and recurrent states, for one sequence of `tokens` tokens, on each of `devices` devices
    [1] that share every layer."""
    blocks = [_run(block) for block in model.blocks]
    total = sum(attention.INDEX[b.attention_kind].cache_bytes(b, tokens, precision, devices) for b in blocks)
    for block in blocks:
        total = total + getattr(ffn.INDEX[block.ffn_kind], "cache_bytes", keeps_nothing)(block, tokens, precision)
    return total


def kv_bytes_per_token(model: Architecture, precision: Precision, devices: Number = 1.0) -> Number:
    """Growth of the cache per token and sequence [byte], below any window, on each of `devices` devices [1]."""
    return cache_bytes(model, 1.0, precision, devices) - cache_bytes(model, 0.0, precision, devices)


def widest_activation(model: Architecture, devices: Number = 1.0) -> Number:
    """Elements per token [1] of the widest pair of activations that live at the same time in any layer, on each of
    `devices` devices [1] that share every layer; the hidden states are whole on each."""
    width = 2 * model.hidden_size
    for block in model.blocks:
        width = larger(width, on_one(attention.INDEX[block.attention_kind].widest(block), devices))
        width = larger(width, on_one(ffn.INDEX[block.ffn_kind].widest(block), devices))
    return width


def _layer(block: Block, model: Architecture, step: Step, precision: Precision) -> list[Op]:
    """Operators of a kind of layer.

    In order: norm, attention, residual, norm, MLP, residual; or both branches side by side and one residual.
    """
    d, block = model.hidden_size, _run(block)
    mixer = (*_side_operators(block, d, step, precision), *_mixer(block, d, step, precision))
    mlp = ffn.INDEX[block.ffn_kind].operators(block, d, step, precision)

    def norms(*names: str) -> list[Op]:
        return [_norm(name, block, d, step.tokens, precision, block.repeats) for name in names]

    def residual(name: str, branches: float = 1.0) -> Op:
        return _residual(name, block, d, step, precision, branches)

    more = per_layer.operators(block, model, step, precision) if model.per_layer else []
    if model.hyper:
        ops: list[Op] = []
        for name, norm, branch in (("attention", "input_norm", mixer), ("mlp", "mlp_norm", mlp)):
            ops += hyper.before(f"{name}_hyper", model, step, precision, block.repeats)
            ops += [*norms(norm), *branch, *hyper.after(f"{name}_hyper", model, step, precision, block.repeats)]
        return ops
    if not (mixer and mlp):  # one branch: a norm, a mixer or an MLP, a residual
        return [*norms("input_norm"), *mixer, *mlp, residual("mlp_residual"), *more]
    before, after = norms("input_norm"), norms("mlp_norm") if block.norms > 1 else []
    if block.parallel:
        return [*before, *mixer, *after, *mlp, residual("mlp_residual", 2.0), *more]
    if block.norms == 4:
        mixer, mlp = (*mixer, *norms("attention_output_norm")), (*mlp, *norms("mlp_output_norm"))
    mixer, mlp = (*mixer, residual("attention_residual")), (*mlp, residual("mlp_residual"))
    if model.altup:
        before = [*altup.before(model, step, precision, block.repeats), *before]
        mixer = (*mixer, *altup.beside(model, step, precision, block.repeats))
        mlp = (*mlp, *altup.after(model, step, precision, block.repeats))
    return [*before, *mixer, *after, *mlp, *more]


def _mixer(block: Block, d: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    ops: tuple[Op, ...] = attention.INDEX[block.attention_kind].operators(block, d, step, precision)
    return ops


def _has_side(block: Block) -> bool:
    """Whether a layer has further products of its input."""
    return not is_fixed_at(block.side, 0)


def side_tensors(block: Block, d: Number) -> list[Tensor]:
    """Further products of a layer's input, where there are some."""
    return [_side(block, d)] if _has_side(block) else []


def _side(block: Block, d: Number) -> Tensor:
    return Tensor("side_proj", "linear", d, block.side, repeats=block.repeats)


def _side_operators(block: Block, d: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Further products of a layer's input and what they gate, element by element; none where there are none."""
    if not _has_side(block):
        return ()
    shape = {"tokens": step.tokens, "width": block.side, "activation_bits": precision.activation_bits}
    gate = Op("side_gate", elementwise.gate_multiply, shape, block.repeats)
    return (project(_side(block, d), step.tokens, precision), gate)


def _run(block: Block) -> Block:
    """A kind of layer as often as it runs: each loop is a layer more, with weights that are stored once."""
    return block if is_fixed_at(block.loops, 1) else replace(block, repeats=block.repeats * block.loops)


def _embedding(model: Architecture, step: Step, precision: Precision) -> Op:
    table = _table(model)
    args = {
        "tokens": step.tokens,
        "width": table.d_out,
        "weight_bits": precision.weight(table.name, table.role).bits,
        "learned_positions": 1.0 * (model.learned_positions > 0),
        "activation_bits": precision.activation_bits,
    }
    return Op("embedding", elementwise.embedding, args)


def _table(model: Architecture) -> Tensor:
    # A tied table is the head: it is stored in the head's format.
    role = "head" if model.tied else "embedding"
    return Tensor("embedding", role, model.vocab_size, stacks.table_width(model))


def _head(model: Architecture) -> Tensor:
    return Tensor("lm_head", "head", model.head_size or model.hidden_size, model.vocab_size, model.head_bias)


def _norm_tensor(name: str, block: Block, width: Number, repeats: Number) -> Tensor:
    return Tensor(name, "other", NORM_VECTORS[block.norm] * width, 1.0, repeats=repeats)


def _norm(name: str, block: Block, width: Number, tokens: Number, precision: Precision, repeats: Number) -> Op:
    args = {
        "tokens": tokens,
        "width": width,
        "weights": NORM_VECTORS[block.norm] * width,
        "flops": NORM_FLOPS[block.norm],
        "weight_bits": precision.other_bits,
        "activation_bits": precision.activation_bits,
    }
    return Op(name, elementwise.norm, args, repeats)


def _residual(name: str, block: Block, d: Number, step: Step, precision: Precision, branches: Number) -> Op:
    args = {"tokens": step.tokens, "width": d, "branches": branches, "activation_bits": precision.activation_bits}
    return Op(name, elementwise.residual_add, args, block.repeats)
