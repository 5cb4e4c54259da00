"""What an engine divides a model by, and what its messages cost; see files.py for what one field states."""

import dataclasses
from dataclasses import dataclass

from life_jax.config.schema.quantities import count, fraction, number, positive
from life_jax.core.units import MICRO


@dataclass(kw_only=True)
class EngineLayout:
    """Numbers of conf/engine/NAME.yaml about the devices that share a model, and about their messages."""

    link_efficiency: float | None = fraction(
        None, name="part of the interconnect's bandwidth reached", leaf="engine.parallelism.link_efficiency"
    )
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
    redundant_experts: float = number(
        0.0,
        low=0,
        unit="1",
        whole=True,
        name="copies of experts in each layer beside these",
        leaf="engine.parallelism.redundant_experts",
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
    # 20 of the 132 multiprocessors of an H100, DeepEP's default, which vLLM keeps; its kernels for few tokens take none
    exchange_units: float = number(
        0.15,
        low=0,
        high=1,
        unit="1",
        name="part of the processor that an all-to-all of prompts takes while others compute",
        leaf="engine.parallelism.exchange_units",
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
    allreduce_quality: float = positive(1.0, unit="1", name="latency of an all-reduce against the class's")
    stage_layers: list[float] = dataclasses.field(default_factory=list)  # of each stage, where they are not even
    # what it divides a model by (tp, pp, dp, ep); none: it runs on a single device; not known unless said
    layouts: list[str] | None = None
    layouts_source: str = ""
