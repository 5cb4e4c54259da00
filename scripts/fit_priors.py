"""What is expected of classes, engines and devices before anything is measured: priors of scripts/fit_efficiency.py.

Each is a median, with the deviation of its logarithm. *Sourced* ones come from kernel timings, published host times or
the software's own text, none of which is a row of the panels: SOURCED_CLASSES and the tables below `# sourced`. The
rest are *chosen*: assumptions from what is known of the software, which may have been made with rows in view. In a
judgement with neutral priors (`constants(..., neutral=True)`) chosen ones are one median and a wide deviation for all.
"""

from pathlib import Path

from engine_families import FAMILIES
from panel_model import Constants, pairs

from life_jax.config.schema.efficiency_file import VECTOR_MOST

ROOT = Path(__file__).resolve().parents[1]
OTHER = {"other": 1.0}

# What tuned software reaches: (compute, attention, memory). GPUs of data centres, GeForce, AMD, Apple, Intel, NPUs
# and CPUs: defaults of the modelling reference, 6.3, fitted there to kernel timings; NPUs reach less of a package than
# of their own interface, which is their bandwidth here: 0.7 [assumption]; mobile: 0.55 of the package [assumption].
CLASSES = {
    "gpu_dc": (0.80, 0.60, 0.84), "gpu_dc_amd": (0.60, 0.45, 0.70), "gpu_dc_intel": (0.60, 0.40, 0.60),
    "gpu_consumer": (0.80, 0.60, 0.84),
    # RTX 40, RTX Ada, L4 and L40: 24 to 96 MB of L2 where the Ampere cards before have 2 to 6 (NVIDIA's whitepapers)
    "gpu_ada": (0.80, 0.60, 0.84),
    "gpu_turing": (0.60, 0.50, 0.80),
    # memory: decode of a 7B model in Q4_0 and Q4_K_S on a P40 draws 0.62 of it, launches included (56 and 54 tokens/s,
    # ggml-org/llama.cpp#4766)
    "gpu_no_matrix_units": (0.80, 0.50, 0.65),
    "gpu_consumer_amd": (0.60, 0.40, 0.78), "accel_dc": (0.80, 0.50, 0.84),
    "tpu": (0.65, 0.40, 0.75), "edge_gpu": (0.60, 0.50, 0.75), "apple_soc": (0.72, 0.50, 0.84),
    # M1 and M2 Max and Ultra, whose GPUs draw less of a wide memory: a copy on an M1 Max reached 318 of 410 GB/s, on an
    # M1 all of it (ggml-org/llama.cpp#1642)
    "apple_soc_max": (0.72, 0.50, 0.84),
    "apple_soc_m3": (0.72, 0.50, 0.84),  # from M3 on: registers by need, pipelines side by side (Apple, 2023)
    "igpu": (0.40, 0.25, 0.65), "igpu_amd": (0.60, 0.30, 0.80),
    # Xe2 and Xe3, whose matrix units are those of Arc cards: kernels of a B60 reach 0.90, 0.64 and 0.88 of its peaks
    # (the reference, from aiconfigurator's tables), those of laptops less within their power [assumption]
    "igpu_xmx": (0.80, 0.55, 0.80),
    "cpu": (0.80, 0.20, 0.65),
    # of the datasheet's bandwidth of all channels, of which one process of many threads draws less
    "cpu_server": (0.80, 0.20, 0.40),
    # a bandwidth that was read on the machine (scripts/measure_host.py), not a datasheet's: decode of 16-bit weights
    # reaches 0.93 of it on the EPYC below
    "cpu_measured": (0.80, 0.20, 0.93),
    "npu": (0.30, 0.20, 0.70), "npu_mobile": (0.30, 0.20, 0.55), "mobile_soc": (0.30, 0.20, 0.55),
}  # fmt: skip
# of these the reference fitted kernel timings (A100, H100, H200, B200, RTX PRO 6000, Arc B60) or read a library's
# (hipBLASLt)
# The RTX PRO 6000, from which GeForce cards have theirs, has 128 MB of L2
SOURCED_CLASSES = ("gpu_dc", "gpu_consumer", "gpu_ada", "igpu_amd", "igpu_xmx", "cpu_measured")
SOURCED_MEMORY = ("gpu_no_matrix_units",)
NEUTRAL_CLASS = (0.60, 0.40, 0.78)
# deviations that the same table gives to classes of which it knows little (CPUs, with 0.35, did worse with that)
WEAK = {"igpu_xmx": 0.3, "gpu_dc_amd": 0.3, "accel_dc": 0.2, "npu": 0.4, "npu_mobile": 0.4}
# CPUs unpack bytes: four to a lane of fp32. Each further row up to eight of a quantized product costs 1.3 ms of an 8B
# model in Q4_0 on a RTX 3090 (ggml-org/llama.cpp#15802), 1.4 ms of a 7B model in Q2_K (#5434): what 6.2 and 7.6 FLOP in
# fp32 take for each weight, of which 2.6 and 3.2 are counted (`unpack_work` of llama_cpp_cuda); 10 ms of a 7B model in
# Q6_K on a RX 6800 (#5434): 24 FLOP, of which 10 are counted
VECTOR = {
    "cpu": 1.0,
    "cpu_measured": 1.0,
    "cpu_server": 1.0,
    "gpu_consumer": 0.42,
    "gpu_ada": 0.42,
    "gpu_consumer_amd": 0.42,
    "igpu_amd": 0.42,
    # Turing and the A100 have as many lanes for integers beside those for fp32, which GeForce cards since Ampere count
    # as fp32 and share (NVIDIA's architecture papers): twice as much for the same number; an H100 half as many
    "gpu_turing": 0.84,
    "gpu_dc": 0.63,
    "other": 0.5,
}
# of which conf/device_class.yaml has the time of a dispatch from kernel timings; that of others is an assumption
READ_DISPATCH = ("gpu_dc", "gpu_consumer", "gpu_ada", "igpu_xmx", "gpu_consumer_amd", "igpu_amd")
READ_ON_VECTORS = dict.fromkeys(("gpu_consumer", "gpu_ada", "gpu_consumer_amd", "igpu_amd"), 0.1)
READ_ON_VECTORS |= {"gpu_turing": 0.3, "gpu_dc": 0.3}
# one hop of an all-reduce [us]: NVLink 3.6 (7, 11 and 18 us for 2, 4 and 8 H100), over PCIe 7 (RTX PRO 6000) and 12
# (Arc Pro B60), as the reference reads them in kernel tables (4.1); Gaudi's are over Ethernet: 10 [assumption]
HOP = {"gpu_dc": 3.6, "accel_dc": 10.0, "gpu_dc_intel": 12.0}

