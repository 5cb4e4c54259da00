"""Parts that the time mixing of RWKV-6 and RWKV-7 share: shift by a token, gated norm, constant state."""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.attention import recurrent
from life_jax.models.tensors import Tensor, on_one, project
from life_jax.operators.recurrent import STATE_BITS, token_shift


def low_rank(name: str, d_in: Number, rank: Number, d_out: Number, bias: Number, repeats: Number) -> tuple[Tensor, ...]:
    """Two products through `rank` dimensions [1]; none where the rank is 0."""
    present = 1.0 * (rank > 0)
    return (
        Tensor(f"{name}_a_proj", "linear", d_in, rank, repeats=repeats),
        Tensor(f"{name}_b_proj", "linear", rank, d_out, bias * present, repeats * present),
    )


def shift(block: Block, width: Number, mixes: float, step: Step, precision: Precision) -> Op:
    """The operator that blends every token with the token before it, `mixes` times."""
    args = {"batch": step.batch, "queries": step.new, "width": width, "mixes": mixes}
    return Op("token_shift", token_shift, {**args, "activation_bits": precision.activation_bits}, block.repeats)


def projected(tensors: tuple[Tensor, ...], step: Step, precision: Precision) -> list[Op]:
    """The product with every tensor that is not of role `other`, in order."""
    return [project(t, step.tokens, precision) for t in tensors if t.role != "other"]


def gated_output(block: Block, width: Number, out: Tensor, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Operators behind the recurrence: norm with weights and biases, gate, output projection."""
    return (*recurrent.gated_norm(block, width, 2 * width, step, precision), project(out, step.tokens, precision))


def cache_bytes(
    block: Block,
    heads: Number,
    keys: Number,
    values: Number,
    width: Number,
    precision: Precision,
    devices: Number = 1.0,
) -> Number:
    """Bytes [byte] of one sequence on each of `devices` devices [1], whatever its length: a matrix for each head, which
    are divided, and the last token of time and of channel mixing, which every device keeps."""
    state = on_one(heads * keys * values * STATE_BITS, devices)
    return block.repeats * (state + 2 * width * precision.activation_bits) / BITS_PER_BYTE
