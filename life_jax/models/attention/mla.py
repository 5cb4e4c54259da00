"""Multi-head latent attention: low-rank queries, and a latent vector per token in the cache.

Block.latent_form is one of these. `absorbed`: attention runs on the latents themselves. `expanded`: keys and values of
every cached token are rebuilt in every step. `cheaper`: that of these two which takes less time (absorbed in decode,
expanded in prefill), as forecasting/latent_form.py chooses; here, without a device, the one with fewer FLOP.
`decompressed`: the rebuilt keys and values of every head are cached.
"""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, where
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.tensors import Tensor, on_one, project
from life_jax.operators import latent_attention as latent
from life_jax.operators.attention import causal_pairs
from life_jax.operators.elementwise import NORM_FLOPS, gate_multiply, norm, rope

FORMS = {"absorbed": 1.0, "expanded": 0.0}  # the value of `absorbed`, where the form decides it
KEYS = ("num_attention_heads", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Low-rank query and latent with their norms, the up-projection kv_b_proj, the output projection.

    q_lora_rank 0 stands for full-rank queries: then q_b_proj reads the hidden state, and q_a_proj is empty. With an
    output gate q_b_proj makes that too, from the latent before and behind its norm.
    """
    h, low, rank, nope, rotated, value = (block.attention[key] for key in KEYS)
    n, has_low = block.repeats, 1.0 * (block.attention["q_lora_rank"] > 0)
    latents, gate = (2 * low, value) if block.output_gate else (low, 0.0)
    return (
        Tensor("q_a_proj", "linear", hidden_size, low, repeats=n, parts=1.0),
        Tensor("q_a_norm", "other", low * has_low, 1.0, repeats=n),
        Tensor("q_b_proj", "linear", where(low > 0, latents, hidden_size), h * (nope + rotated + gate), repeats=n),
        Tensor("kv_a_proj", "linear", hidden_size, rank + rotated, repeats=n, parts=1.0),
        Tensor("kv_a_norm", "other", rank, 1.0, repeats=n),
        Tensor("kv_b_proj", "linear", rank, h * (nope + value), repeats=n),
        Tensor("o_proj", "linear", h * value, hidden_size, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Query and latent projections with norms, rotary, cache append, up-projection, latent attention to every position,
    output projection."""
    pairs = causal_pairs(queries=step.new, past=step.past)
    return latent_operators(block, hidden_size, step, precision, pairs=pairs, positions=step.past + step.new)


def latent_operators(
    block: Block,
    hidden_size: Number,
    step: Step,
    precision: Precision,
    *,
    pairs: Number,
    positions: Number,
    bend: Number | None = None,
) -> tuple[Op, ...]:
    """Operators of a layer whose attention has `pairs` pairs [1] per sequence and reads `positions` positions [token].

    bend [token]: cached tokens at which the cost bends, where the positions are limited. The up-projection stands
    before the append in the `decompressed` form, behind it otherwise.
    """
    h, low, rank, nope, rotated, value = (block.attention[key] for key in KEYS)
    shape = {"heads": h, "rank": rank, "nope": nope, "rope": rotated, "value": value}
    form = block.latent_form
    absorbed: Number = FORMS.get(form, 1.0)
    if form == "cheaper":
        absorbed = latent.absorbed_is_cheaper(queries=step.new, past=step.past, pairs=pairs, **shape)
    q_a, _, q_b, kv_a, _, kv_b, o = tensors(block, hidden_size)
    has_low = 1.0 * (low > 0)
    # absorbed: applied to the queries and outputs of the new tokens; expanded: to the latents of all;
    # decompressed: to those of the new tokens, whose keys and values are then cached
    rows = step.batch * where(absorbed > 0, step.new, step.past + step.new)
    full = form == "decompressed"
    cached = h * (nope + rotated + value) if full else rank + rotated
    formula = latent.decompressed_attention if full else latent.latent_attention
    core = {
        **shape,
        "batch": step.batch,
        "queries": step.new,
        "pairs": pairs,
        "positions": positions,
        **({} if full else {"absorbed": absorbed}),
        "activation_bits": precision.activation_bits,
        **_cache(precision),
        "kv_dequant_flops": precision.kv_dequant_flops,
    }
    bits = {"tokens": step.tokens, "activation_bits": precision.activation_bits}
    rotary = {"query_width": h * rotated, "key_width": rotated, **bits}
    append = {**_elements(cached, step, precision), **_cache(precision)}
    up = replace(project(kv_b, rows, precision), grows=not full)
    return (
        _if(has_low, project(q_a, step.tokens, precision)),
        _if(has_low, _norm("q_a_norm", block, low, step, precision)),
        project(q_b, step.tokens, precision),
        project(kv_a, step.tokens, precision),
        _norm("kv_a_norm", block, rank, step, precision),
        *((Op("rope", rope, rotary, block.repeats),) if block.position == "rope" else ()),
        *((up,) if full else ()),
        Op("kv_append", latent.latent_append, append, block.repeats),
        *(() if full else (up,)),
        Op("attention", formula, core, block.repeats, "attention", grows=True, bend=bend),
        *((_output_gate(block, step, precision),) if block.output_gate else ()),
        project(o, step.tokens, precision),
    )


def _output_gate(block: Block, step: Step, precision: Precision) -> Op:
    width = block.attention["num_attention_heads"] * block.attention["v_head_dim"]
    return Op("output_gate", gate_multiply, _elements(width, step, precision), block.repeats)


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """A latent of kv_lora_rank and the rotated part of the key per position, for all heads, keys and values together
    [byte].

    In the `decompressed` form, keys and values of every head, which `devices` devices [1] divide among them; each
    keeps all latents.
    """
    h, _, rank, nope, rotated, value = (block.attention[key] for key in KEYS)
    full = block.latent_form == "decompressed"
    width = h * (nope + rotated + value) if full else rank + rotated
    cached = block.repeats * tokens * (width * precision.kv_bits + precision.kv_scale_bits) / BITS_PER_BYTE
    return on_one(cached, devices, h if full else 1.0)


def widest(block: Block) -> Number:
    """Elements per token of q, and of K and V expanded [1]."""
    h, _, _, nope, rotated, value = (block.attention[key] for key in KEYS)
    return h * (2 * (nope + rotated) + value)


def _cache(precision: Precision) -> dict[str, Number]:
    return {"kv_bits": precision.kv_bits, "kv_scale_bits": precision.kv_scale_bits}


def _elements(width: Number, step: Step, precision: Precision) -> dict[str, Number]:
    return {"tokens": step.tokens, "width": width, "activation_bits": precision.activation_bits}


def _if(present: Number, op: Op) -> Op:
    return replace(op, repeats=op.repeats * present)


def _norm(name: str, block: Block, width: Number, step: Step, precision: Precision) -> Op:
    args = {
        **_elements(width, step, precision),
        "weights": width,
        "flops": NORM_FLOPS[block.norm],
        "weight_bits": precision.other_bits,
    }
    return Op(name, norm, args, block.repeats)
