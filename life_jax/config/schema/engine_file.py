"""What software does with a device, as its file says it; see files.py for what one field states."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from life_jax.config.schema.engine_kernels import EngineKernels
from life_jax.config.schema.engine_layout import EngineLayout
from life_jax.config.schema.quantities import choice, count, fraction, number, positive
from life_jax.core.units import GIGA, MICRO, MILLI, NANO

SCOPES = ("op", "total")
LOGITS = ("last", "all")
MIXINGS = ("mixed", "prefill_first")
ADMISSIONS = ("preempt", "reserve")


@dataclass(kw_only=True)
class EngineFile(EngineKernels, EngineLayout):
    """conf/engine/NAME.yaml: how the software uses the device."""

    name: str
    source: str
    # what the engine keeps free, in one of three ways, and where that is written (memory_source)
    memory_utilization: float = fraction(
        1.0,
        name="part of the memory that weights, cache, activations and runtime may fill",
        leaf="engine.memory.utilization",
    )
    resident_utilization: float = fraction(
        1.0, name="part of the memory that weights and cache may fill", leaf="engine.memory.resident"
    )
    cache_utilization: float = fraction(
        1.0, name="part of what the rest leaves that the cache may fill", leaf="engine.memory.cache"
    )
    runtime_gb: float = number(
        0.0, low=0, unit="GB", name="memory taken by the runtime", leaf="engine.memory.runtime", scale=GIGA
    )
    activation_tokens: float | None = count(
        None, name="prompt tokens at most whose activations are held at once", leaf="engine.memory.activation_tokens"
    )
    profiled_logit_bytes: float = number(
        0.0, low=0, unit="byte", name="memory of a logit in the run by which an engine measures activations",
        leaf="engine.memory.logit",
    )  # fmt: skip
    memory_source: str = ""
    whole_memory: bool = False  # of the datasheet, without what systems and displays take
    step_us: float = number(0.0, low=0, unit="us", name="host time of a step", leaf="engine.host.step", scale=MICRO)
    sequence_us: float = number(
        0.0, low=0, unit="us", name="host time of each sequence in a step", leaf="engine.host.sequence", scale=MICRO
    )
    # of a draft model, beyond those of its option: another model behind the same code
    draft_pass_us: float = number(
        0.0, low=0, unit="us", name="host time of a pass of a draft model", leaf="engine.host.draft", scale=MICRO
    )
    draft_call_us: float = number(
        0.0,
        low=0,
        unit="us",
        name="host time of a step that calls a draft model",
        leaf="engine.host.drafting",
        scale=MICRO,
    )
    context_ns: float = number(
        0.0,
        low=0,
        unit="ns",
        name="host time of each token of context of each sequence in a step",
        leaf="engine.host.context",
        scale=NANO,
    )
    split_step_us: float = number(
        0.0,
        low=0,
        unit="us",
        name="host time of a step for each doubling of the devices that share a layer",
        leaf="engine.host.split_step",
        scale=MICRO,
    )
    prompt_launch_us: float = number(
        0.0,
        low=0,
        unit="us",
        name="host time to start an operator of a step with prompts, one by one",
        leaf="engine.host.launch",
        scale=MICRO,
    )
    request_ms: float = number(
        0.0, low=0, unit="ms", name="host time of a request", leaf="engine.host.request", scale=MILLI
    )
    # in place of it where a published measurement is known to be of a first call (conf/alias/source.yaml)
    cold_request_ms: float | None = number(None, low=0, unit="ms", name="host time of a request that nothing warmed up")
    # today's build unless given; of an earlier one the file is another (engine_names.build_of), and of one newer than
    # any that was measured the interval is wider
    year: float | None = number(None, low=2020, high=2100, unit="year", name="year that the build is of")
    chunk_tokens: float | None = count(
        None, name="tokens of a prompt that are prefilled at once", leaf="engine.chunks.tokens"
    )
    # programs of NPUs have fixed shapes: positions that are not filled are masked, not left out
    graph_tokens: float | None = count(
        None, name="positions that a compiled program attends in every pass", leaf="engine.chunks.graph"
    )
    chunk_shared: bool = False  # the sequences of a batch share a chunk's tokens, else each has as many
    token_budget: float | None = positive(
        None, unit="token", name="tokens of a step under load, at most", leaf="engine.scheduler.budget", whole=True
    )
    max_sequences: float | None = count(
        None, name="requests that run together under load, at most", leaf="engine.scheduler.slots"
    )
    # where a server's defaults follow the memory of its devices: [{memory_gb: at least, token_budget, max_sequences,
    # activation_tokens, except: [names]}, ...], of which the first that holds is taken for what is not typed
    memory_tiers: list[Any] = dataclasses.field(default_factory=list)
    cache_block: float = count(
        1.0, name="tokens of the cache that prompts share as a whole", leaf="engine.scheduler.block"
    )
    planned_ahead: float = number(
        0.0,
        low=0,
        high=2,
        name="steps that are planned while an earlier one runs",
        leaf="engine.scheduler.ahead",
        whole=True,
    )
    receive_interval: float = count(
        1.0, name="decode steps from one look for new requests to the next", leaf="engine.scheduler.interval"
    )
    mixing: str = choice("mixed", MIXINGS)  # prompts share steps with decoding sequences, or go first alone
    admission: str = choice("preempt", ADMISSIONS)  # room for a prompt, or for its whole output too, lets it start
    logits: str = choice("last", LOGITS)  # positions of a prompt whose logits are computed
    power_cap: bool = False  # no step is faster than the device's power limit allows
    # deviation of the logarithm of measured over forecast ttft, tpot and e2e, of an engine that is calibrated
    spreads: dict[str, float] = dataclasses.field(default_factory=dict)
    roofline_scope: str = choice("op", SCOPES)
    # where it runs: vendors and classes of devices ("NVIDIA gpu_dc", "NVIDIA", "cpu"), anywhere unless said; formats of
    # files that it reads (gguf, mlx, mlc, exl, hub), any unless said; and where that is written
    runs_on: list[str] = dataclasses.field(default_factory=list)
    formats: list[str] = dataclasses.field(default_factory=list)
    runs_source: str = ""
    notes: str = ""