# a message of a few rows under NCCL over the same by kernels that engines have for it (flashinfer-ai/flashinfer#5023:
# 2.0 to 2.9 times); those hops are of such kernels
NCCL = ("faster_transformer", "megatron", "deepspeed", "tgis", "vllm_2023", "lmdeploy", "hf_eager")
COLLECTIVE = dict.fromkeys(NCCL, 2.0)
# Engines against what their class reaches [assumptions, from what is known of their kernels]: 1 where not listed
COMPUTE = {
    "llama_cpp_cuda": 0.8, "llama_cpp_cuda_2025": 0.8, "llama_cpp_cuda_2024": 0.8, "llama_cpp_hip": 0.8,
    "llama_cpp_hip_tile": 0.8, "llama_cpp_hipblas": 0.4, "llama_cpp_hipblas_2025": 0.4, "llama_cpp_vulkan": 0.6,
    "llama_cpp_vulkan_amdvlk": 0.6, "llama_cpp_opencl": 0.3, "tgis": 0.6, "megatron": 0.5,
    "deepspeed": 0.8, "hf_eager": 0.8, "vllm_2023": 0.8, "mlc_llm": 0.6, "tinychat": 0.6, "exllama": 0.6,
    "gpt_fast": 0.6,
}  # fmt: skip
# PyTorch on one core of an EPYC (torch 2.14): products reach 0.9 of the peak from 128 rows on, where the class's
# constant is llama.cpp's; one row reads 10 GB/s of bf16, which is the core's work, not the memory (repack_flops of its
# file); the cache grows by copies. Twelve times of Qwen3-0.6B (scripts/measure_host.py) are met within 3 and 9 %
COMPUTE |= {"hf_eager_cpu": 1.125}
# eager PyTorch, as it was measured there, and as its code says (repeat_kv copies keys and values for every head)
SOURCED_ENGINES = ("hf_eager_cpu", "hf_eager")
SOURCED_PROGRAMS = ("fastflowlm", "qairt", "rkllm", "openvino")  # launches, repeated reads, by what programs are
CACHE = {"hf_eager_cpu": 0.1}
# bf16 over fp16 on GPUs without bf16: a prompt at 133 against 178 tokens/s on an M2 Max (raullenchai/Rapid-MLX#3154);
# others read 0.6 (M2 Pro, kernels; #3058 there) and 0.83 (M2 Max, a mixture of experts; jundot/omlx#604)
EMULATED = 0.75
# engines that run the kernels which the numbers of classes were read from: FlashAttention, FlashInfer, TensorRT-LLM's
FUSED = (
    "vllm", "vllm_2024", "vllm_2023", "tensorrt_llm_2024", "faster_transformer", "lmdeploy", "tgis", "megatron",
    "deepspeed", "gpt_fast", "exllamav3",
)  # fmt: skip
ATTENTION = dict.fromkeys(FUSED, 1.0) | {"llama_cpp_hipblas_2025": 0.3}  # on the vector units [assumption]
# kernels reach 0.60 (A100), 0.66 (Arc B60) and 0.65 (H100) of the peak in prefill (scripts/fit_kernels.py): 0.1 of the
# logarithm; what an engine adds to that differs more [assumption]. Short prompts do not tell it, and must not: where it
# could go anywhere (1.0), whatever else they take was put on it, and long ones were forecast 2.5 times too slow
ATTENTION_SPREAD = 0.35
# grouped products over dense ones: A100, H100 and B200 in the reference, 1.5; llama.cpp's own kernels: Gemma 4 26B-A4B
# in steps of 128 to 2048 tokens on a RTX 3090 (ggml-org/llama.cpp#22298); on Apple's GPUs tiles alone [assumption]
EXPERTS = {"llama_cpp_cuda": 0.35, "other": 0.55}
EXPERTS |= dict.fromkeys(("llama_cpp_cuda_2025", "llama_cpp_hip", "llama_cpp_hip_tile"), 0.38)
EXPERTS |= dict.fromkeys(("llama_cpp_metal", "llama_cpp_metal_2024", "mlx"), 0.9)
# kernels launched one by one cost more than the device's dispatch, those of a graph or a static program less
LAUNCH = {"hf_eager": 2.0, "hf_eager_cpu": 2.0, "deepspeed": 2.0}
# Python calls every kernel: some 10 us of the host for each (PyTorch on CUDA graphs, 2021) [recalled], of which a
# GPU of a data centre has 3.5
EAGER = ("tgis", "megatron", "vllm_intel")
LAUNCH |= dict.fromkeys(EAGER, 2.9)
LAUNCH |= {"llama_cpp_cuda_2024": 2.0, "faster_transformer": 2.0}  # without CUDA graphs (llama.cpp: from May 2024)
LAUNCH |= {
    "tensorrt_llm_2024": 0.9,
    "vllm": 0.9,
    "vllm_2024": 0.9,
    "vllm_2023": 0.9,
    "gpt_fast": 0.9,
    "lmdeploy": 1.0,
    # two programs of the NPU are a layer, some ten operators (attn.xclbin, layer.xclbin of models in
    # FastFlowLM's repository)
    "fastflowlm": 0.2,
    # a model is compiled to a few programs, each of many layers (context binaries of QAIRT, .rkllm files) [derived]
    "qairt": 0.1,
    "rkllm": 0.1,
    # Arc's 15 us are a launch that is waited for. OpenVINO queues a pass ahead of the GPU (its host has done so half
    # way through the pass, openvinotoolkit/openvino#25575), which leaves what lies between queued kernels, 2.5 to 5 us
    # on other GPUs [derived]; the builds of 2024 took 10 ms of the host for it, in which small models wait
    "openvino": 0.3,
}
NPUS = ("fastflowlm", "qairt")  # tiles come through DMA, programs are started
# ggml's graphs, kernels over operators as they are counted here [derived]. Without fusion a norm is rms_norm and mul,
# the activation two kernels, rotation and growth of the cache four, and CUDA's quantized products first write their
# input as bytes: 31 for 17 operators with unfused attention, 24 under Metal, which does not. Since then a norm is one
# with the sum before it (ggml-org/llama.cpp#14800, #15631, #16220), gate and activation are in decode (#16715),
# rotation and growth are (#16977): 17 for 12, 14 where inputs stay as they are
GGML_OLD = ("llama_cpp_cuda_2024", "llama_cpp_cuda_2025", "llama_cpp_metal_2024", "llama_cpp_hipblas")
GGML_OLD += ("llama_cpp_hipblas_2025", "llama_cpp_opencl")
GGML_NEW = ("llama_cpp_cuda", "llama_cpp_hip", "llama_cpp_hip_tile", "llama_cpp_metal")
GGML_NEW += ("llama_cpp_vulkan", "llama_cpp_vulkan_amdvlk")
LAUNCH |= dict.fromkeys(("llama_cpp_cuda_2024", "llama_cpp_cuda_2025", "llama_cpp_hipblas"), 1.8)
LAUNCH |= {"llama_cpp_hipblas_2025": 1.5, "llama_cpp_metal_2024": 1.4, "llama_cpp_opencl": 1.4}
LAUNCH |= dict.fromkeys(("llama_cpp_cuda", "llama_cpp_hip", "llama_cpp_hip_tile"), 1.4) | {"llama_cpp_metal": 1.2}
LAUNCH |= dict.fromkeys(("llama_cpp_vulkan", "llama_cpp_vulkan_amdvlk"), 1.05)
# its activations are fp32, twice as wide as counted, and each of these kernels is a pass. With h and f the widths of a
# layer and of its FFN, an element takes: norms 16 h each, sums 12 h, rotation 8 h, heads side by side 8 h, the
# activation 20 f, inputs of products as bytes 31 h + 5 f, outputs of products 23 h more than counted; fused, norms with
# their sums are 16 h, the activation 12 f. Counted are 24 h + 6 f, fused 20 h + 6 f; f = 4 h, of either 0.8 [derived]
ELEMENTWISE = dict.fromkeys(NPUS, 0.4) | dict.fromkeys(GGML_OLD, 0.17) | dict.fromkeys(GGML_NEW, 0.22)
ELEMENTWISE |= {"llama_cpp_metal_2024": 0.22, "llama_cpp_opencl": 0.22}
ELEMENTWISE |= dict.fromkeys(("llama_cpp_metal", "llama_cpp_vulkan", "llama_cpp_vulkan_amdvlk"), 0.32)
# part of the cache's reads that each query head repeats: kernels with a block per query head, or that first copy keys
# and values for every head (vLLM's own, until it took FlashAttention in 2024); FastFlowLM's kernels are made per group
# (names of its library, ROCm/FastFlowLM#449)
REREAD = {
    "hf_eager": 0.9,
    "hf_eager_cpu": 0.9,
    "deepspeed": 0.5,
    "deepspeed_gaudi": 0.5,
    "vllm_2023": 0.3,
    "vllm_intel": 0.5,
}
REREAD |= {"fastflowlm": 0.01, "tensorrt_llm_2024": 0.05, "llama_cpp_metal_2024": 0.9}
# half of the rows of their kernels' tiles
# llama.cpp on HIP: an 8B model in Q4_1 in steps of 16 to 128 rows, Radeon 8060S (ggml-org/llama.cpp#17576), within 7 %
# llama.cpp on CUDA: steps of 8 and of 16 rows of an 8B model in Q4_0 take the same 18.2 ms on a RTX 3090
# (ggml-org/llama.cpp#17505), the first in matrix-vector kernels
TILES = {
    "llama_cpp_cuda": 48.0,
    "llama_cpp_cuda_2025": 48.0,
    "llama_cpp_hip": 12.0,
    "llama_cpp_hip_tile": 12.0,
    "openvino": 12.0,
    "llama_cpp_metal": 16.0,
    "llama_cpp_metal_2024": 16.0,
    "mlx": 16.0,
}
# on a CPU four rows at a time: 32 tokens take as long each as 512 do (scripts/measure_host.py)
TILES |= {"hf_eager_cpu": 8.0} | dict.fromkeys(("llama_cpp_cpu", "llama_cpp_cpu_2024", "ik_llama_cpp", "t_mac"), 4.0)
# host times of servers: the reference, 6.5; more where the scheduler and the sampler are in Python [assumption]
SERVERS = (
    "vllm",
    "vllm_2024",
    "vllm_2023",
    "vllm_intel",
    "tensorrt_llm_2024",
    "tgis",
    "deepspeed",
    "deepspeed_gaudi",
    "lmdeploy",
)
SERVERS += ("faster_transformer", "megatron")
STEP = dict.fromkeys(SERVERS, 300.0) | dict.fromkeys(("vllm_2024", "deepspeed", "megatron"), 1000.0)
STEP |= dict.fromkeys(("vllm_2023", "vllm_intel", "tgis"), 2000.0)
# host time of each sequence of a step under vLLM. V1, what is left of it: from 0.14 on the scheduler works while the
# device does, by default (release notes of v0.14.0); single streams cannot tell it from that of a step [assumption].
# Before, and in 2023 most: by its own account of September 2024 (blog.vllm.ai on v0.6.0) the GPU worked 38 % of a step
# under a hundred and more sequences of Llama-3-8B: 100 to 150 us for each of them [derived, recalled]
SEQUENCE = {"vllm": 2.0, "vllm_2023": 100.0}
# of each token of context of each sequence: tables that Python walks through [assumption]
CONTEXT = dict.fromkeys(("vllm_2024", "vllm_2023", "vllm_intel", "tgis"), 5.0)
# an E4M3 number to fp16 where the device has no instruction for it: some 25 of others (bit fields, a branch for
# subnormals, the scale), each in place of a product and a sum [assumption, from what CUDA's header does]
CONVERT = 50.0
# host time of a step for each doubling of the devices: workers in Python that are called every step [assumption]
SPLIT = {"vllm_2024": 500.0, "vllm_2023": 2000.0, "vllm_intel": 2000.0, "tgis": 1000.0, "deepspeed": 500.0}
# before the first token: a server's front, programs of NPUs; and of a first call, which compiles and allocates
# [assumptions]
# Programs that measure themselves in one process take no time to be asked
IN_PROCESS = tuple(engine for name, engines in FAMILIES.items() if name.startswith("llama_cpp") for engine in engines)
REQUEST = {"tgis": 15.0, "openvino": 20.0, "fastflowlm": 100.0, "qairt": 20.0}
COLD = {"vllm_intel": 1000.0, "llama_cpp_cuda_2024": 50.0, "other": 200.0}

