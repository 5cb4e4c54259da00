"""Messages of a step between the devices of a layout: their seconds and bytes."""

from life_jax.core.numerics import Number, is_fixed_at, larger, smaller, where
from life_jax.core.scenario import Block, Scenario
from life_jax.core.schedule import Mixed, Step
from life_jax.core.units import BITS_PER_BYTE
from life_jax.models import attention, ffn
from life_jax.parallelism.collectives import Waits, all_gather_over, all_reduce_waits, exchange_over, pass_on
from life_jax.parallelism.expert_parallel import distinct_ranks, reached_ranks, row_bytes
from life_jax.parallelism.layout import step_of_one
from life_jax.parallelism.topology import links

PARTIAL_BYTES = 4  # partial outputs of attention, their maxima and sums are exchanged in fp32


def of_one(scenario: Scenario, step: Step | Mixed) -> Step | Mixed:
    """The step, or all groups of it, of the devices that attend for the same tokens."""
    layout = scenario.engine.parallelism
    if isinstance(step, Mixed):
        return Mixed(tuple(step_of_one(group, layout) for group in step.groups))
    return step_of_one(step, layout)


def seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] of a step's messages between the devices of a stage, one after another."""
    layout = scenario.engine.parallelism
    if layout.alone:
        return 0.0
    total: Number = 0.0
    if not is_fixed_at(layout.tensor_parallel, 1):
        total = reducing(scenario, step).seconds
    if layout.exchanges:
        total = total + exchanges(scenario, step)
    if not is_fixed_at(layout.context_parallel, 1):
        groups = step.groups if isinstance(step, Mixed) else (step,)
        total = total + sum(partial_outputs(scenario, group) for group in groups if group.decoding)
    return total


def reducing(scenario: Scenario, step: Step | Mixed) -> Waits:
    """What the all-reduces of a step wait for, of devices that share its layers."""
    layout = scenario.engine.parallelism
    group = links(scenario.device, layout, devices=layout.tensor_parallel, memory=_memory(scenario))
    total = Waits()
    for count, message in _all_reduces(scenario, of_one(scenario, step)):
        total = total + all_reduce_waits(group, message).times(count)
    return total


def _memory(scenario: Scenario) -> Number:
    """Reached bandwidth of a device's memory [byte/s]."""
    return scenario.device.bandwidth * scenario.engine.efficiency.memory


def ring_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which devices that share the tokens of prompts pass the keys and values of their parts round;
    attention runs meanwhile."""
    layout = scenario.engine.parallelism
    if is_fixed_at(layout.context_parallel, 1):
        return 0.0
    ranks = layout.context_parallel
    group = links(scenario.device, layout, devices=ranks, stride=layout.tensor_parallel)
    total: Number = 0.0
    for prompt in step.groups if isinstance(step, Mixed) else (step,):
        if prompt.decoding:
            continue
        mine = step_of_one(prompt, layout)
        for block in scenario.architecture.blocks:
            kind = attention.INDEX[block.attention_kind]
            cached = [kind.cache_bytes(block, n, scenario.precision, layout.tensor_parallel) for n in (1.0, 0.0)]
            part = mine.batch * mine.new * (cached[0] - cached[1])
            total = total + (ranks - 1) * block.repeats * pass_on(group, part / block.repeats)
    return total


def handover_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which a stage of a pipeline passes its activations to the next."""
    layout = scenario.engine.parallelism
    group = links(scenario.device, layout, devices=layout.pipeline_parallel, stride=layout.stage)
    return pass_on(group, _hidden_bytes(scenario, of_one(scenario, step)) / layout.tensor_parallel)


def link_bytes(scenario: Scenario, step: Step | Mixed) -> Number:
    """Bytes [byte] that all devices of a stage together send in a step."""
    layout = scenario.engine.parallelism
    mine = of_one(scenario, step)
    others = layout.tensor_parallel - 1
    reduced = sum(count * 2 * others * message for count, message in _all_reduces(scenario, mine))
    if layout.only_tensor:
        return reduced
    total = layout.data_parallel * layout.context_parallel * reduced
    if layout.exchanges:
        for block in scenario.architecture.blocks:
            sent = sent_bytes(scenario, block, step, mine)
            total = total + block.repeats * layout.stage * sum(near + far for near, far in sent)
    if layout.in_pipeline:
        crossings = layout.pipeline_parallel - 1
        total = total + crossings * layout.data_parallel * layout.context_parallel * _hidden_bytes(scenario, mine)
    return total


def _hidden_bytes(scenario: Scenario, mine: Step | Mixed) -> Number:
    return mine.tokens * scenario.architecture.hidden_size * scenario.precision.activation_bits / BITS_PER_BYTE


def _all_reduces(scenario: Scenario, mine: Step | Mixed) -> list[tuple[Number, Number]]:
    """All-reduces of a step by stack: their number [1], and the message of each [byte]."""
    row = scenario.architecture.hidden_size * scenario.precision.activation_bits / BITS_PER_BYTE
    return [
        (
            sum(_of_layers(scenario, block) for block in scenario.architecture.blocks if block.stack == stack),
            tokens * row,
        )
        for stack, tokens in _tokens(scenario, mine).items()
    ]


