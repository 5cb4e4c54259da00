"""LIFE's count of every exact operator: which formula of operators/life_paper.py, and with which numbers.

`COUNTS` maps an exact formula to a function from its arguments to the paper's operators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from life_jax.core.cost import Cost
from life_jax.core.graph import describe
from life_jax.core.numerics import Number
from life_jax.core.units import BITS_PER_BYTE
from life_jax.operators import adapter, attention, elementwise, latent_attention, linear
from life_jax.operators import life_paper as paper
from life_jax.operators import rope_append as fused_rope

Arguments = Mapping[str, Number]


@dataclass(frozen=True)
class Circumstances:
    """What a count depends on beside the operator's own numbers.

    eager [1]: 1 where every operator moves what it reads and writes, 0 where fused operators keep it on the chip
    reads, writes [1]: whether this operator moves its input and its output, 0 or 1
    rope_rows [1]: rows of the table of sines and cosines; embedding_rows [1]: of the embedding table
    kv_heads [1]: of the layer; None where all heads share a latent
    """

    eager: Number
    reads: Number
    writes: Number
    rope_rows: Number
    embedding_rows: Number
    kv_heads: Number | None


@dataclass(frozen=True)
class Counted:
    """An operator as the paper counts it: formula and arguments; `name` replaces the exact operator's name unless it is
    ""."""

    formula: Callable[..., Cost]
    args: Arguments
    name: str = ""


def _only(args: Arguments, *keys: str) -> dict[str, Number]:
    return {key: args[key] for key in keys}


def _elements(args: Arguments) -> dict[str, Number]:
    return _only(args, "tokens", "width", "activation_bits")


def _moved(c: Circumstances) -> dict[str, Number]:
    return {"reads": c.eager, "writes": c.eager}


def _linear(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.gemm, {**args, "reads": c.reads, "writes": c.writes}),)


def _norm(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    kept = _only(args, "tokens", "width", "weights", "weight_bits", "activation_bits")
    return (Counted(paper.norm, {**kept, "reads": c.reads, "writes": c.eager}),)


@describe("norm", shape=elementwise.elements, rows=True, weights=linear.stored)
def add_norm(*, tokens: Number, width: Number, activation_bits: Number, **learned: Number) -> Cost:
    """A residual and the norm after it in one dispatch; the norm writes nothing.

    tokens [token], width [1], activation_bits [bit]; learned: `weights` [1] of the norm and their `weight_bits` [bit].
    Returns the Cost of one call.
    Reference: Patwari et al. 2025, arXiv:2508.00904, tables 1 and 2 [derived from `elementwise` and `norm`].
    """
    shape = {"tokens": tokens, "width": width, "activation_bits": activation_bits}
    both = paper.elementwise(**shape, reads=1, writes=1) + paper.norm(**shape, **learned, reads=1, writes=0)
    return replace(both, dispatches=1)


def _add_norm(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(add_norm, {key: value for key, value in args.items() if key not in ("flops", "branches")}),)


def _residual(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.elementwise, {**_elements(args), "reads": 1.0, "writes": 1.0}),)


def _gate(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.gate, {**_elements(args), **_moved(c)}),)


def _activation(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.piecewise_linear, {**_elements(args), **_moved(c)}),)


def _polynomial(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.polynomial, {**args, **_moved(c)}),)


def _polynomial_gate(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.polynomial_gate, {**args, **_moved(c)}),)


def _rotary(args: Arguments, c: Circumstances) -> dict[str, Number]:
    # sines and cosines of one head; of every head where the rotated key is shared by all (latent attention)
    width = args["query_width"] if c.kv_heads is None else 2 * args["key_width"] / c.kv_heads
    kept = _only(args, "tokens", "query_width", "key_width", "activation_bits")
    return {**kept, "table": c.rope_rows * width, **_moved(c)}


def _rope(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.rope, _rotary(args, c)),)


@describe("rope", shape=paper.rotated, rows=True)
def rope_append(*, elements: Number, vectors: Number, kv_bits: Number, kv_scale_bits: Number, **rotary: Number) -> Cost:
    """Rotary positions and cache append together.

    elements, vectors, kv_bits, kv_scale_bits: arguments of `life_paper.kv_append`; rotary: those of `life_paper.rope`.
    Returns the Cost of one call.
    Reference: Patwari et al. 2025, arXiv:2508.00904 [derived from `rope` and `kv_append`].
    """
    kv = {"elements": elements, "vectors": vectors, "kv_bits": kv_bits, "kv_scale_bits": kv_scale_bits}
    return paper.rope(**rotary) + paper.kv_append(**kv)


def _rope_append(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(rope_append, {**_rotary(args, c), **_appended(args)}),)


def _appended(args: Arguments) -> dict[str, Number]:
    vectors = args["tokens"] * args["kv_heads"]
    elements = vectors * (args["head_dim"] + args["value_dim"])
    return {"elements": elements, "vectors": 2 * vectors, **_only(args, "kv_bits", "kv_scale_bits")}


def _append(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.kv_append, _appended(args)),)


def _latent_append(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    kv = _only(args, "kv_bits", "kv_scale_bits")
    elements = args["tokens"] * args["width"]
    return (Counted(paper.kv_append, {"elements": elements, "vectors": args["tokens"], **kv}),)


def _attention(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    key_dim, value_dim = args["head_dim"], args.get("value_dim", args["head_dim"])
    cached = {"width": args["kv_heads"] * (key_dim + value_dim), "vectors": 2 * args["kv_heads"]}
    return _products(args, c.eager, key_dim=key_dim, value_dim=value_dim, **cached)


def _decompressed(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    key_dim = args["nope"] + args["rope"]
    cached = {"width": args["heads"] * (key_dim + args["value"]), "vectors": 1.0}
    return _products(args, c.eager, key_dim=key_dim, value_dim=args["value"], **cached)


def _nothing(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    """No operator: unfused attention is counted where its first operator stands."""
    return ()


def _products(
    a: Arguments, eager: Number, *, key_dim: Number, value_dim: Number, width: Number, vectors: Number
) -> tuple[Counted, ...]:
    """Scaled scores, softmax and values over the full rectangle of queries x positions.

    width: elements of keys and values of one position in the cache (`vectors` vectors with a scale each).
    Keys and values are expanded to all query heads; eager they are read twice, from the cache and by the
    products, and the scores are written and read twice; fused only one of the two is expanded. Both at
    `value_dim` and at the cache's own bits, as table 11 has it, latent attention included.
    """
    batch, queries, positions, bits = a["batch"] * a["heads"], a["queries"], a["positions"], a["activation_bits"]
    past = a["batch"] * (positions - queries)
    scores = eager * batch * queries * positions * bits / BITS_PER_BYTE
    expanded = batch * positions * value_dim * a["kv_bits"] / BITS_PER_BYTE
    moved = {"reads": eager, "writes": eager}
    query, result = (batch * queries * size * bits / BITS_PER_BYTE for size in (key_dim, value_dim))
    return (
        # two reads and a write of the queries' width are in tables 5 and 9 [derived]
        Counted(
            paper.elementwise,
            {"tokens": batch * queries, "width": key_dim, "activation_bits": bits, **moved},
            "query_scale",
        ),
        Counted(
            paper.cache_read,
            {
                "elements": past * width, "vectors": past * vectors, **_only(a, "kv_bits", "kv_scale_bits"),
                "dequant_flops": a["kv_dequant_flops"] * a["batch"] * positions * width,
            },
            "kv_cache_read",
        ),
        Counted(
            paper.bmm,
            {
                "batch": batch, "m": queries, "k": key_dim, "n": positions, "read_bytes": query + expanded,
                "written_bytes": scores, "dispatches": 1.0,
            },
            "attention_qk",
        ),
        Counted(
            paper.softmax,
            {"batch": batch, "queries": queries, "positions": positions, "activation_bits": bits, **moved},
            "softmax",
        ),
        Counted(
            paper.bmm,
            {
                "batch": batch, "m": queries, "k": positions, "n": value_dim, "written_bytes": result,
                "read_bytes": scores + eager * expanded, "dispatches": eager,
            },
            "attention_pv",
        ),
    )  # fmt: skip


def _embedding(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    kept = _only(args, "tokens", "width", "weight_bits", "activation_bits")
    return (Counted(paper.embedding, {"rows": c.embedding_rows, **kept}),)


def _adapter(args: Arguments, c: Circumstances) -> tuple[Counted, ...]:
    return (Counted(paper.inline_adapter, _only(args, "d_in", "d_out", "rank", "weight_bits")),)


COUNTS: dict[Callable[..., Cost], Callable[[Arguments, Circumstances], tuple[Counted, ...]]] = {
    linear.linear: _linear,
    elementwise.norm: _norm,
    elementwise.add_norm: _add_norm,
    elementwise.residual_add: _residual,
    elementwise.gate_multiply: _gate,
    elementwise.activation: _activation,
    elementwise.polynomial: _polynomial,
    elementwise.polynomial_gate: _polynomial_gate,
    elementwise.rope: _rope,
    elementwise.embedding: _embedding,
    fused_rope.rope_append: _rope_append,
    attention.kv_append: _append,
    attention.attention_scores: _attention,
    attention.softmax: _nothing,
    attention.attention_values: _nothing,
    attention.flash_attention: _attention,
    latent_attention.latent_append: _latent_append,
    latent_attention.decompressed_attention: _decompressed,
    adapter.low_rank_adapter: _adapter,
}
