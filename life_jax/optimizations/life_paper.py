"""LIFE's own way of counting (Patwari et al. 2025), with which its tables come out.

Full square attention, logits at every position, keys and values read twice, the whole embedding table, 2mkn - mn, a
single maximum over totals; eager unless an option fuses attention, which is LIFE's single switch (`mode: fused`). What
LIFE does not model (experts, state-space layers) keeps its exact count; extra norms are left out, as in its count of
dispatches.
"""

from dataclasses import replace

from life_jax.core.engine import Counting
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number
from life_jax.core.scenario import Block, Scenario
from life_jax.core.schedule import Step
from life_jax.operators.life_paper_counts import COUNTS, Circumstances
from life_jax.optimizations.base import Optimization, Rewrite, change_layers

LEFT_OUT = ("qk_norm", "embedding_norm", "attention_output_norm", "mlp_output_norm", "output_gate")
INSIDE = ("gate_proj", "up_proj", "gate_up_proj")  # what they write stays on the chip when the MLP is fused


def convention(positions: float) -> tuple[Optimization, Optimization]:
    """The convention around a stack of options: an optimization before it and another after it.

    positions [token]: rows of the table of sines and cosines (rope_table_size), the model's own.
    """

    def before(scenario: Scenario) -> Scenario:
        return replace(scenario, engine=replace(scenario.engine, counting=Counting(scope="total", logits="all")))

    def after(scenario: Scenario) -> Scenario:
        scenario = change_layers(scenario, _decompress)
        counts = fused if "attention" in scenario.engine.counting.fusion else eager
        numbers = {"rope_rows": positions, "vocab_size": scenario.architecture.vocab_size}
        return replace(scenario, rewrites=(*scenario.rewrites, Rewrite(numbers, counts, last=True)))

    return Optimization(transforms=(before,)), Optimization(transforms=(after,))


def _decompress(block: Block) -> Block:
    """Cache expanded keys and values, as the paper does, unless an option has chosen another form."""
    return replace(block, latent_form="decompressed") if block.latent_form == "cheaper" else block


def eager(graph: Graph, step: Step, *, rope_rows: Number, vocab_size: Number) -> Graph:
    """The paper's operators where each moves what it reads and writes."""
    return _counted(graph, 1.0, rope_rows, vocab_size)


def fused(graph: Graph, step: Step, *, rope_rows: Number, vocab_size: Number) -> Graph:
    """The paper's operators where norms, rotary positions, attention and the MLP keep on the chip what only they
    need."""
    return _counted(graph, 0.0, rope_rows, vocab_size)


def _counted(graph: Graph, moved: float, rope_rows: Number, vocab_size: Number) -> Graph:
    kv_heads = {op.block: heads for op in graph if (heads := op.shape.kv_heads) is not None}
    counted: list[Op] = []
    for op in graph:
        if op.name in LEFT_OUT:
            continue
        if op.formula not in COUNTS:
            counted.append(op)
            continue
        circumstances = Circumstances(
            eager=moved,
            # the final norm is fused with the head, the others only with what comes after
            reads=moved if op.name in ("down_proj", "final_norm") else 1.0,
            writes=moved if op.name in INSIDE else 1.0,
            rope_rows=rope_rows,
            embedding_rows=vocab_size,
            kv_heads=kv_heads.get(op.block),
        )
        counted += [
            replace(op, name=count.name or op.name, formula=count.formula, args=count.args, pipe="linear")
            for count in COUNTS[op.formula](op.args, circumstances)
        ]
    return Graph(tuple(counted))
