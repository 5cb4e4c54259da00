"""Full attention whose keys and values are cached in `kv_rank` dimensions each, all heads together."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.tensors import Tensor, project
from life_jax.operators.attention import causal_pairs, kv_append, kv_bytes
from life_jax.operators.elementwise import rope
from life_jax.operators.low_rank import low_rank_attention

KEYS = (*full.KEYS, "kv_rank")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Tensors of full attention in which the key and value projections are two each: to the rank, and from the rank."""
    width, rank = _width(block), block.attention["kv_rank"]
    learned: list[Tensor] = []
    for tensor in full.tensors(block, hidden_size):
        if tensor.name in ("k_proj", "v_proj"):
            letter = tensor.name[0]
            learned.append(Tensor(f"{letter}_a_proj", "linear", hidden_size, rank, repeats=block.repeats, parts=1.0))
            learned.append(Tensor(f"{letter}_b_proj", "linear", rank, width, tensor.bias, block.repeats))
        else:
            learned.append(tensor)
    return tuple(learned)


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Projections of q and to the ranks, rotary of queries only, cache append, a kernel that rebuilds keys and values
    and attends, output projection."""
    a = block.attention
    by_name = {t.name: t for t in tensors(block, hidden_size)}
    q, k, v, o = (project(by_name[n], step.tokens, precision) for n in ("q_proj", "k_a_proj", "v_a_proj", "o_proj"))
    rotated = a["head_dim"] * a["partial_rotary_factor"] * (block.position == "rope")
    bits = {"tokens": step.tokens, "activation_bits": precision.activation_bits}
    rotary = {"query_width": a["num_attention_heads"] * rotated, "key_width": 0.0, **bits}
    cache = {"kv_bits": precision.kv_bits, "kv_scale_bits": precision.kv_scale_bits}
    core = {
        "batch": step.batch,
        "queries": step.new,
        "pairs": causal_pairs(queries=step.new, past=step.past),
        "positions": step.past + step.new,
        "heads": a["num_attention_heads"],
        "kv_heads": a["num_key_value_heads"],
        "head_dim": a["head_dim"],
        "rank": a["kv_rank"],
        "rotated": rotated,
        "weight_bits": precision.weight("k_b_proj", "linear").bits,
        "activation_bits": precision.activation_bits,
        **cache,
        "kv_dequant_flops": precision.kv_dequant_flops,
    }
    append = {"kv_heads": 1.0, "head_dim": a["kv_rank"], "value_dim": a["kv_rank"], **bits, **cache}
    return (
        q,
        k,
        v,
        *((Op("rope", rope, rotary, block.repeats),) if block.position == "rope" else ()),
        Op("kv_append", kv_append, append, block.repeats),
        Op("attention", low_rank_attention, core, block.repeats, "attention", grows=True),
        o,
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """kv_rank elements for keys and as many for values of every position, whatever the number of heads [byte].

    Each of `devices` devices [1] keeps all of them.
    """
    return block.repeats * kv_bytes(
        tokens=tokens,
        kv_heads=1.0,
        head_dim=block.attention["kv_rank"],
        value_dim=block.attention["kv_rank"],
        kv_bits=precision.kv_bits,
        kv_scale_bits=precision.kv_scale_bits,
    )


def widest(block: Block) -> Number:
    """Elements per token of q, k and v [1], as in full attention."""
    return full.widest(block)


def _width(block: Block) -> Number:
    return block.attention["num_key_value_heads"] * block.attention["head_dim"]