# How a device differs from its class: the deviation of the logarithm of each of its factors while classes are fitted
OWN = {
    "compute": 0.3, "attention": 0.3, "vector": 0.2, "memory": 0.12, "cache": 0.01, "dispatch": 0.1, "step": 0.01,
    "request": 0.01,
}  # fmt: skip
# of the work of one thread that further ones do not divide, on CPUs alone: 96 threads reach 17 times one of them where
# two reach 1.9 times one [assumption]
SERIAL = 0.03
# work of a score of a single query over that of its softmax, of llama.cpp on CPUs: key and value are widened, and a dot
# product and an exponential are called for each, whatever the width of the head. Two threads of an EPYC take 40 ns
# (7400 FLOP), of which the rate of attention says 1300 to 2600
SCORES = {"llama_cpp_cpu": 600.0, "other": 1e-3}
# the same of scores in memory, on GPUs without matrix units: a block of one warp makes a score, of which 32 run on a
# multiprocessor of Pascal at once (NVIDIA's tuning guide), each for some 1000 cycles until its keys are there, its sum
# went through five shuffles and its score is written: 1.5 ns of a GTX 1080 Ti with what the values take, or 8 000 of
# its FLOP at the part of the rate that is reached, where a softmax counts 5 [derived]
APART = {"gpu_no_matrix_units": 1600.0}
# FLOP on the vector units beside each of a product of blocks: for 64 of them one sum is converted, scaled twice and
# added, and as much again is fetched and unpacked: 10 to 20 [assumption]. llama.cpp's kernels reach about twice the
# vector rate of a card, whatever its matrix units (an A100, a RTX 3090 and an RDNA4 card alike) [inferred]
BLOCK_WORK = 0.3
COMMON = 0.5  # of the variance of an engine's constants: by its family
TOGETHER = 0.3  # the variance of what all engines have in common, over that of an engine's own
UNFITTED = ("ideal", "generic", "sglang", "tensorrt_llm")
# constants of hosts, requests and grouped products, of which programs have little in common
OF_PROGRAMS = (
    "step_us", "split_step_us", "sequence_us", "context_ns", "request_ms", "cold_request_ms", "serial_part",
    "score_work",
    "allreduce_quality", "compute_experts", "kv_reread", "fp8_convert_flops",
)  # fmt: skip
# of every build its own: what counts as one operator takes so many launches in one, and is fused in the next
OF_BUILDS = ("dispatch_quality",)
AT_MOST_ALL = ("memory_quantized", "elementwise_efficiency", "kv_reread", "bf16_emulation", "serial_part")
SHARED = 0.3  # of the variance of a device's numbers: by the device; the rest by device and engine


