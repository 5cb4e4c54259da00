"""Device memory that a scenario needs, and the largest batch and context that fit."""

from dataclasses import dataclass, replace
from itertools import product

from life_jax.core import schedule
from life_jax.core.numerics import Number, ceil, divide, floor, is_fixed_at, is_nothing, larger, smaller, where
from life_jax.core.scenario import Architecture, Precision, Scenario
from life_jax.core.units import BITS_PER_BYTE, UNLIMITED
from life_jax.forecasting import places, speculation, weights
from life_jax.forecasting.step import step_graph
from life_jax.models import decoder, vision
from life_jax.models.tensors import on_one

LOGIT_BYTES = 4  # logits are kept in fp32
FAR = 1e12  # tokens: beyond any window and any context


@dataclass(frozen=True)
class Memory:
    """Memory of each device [byte]; what devices that share every layer hold twice counts on each.

    weights: adapters, vision tower and draft included; kv: cache at the end of generation; activations: peak of
    prefill; runtime: taken by the software; available: what all of them may fill; resident: what weights and cache may
    fill; cache_part [1]: part of what the others leave of the available memory that the cache may fill
    """

    weights: Number
    kv: Number
    activations: Number
    runtime: Number
    available: Number
    resident: Number = UNLIMITED
    cache_part: Number = 1.0

    @property
    def needed(self) -> Number:
        """Weights, cache, activations and runtime together [byte]."""
        return self.weights + self.kv + self.activations + self.runtime

    @property
    def claimed(self) -> Number:
        """Memory [byte] that must be available, so that the part which the engine gives to the cache holds it."""
        return self.needed if is_fixed_at(self.cache_part, 1) else self.needed + self.kv * (1 / self.cache_part - 1)

    @property
    def fits(self) -> Number:
        """Whether the memory that is needed is available."""
        within = self.claimed <= self.available
        return within if self._is_unlimited else within & (self.weights + self.kv <= self.resident)

    @property
    def filled(self) -> Number:
        """What must be available over what is [1]: above 1 where it does not fit."""
        part = self.claimed / larger(self.available, 1.0)
        return part if self._is_unlimited else larger(part, (self.weights + self.kv) / larger(self.resident, 1.0))

    @property
    def room(self) -> Number:
        """Memory left for sequences [byte], after weights and runtime."""
        return larger(self.available - self.weights - self.runtime, 0.0)

    def cache_room(self, activations: Number) -> Number:
        """Memory that the cache may fill [byte] beside these activations [byte]; negative where they do not fit."""
        left = (self.available - self.weights - self.runtime - activations) * self.cache_part
        return left if self._is_unlimited else smaller(left, self.resident - self.weights)

    @property
    def _is_unlimited(self) -> bool:
        return is_fixed_at(self.resident, UNLIMITED)


def memory(scenario: Scenario) -> Memory:
    """Memory of each device, part by part."""
    w, device, policy = scenario.workload, scenario.device, scenario.engine.memory
    usable = device.usable_memory
    most = usable if is_fixed_at(policy.utilization, 1) else smaller(device.whole_memory * policy.utilization, usable)
    away, _ = places.weight_bytes(scenario)
    missing = weights.on_disk(scenario)[0] if scenario.offload.is_off else 0.0
    beside = _tower(scenario) + _beside(scenario) + speculation.weight_bytes(scenario)
    return Memory(
        weights=weights.of_one(scenario) - away - missing + beside,
        kv=_of_one(scenario, w.batch) * cache_bytes(scenario, cached_tokens(scenario)),
        activations=activation_bytes(scenario, w.prompt_tokens),
        runtime=policy.runtime,
        available=most,
        resident=UNLIMITED if is_fixed_at(policy.resident, 1) else usable * policy.resident,
        cache_part=policy.cache,
    )


def on_host(scenario: Scenario) -> tuple[Number, Number]:
    """Weights and cache [byte] on the other device of the machine, and the memory [byte] that may hold them."""
    if scenario.offload.is_off:
        return 0.0, UNLIMITED
    host, w = places.on_host(scenario), scenario.workload
    _, there = places.weight_bytes(scenario)
    part = places.of_cache(scenario)
    cached = decoder.cache_bytes(scenario.architecture, cached_tokens(scenario), scenario.precision)
    return there - weights.on_disk(scenario)[0] + part * w.batch * cached, host.device.usable_memory


def tokens_on_host(scenario: Scenario) -> Number:
    """Positions [token] of which the other device of the machine has room for its part of the cache."""
    part = places.of_cache(scenario)
    if is_nothing(part):
        return UNLIMITED
    host, tokens = places.on_host(scenario), cached_tokens(scenario)
    held = places.weight_bytes(scenario)[1] - weights.on_disk(scenario)[0]
    left = host.device.usable_memory - held
    of_one = part * decoder.cache_bytes(scenario.architecture, tokens, scenario.precision)
    return where(part > 0, larger(left, 0.0) * divide(tokens, of_one), UNLIMITED)


def fits(scenario: Scenario) -> Number:
    """Whether the memory that is needed is available, on the other device of the machine too."""
    mine = memory(scenario).fits
    if scenario.offload.is_off:
        return mine
    there, usable = on_host(scenario)
    return 1.0 * mine * (there <= usable) > 0


def _devices(scenario: Scenario) -> Number:
    """Devices that share every layer [1]."""
    return scenario.engine.parallelism.tensor_parallel


