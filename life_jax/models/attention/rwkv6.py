"""Time mixing of RWKV-6: linear attention with a decay that depends on the token; blends go through a low rank.

Reference: Peng et al. 2024, arXiv:2404.05892.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import rwkv
from life_jax.models.tensors import Tensor
from life_jax.operators.recurrent import linear_attention

RECURRENT = True
KEYS = ("num_attention_heads", "head_dim", "linear_value_head_dim", "mix_rank", "decay_rank")
MIXES = 5.0  # blends with the token before


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Five blends through a low rank, r, k, v and gate projections, a low-rank decay; time_mix: weights of blends and
    the bonus."""
    heads, size, values, mix, decay = (block.attention[key] for key in KEYS)
    d, keys, width, n = hidden_size, heads * size, heads * values, block.repeats
    return (
        *rwkv.low_rank("mix", d, MIXES * mix, d, 0.0, n),
        Tensor("r_proj", "linear", d, keys, repeats=n),
        *rwkv.low_rank("decay", d, decay, keys, 1.0, n),
        Tensor("k_proj", "linear", d, keys, repeats=n),
        Tensor("v_proj", "linear", d, width, repeats=n),
        Tensor("g_proj", "linear", d, width, repeats=n),
        Tensor("time_mix", "other", (1 + MIXES) * d + keys, 1.0, repeats=n),
        Tensor("mixer_norm", "other", 2 * width, 1.0, repeats=n),
        Tensor("o_proj", "linear", width, d, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Five blends with the token before, all projections, linear attention, gated norm, output projection."""
    heads, size, values, *_ = (block.attention[key] for key in KEYS)
    *into, out = tensors(block, hidden_size)
    rule = {"batch": step.batch, "queries": step.new, "heads": heads, "key_dim": size, "value_dim": values}
    rule["activation_bits"] = precision.activation_bits
    return (
        rwkv.shift(block, hidden_size, MIXES, step, precision),
        *rwkv.projected(tuple(into), step, precision),
        Op("linear_attention", linear_attention, rule, block.repeats, "attention"),
        *rwkv.gated_output(block, heads * values, out, step, precision),
    )


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """A matrix of head_dim x linear_value_head_dim for each head, and the last token of both mixings [byte]; constant
    in `tokens`."""
    heads, size, values, *_ = (block.attention[key] for key in KEYS)
    return rwkv.cache_bytes(block, heads, size, values, heads * values, precision, devices) + 0.0 * tokens


def widest(block: Block) -> Number:
    """Elements per token of the five blends [1]."""
    heads, _, values, *_ = (block.attention[key] for key in KEYS)
    return MIXES * heads * values
