"""Operators on another device of the machine: which, their seconds, what crosses the link, and where weights lie.

Layers of one kind are alike, so that a number of layers is a part of each operator's repeats; layers of several kinds
go in proportion [assumption]. Devices take turns: a step is the sum of both and of the crossings between them.
Reference: llama.cpp (--n-gpu-layers, --n-cpu-moe, and weights that are copied for large batches); KTransformers.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from life_jax.core.graph import OUTSIDE, Graph, Op
from life_jax.core.numerics import Number, divide, is_fixed_at, is_nothing, larger, smaller, where
from life_jax.core.places import HERE, HOST, SHARED, Disk, Handover, Offload
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import Block, Scenario
from life_jax.core.schedule import Mixed, Step
from life_jax.core.units import BITS_PER_BYTE, UNLIMITED
from life_jax.forecasting import messages
from life_jax.models import decoder
from life_jax.roofline.roofs import Terms
from life_jax.roofline.terms import step_terms


def on_host(scenario: Scenario) -> Scenario:
    """The scenario as the other device sees it, whose threads are those that the engine says."""
    if not scenario.offload.place:
        return scenario
    there = _at(scenario, scenario.offload.place[0])
    threads = scenario.engine.effects["cpu_threads"].threads if "cpu_threads" in scenario.engine.effects else UNLIMITED
    if is_fixed_at(threads, UNLIMITED):
        return there
    return replace(there, engine=set_leaf(there.engine, ("effects", "cpu_threads", "threads"), threads))


def prefilling(scenario: Scenario) -> Scenario:
    """The scenario on the devices that prefill prompts alone."""
    return (
        _at(scenario, scenario.handover.place[0]) if scenario.handover.place else replace(scenario, handover=Handover())
    )


def _at(scenario: Scenario, place: Any) -> Scenario:
    return replace(
        scenario,
        device=place.device,
        engine=place.engine,
        costs=place.costs,
        offload=Offload(),
        handover=Handover(),
        disk=Disk(),
    )


def here(scenario: Scenario) -> Scenario:
    """The scenario with everything on the devices of the layout."""
    return replace(scenario, offload=Offload(), disk=Disk())


def _layers(scenario: Scenario) -> Number:
    return sum(block.repeats for block in scenario.architecture.blocks)


def _with_experts(scenario: Scenario) -> Number:
    """Layers that have experts [1]."""
    return sum(block.repeats for block in scenario.architecture.blocks if messages.has_experts(block))


def of_layers(scenario: Scenario) -> Number:
    """Part of the layers [1] that is on the other device."""
    return smaller(scenario.offload.layers / _layers(scenario), 1.0)


def of_experts(scenario: Scenario) -> Number:
    """Part of the experts' work [1] that is on the other device."""
    o, layers = scenario.offload, of_layers(scenario)
    more = smaller(divide(o.expert_layers, _with_experts(scenario)), 1.0 - layers)
    return layers + more + (1 - layers - more) * o.experts


def of_head(scenario: Scenario) -> Number:
    """Part of the head [1] that is on the other device."""
    return scenario.offload.head * (scenario.offload.layers > 0)


def placed(graph: Graph, scenario: Scenario) -> Graph:
    """The operators of a step, each that is in several places once for each of them."""
    if scenario.offload.is_off:
        return graph
    layers, experts, head = of_layers(scenario), of_experts(scenario), of_head(scenario)
    ops: list[Op] = []
    for op in graph:
        there = experts if op.shape.experts is not None or op.name in BETWEEN else layers
        if op.block == OUTSIDE:
            there = head if op.name == HEAD else 0.0
        if is_nothing(there):
            ops.append(op)
            continue
        ops += [
            replace(op, repeats=op.repeats * (1 - there)),
            replace(op, repeats=op.repeats * there, place=HOST),
        ]
    return Graph(tuple(ops))


HEAD = "lm_head"
# of an expert, between its products, and where these are
BETWEEN = ("experts_gate_multiply", "experts_activation")


def terms(scenario: Scenario, ops: Iterable[Op]) -> list[Terms]:
    """Terms of operators, each on the device where it is."""
    if scenario.offload.is_off:
        return step_terms(ops, scenario.device, scenario.engine)
    listed = list(ops)
    host = on_host(scenario)
    by_place = {
        HERE: iter(step_terms((op for op in listed if op.place == HERE), scenario.device, scenario.engine)),
        HOST: iter(step_terms((op for op in listed if op.place == HOST), host.device, host.engine)),
    }
    return [next(by_place[op.place]) for op in listed]


def crossing_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which activations go to the other device and back, and in which a cache that is kept there is
    read."""
    return activation_seconds(scenario, step) + cache_read_seconds(scenario, step)


def activation_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which activations go to the other device and back."""
    o = scenario.offload
    if o.is_off:
        return 0.0
    mine = messages.of_one(scenario, step)
    hidden = scenario.architecture.hidden_size * scenario.precision.activation_bits / BITS_PER_BYTE
    once = o.latency + mine.tokens * hidden / o.link
    of_two = of_experts(scenario) - of_layers(scenario)
    several = where(o.experts > 0, 1.0 - of_layers(scenario), of_two) * _with_experts(scenario)
    crossings = 2 * ((o.layers > 0) + several)
    return crossings * once


