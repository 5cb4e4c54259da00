"""Causal attention that does not reach back to the beginning; the cache keeps no more than attention reaches."""

from collections.abc import Callable

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, floor, smaller
from life_jax.core.scenario import Block, Precision
from life_jax.core.schedule import Step
from life_jax.models.attention import full
from life_jax.models.kind import Kind
from life_jax.operators.attention import chunk_pairs, chunk_positions, window_pairs, window_positions


def _kind(
    key: str,
    pairs: Callable[[Number, Number, Number], Number],
    positions: Callable[[Number, Number, Number], Number],
    bend: Callable[[Number, Number], Number],
) -> Kind:
    """A kind with full attention's tensors, over the positions that the number `key` of a layer allows.

    pairs, positions: functions of (new tokens, cached tokens, that number) [token]
    bend: function of (cached tokens, that number) to the cached tokens at which the cost of a decode step bends; where
    it does so again and again, a single such bend is followed
    """

    def operators(block: Block, hidden_size: Number, step: Step, precision: Precision) -> tuple[Op, ...]:
        reach = block.attention[key]
        core = full.attention_core(
            block,
            step,
            precision,
            pairs=pairs(step.new, step.past, reach),
            positions=positions(step.new, step.past, reach),
            bend=bend(step.past, reach),
        )
        return full.around(block, full.tensors(block, hidden_size), step, precision, core)

    def cache_bytes(block: Block, tokens: Number, precision: Precision, devices: Number = 1.0) -> Number:
        return full.cache_bytes(block, smaller(tokens, block.attention[key]), precision, devices)

    return Kind((*full.KEYS, key), full.tensors, operators, full.widest, cache_bytes, OPTIONAL=full.OPTIONAL)


# the last `sliding_window` positions, in a rolling buffer
sliding_window = _kind(
    "sliding_window",
    pairs=lambda new, past, window: window_pairs(queries=new, past=past, window=window),
    positions=lambda new, past, window: window_positions(queries=new, past=past, window=window),
    bend=lambda past, window: window - 1,
)

# the query's own chunk of `attention_chunk_size` positions (Llama 4); decode bends where the next chunk begins
chunked = _kind(
    "attention_chunk_size",
    pairs=lambda new, past, chunk: chunk_pairs(queries=new, past=past, chunk=chunk),
    positions=lambda new, past, chunk: chunk_positions(queries=new, past=past, chunk=chunk),
    bend=lambda past, chunk: chunk * (floor(past / chunk) + 1),
)
