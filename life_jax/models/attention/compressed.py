"""Attention to a window of positions and to compressed entries of all positions (DeepSeek-V4).

Keys are values, of a single head, in the cache once. compress_rate tokens make an entry. With an indexer (index_topk) a
query attends the best entries only, and entries overlap by one; without compress_rate there is the window alone. The
output projection works in groups of heads, through a low rank.
"""

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models.tensors import Tensor, project
from life_jax.operators import compressed_attention as compressed
from life_jax.operators.attention import window_pairs, window_positions
from life_jax.operators.elementwise import NORM_FLOPS, norm, rope
from life_jax.operators.latent_attention import latent_append, latent_attention

KEYS = (
    "num_attention_heads",
    "head_dim",
    "q_lora_rank",
    "partial_rotary_factor",
    "sliding_window",
    "o_groups",
    "o_lora_rank",
)
OPTIONAL = ("compress_rate", "index_topk", "index_n_heads", "index_head_dim")


def tensors(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Low-rank queries, the single key, the grouped output projection, norms and sinks; the compressor and its indexer
    where compress_rate and index_topk are there."""
    return (*_projections(block, hidden_size), *_others(block), *_compressor(block, hidden_size))


def _projections(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    """Low-rank queries, the single key, and the output: a block-diagonal product, then a dense one."""
    heads, size, low, _, _, groups, rank = (block.attention[key] for key in KEYS)
    n = block.repeats
    return (
        Tensor("q_a_proj", "linear", hidden_size, low, repeats=n, parts=1.0),
        Tensor("q_b_proj", "linear", low, heads * size, repeats=n),
        Tensor("kv_proj", "linear", hidden_size, size, repeats=n, parts=1.0),
        Tensor("o_a_proj", "linear", heads * size / groups, groups * rank, repeats=n),
        Tensor("o_b_proj", "linear", groups * rank, hidden_size, repeats=n),
    )


def _others(block: Block) -> tuple[Tensor, ...]:
    """Norms of the low-rank query and of the key; sinks."""
    heads, size, low, *_ = (block.attention[key] for key in KEYS)
    return (
        Tensor("latent_norms", "other", low + size, 1.0, repeats=block.repeats),
        Tensor("attention_sinks", "other", heads, 1.0, repeats=block.repeats),
    )


def _entry(block: Block, name: str, size: Number, hidden_size: Number, overlap: float) -> tuple[Tensor, ...]:
    """Tensors that make entries of `size` elements: values, gates, the bias of each position in an entry, a norm."""
    width, rate, n = (1 + overlap) * size, block.attention["compress_rate"], block.repeats
    return (
        Tensor(f"{name}_kv_proj", "linear", hidden_size, width, repeats=n, parts=1.0),
        Tensor(f"{name}_gate_proj", "linear", hidden_size, width, repeats=n, parts=1.0),
        Tensor(f"{name}_others", "other", rate * width + size, 1.0, repeats=n),
    )


def _compressor(block: Block, hidden_size: Number) -> tuple[Tensor, ...]:
    a, n = block.attention, block.repeats
    if "compress_rate" not in a:
        return ()
    if "index_topk" not in a:
        return _entry(block, "compressor", a["head_dim"], hidden_size, 0.0)
    heads, size = a["index_n_heads"], a["index_head_dim"]
    return (
        *_entry(block, "compressor", a["head_dim"], hidden_size, 1.0),
        *_entry(block, "index", size, hidden_size, 1.0),
        Tensor("index_q_proj", "linear", a["q_lora_rank"], heads * size, repeats=n, parts=1.0),
        Tensor("index_weights_proj", "router", hidden_size, heads, repeats=n),
    )


def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    """Query, key and both output projections around norm, rotary, cache append, the pooling to entries with its
    indexer, and one kernel of attention to window and entries."""
    a, n = block.attention, block.repeats
    q_a, q_b, kv, o_a, o_b = (project(t, step.tokens, precision) for t in _projections(block, hidden_size))
    bits = {"tokens": step.tokens, "activation_bits": precision.activation_bits}
    normed = a["q_lora_rank"] + a["head_dim"]
    norms = {**bits, "width": normed, "weights": normed, "flops": NORM_FLOPS[block.norm]}
    rotated = a["head_dim"] * a["partial_rotary_factor"]
    rotary = {**bits, "query_width": a["num_attention_heads"] * rotated, "key_width": rotated}
    cache = {"kv_bits": precision.kv_bits, "kv_scale_bits": precision.kv_scale_bits}
    return (
        q_a,
        q_b,
        kv,
        Op("latent_norms", norm, {**norms, "weight_bits": precision.other_bits}, n),
        Op("rope", rope, rotary, n),
        Op("kv_append", latent_append, {**bits, "width": a["head_dim"], **cache}, n),
        *_compression(block, hidden_size, step, precision),
        _attention(block, step, precision),
        o_a,
        o_b,
    )


def _compression(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
    a, n = block.attention, block.repeats
    if "compress_rate" not in a:
        return ()
    made = [project(t, step.tokens, precision) for t in _compressor(block, hidden_size) if t.role != "other"]
    pool = {"tokens": step.tokens, "rate": a["compress_rate"], "activation_bits": precision.activation_bits}
    pool["kv_bits"] = precision.kv_bits
    overlap = 2.0 if "index_topk" in a else 1.0
    ops = [
        *made,
        Op("compress", compressed.compress, {**pool, "width": overlap * a["head_dim"], "entry": a["head_dim"]}, n),
    ]
    if "index_topk" in a:
        size = a["index_head_dim"]
        scores = {
            "batch": step.batch,
            "queries": step.new,
            "pairs": compressed.entry_pairs(queries=step.new, past=step.past, rate=a["compress_rate"]),
            "entries": (step.past + step.new) / a["compress_rate"],
            "heads": a["index_n_heads"],
            "head_dim": size,
            "activation_bits": precision.activation_bits,
            "kv_bits": precision.kv_bits,
        }
        ops.append(Op("index_compress", compressed.compress, {**pool, "width": overlap * size, "entry": size}, n))
        ops.append(Op("index_scores", compressed.entry_scores, scores, n, "attention", grows=True))
    return tuple(ops)


def _attention(block: Block, step: Step, precision: Precision) -> Op:
    """One kernel over window and entries: keys are read once and serve as values."""
    a = block.attention
    span = {"queries": step.new, "past": step.past}
    pairs = window_pairs(**span, window=a["sliding_window"])
    positions = window_positions(**span, window=a["sliding_window"])
    bend = a["sliding_window"] - 1
    if "compress_rate" in a:
        rate, entries = a["compress_rate"], (step.past + step.new) / a["compress_rate"]
        if "index_topk" in a:
            best = a["index_topk"]
            pairs = pairs + compressed.best_entry_pairs(**span, rate=rate, best=best)
            positions = positions + smaller(entries, best * step.new)
            bend = best * rate - 1
        else:
            pairs, positions = pairs + compressed.entry_pairs(**span, rate=rate), positions + entries
    core = {
        "batch": step.batch,
        "queries": step.new,
        "pairs": pairs,
        "positions": positions,
        "heads": a["num_attention_heads"],
        "rank": a["head_dim"],
        "nope": 0.0,
        "rope": 0.0,
        "value": 0.0,
        "absorbed": 1.0,
        "activation_bits": precision.activation_bits,
        "kv_bits": precision.kv_bits,
        "kv_scale_bits": precision.kv_scale_bits,
        "kv_dequant_flops": precision.kv_dequant_flops,
    }
    return Op("attention", latent_attention, core, block.repeats, "attention", grows=True, bend=bend)


def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
    """Keys of the window, entries of all positions, and the keys of the indexer's entries [byte]; no values, since keys
    are values. Each of `devices` devices [1] keeps all of them: there is a single head."""
    a = block.attention
    elements = smaller(tokens, a["sliding_window"]) * a["head_dim"]
    if "compress_rate" in a:
        entry = a["head_dim"] + (a["index_head_dim"] if "index_topk" in a else 0.0)
        elements = elements + tokens / a["compress_rate"] * entry
    return block.repeats * elements * precision.kv_bits / BITS_PER_BYTE


def widest(block: Block) -> Number:
    """Elements per token of the queries and the outputs of all heads [1]."""
    return 2 * block.attention["num_attention_heads"] * block.attention["head_dim"]
