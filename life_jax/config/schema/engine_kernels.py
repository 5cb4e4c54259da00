"""What an engine's kernels reach and compute; see files.py for what one field states."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from life_jax.config.schema.efficiency_file import VECTOR_MOST
from life_jax.config.schema.quantities import choice, count, fraction, number, positive
from life_jax.core.units import MICRO


@dataclass(kw_only=True)
class EngineKernels:
    """Numbers of conf/engine/NAME.yaml about its kernels: parts of peaks, tiles, formats and threads."""

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
    tile_rows: float = number(
        0.0,
        low=0,
        unit="1",
        name="rows that a matrix kernel computes in vain",
        leaf="engine.effects.matrix_tiles.rows",
    )
    # class: what is reached is what the device's class reaches (conf/efficiency) times the qualities below
    efficiency: str = choice("none", ("none", "class"))
    compute_quality: float = positive(1.0, unit="1", name="matrix kernels of 16-bit weights against the class's")
    attention_quality: float = positive(1.0, unit="1", name="attention kernels against the class's")
    memory_quality: float = positive(1.0, unit="1", name="reached bandwidth against the class's")
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
    score_work_apart: float | None = number(  # of the class of devices unless given
        None,
        low=0,
        unit="1",
        name="vector work of a score of a single query that stands in memory, over that of its softmax",
        leaf="engine.effects.attention_scores.apart",
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
    operator_efficiencies: dict[str, Any] = dataclasses.field(default_factory=dict)
    fusion: list[str] = dataclasses.field(default_factory=list)
