"""LIFE's own way of counting (Patwari et al. 2025), so that its tables come out.

Full square attention, logits at every position, keys and values read twice, the whole embedding table,
2mkn - mn, one maximum over totals; eager unless an option fuses attention, which is LIFE's one switch
(`mode: fused`). What LIFE does not model (experts, state-space layers) keeps its exact count; extra norms
are left out, as in its count of dispatches.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from life_jax.core.cost import Cost
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Scenario
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators import adapter, attention, elementwise, latent_attention, linear
from life_jax.operators import life_paper as paper
from life_jax.optimizations.base import Optimization, Rewrite, change_layers
from life_jax.optimizations.fusion import rope_append as exact_rope_append

LEFT_OUT = ("qk_norm", "embedding_norm", "attention_output_norm", "mlp_output_norm", "output_gate")
INSIDE = ("gate_proj", "up_proj", "gate_up_proj")  # what they write stays on the chip when the MLP is fused


@dataclass(frozen=True)
class Facts:
    """What an operator's count depends on beside its own numbers."""

    eager: float
    rope_rows: Number
    embedding_rows: Number
    kv_heads: Mapping[int, Number]  # by kind of layer


def convention(positions: float) -> tuple[Optimization, Optimization]:
    """positions [token]: rows of the table of sines and cosines (rope_table_size), the model's own."""

    def before(scenario: Scenario) -> Scenario:
        return replace(scenario, engine=replace(scenario.engine, scope="total", logits="all", fusion=()))

    def after(scenario: Scenario) -> Scenario:
        scenario = change_layers(scenario, _decompress)
        counts = fused if "attention" in scenario.engine.fusion else eager
        numbers = {"rope_rows": positions, "vocab_size": scenario.architecture.vocab_size}
        return replace(scenario, rewrites=(*scenario.rewrites, Rewrite(numbers, counts, last=True)))

    return Optimization(transforms=(before,)), Optimization(transforms=(after,))


def _decompress(block: Block) -> Block:
    """The paper caches what the latents expand to, unless another form is asked for."""
    return replace(block, latent_form="decompressed") if block.latent_form == "cheaper" else block


def eager(graph: Graph, *, rope_rows: Number, vocab_size: Number) -> Graph:
    """Every operator moves what it reads and writes."""
    return _counted(graph, 1.0, rope_rows, vocab_size)


def fused(graph: Graph, *, rope_rows: Number, vocab_size: Number) -> Graph:
    """Norms, rotary positions, attention and the MLP keep on the chip what only they need."""
    return _counted(graph, 0.0, rope_rows, vocab_size)


def _counted(graph: Graph, moved: float, rope_rows: Number, vocab_size: Number) -> Graph:
    kv_heads = {op.block: op.args["kv_heads"] for op in graph if "kv_heads" in op.args}
    facts = Facts(moved, rope_rows, vocab_size, kv_heads)
    ops = [op for op in graph if op.name not in LEFT_OUT]
    # unfused attention is counted where its first operator stood
    ops = [op for op in ops if op.formula not in (attention.softmax, attention.attention_values)]
    counted: list[Op] = []
    for op in ops:
        one = COUNTS[op.formula](op, facts) if op.formula in COUNTS else op
        counted += one if isinstance(one, tuple) else (one,)
    return Graph(tuple(counted))


def _as(op: Op, formula: Callable, **args: Number) -> Op:
    return replace(op, formula=formula, args=args, pipe="linear")


def _moved(op: Op, *keys: str) -> dict[str, Number]:
    return {key: op.args[key] for key in keys}


def _linear(op: Op, facts: Facts) -> Op:
    inside = {"writes": facts.eager if op.name in INSIDE else 1.0}
    return _as(op, paper.gemm, **op.args, reads=facts.eager if op.name == "down_proj" else 1.0, **inside)


