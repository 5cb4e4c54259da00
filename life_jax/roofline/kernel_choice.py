"""Which kernel of the engine runs an operator, and what that kernel makes of its work."""

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, larger, smaller, where
from life_jax.core.scenario import PLAIN_BITS, Engine
from life_jax.roofline.roofs import is_nothing

NARROW_BITS = 6.6  # below, kernels are those of 4-bit weights (Q6_K is 6.5625), from here on those of 8-bit ones


TILE_OF_TOKENS = 1 / 4  # rows in vain, at most, over a step's tokens (16 to 128 of them in ggml-org/llama.cpp#22298)


VECTOR_ROWS = 8  # the most rows that software multiplies as vectors (llama.cpp's limit; others switch near it)


def padding(op: Op, engine: Engine) -> Number:
    """Executed over useful matrix work: rows that fill the last tile; none in the matrix-vector kernels of few rows."""
    if not engine.tiled or op.pipe not in ("linear", "head") or "tokens" not in op.args:
        return 1.0
    each, most = tiles(op, engine)
    return 1 + (engine.tile_rows if most is None else smaller(engine.tile_rows, most)) * each


def tiles(op: Op, engine: Engine) -> tuple[Number, Number | None]:
    """What one row in vain adds to useful matrix work, and the most such rows, where something limits them.

    Kernels that cannot know how many rows each expert has choose their tile by the tokens that there are.
    """
    rows, few = rows_of(op), is_few(op, engine)
    by_token = "experts" in op.args and engine.gemv
    return where(few, 0.0, 1 / rows), op.args["tokens"] * TILE_OF_TOKENS if by_token else None


def is_few(op: Op, engine: Engine) -> Number:
    """Whether matrix-vector kernels take an operator with weights."""
    if not engine.gemv:
        return rows_of(op) <= VECTOR_ROWS
    if "experts" in op.args:
        return op.args["tokens"] <= engine.expert_vector_tokens
    return rows_of(op) <= engine.vector_rows


def rows_of(op: Op) -> Number:
    """Rows that are multiplied by the same weights: tokens, or those of one expert where they are spread evenly."""
    tokens = op.args["tokens"]
    if "experts" not in op.args:
        return tokens
    chosen = op.args["chosen"]
    return tokens * chosen / smaller(op.args["experts"], smaller(tokens, op.args["distinct"]) * chosen)


def _units(op: Op, cost: Cost, engine: Engine) -> tuple[Number, Number]:
    """FLOP on the matrix units, padding included, and on the vector units.

    Matrix-vector kernels multiply on the vector units, as those of llama.cpp do for a few rows, and unpack a matrix for
    each of them.
    """
    padded = cost.matmul_flops * padding(op, engine)
    if not engine.gemv or op.pipe not in ("linear", "head") or "tokens" not in op.args:
        return padded, cost.vector_flops
    few = is_few(op, engine)
    times = 1.0 if "experts" in op.args else where(few, larger(rows_of(op), 1.0), 1.0)
    unpacked = cost.vector_flops * times
    return where(few, 0.0, padded), unpacked + where(few, cost.matmul_flops, 0.0)


def _compute_of_format(op: Op, engine: Engine) -> Number:
    """Quality of the matrix kernel by the bits of its weights, which may be an axis, and whether experts share it."""
    grouped = engine.compute_experts if "experts" in op.args and op.pipe == "linear" else 1.0
    if not engine.by_format or "weight_bits" not in op.args:
        return grouped
    bits = op.args["weight_bits"]
    narrow = where(bits < NARROW_BITS, engine.compute_4bit, engine.compute_8bit)
    return grouped * where(bits < PLAIN_BITS, narrow, 1.0)


def conversion(op: Op, cost: Cost, engine: Engine) -> Number:
    """FLOP on the vector units to widen what is read of a cache of bytes in a type that the device has no units for.
    Each query head of a group repeats it: 50 FLOP do so in all of twenty times of one A100 under vLLM (tests)."""
    if not engine.converts or is_nothing(cost.kv_read):
        return 0.0
    return cost.kv_read * engine.convert_flops * (1 + shared_by(op))


def lanes(op: Op, heads: str, engine: Engine) -> Number:
    """Part of the device that works on attention, where each of its lanes takes whole heads."""
    if not engine.laned or op.pipe != "attention" or heads not in op.args:
        return 1.0
    return smaller(1.0, op.args[heads] / engine.attention_lanes)


def shared_by(op: Op) -> Number:
    """Query heads that share one head of keys and values, beyond the first; latent attention shares by its nature."""
    return op.args["heads"] / op.args["kv_heads"] - 1 if {"heads", "kv_heads"} <= op.args.keys() else 0.0