def constants(rows, neutral=False):
    """Of classes, engines, families of engines, devices, and devices under one engine; neutral: without chosen
    priors."""
    engines = tuple(p.stem for p in sorted((ROOT / "conf" / "engine").glob("*.yaml")))
    engines = tuple(e for e in engines if e not in UNFITTED)
    own = [
        Constants(groups=tuple(sorted(set(names))), prior=dict.fromkeys(OWN, 1.0), deviation=of_devices(part))
        for names, part in ((rows.devices, SHARED), (pairs(rows), 1 - SHARED))
    ]
    of_engine = of_engines(engines, neutral)
    families, every = _common(of_engine, FAMILIES, COMMON), _common(of_engine, ("all",), TOGETHER)
    return of_classes(neutral), _part(of_engine, 1 - COMMON), families, every, *own


def _part(constants, part):
    """The same with so much of the variance."""
    spread = {
        name: {k: d * part**0.5 for k, d in value.items()} if isinstance(value, dict) else value * part**0.5
        for name, value in constants.deviation.items()
    }
    return Constants(constants.groups, constants.prior, spread, constants.ceiling)


def _common(of_engine, groups, part):
    """What the engines of a family, or all of them, have in common: factors around 1, which the rows tell."""
    most = {
        name: min(value.values()) if isinstance(value, dict) else value for name, value in of_engine.deviation.items()
    }
    return Constants(
        groups=tuple(groups),
        prior=dict.fromkeys(of_engine.prior, 1.0),
        deviation={
            name: 1e-3 if name in OF_BUILDS or (name in OF_PROGRAMS and len(groups) == 1) else d * part**0.5
            for name, d in most.items()
        },
    )