def _norm(op: Op, facts: Facts) -> Op:
    keys = ("tokens", "width", "weights", "weight_bits", "activation_bits")
    # the final norm is fused with the head, the others only with what comes after
    reads = facts.eager if op.name == "final_norm" else 1.0
    return _as(op, paper.norm, **_moved(op, *keys), reads=reads, writes=facts.eager)


def _add_norm(op: Op, facts: Facts) -> Op:
    return _as(op, add_norm, **{key: value for key, value in op.args.items() if key not in ("flops", "branches")})


def add_norm(*, tokens: Number, width: Number, activation_bits: Number, **learned: Number) -> Cost:
    """A residual and the norm after it, which writes nothing, in one dispatch."""
    shape = {"tokens": tokens, "width": width, "activation_bits": activation_bits}
    both = paper.elementwise(**shape, reads=1, writes=1) + paper.norm(**shape, **learned, reads=1, writes=0)
    return replace(both, dispatches=1)


def _residual(op: Op, facts: Facts) -> Op:
    return _as(op, paper.elementwise, **_moved(op, "tokens", "width", "activation_bits"), reads=1.0, writes=1.0)


def _gate(op: Op, facts: Facts) -> Op:
    shape = _moved(op, "tokens", "width", "activation_bits")
    return _as(op, paper.gate, **shape, reads=facts.eager, writes=facts.eager)


def _activation(op: Op, facts: Facts) -> Op:
    shape = _moved(op, "tokens", "width", "activation_bits")
    return _as(op, paper.piecewise_linear, **shape, reads=facts.eager, writes=facts.eager)


def _polynomial(op: Op, facts: Facts) -> Op:
    formula = paper.polynomial_gate if op.formula is elementwise.polynomial_gate else paper.polynomial
    return _as(op, formula, **op.args, reads=facts.eager, writes=facts.eager)


def _rope(op: Op, facts: Facts) -> Op:
    a = op.args
    # sines and cosines of one head; of every head where the rotated key is shared by all (latent attention)
    shared = op.block not in facts.kv_heads
    table = facts.rope_rows * (a["query_width"] if shared else 2 * a["key_width"] / facts.kv_heads[op.block])
    return _as(
        op, paper.rope, **_moved(op, "tokens", "query_width", "key_width", "activation_bits"), table=table,
        reads=facts.eager, writes=facts.eager,
    )  # fmt: skip


def rope_append(*, elements: Number, vectors: Number, kv_bits: Number, kv_scale_bits: Number, **rotary: Number) -> Cost:
    """Rotation and cache append together."""
    kv = {"elements": elements, "vectors": vectors, "kv_bits": kv_bits, "kv_scale_bits": kv_scale_bits}
    return paper.rope(**rotary) + paper.kv_append(**kv)


def _rope_append(op: Op, facts: Facts) -> Op:
    return _as(op, rope_append, **_rope(op, facts).args, **_appended(op))


def _appended(op: Op) -> dict[str, Number]:
    a = op.args
    vectors = a["tokens"] * a["kv_heads"]
    elements = vectors * (a["head_dim"] + a["value_dim"])
    return {"elements": elements, "vectors": 2 * vectors, **_moved(op, "kv_bits", "kv_scale_bits")}


def _append(op: Op, facts: Facts) -> Op:
    return _as(op, paper.kv_append, **_appended(op))


def _latent_append(op: Op, facts: Facts) -> Op:
    a = op.args
    kv = _moved(op, "kv_bits", "kv_scale_bits")
    return _as(op, paper.kv_append, elements=a["tokens"] * a["width"], vectors=a["tokens"], **kv)


def _attention(op: Op, facts: Facts) -> tuple[Op, ...]:
    a = op.args
    key_dim, value_dim = a["head_dim"], a.get("value_dim", a["head_dim"])
    cached = {"width": a["kv_heads"] * (key_dim + value_dim), "vectors": 2 * a["kv_heads"]}
    return _products(op, facts, key_dim=key_dim, value_dim=value_dim, **cached)


