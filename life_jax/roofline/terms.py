"""An operator's cost on a device -> its seconds on each roof, which roofs.py joins."""

from collections.abc import Iterable

from life_jax.core.cost import Cost
from life_jax.core.engine import Engine
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_fixed_at, is_nothing, where
from life_jax.core.scenario import Device
from life_jax.parallelism.layout import share
from life_jax.roofline import effects, efficiency_tables
from life_jax.roofline.effects import Work
from life_jax.roofline.roofs import Terms, exceeds_roof


def step_terms(ops: Iterable[Op], device: Device, engine: Engine) -> list[Terms]:
    """Terms of a step: one entry per operator, or a single entry for the whole step with scope `total` (LIFE's equation
    3).

    device: with the rates and bandwidth of its file; the effects of the engine on it are applied here.
    """
    used = effects.on_device(device, engine)
    by_operator = [_terms(op, used, engine) for op in ops]
    if engine.counting.scope == "op":
        return by_operator
    totals = {
        name: sum(getattr(t, name) * t.repeats for t in by_operator)
        for name in ("matmul", "vector", "memory", "dispatch")
    }
    return [Terms(**totals, grows=True)]


def terms(op: Op, device: Device, engine: Engine) -> Terms:
    """Seconds [s] of one execution of an operator on each roof."""
    return _terms(op, effects.on_device(device, engine), engine)


def work(op: Op, cost: Cost, engine: Engine) -> Work:
    """Work of one execution of an operator with this cost, after the effects of the engine."""
    plain = Work(cost, cost.matmul_flops, cost.vector_flops, cost.weight_bytes, cost.kv_read + cost.kv_written)
    return effects.on_work(op, plain, engine)


def _terms(op: Op, device: Device, engine: Engine) -> Terms:
    """Terms of an operator; device: after the effects of the engine on it."""
    e = engine.efficiency
    cost = share(op, engine.parallelism)
    matrix, vector, memory = e.attention if op.pipe == "attention" else e.compute, e.vector, e.memory
    if e.tables:
        matrix, vector = (efficiency_tables.at(e.tables, op, "compute", number) for number in (matrix, vector))
        memory = efficiency_tables.at(e.tables, op, "memory", memory)
    w = work(op, cost, engine)
    matrix = matrix * w.quality * w.occupied
    cache = 0.0 if is_nothing(w.cache) else w.cache / _cache_quality(w, memory)
    matrix_rate, vector_rate = device.rates[op.pipe], device.rates["vector"]
    at_peak = _on_matrix_roof(w, matrix, engine)
    matmul = 0.0 if is_nothing(at_peak) else at_peak / matrix_rate
    on_vectors = _over(w.vector, vector, vector_rate)
    if w.by_rows is not None:
        row_by_row = _over(w.by_rows, vector, vector_rate)
        is_slower = exceeds_roof(row_by_row, matmul, on_vectors, e.roof_smoothness)
        matmul, on_vectors = where(is_slower, matmul, 0.0), where(is_slower, on_vectors, row_by_row)
    return Terms(
        matmul=matmul,
        vector=on_vectors,
        memory=_over(_bytes(op, w, cache, e.elementwise), memory, device.bandwidth),
        cache=_over(_of_efficiency(w, cache, memory), memory, device.bandwidth),
        pipe=op.pipe,
        dispatch=cost.dispatches * (device.dispatch * e.dispatch),
        repeats=op.repeats,
        grows=op.grows,
        mix=_mix(op, matrix, matrix_rate, vector * vector_rate, engine),
    )


def _cache_quality(w: Work, memory: Number) -> Number:
    """Bandwidth of the cache over that of weights [1], which reach the part `memory` of the device's: at most all of
    it."""
    if is_fixed_at(w.cache_quality, 1):
        return w.cache_quality
    return where(w.cache_quality * memory <= 1, w.cache_quality, 1 / memory)


def _of_efficiency(w: Work, cache: Number, memory: Number) -> Number:
    """Bytes of the cache [byte] that the efficiency of its traffic slows down: none where they move at all of the
    device's bandwidth."""
    return cache if is_fixed_at(w.cache_quality, 1) else where(w.cache_quality * memory <= 1, cache, 0.0)


def is_elementwise(op: Op) -> bool:
    """Whether an operator is a chain of passes over its elements, of which programs run more than are counted: casts,
    copies, and norms whose parts are kernels of their own. A softmax reads and writes its scores once under all of them
    (ggml's soft_max.cu holds a row in the multiprocessor, as PyTorch's persistent softmax)."""
    return op.pipe == "vector" and op.kind != "softmax"


def _bytes(op: Op, w: Work, cache: Number, elementwise: Number) -> Number:
    """All bytes that are moved, as the number of bytes of plain weights that take the same time [byte]."""
    rest = w.weights + w.cost.activations_read + w.cost.activations_written
    if is_elementwise(op):
        rest = rest / elementwise
    return rest if is_nothing(cache) else rest + cache


def _mix(op: Op, matrix: Number, matrix_rate: Number, vector_rate: Number, engine: Engine) -> Number | None:
    """Vector over matrix seconds [1] of attention by a single token per sequence and step; None for any other operator.

    Every score costs the same of both, whatever the context, so that the ratio of a single score is enough, without the
    workload (tests of the decode mean check it for all models).
    """
    one_token = op.grows and is_fixed_at(op.shape.m, 1) and is_fixed_at(op.executed, 1)  # type: ignore[arg-type]
    if op.pipe != "attention" or engine.efficiency.tables or not one_token:
        return None
    cost = op.score_cost
    if cost is None or is_nothing(cost.matmul_flops) or is_nothing(cost.vector_flops):
        return None
    score = work(op, cost, engine)
    return score.vector / _on_matrix_roof(score, matrix, engine) * (matrix_rate / vector_rate)


def _on_matrix_roof(w: Work, efficiency: Number, engine: Engine) -> Number:
    """FLOP that take as long at the full matrix rate as an operator does on that roof [FLOP]; a plain 0 without any.

    Beside its matrix work, at the reached part of the rate, that is its vector work at the whole rate: no device
    executes more than its peak, of whatever kind. LIFE's single roof over totals (scope `total`) has matrix work alone.
    """
    if is_nothing(w.matrix):
        return 0.0
    matrix = w.matrix / efficiency
    return matrix if is_nothing(w.vector) or engine.counting.scope == "total" else matrix + w.vector


def _over(work: Number, efficiency: Number, rate: Number) -> Number:
    """Seconds [s] of work at a reached rate; a plain 0 where there is no work."""
    return 0.0 if is_nothing(work) else work / (efficiency * rate)
