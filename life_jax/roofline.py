"""Cost x Device -> seconds, and which roof binds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from life_jax import efficiency
from life_jax.cores import bandwidth, rate
from life_jax.cost import Cost
from life_jax.graph import Op
from life_jax.numerics import Number, larger, smaller, sqrt, where
from life_jax.specs import PLAIN_BITS, Device, Engine

PER_SCORE = ("batch", "pairs", "positions")  # what the work of attention is proportional to in a step of one token
NARROW_BITS = 6.6  # below, kernels are those of 4-bit weights (Q6_K is 6.5625), from here on those of 8-bit ones
TILE_OF_TOKENS = 1 / 4  # rows in vain, at most, over a step's tokens (16 to 128 of them in ggml-org/llama.cpp#22298)
VECTOR_ROWS = 8  # the most rows that software multiplies as vectors (llama.cpp's limit; others switch near it)


def roof(a: Number, b: Number, smoothness: Number, smooth: bool) -> Number:
    """(a + b + sqrt((a - b)^2 + s^2 a b)) / 2: s = 0 is max(a, b), s = 2 is a + b.

    Homogeneous of degree one. `smooth` is static: the hard roof has no square root, whose
    gradient at a = b does not exist.
    """
    return larger(a, b) if not smooth else (a + b + root(a, b, smoothness)) / 2


def root(a: Number, b: Number, smoothness: Number) -> Number:
    """sqrt((a - b)^2 + s^2 a b), the bent part of the roof. What is constant along a grid's hardware stands together,
    and TINY (see numerics.sqrt) where its addition costs nothing."""
    difference = a - b
    return sqrt(difference * difference, smoothness * smoothness * b * a)


@dataclass(frozen=True)
class Terms:
    """Seconds of one execution on each roof, before the roofs are joined; `repeats` executions a step.

    mix: vector over matrix seconds, where they are the same in every pass, so that their joined seconds grow evenly.
    cache: of the memory's seconds, those of the KV cache. pipe: whose rate `matmul` runs at.
    """

    matmul: Number
    vector: Number
    memory: Number
    dispatch: Number
    repeats: Number = 1.0
    grows: bool = False
    mix: Number | None = None
    cache: Number = 0.0
    pipe: str = "vector"

    def roofed(self, engine: Engine) -> Number:
        """roof(roof(matmul, vector), memory), in this order, which matters by about 1 % when smooth."""
        return joined((self.matmul, self.vector, self.memory), engine)

    def seconds(self, engine: Engine) -> Number:
        """Of one execution: dispatch and the roofs."""
        return self.dispatch + self.roofed(engine)

    @property
    def compute(self) -> Number:
        return larger(self.matmul, self.vector)


@dataclass(frozen=True)
class Sides:
    """Seconds under the roofs, by the side that holds them: a d(roof)/da of each.

    They add up, because the roof is homogeneous: matmul + vector + memory = seconds. cache: part of the memory's.
    """

    seconds: Number = 0.0
    matmul: Number = 0.0
    vector: Number = 0.0
    memory: Number = 0.0
    cache: Number = 0.0

    def __add__(self, other: "Sides") -> "Sides":
        return Sides(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def times(self, n: Number) -> "Sides":
        return Sides(*(getattr(self, f.name) * n for f in fields(self)))


def sides(t: Terms, engine: Engine) -> Sides:
    """Who holds the seconds of one execution, dispatch apart."""
    compute, of_matmul, of_vector = _roof_and_sides(t.matmul, t.vector, engine)
    seconds, of_compute, of_memory = _roof_and_sides(compute, t.memory, engine)
    matmul, vector = of_compute(of_matmul(t.matmul)), of_compute(of_vector(t.vector))
    return Sides(seconds, matmul, vector, of_memory(t.memory), of_memory(t.cache))


def _roof_and_sides(
    a: Number, b: Number, engine: Engine
) -> tuple[Number, Callable[[Number], Number], Callable[[Number], Number]]:
    """The roof, and what is times its slope in a, and in b. Where the sides are equal the hard roof is b's."""
    if _is_nothing(a) or _is_nothing(b):
        only_a = _is_nothing(b)
        return (a if only_a else b), (lambda x: x if only_a else 0.0), (lambda x: 0.0 if only_a else x)
    # what is nothing stays nothing, so that sums leave it out
    if not engine.smooth:
        above = a > b
        return where(above, a, b), _unless(lambda x: where(above, x, 0.0)), _unless(lambda x: where(above, 0.0, x))
    difference, s2 = a - b, engine.roof_smoothness * engine.roof_smoothness
    root = sqrt(difference * difference + s2 * a * b)
    per_root = 0.25 / root
    return (
        (a + b + root) / 2,
        _unless(lambda x: x * (0.5 + (2 * difference + s2 * b) * per_root)),
        _unless(lambda x: x * (0.5 + (s2 * a - 2 * difference) * per_root)),
    )


def _unless(function: Callable[[Number], Number]) -> Callable[[Number], Number]:
    return lambda x: 0.0 if _is_nothing(x) else function(x)


def roofed_sum(each: Iterable[Terms], engine: Engine) -> Number:
    """Of one execution of each, under its roofs. Sides of smooth roofs and their roots add up apart, since most sides
    depend on few axes of a grid, so that their sums are taken once for many points."""
    if not engine.smooth:
        return sum(t.roofed(engine) for t in each)
    alone, compute, memory, roots = [0.0], [], [], []
    for t in each:
        *some, last = [term for term in (t.matmul, t.vector, t.memory) if not _is_nothing(term)] or [0.0]
        if not some:
            alone.append(last)
            continue
        compute.append(joined(some, engine))
        memory.append(last)
        roots.append(root(compute[-1], last, engine.roof_smoothness))
    return sum(alone) + (sum(compute) + sum(memory) + sum(roots)) / 2