def of_devices(part):
    """Deviation of each number of a device, of which `part` of the variance is meant."""
    return {name: part**0.5 * spread for name, spread in OWN.items()}


def of_classes(neutral=False):
    reached = ("compute_efficiency", "attention_efficiency", "memory_efficiency")
    sources = dict.fromkeys(reached, SOURCED_CLASSES)
    sources["memory_efficiency"] += SOURCED_MEMORY
    said = {
        "vector_efficiency": (
            {name: VECTOR[name] for name in READ_ON_VECTORS} | {"other": 0.5} if neutral else VECTOR,
            READ_ON_VECTORS | {"other": 0.7},
        ),
        "dispatch_factor": (
            # 5 us a kernel on AMD's GPUs (the same table) against the 3.5, 2.5 and 7.5 of their classes
            # llama.cpp, which nearly all that is known of older cards comes from, captures no graphs before Ampere
            # (ggml-cuda.cu): a launch by the host is some 5 us [assumption]
            {"gpu_dc_amd": 1.7, "gpu_consumer_amd": 2.4, "igpu_amd": 0.8, "gpu_turing": 2.0, "gpu_no_matrix_units": 2.0}
            | {"other": 1.2},
            dict.fromkeys(READ_DISPATCH, 0.4) | {"other": 0.8},
        ),
        # half of a desktop's bandwidth by one of 8 cores (7), a tenth of a server's by one of 32 (3.4) [assumption]
        "core_bandwidth": (5.0, 0.7),
        "score_work_apart": (APART | {"other": 1e-3}, dict.fromkeys(APART, 0.7) | {"other": 0.01}),
        # of cards without links of their own messages go through the host's memory, which the reference does not say
        "link_efficiency": (0.6, {"gpu_consumer": 0.8, "gpu_ada": 0.8, "other": 0.3}),
        "allreduce_us": (HOP | {"other": 7.0}, 0.8),
    }
    prior = {
        name: {key: row[i] if key in sources[name] or not neutral else NEUTRAL_CLASS[i] for key, row in CLASSES.items()}
        | OTHER
        for i, name in enumerate(reached)
    }
    deviation = {name: WEAK | {"other": usual} for name, usual in zip(reached, (0.15, 0.2, 0.10), strict=True)}
    if neutral:
        wide = {name: dict.fromkeys(CLASSES, spread) for name, spread in zip(reached, (0.35, 0.2, 0.2), strict=True)}
        sourced = {name: dict.fromkeys(sources[name], deviation[name]["other"]) for name in reached}
        deviation = {name: wide[name] | sourced[name] | {"other": 0.2} for name in reached}
    return Constants(
        groups=tuple(CLASSES),
        prior=prior | {name: median for name, (median, _) in said.items()},
        deviation=deviation | {name: spread for name, (_, spread) in said.items()},
        ceiling={f"{name}_efficiency": 1.0 for name in ("compute", "attention", "memory", "link")}
        | {"vector_efficiency": VECTOR_MOST},
    )


