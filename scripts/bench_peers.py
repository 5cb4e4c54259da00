"""How many points a second another public forecaster evaluates; run by that forecaster's own Python.

    FOLDER/NAME/bin/python scripts/bench_peers.py NAME

NAME is genz-llm, llm-analysis or aiconfigurator-core, installed from PyPI into a virtual environment of that name.
Prints one line of JSON: points/s, TTFT and TPOT in seconds of one point, so that one sees what is computed, and what
that point is. The first two take Llama-2-7B, four prompts of 512 tokens and 128 generated ones at as many bandwidths as
fit the time, datasheet rates without losses. The third interpolates tables measured on the devices that it lists and
takes no hardware numbers: as many prompt lengths of Llama-3.1-8B on an H100.
"""

import contextlib
import io
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable

SECONDS = 5.0
BATCH, PROMPT, OUTPUT = 4, 512, 128
Point = Callable[[int], tuple[float, float]]  # the n-th point -> TTFT, TPOT in seconds
BANDWIDTH, RATE = 900.0, 125.0  # GB/s, TFLOPS


def genz() -> Point:
    from GenZ import decode_moddeling, prefill_moddeling  # type: ignore[import-not-found]

    def point(n: int) -> tuple[float, float]:
        device = {"Flops": RATE, "Memory_size": 32, "Memory_BW": BANDWIDTH + n, "ICN": 100, "real_values": True}
        same = {
            "model": "llama2_7b",
            "batch_size": BATCH,
            "input_tokens": PROMPT,
            "system_name": device,
            "bits": "bf16",
        }
        prefill = prefill_moddeling(**same, model_profilling=False)
        decode = decode_moddeling(**same, output_tokens=OUTPUT)
        return prefill["Latency"] / 1e3, decode["Latency"] / 1e3

    return point


def llm_analysis() -> Point:
    from llm_analysis.analysis import LLMAnalysis  # type: ignore[import-not-found]
    from llm_analysis.config import (  # type: ignore[import-not-found]
        DtypeConfig,
        GPUConfig,
        ModelConfig,
        ParallelismConfig,
    )

    model = ModelConfig(
        name="llama2_7b", num_layers=32, n_head=32, hidden_dim=4096, vocab_size=32000, max_seq_len=4096,
        num_key_value_heads=32, ffn_embed_dim=11008, expansion_ratio=11008 / 4096, model_type="llama",
    )  # fmt: skip
    types = DtypeConfig(name="w16a16e16", weight_bits=16, activation_bits=16, embedding_bits=16)

    def point(n: int) -> tuple[float, float]:
        device = GPUConfig(
            name="device", mem_per_GPU_in_GB=32, hbm_bandwidth_in_GB_per_sec=BANDWIDTH + n, peak_fp16_TFLOPS=RATE,
            intra_node_bandwidth_in_GB_per_sec=100, intra_node_min_message_latency=0,
        )  # fmt: skip
        one = LLMAnalysis(model, device, types, ParallelismConfig(), flops_efficiency=1, hbm_memory_efficiency=1)
        found = one.inference(batch_size_per_gpu=BATCH, seq_len=PROMPT, num_tokens_to_generate=OUTPUT)
        return found["prefill_latency"], found["decode_latency"]

    return point


def aiconfigurator() -> Point:
    from aiconfigurator_core.sdk.engine import EngineHandle  # type: ignore[import-not-found]

    engine = EngineHandle.compile("meta-llama/Meta-Llama-3.1-8B", "h100_sxm", "vllm")

    def point(n: int) -> tuple[float, float]:
        prompt = PROMPT + n % 3000
        prefill = engine.predict_prefill_latency(BATCH, prompt)
        return prefill / 1e3, engine.predict_decode_latency(BATCH, prompt, OUTPUT) / 1e3 / (OUTPUT - 1)

    return point


DATASHEET = "Llama-2-7B, 900 GB/s, 125 TFLOPS"
PEERS = {
    "genz-llm": (genz, DATASHEET),
    "llm-analysis": (llm_analysis, DATASHEET),
    "aiconfigurator-core": (aiconfigurator, "Llama-3.1-8B, tables of an H100"),
}


def main() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    prepare, what = PEERS[sys.argv[1]]
    with contextlib.redirect_stdout(io.StringIO()):
        point = prepare()
        ttft, tpot = point(0)
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            point(count)
            count += 1
        rate = count / (time.perf_counter() - start)
    print(json.dumps({"points_per_s": rate, "ttft": ttft, "tpot": tpot, "what": what}))


if __name__ == "__main__":
    main()