def joined(terms: Iterable[Number], engine: Engine) -> Number:
    """The roof of these seconds, from left to right."""
    some = [term for term in terms if not _is_nothing(term)]
    if not some:
        return 0.0
    seconds = some[0]
    for term in some[1:]:
        seconds = roof(seconds, term, engine.roof_smoothness, engine.smooth)
    return seconds


def _is_nothing(term: Number) -> bool:
    # An operator without matrix work says so with a literal 0, which costs nothing to leave out.
    return isinstance(term, (int, float)) and term == 0


def _is_one(factor: Number) -> bool:
    return isinstance(factor, float) and factor == 1.0


def terms(op: Op, device: Device, engine: Engine) -> Terms:
    """Seconds of one execution of an operator on each roof."""
    cost = op.cost if not engine.split else _share_of_one(op, engine.tensor_parallel)
    matrix = engine.attention_efficiency if op.pipe == "attention" else engine.compute_efficiency
    vector, memory = engine.vector_efficiency, engine.memory_efficiency
    if engine.tables:
        matrix, vector = (efficiency.at(engine.tables, op, "compute", number) for number in (matrix, vector))
        memory = efficiency.at(engine.tables, op, "memory", memory)
    matrix = matrix * _compute_of_format(op, engine) * lanes(op, "heads", engine)
    on_matrix, on_vector = _units(op, cost, engine)
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
    if _is_nothing(score.matmul_flops) or _is_nothing(score.vector_flops):
        return None
    return score.vector_flops / score.matmul_flops * (matrix_rate / vector_rate)


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
    rows, few = rows_of(op), _is_few(op, engine)
    by_token = "experts" in op.args and engine.gemv
    return where(few, 0.0, 1 / rows), op.args["tokens"] * TILE_OF_TOKENS if by_token else None


def _is_few(op: Op, engine: Engine) -> Number:
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
    few = _is_few(op, engine)
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
    return rest if _is_nothing(cache) else rest + cache


def _cache_bytes(op: Op, cost: Cost, engine: Engine) -> Number:
    cache = cost.kv_read + cost.kv_written
    if engine.rereads and not _is_nothing(cost.kv_read):
        cache = cache + cost.kv_read * engine.kv_reread * shared_by(op)
    return 0.0 if _is_nothing(cache) else cache / (engine.kv_efficiency * lanes(op, "kv_heads", engine))


def lanes(op: Op, heads: str, engine: Engine) -> Number:
    """Part of the device that works on attention, where each of its lanes takes whole heads."""
    if not engine.laned or op.pipe != "attention" or heads not in op.args:
        return 1.0
    return smaller(1.0, op.args[heads] / engine.attention_lanes)


def shared_by(op: Op) -> Number:
    """Query heads that share one head of keys and values, beyond the first; latent attention shares by its nature."""
    return op.args["heads"] / op.args["kv_heads"] - 1 if {"heads", "kv_heads"} <= op.args.keys() else 0.0


def _share_of_one(op: Op, devices: Number) -> Cost:
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
    return 0.0 if _is_nothing(work) else work / (efficiency * rate)


def step_terms(ops: Iterable[Op], device: Device, engine: Engine) -> list[Terms]:
    """One entry per operator, or, with scope `total`, one for the whole step (LIFE's equation 3)."""
    each = [terms(op, device, engine) for op in ops]
    if engine.scope == "op":
        return each
    totals = {
        name: sum(getattr(t, name) * t.repeats for t in each) for name in ("matmul", "vector", "memory", "dispatch")
    }
    return [Terms(**totals, grows=True)]


def step_seconds(each: list[Terms], engine: Engine) -> Number:
    """Time of a step: operators run one after another."""
    return sum(
        repeats * (sum(t.dispatch for t in some) + roofed_sum(some, engine)) for repeats, some in by_repeats(each)
    )


def by_repeats(each: Iterable[Terms]) -> list[tuple[Number, list[Terms]]]:
    """Operators that are repeated equally often together: one multiplication, and their dispatches add up first."""
    found: dict[int, tuple[Number, list[Terms]]] = {}
    for t in each:
        found.setdefault(id(t.repeats), (t.repeats, []))[1].append(t)
    return list(found.values())


@dataclass(frozen=True)
class Shares:
    """Seconds of a step by what binds: an operator's time counts where its longest roof is."""

    compute: Number
    memory: Number
    dispatch: Number

    def __add__(self, other: "Shares") -> "Shares":
        return Shares(self.compute + other.compute, self.memory + other.memory, self.dispatch + other.dispatch)

    def times(self, n: Number) -> "Shares":
        return Shares(self.compute * n, self.memory * n, self.dispatch * n)

    @property
    def bound(self) -> Number:
        """0 compute, 1 memory, 2 dispatch: the largest share; ties go to the first."""
        first = where(self.compute >= self.memory, 0, 1)
        most = larger(self.compute, self.memory)
        return where(most >= self.dispatch, first, 2)


BOUNDS = ("compute", "memory", "dispatch")


def shares(each: list[Terms], engine: Engine) -> Shares:
    total = Shares(0.0, 0.0, 0.0)
    for t in each:
        by_compute = t.compute > t.memory
        seconds = t.repeats * t.roofed(engine)
        total = total + Shares(where(by_compute, seconds, 0.0), where(by_compute, 0.0, seconds), t.repeats * t.dispatch)
    return total