def of_engines(groups, neutral=False):
    def chosen(table, common, spread, wide):
        """Median and deviation: of the table, or the same for all engines but those that were read or measured."""
        if neutral:
            sourced = FUSED if table is ATTENTION else SOURCED_ENGINES
            sourced += SOURCED_PROGRAMS if table in (LAUNCH, REREAD) else ()
            sourced += (*GGML_OLD, *GGML_NEW) if table in (LAUNCH, ELEMENTWISE) else ()
            sourced += EAGER if table is LAUNCH else ()
            return {name: table[name] for name in sourced if name in table} | {"other": common}, wide
        return table if "other" in table else table | {"other": common}, spread

    spread_of_request = dict.fromkeys(IN_PROCESS, 0.4) | {"other": 1.5}
    said = {
        "compute_quality": chosen(COMPUTE, 0.8 if neutral else 1.0, 0.3, 0.45),
        "compute_8bit": (1.0, 0.3),
        "compute_4bit": (1.0, 0.3),
        "compute_experts": (EXPERTS, {"llama_cpp_cuda": 0.05, "other": 0.4}),  # read there, and of no row
        "bf16_emulation": (EMULATED, 0.2),
        "attention_quality": chosen(ATTENTION, 0.6 if neutral else 0.8, ATTENTION_SPREAD, ATTENTION_SPREAD),
        "memory_quality": (1.0, 0.15),
        "memory_quantized": (1.0, {"exllamav3": 0.6, "other": 0.2}),
        "kv_efficiency": chosen(CACHE, 0.8, 0.4, 0.4),
        "fp8_convert_flops": (CONVERT, {"vllm": 2.0, "other": 0.7}),
        "kv_reread": chosen(REREAD, 0.03, 1.0, 1.0),
        "elementwise_efficiency": chosen(ELEMENTWISE, 0.8, dict.fromkeys(NPUS, 0.8) | {"other": 0.5}, 0.5),
        "dispatch_quality": chosen(LAUNCH, 1.2, 0.5, 0.6),
        "tile_rows": (TILES | {"other": 32.0}, {"llama_cpp_cpu": 0.3, "ik_llama_cpp": 0.3, "t_mac": 0.3, "other": 1.0}),
        "step_us": chosen(STEP, 100.0, 1.0, 1.5),
        "split_step_us": chosen(SPLIT, 50.0, 1.0, 1.5),
        "sequence_us": (
            SEQUENCE | {"other": 10.0} if neutral else dict.fromkeys(SERVERS, 15.0) | SEQUENCE | {"other": 10.0},
            {"vllm": 0.2, "other": 2.0},
        ),
        "context_ns": chosen(CONTEXT, 0.3, 2.5, 2.5),
        "request_ms": chosen(REQUEST, 1.0, spread_of_request, spread_of_request),
        "cold_request_ms": chosen(COLD, 200.0, 1.5, 1.5),
        "allreduce_quality": (COLLECTIVE | OTHER, 0.5),
        "serial_part": (SERIAL, 0.7),
        "score_work": (SCORES, {"llama_cpp_cpu": 0.5, "other": 0.01}),
        "block_work": (BLOCK_WORK, 0.5),
    }
    return Constants(
        groups=groups,
        prior={name: median for name, (median, _) in said.items()},
        deviation={name: spread for name, (_, spread) in said.items()},
        ceiling={
            "memory_quantized": 1.0,
            "elementwise_efficiency": 1.0,
            "kv_reread": 1.0,
            "bf16_emulation": 1.0,
            "serial_part": 1.0,
        },
    )
