"""What each device of a layout computes: its step, and its part of every operator."""

from dataclasses import replace

from life_jax.core.cost import Cost
from life_jax.core.engine import Parallelism
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, is_fixed_at, larger, log, smaller, sqrt
from life_jax.core.schedule import Step
from life_jax.operators.token_rows import with_rows
from life_jax.parallelism.expert_parallel import imbalance
from life_jax.parallelism.tensor_parallel import share_of_one


def step_of_one(step: Step, layout: Parallelism) -> Step:
    """The step of the devices that attend for the same tokens: sequences of one data-parallel group, the part of their
    tokens (prefill) or of their cache (decode) that one context-parallel group has.

    All groups run in lockstep: the fullest one counts, and a group without a sequence runs with one.
    """
    groups, ranks = layout.data_parallel, layout.context_parallel
    if not is_fixed_at(groups, 1):
        even = step.batch / groups
        fullest = even
        if not is_fixed_at(layout.data_spread, 0):
            # Gumbel's mean of the largest of `groups` Poisson numbers
            fullest = even * (1 + layout.data_spread * sqrt(2 * log(groups) / even))
        step = replace(step, batch=smaller(larger(fullest, 1.0), step.batch))
    if is_fixed_at(ranks, 1):
        return step
    if step.decoding:
        # positions past + 1 divided; new tokens are everyone's
        return replace(step, past=(step.past + step.new) / ranks - step.new)
    new = step.new / ranks
    # zigzag order: the pairs of all ranks are equal, and sum to those of the step
    return replace(step, new=new, past=step.past + (step.new - new) / 2)


def with_all_tokens(graph: Graph, mine: Step, step: Step, layout: Parallelism) -> Graph:
    """The graph of one group, in which experts take the tokens of all groups, and caches bend where shares are full."""
    if not layout.exchanges:
        return graph
    more = step.tokens / mine.tokens

    def change(op: Op) -> Op:
        if op.shape.experts is not None:
            op = with_rows(op, more)
        if op.bend is not None and step.decoding and not is_fixed_at(layout.context_parallel, 1):
            op = replace(op, bend=(op.bend + step.new) * layout.context_parallel - step.new)
        return op

    return graph.replace(change)


def share(op: Op, layout: Parallelism) -> Cost:
    """Cost of an operator on each device that executes it.

    Experts are divided among all devices of a stage: between the parts of `expert_parallel`, the fullest of which
    counts, and within a part as matrices are. Every copy of an expert that is touched is read.
    """
    if layout.alone:
        return op.cost
    experts = op.shape.experts
    if layout.only_tensor or experts is None:
        tensor = layout.tensor_parallel
        return op.cost if is_fixed_at(tensor, 1) else share_of_one(op, tensor, layout.sequence_parallel)
    cost, shape, devices = op.cost, op.shape, layout.stage
    rows = shape.m * experts.chosen / layout.expert_parallel  # type: ignore[operator]
    copies = layout.copies(experts.count)
    held, ranks = experts.count * copies, layout.expert_parallel
    fullest = imbalance(ranks=ranks, rows=rows, experts=held, spread=layout.expert_spread)
    return replace(
        cost.times(1 / devices),
        weight_bytes=cost.weight_bytes / devices * copies,
        matmul_flops=cost.matmul_flops / devices * fullest,
        activations_read=cost.activations_read / devices * fullest,
        activations_written=cost.activations_written / devices * fullest,
        dispatches=cost.dispatches,
    )


def micro_batches(batch: Number, layout: Parallelism) -> Number:
    """Parts [1] into which a batch of sequences [1] is split, so that stages work at the same time; at least 1.

    Reference: vLLM, which keeps as many batches in flight as there are stages.
    """
    if not layout.in_pipeline:
        return 1.0
    asked = layout.pipeline_parallel if is_fixed_at(layout.micro_batches, 0) else layout.micro_batches
    return smaller(asked, larger(batch, 1.0))