def cache_read_seconds(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] in which the part of the cache that is kept on the other device comes over the link."""
    o, layout = scenario.offload, scenario.engine.parallelism
    if is_nothing(o.cache):
        return 0.0
    groups = step.groups if isinstance(step, Mixed) else (step,)
    total: Number = 0.0
    for group in groups:
        mine = messages.of_one(scenario, group)
        cached = decoder.cache_bytes(scenario.architecture, group.past, scenario.precision, layout.tensor_parallel)
        total = total + mine.batch * cached
    return o.cache * (1 - of_layers(scenario)) * total / o.link


def streamed_bytes(scenario: Scenario, graph: Graph) -> Number:
    """Bytes of weights [byte] that come over the link where they are multiplied here."""
    return sum(op.repeats * op.cost.weight_bytes for op in placed(graph, scenario) if op.place == HOST)


def may_stream(scenario: Scenario, step: Step) -> Number:
    """Whether a step has so many tokens that weights may come over the link."""
    return step.tokens >= scenario.offload.stream_tokens


def _block_bytes(scenario: Scenario, block: Block) -> tuple[Number, Number]:
    layout = scenario.engine.parallelism
    return decoder.block_bytes(scenario.architecture, block, scenario.precision, layout.tensor_parallel, layout.stage)


def weight_bytes(scenario: Scenario) -> tuple[Number, Number]:
    """Bytes of weights [byte] that are not on each device of the layout, and that are on the other device instead."""
    o = scenario.offload
    if o.is_off or o.memory == SHARED:
        return 0.0, 0.0
    model, layers, experts = scenario.architecture, of_layers(scenario), of_experts(scenario)
    away: Number = 0.0
    there: Number = 0.0
    alone = replace(scenario, engine=on_host(scenario).engine)
    for block in model.blocks:
        for parts, one in ((_block_bytes(scenario, block), False), (_block_bytes(alone, block), True)):
            held = layers * parts[0] + experts * parts[1]
            away, there = (away, there + held) if one else (away + held, there)
    head = decoder.head_bytes(model, scenario.precision)
    tensor = scenario.engine.parallelism.tensor_parallel
    return away + of_head(scenario) * head / tensor, there + of_head(scenario) * head


def of_cache(scenario: Scenario) -> Number:
    """Part of the cache [1] that is not on the devices of the layout."""
    o = scenario.offload
    if o.is_off or o.memory == SHARED:
        return 0.0
    layers = of_layers(scenario)
    return layers + (1 - layers) * o.cache


def sent_bytes(scenario: Scenario, tokens: Number) -> Number:
    """Bytes of a sequence's cache [byte] that travel: latents once, and every copy of keys and values."""
    model, precision, devices = scenario.architecture, scenario.precision, scenario.engine.parallelism.tensor_parallel
    total: Number = 0.0
    for block in model.blocks:
        copies = 1.0 if "kv_lora_rank" in block.attention else devices
        total = total + copies * decoder.cache_bytes(replace(model, blocks=(block,)), tokens, precision, copies)
    return total


def handover_seconds(scenario: Scenario, batch: Number) -> Number:
    """Seconds [s] in which the cache of prompts goes from the devices that prefill to those that decode.

    In shared memory it is read and written anew by the processor that decodes; over a network it travels once, and
    copies that devices beyond the KV heads hold travel too. batch [1]: sequences.
    """
    h, w = scenario.handover, scenario.workload
    of_one = sent_bytes(scenario, w.past_tokens + w.prompt_tokens)
    if h.memory == SHARED:
        return h.latency + 2 * batch * of_one / (scenario.device.bandwidth * scenario.engine.efficiency.memory)
    return h.exposed * (h.latency + batch * of_one / h.link)


def handover_line(scenario: Scenario) -> tuple[Number, Number]:
    """Latency [s] of the transfer of a prompt's cache, and seconds [s] of the link for each of its tokens."""
    h, tokens = scenario.handover, scenario.workload.prompt_tokens
    state = sent_bytes(scenario, 0.0)
    each = (sent_bytes(scenario, scenario.workload.past_tokens + tokens) - state) / tokens
    if h.memory == SHARED:
        second = 2 / (scenario.device.bandwidth * scenario.engine.efficiency.memory)
        return h.latency + state * second, each * second
    return h.exposed * (h.latency + state / h.link), h.exposed * each / h.link


def slowed(scenario: Scenario, asked: tuple[Number, Number], concurrent: Number) -> tuple[Number, Number]:
    """Parts [1] by which prefill and decode last longer on two processors that read one memory: both in proportion,
    where together they ask for more than it gives.

    asked [byte/s]: by each of them alone; concurrent [1]: part of the time of one in which the other is busy too.
    """
    reached = scenario.device.bandwidth * scenario.engine.efficiency.memory
    most = larger(larger(*asked), reached)
    prefill, decode = (
        larger((mine + concurrent * other) / most, 1.0) - 1 for mine, other in (asked, (asked[1], asked[0]))
    )
    return prefill, decode


def waiting(scenario: Scenario, part: Number, stream: Number) -> Number:
    """Seconds [s] beyond `part` [s] of multiplying weights that take `stream` [s] to come.

    Reference: llama.cpp, which copies the weights of an operator before it computes it, one after the other
    (ggml_backend_sched_compute_splits).
    """
    return stream - scenario.offload.stream_overlap * smaller(part, stream)
