"""What software does with a device, as its file says it, and what its class reaches; see files.py for what one field
states."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from life_jax.config.schema.quantities import choice, count, fraction, number, positive
from life_jax.core.units import GIGA, MICRO, MILLI, NANO

OTHER_CLASS = "other"  # conf/efficiency of devices whose class was never measured
VECTOR_MOST = 4.0  # bytes for each number of fp32
SCOPES = ("op", "total")
LOGITS = ("last", "all")
MIXINGS = ("mixed", "prefill_first")
ADMISSIONS = ("preempt", "reserve")


@dataclass(kw_only=True)
class EfficiencyFile:
    """conf/efficiency/CLASS.yaml: what software usually reaches on a class of devices.

    The spreads say how far forecasts of sources that a fit had not seen were off: 80 % of the measured
    cells lie within a factor exp(1.2816 spread).
    """

    name: str
    source: str
    compute_efficiency: float = fraction(name="part of the peak matrix rate reached by linear layers")
    attention_efficiency: float = fraction(name="part of the peak matrix rate reached by attention")
    memory_efficiency: float = fraction(name="part of the peak bandwidth reached")
    dispatch_factor: float = number(low=0, unit="1", name="cost of a kernel over the device's dispatch")
    link_efficiency: float = fraction(name="part of the interconnect's bandwidth reached")
    allreduce_us: float = number(low=0, unit="us", name="latency of one hop of an all-reduce")
    roof_smoothness: float = number(low=0, high=2, unit="1", name="overlap of compute and memory")
    core_bandwidth: float | None = positive(
        None, unit="1", name="bandwidth that one core of many draws, over its even part"
    )  # of CPUs
    meeting_us: float | None = number(
        None, low=0, unit="us", name="time in which the threads of a CPU meet, beside its dispatch"
    )
    # above 1 where what is counted as floating point runs on bytes: CPUs unpack quantized weights so
    vector_efficiency: float = positive(unit="1", high=VECTOR_MOST, name="part of the peak vector rate reached")
    ttft_spread: float = positive(unit="1", name="deviation of the logarithm of measured over forecast TTFT")
    tpot_spread: float = positive(unit="1", name="deviation of the logarithm of measured over forecast TPOT")
    e2e_spread: float = positive(unit="1", name="deviation of the logarithm of measured over forecast totals")
    notes: str = ""


@dataclass(kw_only=True)
class EngineFile:
    """conf/engine/NAME.yaml: how the software uses the device."""

    name: str
    source: str
    # parts of the peaks that are reached; where none is given, those of the device's class times the quality of the
    # engine's kernels (efficiency: class), or all
    compute_efficiency: float | None = fraction(
        None, name="part of the peak matrix rate reached by linear layers", leaf="engine.efficiency.compute"
    )
    attention_efficiency: float | None = fraction(
        None, name="part of the peak matrix rate reached by attention", leaf="engine.efficiency.attention"
    )
    vector_efficiency: float | None = positive(
        None, unit="1", high=VECTOR_MOST, name="part of the peak vector rate reached", leaf="engine.efficiency.vector"
    )
    memory_efficiency: float | None = fraction(
        None, name="part of the peak bandwidth reached", leaf="engine.efficiency.memory"
    )
    link_efficiency: float | None = fraction(
        None, name="part of the interconnect's bandwidth reached", leaf="engine.parallelism.link_efficiency"
    )
    dispatch_factor: float | None = number(
        None, low=0, unit="1", name="cost of a kernel over the device's dispatch", leaf="engine.efficiency.dispatch"
    )
    roof_smoothness: float | None = number(
        None,
        low=0,
        high=2,
        unit="1",
        name="overlap of compute and memory: 0 perfect (max), 2 none (sum)",
        leaf="engine.efficiency.roof_smoothness",
    )
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
    memory_source: str = ""
    whole_memory: bool = False  # of the datasheet, without what systems and displays take
    kv_efficiency: float = positive(  # above 1 where the cache holds fewer bits than the forecast says
        1.0,
        unit="1",
        name="bandwidth that the KV cache gets over that of weights",
        leaf="engine.effects.cache_traffic.efficiency",
    )
    kv_reread: float = number(
        0.0,
        low=0,
        high=1,
        unit="1",
        name="part of the reads of the KV cache that each query head of a group repeats",
        leaf="engine.effects.cache_traffic.reread",
    )
    fp8_convert_flops: float = number(
        0.0,
        low=0,
        unit="FLOP",
        name="vector work to widen an element of an fp8 cache, for each query head, without units for fp8",
        leaf="engine.effects.cache_conversion.flops",
    )
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
    request_ms: float = number(
        0.0, low=0, unit="ms", name="host time of a request", leaf="engine.host.request", scale=MILLI
    )
    # in place of it where a published measurement is known to be of a first call (conf/alias/source.yaml)
    cold_request_ms: float | None = number(None, low=0, unit="ms", name="host time of a request that nothing warmed up")
    tensor_parallel: float = count(1.0, name="devices that share each layer", leaf="engine.parallelism.tensor_parallel")
    pipeline_parallel: float = count(
        1.0, name="stages of a pipeline, each with a part of the layers", leaf="engine.parallelism.pipeline_parallel"
    )
    data_parallel: float = count(
        1.0,
        name="groups of devices that attend for their own sequences",
        leaf="engine.parallelism.data_parallel",
    )
    context_parallel: float = count(
        1.0,
        name="groups of devices that share the tokens of each sequence",
        leaf="engine.parallelism.context_parallel",
    )
    expert_parallel: float = count(
        1.0,
        name="parts of the experts, each on some of a stage's devices",
        leaf="engine.parallelism.expert_parallel",
    )
    micro_batches: float = number(
        0.0,
        low=0,
        unit="1",
        whole=True,
        name="parts of a batch in a pipeline, 0: as many as stages",
        leaf="engine.parallelism.micro_batches",
    )
    expert_spread: float = number(
        0.0,
        low=0,
        unit="1",
        name="spread of the experts' popularity that replicas leave",
        leaf="engine.parallelism.expert_spread",
    )
    data_spread: float = number(
        0.0,
        low=0,
        high=1,
        unit="1",
        name="1: sequences go to groups at random, 0: evenly",
        leaf="engine.parallelism.data_spread",
    )
    overlap: float = number(
        0.0,
        low=0,
        high=1,
        unit="1",
        name="part of messages or computation, the shorter, that is hidden",
        leaf="engine.parallelism.overlap",
    )
    # all-to-all of tokens inside a node: 13 to 22 us and 0.46 to 0.64 of the links (tables of aiconfigurator, H100;
    # DeepEP, low latency, 8 ranks)
    exchange_us: float = number(
        13.0,
        low=0,
        unit="us",
        name="latency of an all-to-all inside a node",
        leaf="engine.parallelism.exchange_latency",
        scale=MICRO,
    )
    exchange_efficiency: float = fraction(
        0.55, name="part of the links reached by an all-to-all", leaf="engine.parallelism.exchange_efficiency"
    )
    # DeepEP's normal kernels: 153 and 158 GB/s with 4096 tokens on each of 8 ranks, of which its own benchmark
    # counts one eighth that stays on its device, over 200 GB/s
    bulk_exchange_efficiency: float = fraction(
        0.68,
        name="part of the links reached by an all-to-all of prompts",
        leaf="engine.parallelism.bulk_exchange_efficiency",
    )
    # scripts/fit_collectives.py on DeepEP's published times of 16 to 256 ranks
    network_us: float = number(
        27.0,
        low=0,
        unit="us",
        name="latency of a message between nodes",
        leaf="engine.parallelism.network_latency",
        scale=MICRO,
    )
    network_efficiency: float = fraction(
        0.87, name="part of the network's bandwidth reached", leaf="engine.parallelism.network_efficiency"
    )
    # today's build unless given; of an earlier one the file is another (engine_names.build_of), and of one newer than
    # any that was measured the interval is wider
    year: float | None = number(None, low=2020, high=2100, unit="year", name="year that the build is of")
    threads: float | None = count(  # as many as the CPU has cores unless given
        None, name="threads of a CPU that compute, each on its own core", leaf="engine.effects.cpu_threads.threads"
    )
    core_bandwidth: float | None = positive(
        None,
        unit="1",
        name="bandwidth that one core of many draws, over its even part",
        leaf="engine.effects.cpu_threads.core_bandwidth",
    )
    serial_part: float = number(
        0.0,
        low=0,
        high=1,
        unit="1",
        name="part of the work of one CPU thread that more threads do not divide",
        leaf="engine.effects.cpu_threads.serial_part",
    )
    meeting_us: float | None = number(
        None,
        low=0,
        unit="us",
        name="time in which the threads of a CPU meet, beside its dispatch",
        leaf="engine.effects.cpu_threads.meeting",
        scale=MICRO,
    )
    allreduce_us: float | None = number(
        None,
        low=0,
        unit="us",
        name="latency of one hop of an all-reduce",
        leaf="engine.parallelism.allreduce_latency",
        scale=MICRO,
    )
    allreduce_growth: float = number(
        1.0,
        low=0,
        high=1,
        unit="1",
        name="latency that each doubling of the devices adds to an engine's own all-reduce (1: it has none)",
        leaf="engine.parallelism.allreduce_growth",
    )
    in_switch: float = number(
        0.0,
        low=0,
        high=1,
        unit="1",
        name="1: the library of its all-reduces lets switches reduce, which can",
        leaf="engine.parallelism.in_switch",
    )
    tile_rows: float = number(
        0.0,
        low=0,
        unit="1",
        name="rows that a matrix kernel computes in vain",
        leaf="engine.effects.matrix_tiles.rows",
    )
    chunk_tokens: float | None = count(
        None, name="tokens of a prompt that are prefilled at once", leaf="engine.chunks.tokens"
    )
    chunk_shared: bool = False  # the sequences of a batch share a chunk's tokens, else each has as many
    token_budget: float = positive(
        2048.0, unit="token", name="tokens of a step under load, at most", leaf="engine.scheduler.budget", whole=True
    )
    max_sequences: float = count(
        256.0, name="requests that run together under load, at most", leaf="engine.scheduler.slots"
    )
    cache_block: float = count(
        1.0, name="tokens of the cache that prompts share as a whole", leaf="engine.scheduler.block"
    )
    mixing: str = choice("mixed", MIXINGS)  # prompts share steps with decoding sequences, or go first alone
    admission: str = choice("preempt", ADMISSIONS)  # room for a prompt, or for its whole output too, lets it start
    logits: str = choice("last", LOGITS)  # positions of a prompt whose logits are computed
    power_cap: bool = False  # no step is faster than the device's power limit allows
    # class: what is reached is what the device's class reaches (conf/efficiency) times the qualities below
    efficiency: str = choice("none", ("none", "class"))
    compute_quality: float = positive(1.0, unit="1", name="matrix kernels of 16-bit weights against the class's")
    attention_quality: float = positive(1.0, unit="1", name="attention kernels against the class's")
    memory_quality: float = positive(1.0, unit="1", name="reached bandwidth against the class's")
    allreduce_quality: float = positive(1.0, unit="1", name="latency of an all-reduce against the class's")
    dispatch_quality: float = positive(1.0, unit="1", name="cost of a kernel against the class's")
    # kernels whose weights are narrower than 16 bit, against those of 16 bit; down to 6.6 bit counts as 8-bit
    compute_8bit: float = positive(
        1.0,
        unit="1",
        name="matrix kernels of 8-bit weights over those of 16 bit",
        leaf="engine.effects.kernel_quality.compute_8bit",
    )
    compute_4bit: float = positive(
        1.0,
        unit="1",
        name="matrix kernels of 4-bit weights over those of 16 bit",
        leaf="engine.effects.kernel_quality.compute_4bit",
    )
    compute_experts: float = positive(
        1.0,
        unit="1",
        name="matrix kernels of many experts over those of one matrix",
        leaf="engine.effects.kernel_quality.experts",
    )
    memory_quantized: float = positive(
        1.0,
        unit="1",
        name="bandwidth of quantized weights over that of 16 bit",
        leaf="engine.effects.kernel_quality.memory",
    )
    unpack_work: float = number(
        1.0,
        low=0,
        unit="1",
        name="vector work to unpack quantized weights over what their formats say",
        leaf="engine.effects.weight_unpacking.work",
    )
    vector_rows: float = number(
        0.0,
        low=0,
        unit="1",
        name="rows that a matrix-vector kernel takes at once, on the vector units",
        leaf="engine.effects.matrix_tiles.vector_rows",
    )
    # llama.cpp for CUDA: one (ggml_cuda_mul_mat_id)
    expert_vector_tokens: float = number(
        1.0,
        low=0,
        unit="1",
        name="tokens of a step that a matrix-vector kernel of experts takes at once",
        leaf="engine.effects.matrix_tiles.expert_vector_tokens",
    )
    block_work: float = number(
        0.0,
        low=0,
        unit="1",
        name="vector work beside each FLOP of products of quantized weights",
        leaf="engine.effects.matrix_tiles.block_work",
    )
    elementwise_efficiency: float = fraction(
        1.0, name="bandwidth of element-wise operators over that of products", leaf="engine.efficiency.elementwise"
    )
    # which published rates matrix kernels use, the first that the device has: of 16-bit weights and of attention
    # before fp16, bf16 and fp32, of quantized weights (weight-only) before those of 16 bit
    half_units: list[str] = dataclasses.field(default_factory=list)
    quantized_units: list[str] = dataclasses.field(default_factory=list)
    attention_units: list[str] = dataclasses.field(default_factory=list)
    # units that start with bf16, on a device that has fp16 alone
    bf16_emulation: float = fraction(1.0, name="part of the fp16 rate that is reached in bf16 without units for it")
    # from more rows than this on, quantized weights are written out at 16 bit before they are multiplied
    expand_rows: float | None = number(
        None,
        low=0,
        unit="1",
        name="rows up to which quantized weights are expanded on the fly",
        leaf="engine.effects.weight_expansion.rows",
    )
    attention_lanes: float = number(
        0.0,
        low=0,
        unit="1",
        name="parts of the device among which heads of attention are spread",
        leaf="engine.effects.attention_lanes.lanes",
    )
    score_work: float = number(
        0.0,
        low=0,
        unit="1",
        name="vector work of a score of a single query over that of its softmax",
        leaf="engine.effects.attention_scores.single",
    )
    cache_shared: float = number(
        0.0,
        low=0,
        high=1,
        unit="1",
        name="part of the other sequences' positions that a query scores in vain",
        leaf="engine.effects.shared_cache.share",
    )
    repack_flops: float = number(
        0.0,
        low=0,
        unit="FLOP",
        name="vector work on each weight that a product reads, whatever its format",
        leaf="engine.effects.weight_unpacking.repack_flops",
    )
    # by operator: {gemm: {compute: 0.6}, bmm: [{shape: [32, 128, 128], compute: 0.5, memory: 0.7}, ...]}
    # deviation of the logarithm of measured over forecast ttft, tpot and e2e, of an engine that is calibrated
    spreads: dict[str, float] = dataclasses.field(default_factory=dict)
    operator_efficiencies: dict[str, Any] = dataclasses.field(default_factory=dict)
    roofline_scope: str = choice("op", SCOPES)
    stage_layers: list[float] = dataclasses.field(default_factory=list)  # of each stage, where they are not even
    fusion: list[str] = dataclasses.field(default_factory=list)
    # where it runs: vendors and classes of devices ("NVIDIA gpu_dc", "NVIDIA", "cpu"), anywhere unless said; formats of
    # files that it reads (gguf, mlx, mlc, exl, hub), any unless said; and where that is written
    runs_on: list[str] = dataclasses.field(default_factory=list)
    formats: list[str] = dataclasses.field(default_factory=list)
    runs_source: str = ""
    # what it divides a model by (tp, pp, dp, ep); none: it runs on a single device; not known unless said
    layouts: list[str] | None = None
    layouts_source: str = ""
    notes: str = ""