def _of_layers(scenario: Scenario, block: Block) -> Number:
    """All-reduces [1] of a kind of layer: two a layer, or one where attention and MLP are parallel; three where
    attention to an encoder stands between both; one less where tokens are exchanged between experts."""
    layout = scenario.engine.parallelism
    each: Number = 1 if block.parallel else 3 if block.attention_kind == "full_cross" else 2
    if layout.exchanges and has_experts(block):
        each = where(layout.data_parallel * layout.context_parallel > 1, 1.0, each)
    return (block.repeats if is_fixed_at(block.loops, 1) else block.repeats * block.loops) * each


def _tokens(scenario: Scenario, mine: Step | Mixed) -> dict[str, Number]:
    """Tokens [token] that each stack computes in a step: a decoder behind an encoder begins with one of each
    sequence."""
    if isinstance(mine, Mixed) or scenario.architecture.reading != "prompt" or mine.decoding:
        return {"decoder": mine.tokens}
    return {"encoder": mine.context, "decoder": mine.batch}


def has_experts(block: Block) -> bool:
    return "num_experts" in ffn.INDEX[block.ffn_kind].KEYS


def exchanges(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which tokens go to their experts and back, in every layer of experts."""
    mine = of_one(scenario, step)
    total: Number = 0.0
    for block in scenario.architecture.blocks:
        total = total + block.repeats * sum(exchange_seconds(scenario, block, step, mine))
    return total


def exchange_seconds(scenario: Scenario, block: Block, step: Step | Mixed, mine: Step | Mixed) -> tuple[Number, ...]:
    """Seconds [s] in which the tokens of a step go to the experts of a layer, and back; none without experts.

    mine: the step of the devices that attend for the same tokens (`of_one`).
    """
    layout = scenario.engine.parallelism
    group = links(scenario.device, layout, devices=layout.stage)
    reached = layout.exchange_efficiency if _decodes(step) else layout.bulk_exchange_efficiency
    efficiency = reached / layout.link_efficiency
    return tuple(
        exchange_over(group, inside=near, outside=far, latency=layout.exchange_latency, efficiency=efficiency)
        for near, far in sent_bytes(scenario, block, step, mine)
    )


def _decodes(step: Step | Mixed) -> bool:
    """Whether all sequences of a step decode, so that kernels for few tokens send them."""
    return not isinstance(step, Mixed) and step.decoding


def sent_bytes(
    scenario: Scenario, block: Block, step: Step | Mixed, mine: Step | Mixed
) -> tuple[tuple[Number, Number], ...]:
    """Bytes [byte] that a device sends to others of its node and to other nodes, on the way to the experts and back.

    In decode a token goes once for each chosen expert, as low-latency kernels send it. In prefill it goes once to each
    node that has one of them, and from there to each part of the experts that does. Experts that are sliced in a part
    get a copy on each of its devices. Reference: DeepEP, whose normal kernels forward tokens inside a node.
    """
    layout = scenario.engine.parallelism
    if not has_experts(block):
        return ()
    chosen = block.ffn["num_experts_per_tok"]
    parts, devices = layout.expert_parallel, layout.stage
    slices = devices / parts
    ranks = smaller(chosen, parts) if _decodes(step) else _ranks(block, parts)
    copies = ranks * slices
    group = links(scenario.device, layout, devices=devices)
    far = copies * (1 - 1 / group.nodes)
    near = larger(copies * (1 - 1 / devices) - far, 0.0)
    if not _decodes(step):
        some = smaller(parts, group.nodes)  # parts may be larger than a node, or smaller
        nodes = _ranks(block, some) * group.nodes / some
        far, near = nodes * (1 - 1 / group.nodes), copies * (1 - 1 / group.inside)
    width = block.ffn.get("moe_latent_size", scenario.architecture.hidden_size)
    tokens = mine.tokens / layout.tensor_parallel  # the devices that attend together send a part each
    present = 1.0 * (layout.data_parallel * layout.context_parallel > 1)
    precision = scenario.precision
    rows = [
        present * tokens * row_bytes(width=width, bits=bits)
        for bits in (precision.linear_input_bits, precision.activation_bits)
    ]
    return tuple((row * near, row * far) for row in rows)


def _ranks(block: Block, ranks: Number) -> Number:
    """Of so many ranks [1], those that have experts of a token, on average."""
    count, chosen = block.ffn["num_experts"], block.ffn["num_experts_per_tok"]
    if "expert_groups_per_tok" not in block.ffn:
        return distinct_ranks(ranks=ranks, experts=count, chosen=chosen)
    groups, taken = block.ffn["expert_groups"], block.ffn["expert_groups_per_tok"]
    return reached_ranks(ranks=ranks, experts=count, chosen=chosen, groups=groups, taken=taken)


def partial_outputs(scenario: Scenario, step: Step) -> Number:
    """Seconds [s] in which devices that hold parts of each sequence's cache join their partial outputs: an all-gather
    and a reduce-scatter in every layer that attends."""
    layout = scenario.engine.parallelism
    ranks, mine = layout.context_parallel, step_of_one(step, layout)
    group = links(scenario.device, layout, devices=ranks, stride=layout.tensor_parallel, memory=_memory(scenario))
    total: Number = 0.0
    for block in scenario.architecture.blocks:
        width = attention.output_width(block)
        if width is None:
            continue
        message = mine.batch * width / layout.tensor_parallel * PARTIAL_BYTES
        total = total + block.repeats * 2 * all_gather_over(group, message)
    return total
