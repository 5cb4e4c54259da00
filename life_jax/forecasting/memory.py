"""Device memory that a scenario needs, and the largest batch and context that fit."""

from dataclasses import dataclass, replace
from itertools import product

from life_jax.core import schedule
from life_jax.core.numerics import Number, ceil, divide, floor, is_fixed_at, is_nothing, larger, smaller, where
from life_jax.core.scenario import Architecture, Precision, Scenario
from life_jax.core.units import BITS_PER_BYTE
from life_jax.forecasting import speculation
from life_jax.forecasting.step import step_graph
from life_jax.models import decoder, vision
from life_jax.models.tensors import on_one

LOGIT_BYTES = 4  # logits are kept in fp32
FAR = 1e12  # tokens: beyond any window and any context


@dataclass(frozen=True)
class Memory:
    """Memory of each device [byte]; what devices that share every layer hold twice counts on each.

    weights: adapters, vision tower and draft included; kv: cache at the end of generation; activations: peak of
    prefill; runtime: taken by the software; available: what may be used
    """

    weights: Number
    kv: Number
    activations: Number
    runtime: Number
    available: Number

    @property
    def needed(self) -> Number:
        """Weights, cache, activations and runtime together [byte]."""
        return self.weights + self.kv + self.activations + self.runtime

    @property
    def fits(self) -> Number:
        """Whether the memory that is needed is available."""
        return self.needed <= self.available


def memory(scenario: Scenario) -> Memory:
    """Memory of each device, part by part."""
    w = scenario.workload
    return Memory(
        weights=_weights(scenario) + _tower(scenario) + _beside(scenario) + speculation.weight_bytes(scenario),
        kv=_of_one(scenario, w.batch) * cache_bytes(scenario, cached_tokens(scenario)),
        activations=_of_one(scenario, w.batch) * activation_bytes(scenario, w.prompt_tokens),
        runtime=scenario.engine.memory.runtime,
        available=scenario.device.memory * scenario.engine.memory.utilization,
    )


def _devices(scenario: Scenario) -> Number:
    """Devices that share every layer [1]."""
    return scenario.engine.parallelism.tensor_parallel


def _of_one(scenario: Scenario, batch: Number) -> Number:
    """Sequences of the group of devices that attends for most of them [1]."""
    layout = scenario.engine.parallelism
    return batch if is_fixed_at(layout.data_parallel, 1) else ceil(batch / layout.data_parallel)


def _stage(scenario: Scenario) -> Number:
    """Part of the layers [1] that the largest stage of a pipeline has."""
    layout = scenario.engine.parallelism
    if not layout.in_pipeline:
        return 1.0
    layers = sum(block.repeats for block in scenario.architecture.blocks)
    return ceil(layers / layout.pipeline_parallel) / layers


def _weights(scenario: Scenario) -> Number:
    """Bytes of the model's weights on each device of the largest stage [byte]: its layers, and table or head."""
    model, precision, layout = scenario.architecture, scenario.precision, scenario.engine.parallelism
    if layout.only_tensor:
        return decoder.weight_bytes(model, precision, layout.tensor_parallel)
    layers, ends, larger_end = decoder.layer_and_end_bytes(model, precision, layout.tensor_parallel, layout.stage)
    if not layout.in_pipeline:
        return layers + ends
    return _stage(scenario) * layers + where(layout.pipeline_parallel > 1, larger_end, ends)


def _tower(scenario: Scenario) -> Number:
    """Bytes of the vision tower on each device [byte]; an engine does not load it where there are no images."""
    if not scenario.architecture.vision:
        return 0.0
    tower = vision.weight_bytes(scenario.architecture, scenario.precision)
    return (scenario.workload.image_tokens > 0) * on_one(tower, _devices(scenario))


def _beside(scenario: Scenario) -> Number:
    """Bytes of what options keep beside the model's own weights on each device [byte]: adapters."""
    if not scenario.rewrites:
        return 0.0
    graph = step_graph(scenario, schedule.decode(scenario.workload).first)
    return on_one(sum(op.repeats * op.resident for op in graph), _devices(scenario))


def cache_bytes(scenario: Scenario, tokens: Number) -> Number:
    """Bytes on each device of the KV cache and the states of one sequence with `tokens` positions [token] [byte]."""
    layout = scenario.engine.parallelism
    tokens = tokens if is_fixed_at(layout.context_parallel, 1) else tokens / layout.context_parallel
    whole = decoder.cache_bytes(scenario.architecture, tokens, scenario.precision, _devices(scenario))
    whole = _stage(scenario) * whole if layout.in_pipeline else whole
    draft = speculation.draft_scenario(scenario)
    return whole if draft is None else whole + cache_bytes(draft, tokens)


def cached_tokens(scenario: Scenario) -> Number:
    """Positions of one sequence when generation ends [token], those of drafts included."""
    w = scenario.workload
    tokens = w.past_tokens + w.prompt_tokens + w.output_tokens
    return tokens if scenario.speculation.is_off else tokens + speculation.lookahead(scenario.speculation)