def _of_one(scenario: Scenario, batch: Number) -> Number:
    """Sequences of the group of devices that attends for most of them [1]."""
    layout = scenario.engine.parallelism
    return batch if is_fixed_at(layout.data_parallel, 1) else ceil(batch / layout.data_parallel)


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
    whole = weights.largest_stage(scenario) * whole if layout.in_pipeline else whole
    away = places.of_cache(scenario)
    whole = whole if is_nothing(away) else (1 - away) * whole
    draft = speculation.draft_scenario(scenario)
    return whole if draft is None else whole + cache_bytes(draft, tokens)


def cached_tokens(scenario: Scenario) -> Number:
    """Positions of one sequence when generation ends [token], those of drafts included."""
    w = scenario.workload
    tokens = w.past_tokens + w.prompt_tokens + w.output_tokens
    return tokens if scenario.speculation.is_off else tokens + speculation.lookahead(scenario.speculation)


def activation_bytes(scenario: Scenario, tokens: Number) -> Number:
    """Peak of the batch in prefill on each device [byte]: the widest pair of live activations of all tokens that are
    prefilled at once, and the rows of logits; no less than what the engine keeps free for any batch.

    tokens [token]: of each prompt.
    """
    per_token, last = bytes_of_rows(scenario)
    sequences = _of_one(scenario, scenario.workload.batch)
    whole, most = _at_once(scenario, tokens)
    together = sequences * whole
    together = together if is_fixed_at(most, UNLIMITED) else smaller(together, most)
    needed = together * per_token + sequences * last
    if is_nothing(scenario.engine.memory.logit):
        return needed
    return larger(needed, _kept_free(scenario, most * per_token))


def _kept_free(scenario: Scenario, most: Number) -> Number:
    """Bytes on each device [byte] that an engine keeps free because a step of as many tokens and sequences as it may
    run takes them: the tokens' activations, or the logits of every sequence beside what sampling makes of them.

    most [byte]: of the tokens. Reference: vLLM, which runs such a step before it sizes its cache (profile_run of its
    workers): from 128 to 256 sequences Llama 3 takes 1.10 to 1.71 GiB, and from 1 to 128 as much (vllm-project/vllm
    #9003).
    """
    engine, model = scenario.engine, scenario.architecture
    rows = smaller(engine.scheduler.slots, engine.scheduler.budget)
    policy = engine.memory
    sampled = rows * model.vocab_size * policy.logit if model.headed else 0.0
    if is_fixed_at(policy.activation_tokens, UNLIMITED):
        return sampled
    # of engines side by side, those that measure nothing keep nothing, and those that hold any number of tokens no more
    # than is sampled
    held = where(policy.activation_tokens < UNLIMITED, most, 0.0)
    return where(policy.logit > 0, larger(held, sampled), 0.0)


def _at_once(scenario: Scenario, tokens: Number) -> tuple[Number, Number]:
    """Tokens [token] of a prompt that are prefilled at once, and how many of all prompts are at most."""
    engine, reading = scenario.engine, scenario.architecture.reading
    if reading != "chunks":  # every pass reads whole sequences
        return (tokens + scenario.workload.output_tokens if reading == "sequence" else tokens), UNLIMITED
    most = engine.memory.activation_tokens
    if is_nothing(engine.chunks.tokens):
        return tokens, most
    if not engine.chunks.shared:
        return smaller(tokens, engine.chunks.tokens), most
    return tokens, engine.chunks.tokens if is_fixed_at(most, UNLIMITED) else smaller(most, engine.chunks.tokens)


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
    every = scenario.engine.counting.logits == "all" or model.generation in ("none", "diffusion")
    return (live + logits, 0.0) if every else (live, logits * model.denoised)


def max_batch(scenario: Scenario) -> Number:
    """Largest whole number of sequences of this length that fit [1]."""
    m = memory(scenario)
    per_token, last = bytes_of_rows(scenario)
    whole, most = _at_once(scenario, scenario.workload.prompt_tokens)
    cache = cache_bytes(scenario, cached_tokens(scenario))
    alone = cache / m.cache_part + last
    fitting = m.room / (alone + whole * per_token)
    if not is_fixed_at(most, UNLIMITED):  # together they prefill all that they have, or as much as is prefilled at once
        fitting = larger(fitting, (m.room - most * per_token) / alone)
    if not is_nothing(scenario.engine.memory.logit):
        left = larger(m.room - _kept_free(scenario, most * per_token), 0.0)
        fitting = smaller(fitting, left * m.cache_part / larger(cache, 1.0))
    if not is_fixed_at(m.resident, UNLIMITED):
        fitting = smaller(fitting, larger(m.resident - m.weights, 0.0) / larger(cache, 1.0))
    return floor(_sequences(scenario, floor(fitting)))


def max_context(scenario: Scenario) -> Number:
    """Largest number of positions (past, prompt and output) that the cache of each sequence of this batch could have
    [token].

    Activations are those of this prompt: a longer prompt is prefilled in chunks that are no larger. FAR where every
    layer has a window and all windows fit.
    """
    w = scenario.workload
    left = memory(scenario).cache_room(activation_bytes(scenario, w.prompt_tokens)) / _of_one(scenario, w.batch)
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
    held = weights.largest_stage(scenario) * (1 - places.of_cache(scenario))
    kinds: list[Kind] = [(kind, scenario.precision, layout.tensor_parallel, held) for kind in alone]
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
