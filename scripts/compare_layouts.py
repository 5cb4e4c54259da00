"""Published measurements of drafts, places and transfers beside forecasts, as the tables of docs/layouts.md:

    python scripts/compare_layouts.py [FOLDER]        # of other_measurements.csv

Each row of CASES picks measurements by their text and says in words of the command line what is forecast for them, and
what had to be assumed because the source does not say it. Nothing is fitted here. No compilation.
"""

import csv
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import life_jax as life
from life_jax.core.schedule import Step
from life_jax.forecasting import messages
from life_jax.forecasting.memory import activation_bytes, memory

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared" / "data" / "serving"
PAGE = ROOT / "docs" / "layouts.md"
TABLE = re.compile(r"(<!-- table of measurements[^>]*-->\n).*?(<!-- end of table -->)", re.DOTALL)
# the draft of Spec-Bench's speculative sampling (double7/vicuna-68m) [recalled]
VICUNA_68M = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 768, "intermediate_size": 3072,
    "num_hidden_layers": 2, "num_attention_heads": 12, "num_key_value_heads": 12, "vocab_size": 32000,
    "max_position_embeddings": 2048, "tie_word_embeddings": False, "rms_norm_eps": 1e-6, "hidden_act": "silu",
}  # fmt: skip
PROMPTS = (512, 4096, 32768)
# GB/s that a Threadripper PRO 5975WX reads under ik_llama.cpp, by 11.99 token/s of Llama 3.1 8B in q4_0, 4.65 GB
# (ikawrakow/ik_llama.cpp, pull request 54): another model and another format of as many bits, by the same author
READ_BY_5975WX = 56
ROOMY = ("batch=1", "prompt=512", "output=256")
# tokens of the cache that servers printed, by words of the command line; a third entry says what of it made a constant
CACHES = (
    ("MiniMax-M2 fp8, 2 MI300X, vLLM 0.17 (vllm-project/recipes#273)", 497_600, "",
     ("hw=mi300x", "model=minimax_m2", "tp=2", "opt=fp8", "engine=vllm")),
    ("Llama 2 7B, A100 80 GB, vLLM of 2023 (vllm-project/vllm#2031)", 7351 * 16, "",
     ("hw=a100_sxm_80gb", "model=llama2_7b", "engine=vllm_2023")),
    ("Llama 3.1 70B w8a8, H100, 0.98 of it, vLLM 0.7 (#12569)", 1381 * 16, "in the fit of the bytes of a logit",
     ("hw=h100_sxm", "model=llama3_1_70b", "opt=w8a8", "engine=vllm", "engine.memory_utilization=0.98")),
    ("Qwen2.5 14B, 2 RTX 4090, 0.98 of them, vLLM 0.7 (#13061)", 81_536, "a display takes a part",
     ("hw=rtx_4090", "model=qwen2_5_14b", "tp=2", "engine=vllm_2024", "engine.memory_utilization=0.98")),
    ("Llama 3.1 8B, RTX 3090, vLLM of 2024 (#10517)", 1952 * 16, "a step may have 20 000 tokens",
     ("hw=rtx_3090", "model=llama3_1_8b", "engine=vllm_2024", "engine.activation_tokens=20000", "prompt=20000")),
    ("Qwen3 235B fp8, 4 H100, vLLM 0.9 (#21348)", 178_880, "reported as too small by its user",
     ("hw=h100_sxm", "model=qwen3_235b_a22b", "tp=4", "opt=fp8", "engine=vllm")),
    ("Qwen3 235B fp8, 4 H100, 0.93 of them, SGLang (#21348)", 367_404, "",
     ("hw=h100_sxm", "model=qwen3_235b_a22b", "tp=4", "opt=fp8", "engine=sglang", "engine.resident_utilization=0.93")),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A measurement and its forecast.

    kind: heading of the table; what: the row; measured, forecast: in `unit`; assumed: what the source does not say
    """

    kind: str
    what: str
    unit: str
    measured: float
    forecast: float
    assumed: str

    @property
    def error(self) -> float:
        """Forecast over measured, less one [1]."""
        return self.forecast / self.measured - 1


def forecast(metric: str, *words: str) -> float:
    scenario = life.load(list(words)).cases[0].scenario
    with np.errstate(all="ignore"):
        return float(life.forecast(scenario, (metric,))[metric])


def measurements(folder: Path) -> list[dict[str, str]]:
    with (folder / "other_measurements.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def value(rows: list[dict[str, str]], quantity: str, *texts: str) -> str:
    """The value of the only row with this quantity whose hardware, model and setting hold all texts."""
    found = [
        row["value"] for row in rows
        if row["quantity"] == quantity and all(t in f"{row['hardware']}|{row['model']}|{row['setting']}" for t in texts)
    ]  # fmt: skip
    assert len(found) == 1, (quantity, texts, found)
    return found[0]


def spec_bench(rows: list[dict[str, str]], draft: Path) -> Iterator[Case]:
    """Batch 1 under Hugging Face's eager code."""
    eagle = ("opt=eagle",)
    methods = {
        "EAGLE-2,": (eagle, 6, "60 tokens, depth 6, 10 a pass"),
        "EAGLE-3,": (("opt=eagle", "opt.eagle.draft_vocabulary=32000"), 6, "as EAGLE-2"),
        "EAGLE,": ((*eagle, "opt.eagle.tree_tokens=25", "opt.eagle.tree_width=4"), 5, "25 tokens, depth 5"),
        "Medusa,": (("opt=medusa",), 4, "4 heads, 63 tokens"),
        "draft model (SpS)": (("opt=speculative", f"draft.model={draft}"), 5, "5 drafts of vicuna-68m"),
        "n-gram (PLD)": (("opt=ngram",), 10, "10 drafts"),
    }
    devices = {"A100 80GB": "a100_sxm_80gb", "RTX 3090": "rtx_3090"}
    models = {"Vicuna-7B fp16": "llama_7b", "Vicuna-13B fp16": "llama_13b", "Vicuna-33B fp16": "llama_33b"}
    for row in rows:
        method = next((name for name in methods if row["setting"].startswith(name)), None)
        if row["quantity"] != "speedup" or method is None:
            continue
        tau = value(rows, "accepted_per_step", row["hardware"], row["model"], row["setting"])
        words, tokens, assumed = methods[method]
        option = words[0].removeprefix("opt=")
        numbers = (f"opt.{option}.draft_tokens={tokens}", f"opt.{option}.accepted_tokens={tau}")
        setting = (f"hw={devices[row['hardware']]}", "engine=hf_eager", f"model={models[row['model']]}", *ROOMY)
        what = f"{row['model']}, {row['hardware']}, {method.strip(',')}, tau {tau}"
        found = forecast("speedup", *setting, *words, *numbers)
        yield Case("Drafts, Hugging Face eager (Spec-Bench), speed-up", what, "x", float(row["value"]), found, assumed)


def engines(rows: list[dict[str, str]]) -> Iterator[Case]:
    """Drafts in serving engines."""
    kind = "Drafts in serving engines, speed-up"
    models = {"Qwen3-1.7B": "qwen3_1_7b", "Qwen3-4B": "qwen3_4b", "Qwen3-8B": "qwen3_8b", "Qwen3-14B": "qwen3_14b",
              "Qwen3-32B": "qwen3_32b", "Qwen3-30B-A3B (MoE)": "qwen3_30b_a3b"}  # fmt: skip
    for row in rows:
        tau = re.search(r"acceptance length ([\d.]+); speed-up ([\d.]+)", row["note"])
        if "angelslim" not in row["source"] or tau is None:
            continue
        numbers = ("opt.eagle3.draft_tokens=2", f"opt.eagle3.accepted_tokens={tau[1]}")
        found = forecast("speedup", "hw=h20", "engine=vllm", f"model={models[row['model']]}", "opt=eagle3",
                         "batch=1", "prompt=512", "output=512", *numbers)  # fmt: skip
        what = f"{row['model']}, EAGLE-3, tau {tau[1]}"
        yield Case(kind, what, "x", float(tau[2]), found, "one H20, 2 drafts")
    alone = ("hw=h200_sxm", "engine=vllm", "model=deepseek_v3", "tp=8", "opt=mtp", "opt.mtp.acceptance=0.81")
    yield Case(kind, "DeepSeek-R1, MTP 1, 1 request/s", "x", 55.47 / 33.99,
               forecast("speedup", *alone, "batch=1", "prompt=512", "output=512"), "8 H200, batch 1")  # fmt: skip
    wide = (
        "hw=h200_sxm",
        "engine=sglang",
        "model=deepseek_v3",
        "dp=16",
        "ep=16",
        "batch=32",
        "prompt=65536",
        "output=4096",
    )
    mtp = ("opt=mtp", "opt.mtp.draft_tokens=3", "opt.mtp.accepted_tokens=2.18")
    yield Case(kind, "DeepSeek-V3, 16 H200, 65 536 tokens, MTP 3, tau 2.18", "x", 81.5 / 60.4,
               forecast("speedup", *wide, *mtp), "attention on each rank, experts on all")  # fmt: skip


def offloads(rows: list[dict[str, str]]) -> Iterator[Case]:
    """Experts on the CPU."""
    kind = "Experts on the CPU, decode"
    ktransformers = ("hw=rtx_4090_d", "engine=llama_cpp_cuda", "model=deepseek_v3", "opt=[q4_k_m,offload]",
                     "opt.offload.cpu_expert_layers=58", "batch=1", "prompt=500", "output=128")  # fmt: skip
    sockets = {"single socket": ("8.73", "xeon_gold_6454s"), "dual socket": ("12.208", "xeon_gold_6454s_2s")}
    for socket, (measured, host) in sockets.items():
        assert value(rows, "decode_tok_s", "DeepSeek-V3 Q4_K_M", f"{socket}, 8 experts") == measured
        found = forecast("tps", *ktransformers, f"offload.hw={host}")
        assumed = "both sockets read, each its own memory" if socket == "dual socket" else ""
        yield Case(kind, f"DeepSeek-V3 Q4_K_M, 4090 D + Xeon 6454S, KTransformers, {socket}", "token/s",
                   float(measured), found, assumed)  # fmt: skip
    oss = ("hw=rtx_4080", "engine=ik_llama_cpp", "model=gpt_oss_120b", "opt=[mxfp4_experts,offload]", "batch=1",
           "offload.hw=ryzen_threadripper_pro_5975wx_cpu", "opt.offload.cpu_expert_layers=36",
           f"opt.offload.cpu_gb_per_s={READ_BY_5975WX}", "output=128")  # fmt: skip
    for depth in (0, 8192, 16384, 28672):
        pair = value(rows, "prefill_tok_s / decode_tok_s", "gpt-oss-120b", f"depth {depth}, prompt batch 4096")
        prefill, decode = map(float, pair.split(" / "))
        what = f"gpt-oss-120b, RTX 4080 + 5975WX, ik_llama.cpp, depth {depth}"
        yield Case(
            kind,
            what,
            "token/s",
            decode,
            forecast("tps", *oss, f"context={depth}", "prompt=1"),
            f"{READ_BY_5975WX:g} GB/s of its memory, as in the author's dense models",
        )
        seconds = forecast("ttft", *oss, f"context={depth}", "prompt=4096", "engine.chunk_tokens=4096")
        yield Case("Experts on the CPU, prefill", what, "token/s", prefill, 4096 / seconds, "25 GB/s of PCIe")
    next_80b = ("hw=rtx_4090", "engine=sglang", "model=qwen3_next_80b_a3b", "tp=4", "opt=[fp8,offload]", "batch=1",
                "offload.hw=xeon_gold_6454s_2s", "prompt=512", "output=128")  # fmt: skip
    for share in (0, 50, 90, 100):
        measured = value(rows, "output_tok_s (random placement)", f"|{share} % of experts on GPU")
        found = forecast("tps", *next_80b, f"opt.offload.cpu_experts={1 - share / 100}")
        yield Case(kind, f"Qwen3-Next-80B FP8, 4 x 4090 + Xeon, {share} % of experts on the cards", "token/s",
                   float(measured), found, "one request at a time, two sockets")  # fmt: skip


def transfers(rows: list[dict[str, str]]) -> Iterator[Case]:
    """Caches that go from prefill to decode, and time to first token."""
    words = {
        "16x H800": ("hw=h800_sxm", "engine=vllm", "model=qwen3_8b"),
        "16x H20-3e": ("hw=h20_141gb", "engine=sglang", "model=qwen3_235b_a22b"),
    }
    first: dict[str, dict[float, tuple[float, float]]] = {}
    for row in rows:
        tokens = re.search(r"prompt (\d+),", row["setting"])
        if (
            row["quantity"] not in ("transfer_s", "ttft_s")
            or tokens is None
            or int(tokens[1]) not in (512, 4096, 32768)
        ):
            continue
        setting = (*words[row["hardware"]], "tp=8", f"prompt={tokens[1]}", "output=128", "batch=1")
        apart = forecast("ttft", *setting, "opt=disaggregated")
        seconds = apart - forecast("ttft", *setting) if row["quantity"] == "transfer_s" else apart
        kind = (
            "Transfer of the cache" if row["quantity"] == "transfer_s" else "First token of prompts prefilled elsewhere"
        )
        assumed = "in the fit of its constants" if row["quantity"] == "transfer_s" and "H800" in row["hardware"] else ""
        if row["quantity"] == "ttft_s":
            shortest = float(value(rows, "ttft_s", row["hardware"], "prompt 128,"))
            assumed = f"no proxy, one server: 128 tokens took {1e3 * shortest:.0f} ms"
            first.setdefault(f"{row['model']}, {row['hardware']}", {})[float(tokens[1])] = float(row["value"]), seconds
        what = f"{row['model']}, {row['hardware']}, {tokens[1]} tokens"
        yield Case(kind, what, "ms", 1e3 * float(row["value"]), 1e3 * seconds, assumed)
    for what, times in first.items():
        (short, low), (long, high) = min(times.items()), max(times.items())
        measured, found = ((b - a) / (long - short) for a, b in zip(low, high, strict=True))
        yield Case("First token of prompts prefilled elsewhere, for each token beyond 512", what, "us", 1e6 * measured,
                   1e6 * found, "what does not grow with the prompt is left out")  # fmt: skip


def exchanges(rows: list[dict[str, str]]) -> Iterator[Case]:
    """Tokens that go to their experts and back, in one layer of DeepSeek-V3."""
    for row in rows:
        way = re.fullmatch(r"(dispatch|combine)_(s|GBs)", row["quantity"])
        setting = re.search(r"(low latency|normal).*EP(\d+)$", row["setting"])
        if way is None or setting is None:
            continue
        ranks = float(setting[2])
        tokens, decoding = (128.0, True) if setting[1] == "low latency" else (4096.0, False)
        nodes = max(ranks / 8, 1.0)
        # its benchmark draws the experts of a token from four nodes at most, where the model does from four of 8 groups
        drawn = (
            f"model.deepseek_v3.expert_groups={nodes:g}",
            f"model.deepseek_v3.expert_groups_per_tok={min(nodes, 4.0):g}",
        )
        scenario = life.load(
            ["hw=h800_sxm", "model=deepseek_v3", "engine=sglang", f"dp={ranks:g}", f"ep={ranks:g}", *drawn]
        ).cases[0].scenario  # fmt: skip
        step = Step(ranks * tokens, 1.0, 1000.0, decoding=True) if decoding else Step(ranks, tokens, 0.0)
        block = scenario.architecture.blocks[-1]
        mine = messages.of_one(scenario, step)
        index = ("dispatch", "combine").index(way[1])
        seconds = float(messages.exchange_seconds(scenario, block, step, mine)[index])
        what = f"{way[1]}, {tokens:g} tokens a device, EP {ranks:g}"
        if decoding:
            kind = "Tokens to experts and back, DeepEP low latency, H800 with 50 GB/s of network"
            fitted = "in the fit of the network's constants" if ranks > 8 else "inside a node"
            yield Case(kind, what, "us", 1e6 * float(row["value"]), 1e6 * seconds, fitted)
            continue
        near, far = messages.sent_bytes(scenario, block, step, mine)[index]
        # its benchmark counts the copy that stays on the node, or on the device, as sent too
        fitted = "of four nodes at most, as it draws them" if nodes > 1 else "in the fit of the link's part"
        counted = far / (1 - 1 / nodes) if nodes > 1 else near / (1 - 1 / ranks)
        yield Case("Tokens to experts and back, DeepEP normal kernels, as its benchmark counts bytes", what, "GB/s",
                   float(row["value"]), float(counted / seconds / 1e9), fitted)  # fmt: skip


def fleets(rows: list[dict[str, str]]) -> Iterator[Case]:
    """DeepSeek-V3 on 96 H100: prompts on 32 devices, tokens on 72, each with copies of 32 experts."""
    kind = "DeepSeek-V3 on 96 H100 (SGLang), experts on 32 and 72 devices"
    words = ("hw=h100_sxm", "engine=sglang", "model=deepseek_v3", "prompt=2000", "engine.redundant_experts=32")
    halves, even = ("opt=two_batch_overlap",), "experts evenly loaded"
    prefill, decode = ("dp=32", "ep=32", "batch=256", "output=2"), ("dp=72", "ep=72", f"batch={72 * 256}", "output=100")
    measured = float(value(rows, "input tok/s per node", "PD + EP"))
    seconds = forecast("ttft", *words, *prefill, *halves)
    yield Case(kind, "prompts, a node", "token/s", measured, 256 * 2000 / seconds / 4, f"8 a device, {even}")
    measured = float(value(rows, "output tok/s per node", "same"))
    found = 72 * 256 / forecast("tpot", *words, *decode, *halves) / 9
    yield Case(kind, "tokens, a node", "token/s", measured, found, f"256 a device, {even}")
    low, high = map(float, value(rows, "prefill gain", "two-batch overlap").split("-"))
    gain = forecast("ttft", *words, *prefill) / seconds
    yield Case(kind, f"prompts, two batches over one ({low:g} to {high:g})", "x", (low + high) / 2, gain, even)


def caches() -> Iterator[Case]:
    """Tokens of the cache that servers print."""
    kind = "Room of the cache, as servers print it"
    for what, tokens, assumed, words in CACHES:
        prompt = () if any(word.startswith("prompt=") for word in words) else ("prompt=512",)
        found = forecast("max_context", *words, *prompt, "batch=1", "output=1")
        yield Case(kind, what, "tokens", tokens, found, assumed)
    words = ("hw=a100_sxm_80gb", "model=gpt_oss_20b", "engine=vllm", "engine.memory_utilization=0.65", "batch=1")
    scenario = life.load([*words, "opt=mxfp4_experts", "prompt=512", "output=1"]).cases[0].scenario
    room = memory(scenario).cache_room(activation_bytes(scenario, scenario.workload.prompt_tokens))
    what = "gpt-oss-20b, A100 80 GB, 0.65 of it, vLLM 0.19"
    yield Case(kind, what, "GiB", 36.56, float(room) / 2**30, "in the fit of the bytes of a logit")


def markdown(cases: list[Case]) -> str:
    """Tables by kind, each with its median error."""
    lines = []
    for kind in dict.fromkeys(case.kind for case in cases):
        mine = [case for case in cases if case.kind == kind]
        median = statistics.median(abs(case.error) for case in mine)
        lines += ["", f"{kind}: median error {100 * median:.0f} %", ""]
        lines += ["| | measured | forecast | error | assumed |", "|---|---|---|---|---|"]
        lines += [
            f"| {c.what} | {c.measured:.4g} {c.unit} | {c.forecast:.4g} {c.unit} | {100 * c.error:+.0f} % "
            f"| {c.assumed} |"
            for c in mine
        ]
    return "\n".join([*lines[1:], ""])


def all_cases(folder: Path) -> list[Case]:
    """Every measurement that has a forecast."""
    rows = measurements(folder)
    with tempfile.TemporaryDirectory() as temporary:
        draft = Path(temporary) / "vicuna_68m"
        draft.mkdir()
        (draft / "config.json").write_text(json.dumps(VICUNA_68M), encoding="utf-8")
        return [*spec_bench(rows, draft / "config.json"), *engines(rows), *offloads(rows), *transfers(rows),
                *exchanges(rows), *fleets(rows), *caches()]  # fmt: skip


def main() -> None:
    text = markdown(all_cases(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
    print(text)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda match: match[1] + text + match[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