def _decompressed(op: Op, facts: Facts) -> tuple[Op, ...]:
    a = op.args
    key_dim = a["nope"] + a["rope"]
    cached = {"width": a["heads"] * (key_dim + a["value"]), "vectors": 1.0}
    return _products(op, facts, key_dim=key_dim, value_dim=a["value"], **cached)


def _products(
    op: Op, facts: Facts, *, key_dim: Number, value_dim: Number, width: Number, vectors: Number
) -> tuple[Op, ...]:
    """Scaled scores, softmax and values over the full rectangle of queries x positions.

    width: elements of keys and values of one position in the cache (`vectors` vectors with a scale each).
    Keys and values are expanded to all query heads; eager they are read twice, from the cache and by the
    products, and the scores are written and read twice; fused only one of the two is expanded. Both at
    `value_dim` and at the cache's own bits, as table 11 has it, latent attention included.
    """
    a, eager = op.args, facts.eager
    batch, queries, positions, bits = a["batch"] * a["heads"], a["queries"], a["positions"], a["activation_bits"]
    past = a["batch"] * (positions - queries)
    scores = eager * batch * queries * positions * bits / BITS_PER_BYTE
    expanded = batch * positions * value_dim * a["kv_bits"] / BITS_PER_BYTE
    moved = {"reads": eager, "writes": eager}
    query, result = (batch * queries * size * bits / BITS_PER_BYTE for size in (key_dim, value_dim))
    parts: dict[str, tuple[Callable[..., Cost], dict[str, Number]]] = {
        # two reads and a write of the queries' width are in tables 5 and 9 [derived]
        "query_scale": (
            paper.elementwise,
            {"tokens": batch * queries, "width": key_dim, "activation_bits": bits, **moved},
        ),
        "kv_cache_read": (
            paper.cache_read,
            {
                "elements": past * width, "vectors": past * vectors, **_moved(op, "kv_bits", "kv_scale_bits"),
                "dequant_flops": a["kv_dequant_flops"] * a["batch"] * positions * width,
            },
        ),
        "attention_qk": (
            paper.bmm,
            {
                "batch": batch, "m": queries, "k": key_dim, "n": positions, "read_bytes": query + expanded,
                "written_bytes": scores, "dispatches": 1.0,
            },
        ),
        "softmax": (
            paper.softmax,
            {"batch": batch, "queries": queries, "positions": positions, "activation_bits": bits, **moved},
        ),
        "attention_pv": (
            paper.bmm,
            {
                "batch": batch, "m": queries, "k": positions, "n": value_dim, "written_bytes": result,
                "read_bytes": scores + eager * expanded, "dispatches": eager,
            },
        ),
    }  # fmt: skip
    return tuple(replace(_as(op, formula, **args), name=name) for name, (formula, args) in parts.items())


def _embedding(op: Op, facts: Facts) -> Op:
    args = _moved(op, "tokens", "width", "weight_bits", "activation_bits")
    return _as(op, paper.embedding, rows=facts.embedding_rows, **args)


def _adapter(op: Op, facts: Facts) -> Op:
    return _as(op, paper.inline_adapter, **_moved(op, "d_in", "d_out", "rank", "weight_bits"))


COUNTS: dict[Callable, Callable[[Op, Facts], Op | tuple[Op, ...]]] = {
    linear.linear: _linear,
    elementwise.norm: _norm,
    elementwise.add_norm: _add_norm,
    elementwise.residual_add: _residual,
    elementwise.gate_multiply: _gate,
    elementwise.activation: _activation,
    elementwise.polynomial: _polynomial,
    elementwise.polynomial_gate: _polynomial,
    elementwise.rope: _rope,
    elementwise.embedding: _embedding,
    exact_rope_append: _rope_append,
    attention.kv_append: _append,
    attention.attention_scores: _attention,
    attention.flash_attention: _attention,
    latent_attention.latent_append: _latent_append,
    latent_attention.decompressed_attention: _decompressed,
    adapter.low_rank_adapter: _adapter,
}
