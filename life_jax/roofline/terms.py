"""An operator's cost on a device -> its seconds on each roof (roofs.py joins them)."""

from collections.abc import Iterable

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, where
from life_jax.core.scenario import PLAIN_BITS, Device, Engine
from life_jax.parallelism.tensor_parallel import share_of_one
from life_jax.roofline import efficiency_tables as efficiency
from life_jax.roofline.cpu_threads import bandwidth, rate
from life_jax.roofline.kernel_choice import _compute_of_format, _units, conversion, lanes, shared_by
from life_jax.roofline.roofs import Terms, is_nothing

PER_SCORE = ("batch", "pairs", "positions")  # what the work of attention is proportional to in a step of one token


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


def _cache_bytes(op: Op, cost: Cost, engine: Engine) -> Number:
    cache = cost.kv_read + cost.kv_written
    if engine.rereads and not is_nothing(cost.kv_read):
        cache = cache + cost.kv_read * engine.kv_reread * shared_by(op)
    return 0.0 if is_nothing(cache) else cache / (engine.kv_efficiency * lanes(op, "kv_heads", engine))


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
