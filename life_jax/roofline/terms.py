"""An operator's cost on a device -> its seconds on each roof (roofs.py joins them)."""

from collections.abc import Iterable

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, larger, smaller, where
from life_jax.core.scenario import PLAIN_BITS, Device, Engine
from life_jax.roofline import efficiency_tables as efficiency
from life_jax.roofline.cpu_threads import bandwidth, rate
from life_jax.roofline.roofs import Terms, is_nothing

PER_SCORE = ("batch", "pairs", "positions")  # what the work of attention is proportional to in a step of one token
NARROW_BITS = 6.6  # below, kernels are those of 4-bit weights (Q6_K is 6.5625), from here on those of 8-bit ones
TILE_OF_TOKENS = 1 / 4  # rows in vain, at most, over a step's tokens (16 to 128 of them in ggml-org/llama.cpp#22298)
VECTOR_ROWS = 8  # the most rows that software multiplies as vectors (llama.cpp's limit; others switch near it)


def _is_one(factor: Number) -> bool:
    return isinstance(factor, float) and factor == 1.0


def terms(op: Op, device: Device, engine: Engine) -> Terms:
    """Seconds of one execution of an operator on each roof."""
    cost = op.cost if not engine.split else share_of_one(op, engine.tensor_parallel)
    matrix = engine.attention_efficiency if op.pipe == "attention" else engine.compute_efficiency
    vector, memory = engine.vector_efficiency, engine.memory_efficiency
    if engine.tables:
        matrix, vector = (efficiency.at(engine.tables, op, "compute", number) for number in (matrix, vector))
        memory = efficiency.at(engine.tables, op, "memory", memory)
    matrix = matrix * _compute_of_format(op, engine) * lanes(op, "heads", engine)
    on_matrix, on_vector = _units(op, cost, engine)
    on_vector = on_vector + conversion(op, cost, engine)
    matrix_rate, vector_rate = (rate(pipe, device, engine) for pipe in (op.pipe, "vector"))
    return Terms(
        matmul=_over(on_matrix, matrix, matrix_rate),
        vector=_over(on_vector, vector, vector_rate),
        memory=_over(_weighted_bytes(op, cost, engine), memory, bandwidth(device, engine)),
        cache=_over(_cache_bytes(op, cost, engine), memory, bandwidth(device, engine)),
        pipe=op.pipe,
        dispatch=cost.dispatches * (device.dispatch * engine.dispatch_factor),
        repeats=op.repeats,
        grows=op.grows,
        mix=_mix(op, matrix * matrix_rate, vector * vector_rate, engine),
    )


def _mix(op: Op, matrix_rate: Number, vector_rate: Number, engine: Engine) -> Number | None:
    """Vector over matrix seconds of attention by one token a step: every score costs so much of both, whatever the
    context, so that one score tells it (tests/test_context.py checks it of all models), and without the workload."""
    one_token = op.grows and _is_one(op.args.get("queries")) and _is_one(op.executed)
    if op.pipe != "attention" or engine.tables or not one_token:
        return None
    score = op.formula(**{**op.args, **{name: 1.0 for name in PER_SCORE if name in op.args}})
    if is_nothing(score.matmul_flops) or is_nothing(score.vector_flops):
        return None
    on_vector = score.vector_flops + conversion(op, score, engine)
    return on_vector / score.matmul_flops * (matrix_rate / vector_rate)


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


def _weighted_bytes(op: Op, cost: Cost, engine: Engine) -> Number:
    """Bytes, those of quantized weights and of the KV cache as many as would take their time at the bandwidth of
    the others."""
    cache, weights = _cache_bytes(op, cost, engine), cost.weight_bytes
    if engine.by_format and "weight_bits" in op.args:
        weights = weights / where(op.args["weight_bits"] < PLAIN_BITS, engine.memory_quantized, 1.0)
    rest = weights + cost.activations_read + cost.activations_written
    if op.pipe == "vector":
        rest = rest / engine.elementwise_efficiency
    return rest if is_nothing(cache) else rest + cache


def conversion(op: Op, cost: Cost, engine: Engine) -> Number:
    """FLOP on the vector units to widen what is read of a cache of bytes in a type that the device has no units for.
    Each query head of a group repeats it: 50 FLOP do so in all of twenty times of one A100 under vLLM (tests)."""
    if not engine.converts or is_nothing(cost.kv_read):
        return 0.0
    return cost.kv_read * engine.convert_flops * (1 + shared_by(op))


def _cache_bytes(op: Op, cost: Cost, engine: Engine) -> Number:
    cache = cost.kv_read + cost.kv_written
    if engine.rereads and not is_nothing(cost.kv_read):
        cache = cache + cost.kv_read * engine.kv_reread * shared_by(op)
    return 0.0 if is_nothing(cache) else cache / (engine.kv_efficiency * lanes(op, "kv_heads", engine))


def lanes(op: Op, heads: str, engine: Engine) -> Number:
    """Part of the device that works on attention, where each of its lanes takes whole heads."""
    if not engine.laned or op.pipe != "attention" or heads not in op.args:
        return 1.0
    return smaller(1.0, op.args[heads] / engine.attention_lanes)


def shared_by(op: Op) -> Number:
    """Query heads that share one head of keys and values, beyond the first; latent attention shares by its nature."""
    return op.args["heads"] / op.args["kv_heads"] - 1 if {"heads", "kv_heads"} <= op.args.keys() else 0.0


def share_of_one(op: Op, devices: Number) -> Cost:
    """What one of `devices` does of an operator under tensor parallelism.

    Matrix work and what it reads and writes is divided; a KV head is not, so that no more devices than
    KV heads share the cache. Element-wise operators run on every device.
    """
    cost = op.cost
    if op.pipe == "vector" and not op.grows:
        return cost
    kv = smaller(devices, op.args.get("kv_heads", devices))
    return Cost(
        matmul_flops=cost.matmul_flops / devices,
        vector_flops=cost.vector_flops / devices,
        weight_bytes=cost.weight_bytes / devices,
        kv_read=cost.kv_read / kv,
        kv_written=cost.kv_written / kv,
        activations_read=cost.activations_read / devices,
        activations_written=cost.activations_written / devices,
        dispatches=cost.dispatches,
    )


def _over(work: Number, efficiency: Number, rate: Number) -> Number:
    return 0.0 if is_nothing(work) else work / (efficiency * rate)


def step_terms(ops: Iterable[Op], device: Device, engine: Engine) -> list[Terms]:
    """One entry per operator, or, with scope `total`, one for the whole step (LIFE's equation 3)."""
    each = [terms(op, device, engine) for op in ops]
    if engine.scope == "op":
        return each
    totals = {
        name: sum(getattr(t, name) * t.repeats for t in each) for name in ("matmul", "vector", "memory", "dispatch")
    }
    return [Terms(**totals, grows=True)]