def activation_bytes(scenario: Scenario, tokens: Number) -> Number:
    """Peak of one sequence in prefill on each device [byte]: the widest pair of live activations of a chunk, and the
    rows of logits.

    tokens [token]: of the prompt.
    """
    engine = scenario.engine
    if scenario.architecture.reading == "chunks" and not is_nothing(engine.chunks.tokens):
        tokens = smaller(tokens, schedule.chunk_of_one(scenario.workload, engine))
    elif scenario.architecture.reading == "sequence":
        tokens = tokens + scenario.workload.output_tokens
    per_token, last = bytes_of_rows(scenario)
    return tokens * per_token + last


def _sequences(scenario: Scenario, of_one: Number) -> Number:
    """Sequences of the whole layout [1], from those of the group of devices that attends for most."""
    layout = scenario.engine.parallelism
    return of_one if is_fixed_at(layout.data_parallel, 1) else of_one * layout.data_parallel


def bytes_of_rows(scenario: Scenario) -> tuple[Number, Number]:
    """Bytes of activations [byte] for each token that is prefilled at once, and further bytes for the last token of a
    sequence."""
    width = decoder.widest_activation(scenario.architecture, _devices(scenario))
    live = width * scenario.precision.activation_bits / BITS_PER_BYTE
    model = scenario.architecture
    logits = model.vocab_size * LOGIT_BYTES if model.headed else 0.0
    layout = scenario.engine.parallelism
    if not is_fixed_at(layout.context_parallel, 1):
        live = live / layout.context_parallel
    every = scenario.engine.counting.logits == "all" or model.generation != "autoregressive"
    return (live + logits, 0.0) if every else (live, logits)


def room(scenario: Scenario) -> Number:
    """Bytes left for sequences on each device, after weights and runtime [byte]."""
    m = memory(scenario)
    return larger(m.available - m.weights - m.runtime, 0.0)


def max_batch(scenario: Scenario) -> Number:
    """Largest whole number of sequences of this length that fit [1]."""
    engine, prompt = scenario.engine, scenario.workload.prompt_tokens
    per_token, last = bytes_of_rows(scenario)
    alone = cache_bytes(scenario, cached_tokens(scenario)) + last
    chunks = engine.chunks
    whole = is_nothing(chunks.tokens) or scenario.architecture.reading != "chunks"
    if whole or not chunks.shared:
        if scenario.architecture.reading == "sequence":
            prompt = prompt + scenario.workload.output_tokens
        chunk = prompt if whole else smaller(prompt, chunks.tokens)
        return floor(_sequences(scenario, floor(room(scenario) / (alone + chunk * per_token))))
    # together they prefill all that they have, or as much as a chunk takes
    few, many = room(scenario) / (alone + prompt * per_token), (room(scenario) - chunks.tokens * per_token) / alone
    return floor(_sequences(scenario, floor(larger(few, many))))


def max_context(scenario: Scenario) -> Number:
    """Largest number of positions (past, prompt and output) that the cache of each sequence of this batch could have
    [token].

    Activations are those of this prompt: a longer prompt is prefilled in chunks that are no larger. FAR where every
    layer has a window and all windows fit.
    """
    w = scenario.workload
    left = room(scenario) / _of_one(scenario, w.batch) - activation_bytes(scenario, w.prompt_tokens)
    layout = scenario.engine.parallelism
    most = _tokens_in(scenario, left)
    most = most if is_fixed_at(layout.context_parallel, 1) else smaller(most * layout.context_parallel, FAR)
    return floor(larger(most, 0.0))


Kind = tuple[Architecture, Precision, Number, Number]


def _kinds(scenario: Scenario) -> list[Kind]:
    """Each kind of layer alone, of the model and of what drafts for it: its precision, the devices that share it [1],
    and how much of its cache a device holds for a position of its own [1]."""
    model, layout = scenario.architecture, scenario.engine.parallelism
    alone = [replace(model, blocks=(block,)) for block in model.blocks]
    kinds: list[Kind] = [(kind, scenario.precision, layout.tensor_parallel, _stage(scenario)) for kind in alone]
    draft = speculation.draft_scenario(scenario)
    if draft is None:
        return kinds
    return kinds + [(*kind[:3], layout.context_parallel) for kind in _kinds(draft)]


def _tokens_in(scenario: Scenario, room_of_one: Number) -> Number:
    """Inverse of cache_bytes [token]: a sum of a_i min(T, W_i) is the least of 2^n lines, its inverse the greatest."""
    kinds = _kinds(scenario)

    def held(tokens: float) -> list[Number]:
        return [part * decoder.cache_bytes(model, tokens, form, devices) for model, form, devices, part in kinds]

    most, one, least = held(FAR), held(1.0), held(0.0)
    slopes = [a - b for a, b in zip(one, least, strict=True)]
    limits = [a - b for a, b in zip(most, least, strict=True)]
    room_of_one = room_of_one - sum(least)
    best: Number = 0.0
    for full in product((False, True), repeat=len(kinds)):
        slope = sum(a for a, f in zip(slopes, full, strict=True) if not f)
        taken = sum(a for a, f in zip(limits, full, strict=True) if f)
        best = (
            larger(best, divide(room_of_one - taken, slope))
            if not all(full)
            else where(room_of_one >= taken, FAR, best)
        )
    return best
